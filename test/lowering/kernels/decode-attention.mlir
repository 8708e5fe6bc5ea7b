// Attention of decode steps: the keys of a sequence in shares, then the shares
// combined.

// RUN: jet-opt %s -jet-build-tile-kernels -split-input-file | FileCheck %s

module {
  // CHECK: tile.kernels @tile_kernels
  // A CTA for each multiprocessor for one sequence.
  // CHECK:      tile.kernel @paged_0_attend(
  // CHECK-SAME:   index {jet.size = affine_map<()[s0, s1, s2, s3, s4, s5] -> (132 floordiv (s1 * 2))>},
  // CHECK-SAME:   jet.form = 0 : i64, {{.*}} jet.max_rows = 1 : i64, jet.one_token
  // CHECK-NEXT:     tile.alloc : !tile.shared<6x2x2x1x64x64xbf16, swizzle 128>
  // CHECK:      tile.kernel @paged_0_combine(
  // Two or a little less for more of them, over sequences and KV heads; memory for
  // the shares of each head.
  // CHECK:      tile.kernel @paged_1_attend(
  // CHECK-SAME:   memref<?xi32> {jet.operand = 2 : i64}, %{{.*}}: index {jet.size = affine_map<()[s0, s1, s2, s3, s4, s5] -> (s3 + 4)>},
  // CHECK-SAME:   index {jet.size = affine_map<()[s0, s1, s2, s3, s4, s5] -> (264 floordiv (s1 * 2))>},
  // CHECK-SAME:   memref<?x12x128xf32> {jet.operand = 0 : i64},
  // CHECK-SAME:   !tile.tensor_map<64x64xbf16, swizzle 128> {jet.map = affine_map<()[s0, s1, s2, s3, s4, s5] -> (s5 * 256, 128)>, jet.operand = 1 : i64},
  // CHECK-SAME:   memref<?x12x128xf32> {jet.operand = 3 : i64},
  // CHECK-SAME:   memref<?x128xf32> {jet.scratch = affine_map<()[s0, s1, s2, s3, s4, s5] -> (0)>}
  // CHECK-SAME:   block 160 attributes {jet.form = 1 : i64, jet.grid = #map{{[0-9]*}}, jet.kernel = @paged, jet.max_rows = 66 : i64, jet.one_token, jet.overlaps, jet.scratch
  // The keys of the step come from the launch before, the others do not.
  // CHECK:        tile.launch_dependents
  // CHECK:        tile.role @consumers threads 128
  // CHECK:          tile.wait_dependencies
  // CHECK:          tile.mma
  // CHECK:          tile.load_matrix {{.*}} transposed
  // CHECK:        tile.role @producer threads 32
  // CHECK:          scf.for
  // CHECK:            tile.tma_load {{.*}} evict first
  // CHECK:          tile.wait_dependencies
  // CHECK:            tile.tma_load
  // CHECK:      tile.kernel @paged_1_combine(
  // CHECK-SAME:   block 512
  // CHECK-SAME:   jet.one_token, jet.overlaps
  // CHECK:        tile.wait_dependencies
  // With many sequences a CTA writes its heads' results.
  // CHECK:      tile.kernel @paged_2_attend(
  // CHECK-NOT:  tile.kernel @paged_2_combine(
  // A window has 18 tiles: no more shares than that, at any batch.
  // CHECK:      tile.kernel @window_0_attend(
  // CHECK-SAME:   index {jet.size = affine_map<()[s0, s1, s2, s3, s4, s5] -> (264 floordiv (s1 * 2 + 14))>}
  // CHECK-SAME:   {jet.map = affine_map<()[s0, s1, s2, s3, s4, s5] -> (s4 * 4608, 128)>, jet.operand = 1 : i64}
  // CHECK:      tile.kernel @window_0_combine(
  // 20 heads a KV head are two CTAs, and then the cache is read twice; rows of 96
  // are swizzled 64 bytes at a time; pages of 16 are copied one by one.
  // CHECK:      tile.kernel @many_1_attend(
  // CHECK-SAME:   index {jet.size = affine_map<()[s0, s1, s2, s3, s4, s5] -> (264 floordiv (s1 * 2))>}
  // CHECK-SAME:   !tile.tensor_map<16x32xbf16, swizzle 64>
  // CHECK-NOT:    evict first
  // CHECK:      tile.kernel @many_1_combine(
  module @kernels {
    func.func @paged(%q: tensor<?x12x128xf32>, %c: !jet.kv_cache<2x128xbf16, page = 64>, %b: !jet.batch) -> tensor<?x12x128xf32> {
      %y = jet.attention %q, %c, %b : (tensor<?x12x128xf32>, !jet.kv_cache<2x128xbf16, page = 64>, !jet.batch) -> tensor<?x12x128xf32>
      return %y : tensor<?x12x128xf32>
    }
    func.func @window(%q: tensor<?x12x128xbf16>, %c: !jet.kv_cache<2x128xbf16, window = 1152>, %b: !jet.batch) -> tensor<?x12x128xf32> {
      %y = jet.attention %q, %c, %b : (tensor<?x12x128xbf16>, !jet.kv_cache<2x128xbf16, window = 1152>, !jet.batch) -> tensor<?x12x128xf32>
      return %y : tensor<?x12x128xf32>
    }
    func.func @many(%q: tensor<?x20x96xf32>, %c: !jet.kv_cache<1x96xbf16, page = 16>, %b: !jet.batch) -> tensor<?x20x96xf32> {
      %y = jet.attention %q, %c, %b : (tensor<?x20x96xf32>, !jet.kv_cache<1x96xbf16, page = 16>, !jet.batch) -> tensor<?x20x96xf32>
      return %y : tensor<?x20x96xf32>
    }
  }
}

// -----

// None for caches that are not bf16, for heads of other sizes, for pages that
// TMA cannot copy in groups of 8 rows.
// CHECK-LABEL: module @none
// CHECK-NOT: tile.kernels
module @none {
  module @kernels {
    func.func @f32(%q: tensor<?x4x64xf32>, %c: !jet.kv_cache<2x64xf32, page = 64>, %b: !jet.batch) -> tensor<?x4x64xf32> {
      %y = jet.attention %q, %c, %b : (tensor<?x4x64xf32>, !jet.kv_cache<2x64xf32, page = 64>, !jet.batch) -> tensor<?x4x64xf32>
      return %y : tensor<?x4x64xf32>
    }
    func.func @d80(%q: tensor<?x4x80xf32>, %c: !jet.kv_cache<2x80xbf16, page = 64>, %b: !jet.batch) -> tensor<?x4x80xf32> {
      %y = jet.attention %q, %c, %b : (tensor<?x4x80xf32>, !jet.kv_cache<2x80xbf16, page = 64>, !jet.batch) -> tensor<?x4x80xf32>
      return %y : tensor<?x4x80xf32>
    }
    func.func @window_of_100(%q: tensor<?x4x64xf32>, %c: !jet.kv_cache<2x64xbf16, window = 100>, %b: !jet.batch) -> tensor<?x4x64xf32> {
      %y = jet.attention %q, %c, %b : (tensor<?x4x64xf32>, !jet.kv_cache<2x64xbf16, window = 100>, !jet.batch) -> tensor<?x4x64xf32>
      return %y : tensor<?x4x64xf32>
    }
  }
}
