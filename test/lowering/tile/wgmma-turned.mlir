// A with M contiguous, and an accumulator's columns as rows of a tile: what the
// instructions are told, and what the interpreter makes of it.
// RUN: jet-ptx %s | FileCheck %s
// RUN: jet-opt %s -jet-interpret-tile -o /dev/null | FileCheck %s --check-prefix=VALUES

// Behind the descriptors: accumulate, signs, whether A and B are transposed.
// CHECK:      wgmma.mma_async.sync.aligned.m64n64k16.f32.bf16.bf16
// CHECK-SAME: p, 1, 1, 1, 0;
// CHECK:      stmatrix.sync.aligned.m8n8.x4.trans.shared.b16

// B is the identity: D[m, n] = A[n, m], which stored transposed is A once more.
// VALUES:      @turned argument 0:
// VALUES-NEXT: 0
!a = !tile.shared<64x64xbf16, swizzle 128>
tile.kernel @turned(%differences: memref<1xi32> {tile.print, tile.fill = "zero"})
    block 128 attributes {tile.grid = array<i64: 1>} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c64 = arith.constant 64 : index
  %c128 = arith.constant 128 : index
  %c4096 = arith.constant 4096 : index
  %one = arith.constant 1.0 : bf16
  %zero = arith.constant 0.0 : bf16
  %none = arith.constant 0 : i32
  %some = arith.constant 1 : i32
  %a = tile.alloc : !a
  %b = tile.alloc : !a
  %out = tile.alloc : !a
  %thread = tile.thread_id
  scf.for %i = %thread to %c4096 step %c128 {
    %r = arith.divui %i, %c64 : index
    %c = arith.remui %i, %c64 : index
    %twice = arith.muli %c, %c2 : index
    %number = arith.subi %twice, %r : index
    %n32 = arith.index_cast %number : index to i32
    %x = arith.sitofp %n32 : i32 to bf16
    tile.store %x, %a[%r, %c] : bf16, !a
    %same = arith.cmpi eq, %r, %c : index
    %d = arith.select %same, %one, %zero : bf16
    tile.store %d, %b[%r, %c] : bf16, !a
  }
  tile.fence_async
  tile.sync
  tile.wgmma_fence
  %d0 = tile.wgmma %a, %b turned : !a, !a -> !tile.acc<64x64xf32>
  tile.wgmma_commit
  %d = tile.wgmma_wait 0, %d0 : !tile.acc<64x64xf32>
  tile.store_matrix %d columns 0 to %out transposed : !tile.acc<64x64xf32>, !a
  tile.sync
  %is_first = arith.cmpi eq, %thread, %c0 : index
  scf.if %is_first {
    %count = scf.for %i = %c0 to %c4096 step %c1 iter_args(%sum = %none) -> i32 {
      %r = arith.divui %i, %c64 : index
      %c = arith.remui %i, %c64 : index
      %v = tile.load %out[%r, %c] : !a, bf16
      %w = tile.load %a[%r, %c] : !a, bf16
      %same = arith.cmpf oeq, %v, %w : bf16
      %more = arith.select %same, %none, %some : i32
      %next = arith.addi %sum, %more : i32
      scf.yield %next : i32
    }
    tile.store %count, %differences[%c0] : i32, memref<1xi32>
  }
  tile.return
}
