// RUN: jet-ptx %s | FileCheck %s
// CHECK: wgmma.mma_async.sync.aligned.m64n128k16.f32.bf16.bf16
// CHECK: wgmma.wait_group.sync.aligned 0
// CHECK: stmatrix.sync.aligned.m8n8.x4.shared.b16

// D = P · V: P from registers, V with its columns contiguous.
!a = !tile.shared<64x64xbf16, swizzle 128>
!v = !tile.shared<2x64x64xbf16, swizzle 128>
tile.kernel @pv(%map: !tile.tensor_map<64x64xbf16, swizzle 128>) block 128 {
  %c0 = arith.constant 0 : index
  %k = tile.alloc : !a
  %v = tile.alloc : !v
  %out = tile.alloc : !a
  tile.wgmma_fence
  %s0 = tile.wgmma %k, %k : !a, !a -> !tile.acc<64x64xf32>
  tile.wgmma_commit
  %s = tile.wgmma_wait 0, %s0 : !tile.acc<64x64xf32>
  %p = tile.pack %s : !tile.acc<64x64xf32> -> !tile.frag<64x64xbf16, a>
  tile.wgmma_fence
  %o0 = tile.wgmma %p, %v transposed : !tile.frag<64x64xbf16, a>, !v -> !tile.acc<64x128xf32>
  tile.wgmma_commit
  %o = tile.wgmma_wait 0, %o0 : !tile.acc<64x128xf32>
  tile.store_matrix %o columns 64 to %out : !tile.acc<64x128xf32>, !a
  tile.fence_async
  tile.sync
  %thread = tile.thread_id
  %first = arith.cmpi eq, %thread, %c0 : index
  scf.if %first {
    tile.tma_store %out to %map[%c0, %c0] : !a, !tile.tensor_map<64x64xbf16, swizzle 128>
    tile.bulk_commit
    tile.bulk_wait 0 read
  }
  tile.return
}
