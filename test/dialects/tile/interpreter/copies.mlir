// RUN: jet-opt %s -jet-interpret-tile -o /dev/null | FileCheck %s
// RUN: jet-opt %s -jet-interpret-tile=seed=11 -o /dev/null | FileCheck %s

// Right kernels, each with a way to move data.

!bar = !tile.barriers<1>

// A box at the edge: zeros outside, which are not written back.
!t = !tile.shared<4x8xf32>
!map = !tile.tensor_map<4x8xf32>
tile.kernel @boxes(%x: !map {tile.sizes = array<i64: 3, 9>, tile.fill = "iota"},
                   %y: !map {tile.sizes = array<i64: 3, 9>, tile.print},
                   %z: memref<4x8xf32> {tile.print}) block 32
    attributes {tile.grid = array<i64: 1>} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c3 = arith.constant 3 : index
  %c4 = arith.constant 4 : index
  %c7 = arith.constant 7 : index
  %p0 = arith.constant 0 : i32
  %bytes = arith.constant 128 : i32
  %t = tile.alloc : !t
  %full = tile.alloc : !bar
  %lane = tile.lane_id
  %lead = tile.elect
  scf.if %lead {
    tile.init_barriers %full count 1 : !bar
    tile.fence_barriers
    tile.arrive_expect %full[%c0], %bytes : !bar
    tile.tma_prefetch %x[%c1, %c4] : !map
    tile.tma_load %x[%c1, %c4] to %t, %full[%c0] : !map, !t, !bar
    tile.wait %full[%c0] parity %p0 : !bar
    // What TMA wrote, TMA reads without a fence.
    tile.tma_store %t to %y[%c1, %c4] : !t, !map
    tile.bulk_commit
    tile.bulk_wait 0 read
  }
  tile.sync_warp
  %row = arith.shrui %lane, %c3 : index
  %column = arith.andi %lane, %c7 : index
  %v = tile.load %t[%row, %column] : !t, f32
  tile.store %v, %z[%row, %column] : f32, memref<4x8xf32>
  tile.return
}
// CHECK-LABEL: @boxes argument 1:
// CHECK-NEXT: nan nan nan nan nan nan nan nan nan
// CHECK-NEXT: nan nan nan nan 13 14 15 16 17
// CHECK-NEXT: nan nan nan nan 22 23 24 25 26
// CHECK-LABEL: @boxes argument 2:
// CHECK-NEXT: 13 14 15 16 17 0 0 0
// CHECK-NEXT: 22 23 24 25 26 0 0 0
// CHECK-NEXT: 0 0 0 0 0 0 0 0
// CHECK-NEXT: 0 0 0 0 0 0 0 0

// A swizzle is the same to all who touch a tile.
!s16 = !tile.shared<16x64xbf16, swizzle 128>
tile.kernel @swizzles(%x: memref<16x64xbf16> {tile.fill = "random"},
                      %differences: memref<1xi32> {tile.print, tile.fill = "zero"}) block 32
    attributes {tile.grid = array<i64: 1>} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  %c16 = arith.constant 16 : index
  %c64 = arith.constant 64 : index
  %t = tile.alloc : !s16
  %u = tile.alloc : !tile.shared<16x64xf32>
  %lane = tile.lane_id
  %column = arith.muli %lane, %c8 : index
  %ok = arith.cmpi ult, %column, %c64 : index
  scf.for %row = %c0 to %c16 step %c1 {
    scf.if %ok {
      tile.cp_async %x[%row, %column] to %t[%row, %column] count 8 : memref<16x64xbf16>, !s16
    }
  }
  tile.cp_async_commit
  tile.cp_async_wait 0
  tile.sync_warp
  // The fragment times the identity is the tile.
  %a = tile.load_matrix %t[%c0, %c0] : !s16 -> !tile.frag<16x64xbf16, a>
  %i = tile.alloc : !tile.shared<64x64xbf16, swizzle 128>
  %zero = arith.constant 0.0 : bf16
  %one = arith.constant 1.0 : bf16
  scf.for %row = %lane to %c64 step %c16 {
    scf.for %c = %c0 to %c64 step %c1 {
      %is_lane = arith.cmpi ult, %lane, %c16 : index
      %same = arith.cmpi eq, %row, %c : index
      %v = arith.select %same, %one, %zero : bf16
      tile.store %v, %i[%row, %c] if %is_lane : bf16, !tile.shared<64x64xbf16, swizzle 128>
    }
  }
  tile.sync_warp
  %b = tile.load_matrix %i[%c0, %c0] transposed : !tile.shared<64x64xbf16, swizzle 128> -> !tile.frag<64x64xbf16, b>
  %f0 = arith.constant 0.0 : f32
  %acc = tile.splat %f0 : !tile.acc<16x64xf32>
  %d = tile.mma %a, %b, %acc : !tile.frag<16x64xbf16, a>, !tile.frag<64x64xbf16, b>, !tile.acc<16x64xf32>
  tile.store_acc %d to %u[%c0, %c0] : !tile.acc<16x64xf32>, !tile.shared<16x64xf32>
  tile.sync_warp
  %is_first = arith.cmpi eq, %lane, %c0 : index
  scf.if %is_first {
    scf.for %row = %c0 to %c16 step %c1 {
      scf.for %c = %c0 to %c64 step %c1 {
        %n = tile.load %differences[%c0] : memref<1xi32>, i32
        %p = tile.load %x[%row, %c] : memref<16x64xbf16>, bf16
        %q = tile.load %u[%row, %c] : !tile.shared<16x64xf32>, f32
        %wide = arith.extf %p : bf16 to f32
        %other = arith.cmpf une, %wide, %q : f32
        %more = arith.extui %other : i1 to i32
        %sum = arith.addi %n, %more : i32
        tile.store %sum, %differences[%c0] : i32, memref<1xi32>
      }
    }
  }
  tile.return
}
// CHECK-LABEL: @swizzles argument 1:
// CHECK-NEXT: {{^}}0{{$}}

// A pair of CTAs loads a row each, for both; then each adds the other's sums.
!row = !tile.shared<8xf32>
!rows = !tile.shared<2x1x8xf32>
!slot = !tile.shared<1x8xf32>
!row_map = !tile.tensor_map<1x8xf32>
tile.kernel @multicast(%x: !row_map {tile.sizes = array<i64: 4, 8>, tile.fill = "iota"},
                       %y: memref<4x8xf32> {tile.print}) block 32 cluster 2
    attributes {tile.grid = array<i64: 4>} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  %p0 = arith.constant 0 : i32
  %bytes = arith.constant 64 : i32
  %both = arith.constant 3 : i16
  %tiles = tile.alloc : !tile.shared<2x128xf32>
  %sums = tile.alloc : !row
  %full = tile.alloc : !bar
  %rank = tile.cluster_rank
  %other = arith.xori %rank, %c1 : index
  %block = tile.block_id x
  %lane = tile.lane_id
  %lead = tile.elect
  scf.if %lead {
    tile.init_barriers %full count 1 : !bar
    tile.fence_barriers
  }
  tile.cluster_sync
  %part = tile.slice %tiles[%rank] : !tile.shared<2x128xf32> -> !tile.shared<128xf32>
  %slot = tile.reuse %part : !tile.shared<128xf32> -> !slot
  scf.if %lead {
    tile.arrive_expect %full[%c0], %bytes : !bar
    tile.tma_load %x[%block, %c0] to %slot, %full[%c0] multicast %both : !row_map, !slot, !bar
  }
  tile.wait %full[%c0] parity %p0 : !bar
  %in = arith.cmpi ult, %lane, %c8 : index
  scf.if %in {
    %a = tile.load %tiles[%c0, %lane] : !tile.shared<2x128xf32>, f32
    %b = tile.load %tiles[%c1, %lane] : !tile.shared<2x128xf32>, f32
    %sum = arith.addf %a, %b : f32
    %scale = arith.index_cast %rank : index to i32
    %f = arith.sitofp %scale : i32 to f32
    %mine = arith.addf %sum, %f : f32
    tile.store %mine, %sums[%lane] : f32, !row
  }
  tile.cluster_sync
  scf.if %in {
    %theirs = tile.load_remote %sums[%lane] of %other : !row, f32
    tile.store %theirs, %y[%block, %lane] : f32, memref<4x8xf32>
  }
  tile.cluster_sync
  tile.return
}
// CHECK-LABEL: @multicast argument 1:
// CHECK-NEXT: 9 11 13 15 17 19 21 23
// CHECK-NEXT: 8 10 12 14 16 18 20 22
// CHECK-NEXT: 41 43 45 47 49 51 53 55
// CHECK-NEXT: 40 42 44 46 48 50 52 54

// P · V with P from registers, as in flight until the wait.
!a = !tile.shared<64x64xbf16, swizzle 128>
!v = !tile.shared<2x64x64xbf16, swizzle 128>
!v_map = !tile.tensor_map<64x64xbf16, swizzle 128>
tile.kernel @registers(%v_map: !v_map {tile.sizes = array<i64: 64, 128>, tile.fill = "random"},
                       %v_again: memref<64x128xbf16> {tile.of = 0},
                       %y: memref<64x128xbf16>,
                       %differences: memref<1xi32> {tile.print, tile.fill = "zero"}) block 128
    attributes {tile.grid = array<i64: 1>} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c64 = arith.constant 64 : index
  %c128 = arith.constant 128 : index
  %p0 = arith.constant 0 : i32
  %bytes = arith.constant 16384 : i32
  %f0 = arith.constant 0.0 : f32
  %f2 = arith.constant 2.0 : f32
  %v = tile.alloc : !v
  %full = tile.alloc : !bar
  %thread = tile.thread_id
  %first = arith.cmpi eq, %thread, %c0 : index
  scf.if %first {
    tile.init_barriers %full count 1 : !bar
    tile.fence_barriers
    tile.arrive_expect %full[%c0], %bytes : !bar
    %v0 = tile.slice %v[%c0] : !v -> !a
    %v1 = tile.slice %v[%c1] : !v -> !a
    tile.tma_load %v_map[%c0, %c0] to %v0, %full[%c0] : !v_map, !a, !bar
    tile.tma_load %v_map[%c0, %c64] to %v1, %full[%c0] : !v_map, !a, !bar
  }
  tile.sync
  tile.wait %full[%c0] parity %p0 : !bar
  // Twice the identity.
  %none = tile.splat %f0 : !tile.acc<64x64xf32>
  %p_acc = tile.map %none : (!tile.acc<64x64xf32>) -> !tile.acc<64x64xf32> {
  ^bb0(%e: f32, %row: index, %column: index):
    %same = arith.cmpi eq, %row, %column : index
    %x = arith.select %same, %f2, %e : f32
    tile.yield %x : f32
  }
  %p = tile.pack %p_acc : !tile.acc<64x64xf32> -> !tile.frag<64x64xbf16, a>
  tile.wgmma_fence
  %o0 = tile.wgmma %p, %v transposed : !tile.frag<64x64xbf16, a>, !v -> !tile.acc<64x128xf32>
  tile.wgmma_commit
  %o = tile.wgmma_wait 0, %o0 : !tile.acc<64x128xf32>
  tile.store_acc %o to %y[%c0, %c0] : !tile.acc<64x128xf32>, memref<64x128xbf16>
  tile.sync
  scf.if %first {
    scf.for %row = %c0 to %c64 step %c1 {
      scf.for %c = %c0 to %c128 step %c1 {
        %n = tile.load %differences[%c0] : memref<1xi32>, i32
        %s = tile.load %v_again[%row, %c] : memref<64x128xbf16>, bf16
        %d = tile.load %y[%row, %c] : memref<64x128xbf16>, bf16
        %twice = arith.addf %s, %s : bf16
        %other = arith.cmpf une, %twice, %d : bf16
        %more = arith.extui %other : i1 to i32
        %sum = arith.addi %n, %more : i32
        tile.store %sum, %differences[%c0] : i32, memref<1xi32>
      }
    }
  }
  tile.return
}
// CHECK-LABEL: @registers argument 3:
// CHECK-NEXT: {{^}}0{{$}}
