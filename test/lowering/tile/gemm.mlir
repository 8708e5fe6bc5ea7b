// RUN: jet-opt %s | jet-opt | FileCheck %s --check-prefix=ROUND
// RUN: jet-ptx %s | FileCheck %s
// ROUND: tile.roles
// CHECK: .visible .entry gemm(
// CHECK: .reqntid 384
// CHECK: .minnctapersm 1
// CHECK-DAG: setmaxnreg.dec.sync.aligned.u32 40
// CHECK-DAG: setmaxnreg.inc.sync.aligned.u32 232
// CHECK-DAG: cp.async.bulk.tensor.2d.shared::cluster.global.tile.mbarrier
// CHECK-DAG: wgmma.mma_async.sync.aligned.m64n256k16.f32.bf16.bf16

// C[M, N] = A[M, K] · B[N, K]ᵀ in bf16 with fp32 accumulation.
//
//   producer   for each step of 64 along K: wait empty[slot], expect, TMA A and B
//   consumers  for each step: wait full[slot], 4 wgmma, free the slot before
//
// Shared memory: 4 slots of A 128×64 and B 256×64 (192 KB), and barriers.
// Registers: 128 × 40 + 256 × 232 = 64,512.
// One CTA computes a tile of 128×256; each consumer warpgroup 64 rows of it.

!a_map = !tile.tensor_map<128x64xbf16, swizzle 128>
!b_map = !tile.tensor_map<256x64xbf16, swizzle 128>
!a_ring = !tile.shared<4x2x64x64xbf16, swizzle 128>
!a_slot = !tile.shared<2x64x64xbf16, swizzle 128>
!a_tile = !tile.shared<64x64xbf16, swizzle 128>
!b_ring = !tile.shared<4x256x64xbf16, swizzle 128>
!b_tile = !tile.shared<256x64xbf16, swizzle 128>
!ring = !tile.barriers<4>
!acc = !tile.acc<64x256xf32>

tile.kernel @gemm(%a_map: !a_map, %b_map: !b_map, %y: memref<?x1536xbf16>,
                  %m: index, %n: index, %k: index) block 384 {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c3 = arith.constant 3 : index
  %c64 = arith.constant 64 : index
  %c127 = arith.constant 127 : index
  %one = arith.constant 1 : i32
  %slot_bytes = arith.constant 49152 : i32
  %a_ring = tile.alloc : !a_ring
  %b_ring = tile.alloc : !b_ring
  %full = tile.alloc : !ring
  %empty = tile.alloc : !ring

  // Prologue.
  %thread = tile.thread_id
  %first = arith.cmpi eq, %thread, %c0 : index
  scf.if %first {
    tile.init_barriers %full count 1 : !ring
    tile.init_barriers %empty count 2 : !ring
    tile.fence_barriers
    tile.prefetch_map %a_map : !a_map
    tile.prefetch_map %b_map : !b_map
  }
  tile.sync
  %c128 = arith.constant 128 : index
  %c256 = arith.constant 256 : index
  %block_m = tile.block_id x
  %block_n = tile.block_id y
  %m0 = arith.muli %block_m, %c128 : index
  %n0 = arith.muli %block_n, %c256 : index
  %steps = arith.ceildivui %k, %c64 : index

  tile.roles {
    tile.role @producer threads 128 registers 40 {
      %warp = tile.warp_id
      %is_first = arith.cmpi eq, %warp, %c0 : index
      scf.if %is_first {
        %lead = tile.elect
        scf.if %lead {
          scf.for %step = %c0 to %steps step %c1 {
            %slot = arith.andi %step, %c3 : index
            %phase = arith.shrui %step, %c2 : index
            %phase32 = arith.index_cast %phase : index to i32
            %parity = arith.andi %phase32, %one : i32
            %free = arith.xori %parity, %one : i32
            tile.wait %empty[%slot] parity %free : !ring
            tile.arrive_expect %full[%slot], %slot_bytes : !ring
            %k0 = arith.muli %step, %c64 : index
            %a = tile.slice %a_ring[%slot] : !a_ring -> !a_slot
            %b = tile.slice %b_ring[%slot] : !b_ring -> !b_tile
            tile.tma_load %a_map[%m0, %k0] to %a, %full[%slot] : !a_map, !a_slot, !ring
            tile.tma_load %b_map[%n0, %k0] to %b, %full[%slot] evict last : !b_map, !b_tile, !ring
          }
        }
      }
      tile.return
    }
    tile.role @consumers threads 256 registers 232 {
      %group = tile.warpgroup_id
      %half = arith.subi %group, %c1 : index
      %local = arith.andi %thread, %c127 : index
      %is_leader = arith.cmpi eq, %local, %c0 : index
      %zero = arith.constant 0.0 : f32
      %acc0 = tile.splat %zero : !acc
      // One group of wgmma runs while the next slot is awaited; the slot before
      // is free once it is the only one left.
      %sum, %last = scf.for %step = %c0 to %steps step %c1
          iter_args(%acc = %acc0, %before = %c0) -> (!acc, index) {
        %slot = arith.andi %step, %c3 : index
        %phase = arith.shrui %step, %c2 : index
        %phase32 = arith.index_cast %phase : index to i32
        %parity = arith.andi %phase32, %one : i32
        tile.wait %full[%slot] parity %parity : !ring
        %a = tile.slice %a_ring[%slot, %half] : !a_ring -> !a_tile
        %b = tile.slice %b_ring[%slot] : !b_ring -> !b_tile
        tile.wgmma_fence
        %next = tile.wgmma %a, %b, %acc : !a_tile, !b_tile -> !acc
        tile.wgmma_commit
        tile.wgmma_wait 1
        %later = arith.cmpi ne, %step, %c0 : index
        %frees = arith.andi %later, %is_leader : i1
        scf.if %frees {
          tile.arrive %empty[%before] : !ring
        }
        scf.yield %next, %slot : !acc, index
      }
      // Epilogue.
      %done = tile.wgmma_wait 0, %sum : !acc
      %half_row = arith.muli %half, %c64 : index
      %row = arith.addi %m0, %half_row : index
      tile.store_acc %done to %y[%row, %n0] bounds %m, %n : !acc, memref<?x1536xbf16>
      tile.return
    }
  }
  tile.return
}
