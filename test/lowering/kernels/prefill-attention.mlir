// Attention of steps of many tokens: of heads of 64 or 128 three warpgroups with 64
// rows each; of other heads 16 rows a warp.

// RUN: jet-opt %s -jet-build-tile-kernels -split-input-file | FileCheck %s

module {
  // The form for one token a sequence stands in front. Of the others the CTAs
  // stay, and find their rows in the batch.
  // CHECK: #[[GRID:map[0-9]*]] = affine_map<()[s0, s1, s2, s3, s4, s5] -> (132)>
  // CHECK: tile.kernels @tile_kernels
  // CHECK:      tile.kernel @paged_0_attend(
  // CHECK-SAME:   jet.one_token
  // CHECK:      tile.kernel @paged_3_attend(
  // CHECK-SAME:   memref<?xi32> {jet.operand = 2 : i64}
  // CHECK-SAME:   memref<?x12x128xf32> {jet.operand = 0 : i64},
  // CHECK-SAME:   memref<?x12x128xf32> {jet.operand = 3 : i64}
  // CHECK-SAME:   !tile.tensor_map<64x64xbf16, swizzle 128> {jet.map = affine_map<()[s0, s1, s2, s3, s4, s5] -> (s5 * 256, 128)>, jet.operand = 1 : i64}
  // CHECK-SAME:   block 512 attributes {jet.form = 3 : i64, jet.grid = #[[GRID]], jet.kernel = @paged, jet.overlaps}
  // CHECK:        tile.launch_dependents
  // CHECK:        tile.role @consumers threads 384 registers 160
  // CHECK:          tile.wait_dependencies
  // Items; tiles that other rows see; those of the part's rows, of which some
  // are masked, with the values of the tile before; tiles behind them.
  // CHECK:          scf.for
  // CHECK:            scf.for
  // CHECK-NOT:          tile.wgmma
  // CHECK:            scf.for
  // CHECK:              tile.wait
  // CHECK:              tile.wgmma {{.*}}acc<64x64xf32>
  // CHECK:              tile.wgmma {{.*}} transposed {{.*}}acc<64x128xf32>
  // CHECK:              tile.wgmma_wait 1
  // CHECK:              scf.if
  // CHECK:              } else {
  // CHECK:                arith.select {{.*}} : f32
  // CHECK:              tile.wgmma_wait 0
  // CHECK:            scf.for
  // CHECK:            tile.wgmma {{.*}} transposed {{.*}}acc<64x128xf32>
  // CHECK:        tile.role @producer threads 128 registers 32
  // CHECK:          tile.wait_dependencies
  // CHECK:          scf.for
  // CHECK:            tile.tma_load
  // A ring has lost what the first of several tokens see, so that there
  // are only forms for one token; with k and v they are not for one.
  // CHECK:      tile.kernel @ring_0_attend(
  // CHECK-SAME:   jet.one_token
  // CHECK-NOT:  tile.kernel @ring_2
  // CHECK:      tile.kernel @step_0_attend(
  // CHECK-SAME:   !tile.tensor_map<64x64xbf16, swizzle 128> {jet.map = affine_map<()[s0, s1, s2, s3, s4, s5] -> (s4 * 4608, 128)>, jet.operand = 3 : i64},
  // CHECK-SAME:   !tile.tensor_map<64x64xbf16, swizzle 128> {jet.map = affine_map<()[s0, s1, s2, s3, s4, s5] -> (s0, 256)>, jet.operand = 1 : i64},
  // CHECK-SAME:   !tile.tensor_map<64x64xbf16, swizzle 128> {jet.map = affine_map<()[s0, s1, s2, s3, s4, s5] -> (s0, 256)>, jet.operand = 2 : i64}
  // CHECK-NOT:    jet.one_token
  // CHECK-SAME:   jet.overlaps
  module @kernels {
    func.func @paged(%q: tensor<?x12x128xf32>, %c: !jet.kv_cache<2x128xbf16, page = 64>, %b: !jet.batch) -> tensor<?x12x128xf32> {
      %y = jet.attention %q, %c, %b : (tensor<?x12x128xf32>, !jet.kv_cache<2x128xbf16, page = 64>, !jet.batch) -> tensor<?x12x128xf32>
      return %y : tensor<?x12x128xf32>
    }
    func.func @ring(%q: tensor<?x12x128xbf16>, %c: !jet.kv_cache<2x128xbf16, window = 1152>, %b: !jet.batch) -> tensor<?x12x128xf32> {
      %y = jet.attention %q, %c, %b : (tensor<?x12x128xbf16>, !jet.kv_cache<2x128xbf16, window = 1152>, !jet.batch) -> tensor<?x12x128xf32>
      return %y : tensor<?x12x128xf32>
    }
    func.func @step(%q: tensor<?x12x128xf32>, %k: tensor<?x2x128xbf16>, %v: tensor<?x2x128xbf16>, %c: !jet.kv_cache<2x128xbf16, window = 1152>, %b: !jet.batch) -> tensor<?x12x128xf32> {
      %y = jet.attention %q, %k, %v, %c, %b : (tensor<?x12x128xf32>, tensor<?x2x128xbf16>, tensor<?x2x128xbf16>, !jet.kv_cache<2x128xbf16, window = 1152>, !jet.batch) -> tensor<?x12x128xf32>
      return %y : tensor<?x12x128xf32>
    }
  }
}

// -----

// None for caches that are not bf16, whether k and v are given or not, and for
// heads of other sizes.
// CHECK-LABEL: module @none
// CHECK-NOT: tile.kernels
module @none {
  module @kernels {
    func.func @f32(%q: tensor<?x4x64xf32>, %k: tensor<?x2x64xf32>, %v: tensor<?x2x64xf32>, %c: !jet.kv_cache<2x64xf32, page = 64>, %b: !jet.batch) -> tensor<?x4x64xf32> {
      %y = jet.attention %q, %k, %v, %c, %b : (tensor<?x4x64xf32>, tensor<?x2x64xf32>, tensor<?x2x64xf32>, !jet.kv_cache<2x64xf32, page = 64>, !jet.batch) -> tensor<?x4x64xf32>
      return %y : tensor<?x4x64xf32>
    }
    func.func @d80(%q: tensor<?x4x80xf32>, %k: tensor<?x2x80xbf16>, %v: tensor<?x2x80xbf16>, %c: !jet.kv_cache<2x80xbf16, window = 64>, %b: !jet.batch) -> tensor<?x4x80xf32> {
      %y = jet.attention %q, %k, %v, %c, %b : (tensor<?x4x80xf32>, tensor<?x2x80xbf16>, tensor<?x2x80xbf16>, !jet.kv_cache<2x80xbf16, window = 64>, !jet.batch) -> tensor<?x4x80xf32>
      return %y : tensor<?x4x80xf32>
    }
  }
}
