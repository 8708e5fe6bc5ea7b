// RUN: jet-ptx %s | FileCheck %s
// CHECK: .visible .entry attend(
// CHECK: cp.async.cg.shared.global
// CHECK: ldmatrix.sync.aligned.m8n8.x4.shared.b16
// CHECK: mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32
// CHECK: shfl.sync.bfly
// CHECK: ex2.approx.ftz.f32
// CHECK: ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16

// y = softmax(q · kᵀ) · v of one warp: 16 queries, 64 keys, 64 columns; keys
// from `keys` on are masked.
!t16 = !tile.shared<16x64xbf16, swizzle 128>
!t64 = !tile.shared<64x64xbf16, swizzle 128>
tile.kernel @attend(%q: memref<?x64xbf16>, %k: memref<?x64xbf16>, %v: memref<?x64xbf16>,
                    %y: memref<?x64xf32>, %keys: index) block 32 {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c3 = arith.constant 3 : index
  %c7 = arith.constant 7 : index
  %c4 = arith.constant 4 : index
  %c16 = arith.constant 16 : index
  %c64 = arith.constant 64 : index
  %f0 = arith.constant 0.0 : f32
  %neg = arith.constant -1.0e30 : f32
  %sq = tile.alloc : !t16
  %sk = tile.alloc : !t64
  %sv = tile.alloc : !t64
  // A lane copies 16 bytes: 4 rows at a time.
  %lane = tile.lane_id
  %lane_row = arith.shrui %lane, %c3 : index
  %chunk = arith.andi %lane, %c7 : index
  %column = arith.shli %chunk, %c3 : index
  scf.for %i = %c0 to %c16 step %c4 {
    %row = arith.addi %i, %lane_row : index
    tile.cp_async %q[%row, %column] to %sq[%row, %column] count 8 : memref<?x64xbf16>, !t16
  }
  scf.for %i = %c0 to %c64 step %c4 {
    %row = arith.addi %i, %lane_row : index
    %ok = arith.cmpi ult, %row, %keys : index
    tile.cp_async %k[%row, %column] to %sk[%row, %column] count 8 if %ok : memref<?x64xbf16>, !t64
    tile.cp_async %v[%row, %column] to %sv[%row, %column] count 8 if %ok : memref<?x64xbf16>, !t64
  }
  tile.cp_async_commit
  tile.cp_async_wait 0
  tile.sync_warp
  %qa = tile.load_matrix %sq[%c0, %c0] : !t16 -> !tile.frag<16x64xbf16, a>
  %kb = tile.load_matrix %sk[%c0, %c0] : !t64 -> !tile.frag<64x64xbf16, b>
  %zero = tile.splat %f0 : !tile.acc<16x64xf32>
  %s = tile.mma %qa, %kb, %zero : !tile.frag<16x64xbf16, a>, !tile.frag<64x64xbf16, b>, !tile.acc<16x64xf32>
  %masked = tile.map %s : (!tile.acc<16x64xf32>) -> !tile.acc<16x64xf32> {
  ^bb0(%e: f32, %row: index, %key: index):
    %ok = arith.cmpi ult, %key, %keys : index
    %x = arith.select %ok, %e, %neg : f32
    tile.yield %x : f32
  }
  %max = tile.reduce max %masked : !tile.acc<16x64xf32> -> !tile.rows<16xf32>
  %p = tile.map %masked, %max : (!tile.acc<16x64xf32>, !tile.rows<16xf32>) -> !tile.acc<16x64xf32> {
  ^bb0(%e: f32, %m: f32, %row: index, %key: index):
    %d = arith.subf %e, %m : f32
    %x = tile.exp2 %d
    tile.yield %x : f32
  }
  %sum = tile.reduce add %p : !tile.acc<16x64xf32> -> !tile.rows<16xf32>
  %pa = tile.pack %p : !tile.acc<16x64xf32> -> !tile.frag<16x64xbf16, a>
  %vb = tile.load_matrix %sv[%c0, %c0] transposed : !t64 -> !tile.frag<64x64xbf16, b>
  %o = tile.mma %pa, %vb, %zero : !tile.frag<16x64xbf16, a>, !tile.frag<64x64xbf16, b>, !tile.acc<16x64xf32>
  %out = tile.map %o, %sum : (!tile.acc<16x64xf32>, !tile.rows<16xf32>) -> !tile.acc<16x64xf32> {
  ^bb0(%e: f32, %t: f32, %row: index, %c: index):
    %r = tile.rcp %t
    %x = arith.mulf %e, %r : f32
    tile.yield %x : f32
  }
  tile.store_acc %out to %y[%c0, %c0] : !tile.acc<16x64xf32>, memref<?x64xf32>
  tile.return
}
