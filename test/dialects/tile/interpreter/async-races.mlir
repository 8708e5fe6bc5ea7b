// RUN: jet-opt %s -jet-interpret-tile -split-input-file -verify-diagnostics -o /dev/null
// RUN: jet-opt %s -jet-interpret-tile=seed=7 -split-input-file -verify-diagnostics -o /dev/null

// Nobody waits for the copy.
!t = !tile.shared<16x64xbf16, swizzle 128>
!map = !tile.tensor_map<16x64xbf16, swizzle 128>
tile.kernel @missing_wait(%x: !map {tile.sizes = array<i64: 16, 64>, tile.fill = "random"},
                          %y: memref<16x64xbf16>) block 32 attributes {tile.grid = array<i64: 1>} {
  %c0 = arith.constant 0 : index
  %p0 = arith.constant 0 : i32
  %bytes = arith.constant 2048 : i32
  %t = tile.alloc : !t
  %full = tile.alloc : !tile.barriers<1>
  %lane = tile.lane_id
  %first = arith.cmpi eq, %lane, %c0 : index
  scf.if %first {
    tile.init_barriers %full count 1 : !tile.barriers<1>
    tile.fence_barriers
    tile.arrive_expect %full[%c0], %bytes : !tile.barriers<1>
    // expected-note @+1 {{written here}}
    tile.tma_load %x[%c0, %c0] to %t, %full[%c0] : !map, !t, !tile.barriers<1>
  }
  tile.sync
  // expected-error @+1 {{'tile.load' op reads a tile whose copy has not been waited for (thread 0 of CTA 0,0,0)}}
  %v = tile.load %t[%c0, %lane] : !t, bf16
  tile.store %v, %y[%c0, %lane] : bf16, memref<16x64xbf16>
  tile.wait %full[%c0] parity %p0 : !tile.barriers<1>
  tile.return
}

// -----

// cp.async: the thread's own copies are waited for, others' are not.
!t = !tile.shared<16x64xbf16, swizzle 128>
tile.kernel @missing_barrier(%x: memref<32x8xbf16> {tile.fill = "random"}) block 32
    attributes {tile.grid = array<i64: 1>} {
  %c0 = arith.constant 0 : index
  %c3 = arith.constant 3 : index
  %c7 = arith.constant 7 : index
  %t = tile.alloc : !t
  %lane = tile.lane_id
  %row = arith.shrui %lane, %c3 : index
  %chunk = arith.andi %lane, %c7 : index
  %column = arith.shli %chunk, %c3 : index
  // expected-note @+1 {{written here by thread}}
  tile.cp_async %x[%lane, %c0] to %t[%row, %column] count 8 : memref<32x8xbf16>, !t
  tile.cp_async_commit
  tile.cp_async_wait 0
  // expected-error @+1 {{reads what a tile.cp_async writes that was not waited for, or without a barrier behind the wait}}
  %a = tile.load_matrix %t[%c0, %c0] : !t -> !tile.frag<16x64xbf16, a>
  tile.return
}

// -----

!t = !tile.shared<16x64xbf16, swizzle 128>
!map = !tile.tensor_map<16x64xbf16, swizzle 128>
tile.kernel @missing_fence(%y: !map {tile.sizes = array<i64: 16, 64>}) block 32
    attributes {tile.grid = array<i64: 1>} {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %t = tile.alloc : !t
  %acc = tile.splat %zero : !tile.acc<16x64xf32>
  // expected-note @+1 {{written here by thread}}
  tile.store_matrix %acc columns 0 to %t : !tile.acc<16x64xf32>, !t
  tile.sync_warp
  // This orders what the first thread did, not what others wrote.
  %lead = tile.elect
  scf.if %lead {
    tile.fence_async
    // expected-error @+1 {{reads what a thread wrote without tile.fence_async between}}
    tile.tma_store %t to %y[%c0, %c0] : !t, !map
    tile.bulk_commit
    tile.bulk_wait 0 read
  }
  tile.return
}

// -----

!t = !tile.shared<16x64xbf16, swizzle 128>
!map = !tile.tensor_map<16x64xbf16, swizzle 128>
tile.kernel @store_still_reads(%y: !map {tile.sizes = array<i64: 32, 64>}) block 32
    attributes {tile.grid = array<i64: 1>} {
  %c0 = arith.constant 0 : index
  %c16 = arith.constant 16 : index
  %zero = arith.constant 0.0 : f32
  %t = tile.alloc : !t
  %acc = tile.splat %zero : !tile.acc<16x64xf32>
  tile.store_matrix %acc columns 0 to %t : !tile.acc<16x64xf32>, !t
  tile.fence_async
  tile.sync_warp
  %lead = tile.elect
  scf.if %lead {
    // expected-note @+1 {{read here}}
    tile.tma_store %t to %y[%c0, %c0] : !t, !map
    tile.bulk_commit
  }
  tile.sync_warp
  // expected-error @+1 {{overwrites what a store to global memory may still read}}
  tile.store_matrix %acc columns 0 to %t : !tile.acc<16x64xf32>, !t
  scf.if %lead {
    tile.bulk_wait 0 read
  }
  tile.return
}

// -----

!s = !tile.shared<256xf32>
tile.kernel @store_at_the_end(%y: memref<256xf32>) block 32 attributes {tile.grid = array<i64: 1>} {
  %c0 = arith.constant 0 : index
  %s = tile.alloc : !s
  %lead = tile.elect
  scf.if %lead {
    // expected-error @+1 {{reads shared memory after the thread's end: expected a bulk_commit and a bulk_wait}}
    tile.bulk_store %s to %y[%c0] : !s, memref<256xf32>
    tile.bulk_commit
  }
  tile.return
}

// -----

// The slot is freed while the product that reads it may be running.
!a = !tile.shared<64x64xbf16, swizzle 128>
!map = !tile.tensor_map<64x64xbf16, swizzle 128>
!bar = !tile.barriers<1>
!acc = !tile.acc<64x64xf32>
tile.kernel @early_free(%x: !map {tile.sizes = array<i64: 64, 128>, tile.fill = "random"},
                        %y: memref<64x64xf32>) block 160 attributes {tile.grid = array<i64: 1>} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c64 = arith.constant 64 : index
  %one = arith.constant 1 : i32
  %bytes = arith.constant 8192 : i32
  %zero = arith.constant 0.0 : f32
  %a = tile.alloc : !a
  %full = tile.alloc : !bar
  %empty = tile.alloc : !bar
  %thread = tile.thread_id
  %first = arith.cmpi eq, %thread, %c0 : index
  scf.if %first {
    tile.init_barriers %full count 1 : !bar
    tile.init_barriers %empty count 1 : !bar
    tile.fence_barriers
  }
  tile.sync
  tile.roles {
    tile.role @consumer threads 128 {
      %acc0 = tile.splat %zero : !acc
      %sum = scf.for %i = %c0 to %c2 step %c1 iter_args(%acc = %acc0) -> !acc {
        %i32 = arith.index_cast %i : index to i32
        tile.wait %full[%c0] parity %i32 : !bar
        tile.wgmma_fence
        // expected-note @+1 {{read here}}
        %next = tile.wgmma %a, %a, %acc : !a, !a -> !acc
        tile.wgmma_commit
        tile.wgmma_wait 1
        scf.if %first {
          tile.arrive %empty[%c0] : !bar
        }
        scf.yield %next : !acc
      }
      %done = tile.wgmma_wait 0, %sum : !acc
      tile.store_acc %done to %y[%c0, %c0] : !acc, memref<64x64xf32>
      tile.return
    }
    tile.role @producer threads 32 {
      %lead = tile.elect
      scf.if %lead {
        scf.for %i = %c0 to %c2 step %c1 {
          %i32 = arith.index_cast %i : index to i32
          %free = arith.xori %i32, %one : i32
          tile.wait %empty[%c0] parity %free : !bar
          tile.arrive_expect %full[%c0], %bytes : !bar
          %k = arith.muli %i, %c64 : index
          // expected-error @+1 {{overwrites what a pending tile.wgmma may still read}}
          tile.tma_load %x[%c0, %k] to %a, %full[%c0] : !map, !a, !bar
        }
      }
      tile.return
    }
  }
  tile.return
}

// -----

!a = !tile.shared<64x64xbf16, swizzle 128>
!acc = !tile.acc<64x64xf32>
tile.kernel @accumulator_in_flight(%y: memref<64x64xf32>) block 128 attributes {tile.grid = array<i64: 1>} {
  %c0 = arith.constant 0 : index
  %a = tile.alloc : !a
  tile.wgmma_fence
  %s = tile.wgmma %a, %a : !a, !a -> !acc
  tile.wgmma_commit
  // expected-error @+1 {{reads an accumulator that a pending tile.wgmma computes: expected the result of a tile.wgmma_wait}}
  tile.store_acc %s to %y[%c0, %c0] : !acc, memref<64x64xf32>
  tile.wgmma_wait 0
  tile.return
}

// -----

!a = !tile.shared<64x64xbf16, swizzle 128>
!acc = !tile.acc<64x64xf32>
tile.kernel @wait_that_leaves_it_pending(%y: memref<64x64xf32>) block 128 attributes {tile.grid = array<i64: 1>} {
  %c0 = arith.constant 0 : index
  %a = tile.alloc : !a
  tile.wgmma_fence
  %s = tile.wgmma %a, %a : !a, !a -> !acc
  tile.wgmma_commit
  // expected-error @+1 {{names an accumulator of a group that it leaves pending}}
  %d = tile.wgmma_wait 1, %s : !acc
  // expected-error @+1 {{expected a tile.wgmma_fence before}}
  %e = tile.wgmma %a, %a, %d : !a, !a -> !acc
  tile.wgmma_commit
  tile.wgmma_wait 0
  tile.return
}

// -----

// wgmma reads what threads wrote.
!a = !tile.shared<64x64xbf16, swizzle 128>
!acc = !tile.acc<64x64xf32>
tile.kernel @wgmma_unfenced(%y: memref<64x64xf32>) block 128 attributes {tile.grid = array<i64: 1>} {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %a = tile.alloc : !a
  %acc = tile.splat %zero : !acc
  // expected-note @+1 {{written here by thread}}
  tile.store_matrix %acc columns 0 to %a : !acc, !a
  tile.sync
  tile.wgmma_fence
  // expected-error @+1 {{'tile.wgmma' op reads what a thread wrote without tile.fence_async between}}
  %s = tile.wgmma %a, %a, %acc : !a, !a -> !acc
  tile.wgmma_commit
  %d = tile.wgmma_wait 0, %s : !acc
  tile.return
}
