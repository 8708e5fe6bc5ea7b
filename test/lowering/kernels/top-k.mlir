// The forms of jet.linear_top_k, whose logits lie in scratch memory, of
// jet.merge_top_k, and of jet.sample, which the merge may end in.

// RUN: jet-opt %s -jet-build-tile-kernels -split-input-file | FileCheck %s

module {
  // CHECK:      tile.kernel @head_1_rows(
  // CHECK-SAME:   jet.max_rows = 16
  // CHECK:      tile.kernel @head_1_project(
  // CHECK:        tile.store {{.*}} : vector<4xf32>, memref<?x5000xf32>
  // A CTA for each row and block, 16 elements a thread, four at once.
  // CHECK:      tile.kernel @head_1_select(
  // CHECK-SAME:   memref<?x5000xf32> {jet.scratch
  // CHECK-SAME:   memref<?x192xf32> {jet.operand = 3 : i64}
  // CHECK-SAME:   memref<?x192xi32> {jet.operand = 4 : i64}
  // CHECK-SAME:   block 128
  // CHECK:        tile.wait_dependencies
  // CHECK-COUNT-4: tile.load {{.*}} : memref<?x5000xf32>, vector<4xf32>
  // The floor, then survivors are counted; if they are too few or too many, all
  // elements are.
  // CHECK:        tile.shuffle_xor {{.*}} : f32
  // CHECK:        arith.cmpf oge
  // CHECK:        scf.if
  // CHECK:        arith.cmpf ogt
  // CHECK:        } else {
  // CHECK:        arith.bitcast {{.*}} : f32 to i32
  // CHECK:        arith.cmpi uge
  // CHECK:      tile.kernel @head_4_select(
  // CHECK-NOT:    jet.max_rows
  // CHECK:      tile.kernel @merge_0_select(
  // CHECK-SAME:   block 32
  // CHECK-SAME:   jet.overlaps
  // How to sample is an input of the step.
  // CHECK:      tile.kernel @merge_sample_0_select(
  // CHECK:        tile.load {{.*}} : memref<?x4xf32>, vector<4xf32>
  // CHECK:        tile.wait_dependencies
  // CHECK:        tile.sync
  // CHECK:        scf.if
  // CHECK:        tile.exp2
  // CHECK:        tile.sync_warp
  // CHECK:        tile.store {{.*}} : i32, memref<?xi32>
  // CHECK-NOT:  tile.kernel @merge_sample
  // CHECK:      tile.kernel @sample_0_sample(
  // CHECK-SAME:   block 32
  // CHECK-SAME:   jet.overlaps
  module @kernels {
    func.func @head(%x: tensor<?x64xf32>, %w: tensor<5000x64xbf16>, %n: tensor<64xbf16>) -> (tensor<?x192xf32>, tensor<?x192xi32>) {
      %v, %i = jet.linear_top_k %x, %w norm %n eps 1.0e-06 k 64 block 2048 : (tensor<?x64xf32>, tensor<5000x64xbf16>, tensor<64xbf16>) -> (tensor<?x192xf32>, tensor<?x192xi32>)
      return %v, %i : tensor<?x192xf32>, tensor<?x192xi32>
    }
    func.func @merge(%v: tensor<?x192xf32>, %i: tensor<?x192xi32>) -> (tensor<?x64xf32>, tensor<?x64xi32>) {
      %bv, %bi = jet.merge_top_k %v, %i k 64 : (tensor<?x192xf32>, tensor<?x192xi32>) -> (tensor<?x64xf32>, tensor<?x64xi32>)
      return %bv, %bi : tensor<?x64xf32>, tensor<?x64xi32>
    }
    func.func @merge_sample(%v: tensor<?x192xf32>, %i: tensor<?x192xi32>, %s: tensor<?x4xf32>) -> (tensor<?x64xf32>, tensor<?x64xi32>, tensor<?xi32>) {
      %bv, %bi, %n = jet.merge_top_k %v, %i k 64 sample %s : (tensor<?x192xf32>, tensor<?x192xi32>, tensor<?x4xf32>) -> (tensor<?x64xf32>, tensor<?x64xi32>, tensor<?xi32>)
      return %bv, %bi, %n : tensor<?x64xf32>, tensor<?x64xi32>, tensor<?xi32>
    }
    func.func @sample(%v: tensor<?x64xf32>, %i: tensor<?x64xi32>, %s: tensor<?x4xf32>) -> tensor<?xi32> {
      %n = jet.sample %v, %i by %s : (tensor<?x64xf32>, tensor<?x64xi32>, tensor<?x4xf32>) -> tensor<?xi32>
      return %n : tensor<?xi32>
    }
  }
}

// -----

// None for weights in f32, or for more candidates than a CTA holds.
// CHECK-LABEL: module @none
// CHECK-NOT: tile.kernels
module @none {
  module @kernels {
    func.func @f32(%x: tensor<?x64xf32>, %w: tensor<500x64xf32>) -> (tensor<?x4xf32>, tensor<?x4xi32>) {
      %v, %i = jet.linear_top_k %x, %w k 4 block 2048 : (tensor<?x64xf32>, tensor<500x64xf32>) -> (tensor<?x4xf32>, tensor<?x4xi32>)
      return %v, %i : tensor<?x4xf32>, tensor<?x4xi32>
    }
    func.func @many(%v: tensor<?x16385xf32>, %i: tensor<?x16385xi32>) -> (tensor<?x64xf32>, tensor<?x64xi32>) {
      %bv, %bi = jet.merge_top_k %v, %i k 64 : (tensor<?x16385xf32>, tensor<?x16385xi32>) -> (tensor<?x64xf32>, tensor<?x64xi32>)
      return %bv, %bi : tensor<?x64xf32>, tensor<?x64xi32>
    }
  }
}

// -----

// A norm that is in the weights leaves the scale of a row, and no vector to read.
// CHECK-LABEL: module @scaled
// CHECK:      tile.kernel @head_1_rows(%{{[^:]*}}: memref<?x64xbf16> {jet.operand = 0 : i64}, %{{[^:]*}}: index {{[^:]*}}, %{{[^:]*}}: memref<?x64xbf16> {jet.scratch = {{[^%]*}}) block 128
// CHECK:        math.sqrt
// CHECK:        %[[X:.*]] = arith.mulf
// CHECK-NEXT:   arith.truncf %[[X]] : f32 to bf16
// CHECK:      tile.kernel @head_4_scales(
module @scaled {
  module @kernels {
    func.func @head(%x: tensor<?x64xbf16>, %w: tensor<5000x64xbf16>) -> (tensor<?x192xf32>, tensor<?x192xi32>) {
      %v, %i = jet.linear_top_k %x, %w norm eps 1.0e-06 k 64 block 2048 : (tensor<?x64xbf16>, tensor<5000x64xbf16>) -> (tensor<?x192xf32>, tensor<?x192xi32>)
      return %v, %i : tensor<?x192xf32>, tensor<?x192xi32>
    }
  }
}
