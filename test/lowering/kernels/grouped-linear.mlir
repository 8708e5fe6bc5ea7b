// The forms of projections: rows in bf16, then the product, with what each is
// launched with.

// RUN: jet-opt %s -jet-build-tile-kernels -split-input-file | FileCheck %s

module {
  // Forms of at most 8, 16, 64, 128 and any number of rows. At most 8 are normed
  // where they are used.
  // CHECK: tile.kernels @tile_kernels
  // CHECK:      tile.kernel @swiglu_0_project
  // CHECK-SAME:   memref<?x64xf32> {jet.operand = 0 : i64}, %{{.*}}: memref<64xbf16> {jet.operand = 3 : i64}
  // CHECK-SAME:   jet.max_rows = 8
  // CHECK:        math.sqrt
  // More of them in a stage of its own, a warp a row. The code on a result is in the product's.
  // CHECK:      tile.kernel @swiglu_1_rows(%{{.*}}: memref<?x64xf32> {jet.operand = 0 : i64},
  // CHECK-SAME:   memref<?x64xbf16> {jet.scratch = affine_map<()[s0, s1, s2, s3, s4, s5] -> (0)>},
  // CHECK-SAME:   memref<64xbf16> {jet.operand = 3 : i64}) block 128
  // CHECK-SAME:   jet.form = 1
  // CHECK-SAME:   jet.grid = [[R:#map[0-9]*]]
  // CHECK-SAME:   jet.kernel = @swiglu, jet.max_rows = 16
  // CHECK-SAME:   jet.overlaps
  // CHECK-SAME:   jet.scratch = [[BYTES:#map[0-9]*]]
  // CHECK:        tile.wait_dependencies
  // CHECK-NOT:    tile.sync
  // CHECK:        tile.shuffle_xor
  // CHECK:        math.sqrt
  // CHECK:      tile.kernel @swiglu_1_project(%{{.*}}: !tile.tensor_map<64x64xbf16, swizzle 128> {jet.map = affine_map<()[s0, s1, s2, s3, s4, s5] -> (96, 64)>, jet.operand = 1 : i64},
  // CHECK-SAME:   {jet.map = affine_map<()[s0, s1, s2, s3, s4, s5] -> (96, 64)>, jet.operand = 2 : i64},
  // CHECK-SAME:   !tile.tensor_map<16x64xbf16, swizzle 128> {jet.map = affine_map<()[s0, s1, s2, s3, s4, s5] -> (s0, 64)>, jet.scratch = affine_map<()[s0, s1, s2, s3, s4, s5] -> (0)>},
  // CHECK-SAME:   index {jet.size = {{[^}]*}}}, %{{.*}}: memref<?x96xf32> {jet.operand = 4 : i64}) block 288
  // CHECK:        tile.role @consumers threads 256
  // CHECK:          tile.wgmma
  // CHECK:        tile.role @producer threads 32
  // CHECK:        tile.exp2
  // CHECK:      tile.kernel @swiglu_2_rows
  // CHECK-SAME:   jet.max_rows = 64
  // CHECK:        tile.launch_dependents
  // CHECK:        tile.tma_prefetch {{.*}} : <16x64xbf16, swizzle 128>
  // CHECK:        tile.wait_dependencies
  // CHECK:      tile.kernel @swiglu_2_project
  // CHECK-NOT:    tile.launch_dependents
  // CHECK:        tile.role @producer
  // CHECK:        scf.for
  // CHECK:        scf.for
  // CHECK:        scf.for
  // CHECK:        tile.launch_dependents
  // CHECK:      tile.kernel @swiglu_3_rows
  // CHECK-SAME:   jet.max_rows = 128
  // CHECK:      tile.kernel @swiglu_4_rows
  // CHECK-NOT:    jet.max_rows
  // CHECK:      tile.kernel @swiglu_4_project
  // An input in bf16 that nothing is done to is read in place. A few columns and
  // a long k are shared by the CTAs of a cluster.
  // CHECK-NOT:  @residual_0_rows
  // CHECK:      tile.kernel @residual_0_project
  // CHECK-SAME:   block 288 cluster 8
  // CHECK:        tile.cluster_sync
  // CHECK:        tile.store_remote
  // CHECK:        tile.cluster_sync
  // CHECK-NOT:    tile.cluster_sync
  // CHECK:        arith.addf
  // CHECK:        tile.return
  // With many rows there is no room to send to.
  // CHECK:      tile.kernel @residual_2_project
  // CHECK-NOT:    tile.store_remote
  // CHECK:        tile.load_remote
  // With more what the code reads is loaded under the first steps of k, a part
  // under each.
  // CHECK:      tile.kernel @residual_4_project
  // CHECK:        tile.wgmma_commit
  // CHECK-COUNT-2: tile.load {{.*}} : memref<?x64xf32>
  // CHECK:        tile.wgmma_wait 1
  // CHECK:        tile.wgmma_commit
  // CHECK-COUNT-2: tile.load {{.*}} : memref<?x64xf32>
  // CHECK:        tile.wgmma_wait 1
  // CHECK:        scf.for
  // CHECK-NOT:    memref<?x64xf32>
  // CHECK:        tile.wgmma_wait 0
  module @kernels {
    func.func @swiglu(%x: tensor<?x64xf32>, %g: tensor<96x64xbf16>, %u: tensor<96x64xbf16>, %n: tensor<64xbf16>) -> tensor<?x96xf32> {
      %y = jet.grouped_linear %x(%g, %u) norm %n eps 1.0e-06 products [2]
        on result 0 {
      ^bb0(%a: f32, %b: f32):
        %e = math.exp %a : f32
        %m = arith.mulf %e, %b : f32
        jet.yield %m : f32
      } : (tensor<?x64xf32>, tensor<96x64xbf16>, tensor<96x64xbf16>, tensor<64xbf16>) -> tensor<?x96xf32>
      return %y : tensor<?x96xf32>
    }
    func.func @residual(%x: tensor<?x1024xbf16>, %w: tensor<64x1024xbf16>, %r: tensor<?x64xf32>) -> tensor<?x64xf32> {
      %y = jet.grouped_linear %x(%w) products [1]
        on result 0 with(%r) {
      ^bb0(%a: f32, %b: f32):
        %s = arith.addf %a, %b : f32
        jet.yield %s : f32
      } : (tensor<?x1024xbf16>, tensor<64x1024xbf16>, tensor<?x64xf32>) -> tensor<?x64xf32>
      return %y : tensor<?x64xf32>
    }
  }
}

// -----

// Rows in bf16 whose norm is in the weights: of more than 128 a stage makes their
// scales alone, and the product reads x and scales its sums.
// CHECK-LABEL: module @scaled
// CHECK:      tile.kernel @scaled_3_rows
// CHECK:      tile.kernel @scaled_4_scales(
// CHECK-SAME:   memref<?xf32> {jet.scratch = affine_map<()[s0, s1, s2, s3, s4, s5] -> (0)>}
// CHECK:        math.sqrt
// CHECK:        tile.store {{.*}} if {{.*}} : f32, memref<?xf32>
// CHECK-NOT:    tile.store
// CHECK:      tile.kernel @scaled_4_project(
// CHECK-SAME:   !tile.tensor_map<128x64xbf16, swizzle 128> {jet.map = affine_map<()[s0, s1, s2, s3, s4, s5] -> (s0, 64)>, jet.operand = 0 : i64}
// CHECK:        tile.wgmma %
// CHECK:        %[[FIRST:.*]] = tile.load {{.*}} : memref<?xf32>, f32
// CHECK:        %[[SECOND:.*]] = tile.load {{.*}} : memref<?xf32>, f32
// CHECK:        tile.wgmma_wait 1
// CHECK-NOT:    memref<?xf32>
// CHECK:        %[[SUMS:.*]]:128 = tile.elements
// CHECK:        arith.mulf %[[SUMS]]#0, %[[FIRST]]
// CHECK:        arith.mulf %[[SUMS]]#2, %[[SECOND]]
// CHECK-NOT:  _rows(
module @scaled {
  module @kernels {
    func.func @scaled(%x: tensor<?x64xbf16>, %w: tensor<256x64xbf16>) -> tensor<?x256xbf16> {
      %y = jet.grouped_linear %x(%w) norm eps 1.0e-06 products [1] : (tensor<?x64xbf16>, tensor<256x64xbf16>) -> tensor<?x256xbf16>
      return %y : tensor<?x256xbf16>
    }
  }
}

// -----

// None for weights in f32, for rows that TMA cannot copy, for results in fp8, or
// for code that the tensor cores' kernel cannot hold.
// CHECK-LABEL: module @none
// CHECK-NOT: tile.kernels
module @none {
  module @kernels {
    func.func @f32(%x: tensor<?x64xf32>, %w: tensor<96x64xf32>) -> tensor<?x96xf32> {
      %y = jet.grouped_linear %x(%w) products [1] : (tensor<?x64xf32>, tensor<96x64xf32>) -> tensor<?x96xf32>
      return %y : tensor<?x96xf32>
    }
    func.func @narrow(%x: tensor<?x60xf32>, %w: tensor<96x60xbf16>) -> tensor<?x96xf32> {
      %y = jet.grouped_linear %x(%w) products [1] : (tensor<?x60xf32>, tensor<96x60xbf16>) -> tensor<?x96xf32>
      return %y : tensor<?x96xf32>
    }
    func.func @fp8(%x: tensor<?x64xf32>, %w: tensor<96x64xbf16>) -> tensor<?x96xf8E4M3FN> {
      %y = jet.grouped_linear %x(%w) products [1] : (tensor<?x64xf32>, tensor<96x64xbf16>) -> tensor<?x96xf8E4M3FN>
      return %y : tensor<?x96xf8E4M3FN>
    }
    func.func @sine(%x: tensor<?x64xf32>, %w: tensor<96x64xbf16>) -> tensor<?x96xf32> {
      %y = jet.grouped_linear %x(%w) products [1]
        on result 0 {
      ^bb0(%a: f32):
        %s = math.sin %a : f32
        jet.yield %s : f32
      } : (tensor<?x64xf32>, tensor<96x64xbf16>) -> tensor<?x96xf32>
      return %y : tensor<?x96xf32>
    }
  }
}
