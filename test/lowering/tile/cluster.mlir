// RUN: jet-opt %s | jet-opt | FileCheck %s --check-prefix=ROUND
// RUN: jet-opt %s -jet-tile-to-nvvm | FileCheck %s
// RUN: jet-ptx %s | FileCheck %s --check-prefix=PTX
// PTX: .visible .entry sums(
// PTX: mapa.shared::cluster
// PTX: ld.shared::cluster.v4
// PTX: st.shared::cluster.v4

// The CTAs of a cluster add up an accumulator each, in the bytes of a ring.
!ring = !tile.shared<2x64x64xbf16, swizzle 128>
!part = !tile.shared<8x68xf32>
// ROUND: tile.reuse %{{.*}} at 8192 :
// ROUND: transposed
// CHECK-LABEL: llvm.func @sums
// CHECK-SAME: tile.shared_bytes = 16384
tile.kernel @sums(%f: f32, %y: memref<?xf32>) block 128 cluster 2 {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  %ring = tile.alloc : !ring
  // CHECK: llvm.getelementptr %{{.*}}[8192] : (!llvm.ptr<3>) -> !llvm.ptr<3>, i8
  %part = tile.reuse %ring at 8192 : !ring -> !part
  %acc = tile.splat %f : !tile.acc<64x8xf32>
  // CHECK-COUNT-4: llvm.store {{.*}} : f32, !llvm.ptr<3>
  tile.store_acc %acc to %part[%c0, %c0] transposed : !tile.acc<64x8xf32>, !part
  tile.cluster_sync
  // CHECK: nvvm.mapa
  // CHECK: llvm.load {{.*}} : !llvm.ptr<7> -> vector<4xf32>
  %own = tile.load_remote %part[%c0, %c4] of %c0 : !part, vector<4xf32>
  %other = tile.load_remote %part[%c0, %c4] of %c1 : !part, vector<4xf32>
  %sum = arith.addf %own, %other : vector<4xf32>
  tile.store %sum, %y[%c0] : vector<4xf32>, memref<?xf32>
  tile.cluster_sync
  tile.return
}

// Each sends a part of it to the other.
// CHECK-LABEL: llvm.func @send
tile.kernel @send(%y: memref<?xf32>) block 32 cluster 2 {
  %v = arith.constant dense<1.0> : vector<4xf32>
  %c0 = arith.constant 0 : index
  %c4 = arith.constant 4 : index
  %part = tile.alloc : !part
  tile.cluster_sync
  // CHECK: %[[THEIRS:.*]] = nvvm.mapa
  // CHECK: llvm.store {{.*}}, %[[THEIRS]] {alignment = 16 : i64} : vector<4xf32>, !llvm.ptr<7>
  tile.store_remote %v, %part[%c0, %c4] of %c0 : vector<4xf32>, !part
  tile.cluster_sync
  %sum = tile.load %part[%c0, %c4] : !part, vector<4xf32>
  tile.store %sum, %y[%c0] : vector<4xf32>, memref<?xf32>
  tile.return
}
