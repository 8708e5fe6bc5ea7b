// The forms of jet.qkv_linear: rows in bf16, one product for q, k and v, then
// rotation and append.

// RUN: jet-opt %s -jet-build-tile-kernels -split-input-file | FileCheck %s

module {
  // CHECK:      tile.kernel @qkv_1_rows(
  // CHECK-SAME:   jet.max_rows = 16
  // CHECK:      tile.kernel @qkv_1_project(
  // The bias is added to what goes to memory.
  // CHECK:        tile.load {{.*}} : memref<128xbf16>, vector<4xbf16>
  // CHECK:        tile.store {{.*}} : vector<4xf32>, memref<?x256xf32>
  // CHECK:      tile.kernel @qkv_1_append(
  // CHECK-SAME:   jet.grid = #map{{[0-9]*}}, jet.kernel = @qkv, jet.max_rows = 16 : i64, jet.overlaps
  // An angle is a product in f32, of an inverse frequency made in f64.
  // CHECK:        arith.sitofp {{.*}} : i32 to f32
  // CHECK:        arith.truncf {{.*}} : f64 to f32
  // CHECK:        arith.mulf {{.*}} : f32
  // CHECK:        math.cos
  // CHECK:        math.sin
  // CHECK:        tile.wait_dependencies
  // CHECK:        tile.store {{.*}} : vector<4xf32>, memref<?x4x32xf32>
  // CHECK:        tile.store {{.*}} if {{.*}} : vector<4xbf16>, memref<?x2x2x64x32xbf16>
  // CHECK:      tile.kernel @qkv_4_append(
  // CHECK-NOT:    jet.max_rows
  module @kernels {
    func.func @qkv(%x: tensor<?x64xf32>, %wq: tensor<128x64xbf16>, %wk: tensor<64x64xbf16>, %wv: tensor<64x64xbf16>, %bq: tensor<128xbf16>, %bk: tensor<64xbf16>, %bv: tensor<64xbf16>, %n: tensor<64xbf16>, %p: tensor<?xi32>, %c: !jet.kv_cache<2x32xbf16, page = 64>, %b: !jet.batch) -> (tensor<?x4x32xf32>, !jet.kv_cache<2x32xbf16, page = 64>) {
      %q, %next = jet.qkv_linear %x(%wq, %wk, %wv) bias(%bq, %bk, %bv) norm %n eps 1.0e-06 rope %p theta 10000.0 append %c, %b : (tensor<?x64xf32>, tensor<128x64xbf16>, tensor<64x64xbf16>, tensor<64x64xbf16>, tensor<128xbf16>, tensor<64xbf16>, tensor<64xbf16>, tensor<64xbf16>, tensor<?xi32>, !jet.kv_cache<2x32xbf16, page = 64>, !jet.batch) -> (tensor<?x4x32xf32>, !jet.kv_cache<2x32xbf16, page = 64>)
      return %q, %next : tensor<?x4x32xf32>, !jet.kv_cache<2x32xbf16, page = 64>
    }
  }
}

// -----

// Of many rows the product of the first and second halves of heads turns them
// itself, by angles of a stage of its own.
// CHECK-LABEL: module @large
// CHECK:      tile.kernel @qkv_3_append(
// CHECK:      tile.kernel @qkv_4_angles(
// CHECK:        math.cos
// CHECK:        tile.wait_dependencies
// CHECK:        tile.store {{.*}} if {{.*}} : f32, memref<?x2x64xf32>
// CHECK:        tile.store {{.*}} : vector<4xi32>, memref<?x4xi32>
// CHECK:      tile.kernel @qkv_4_project(
// CHECK-SAME:   jet.product = "64 -> 2x256 bf16 rope, 2x128 bf16 rope, 256 bf16"
// The angles that all heads begin with are loaded under the product, once for
// the heads of a tile, and the others before stores.
// CHECK:        tile.wgmma_commit
// CHECK-COUNT-8: tile.load {{.*}} : memref<?x2x64xf32>, vector<4xf32>
// CHECK:        tile.wgmma_wait 1
// CHECK:        tile.wgmma_wait 0
// CHECK-NOT:    memref<?x2x64xf32>
// CHECK:        tile.store {{.*}} : vector<8xbf16>, memref<?x4x128xbf16>
// CHECK:        tile.load {{.*}} : memref<?x2x64xf32>, vector<4xf32>
// CHECK:        tile.store {{.*}} : vector<8xbf16>, memref<?x2x2x64x128xbf16>
// CHECK-NOT:  tile.kernel @qkv_4_append(
module @large {
  module @kernels {
    func.func @qkv(%x: tensor<?x64xbf16>, %wq: tensor<512x64xbf16>, %wk: tensor<256x64xbf16>, %wv: tensor<256x64xbf16>, %p: tensor<?xi32>, %c: !jet.kv_cache<2x128xbf16, page = 64>, %b: !jet.batch) -> (tensor<?x4x128xbf16>, !jet.kv_cache<2x128xbf16, page = 64>) {
      %q, %next = jet.qkv_linear %x(%wq, %wk, %wv) rope %p theta 10000.0 append %c, %b : (tensor<?x64xbf16>, tensor<512x64xbf16>, tensor<256x64xbf16>, tensor<256x64xbf16>, tensor<?xi32>, !jet.kv_cache<2x128xbf16, page = 64>, !jet.batch) -> (tensor<?x4x128xbf16>, !jet.kv_cache<2x128xbf16, page = 64>)
      return %q, %next : tensor<?x4x128xbf16>, !jet.kv_cache<2x128xbf16, page = 64>
    }
  }
}

// -----

// Without a cache keys and values are results, and rows have no places.
// CHECK-LABEL: module @apart
// CHECK:      tile.kernel @qkv_3_turn(
// CHECK:        tile.sync
// CHECK:        tile.wait_dependencies
// CHECK:        tile.store {{.*}} : vector<4xbf16>, memref<?x4x128xbf16>
// CHECK:        tile.store {{.*}} : vector<4xbf16>, memref<?x2x128xbf16>
// CHECK:      tile.kernel @qkv_4_angles(
// CHECK-NOT:    memref<?x4xi32>
// CHECK:      tile.kernel @qkv_4_project(
// CHECK-SAME:   jet.product = "64 -> 2x256 bf16 rope, 2x128 bf16 rope, 256 bf16"
// CHECK:        tile.store {{.*}} : vector<8xbf16>, memref<?x4x128xbf16>
// CHECK:        tile.store {{.*}} : vector<8xbf16>, memref<?x2x128xbf16>
module @apart {
  module @kernels {
    func.func @qkv(%x: tensor<?x64xbf16>, %wq: tensor<512x64xbf16>, %wk: tensor<256x64xbf16>, %wv: tensor<256x64xbf16>, %p: tensor<?xi32>) -> (tensor<?x4x128xbf16>, tensor<?x2x128xbf16>, tensor<?x2x128xbf16>) {
      %q, %k, %v = jet.qkv_linear %x(%wq, %wk, %wv) rope %p theta 10000.0 : (tensor<?x64xbf16>, tensor<512x64xbf16>, tensor<256x64xbf16>, tensor<256x64xbf16>, tensor<?xi32>) -> (tensor<?x4x128xbf16>, tensor<?x2x128xbf16>, tensor<?x2x128xbf16>)
      return %q, %k, %v : tensor<?x4x128xbf16>, tensor<?x2x128xbf16>, tensor<?x2x128xbf16>
    }
  }
}

// -----

// None for caches of fp8, for weights in f32, for rows that TMA cannot copy.
// CHECK-LABEL: module @none
// CHECK-NOT: tile.kernels
module @none {
  module @kernels {
    func.func @f8(%x: tensor<?x64xf32>, %w: tensor<64x64xbf16>, %p: tensor<?xi32>, %c: !jet.kv_cache<2x32xf8E4M3FN, page = 64>, %b: !jet.batch) -> (tensor<?x2x32xf32>, !jet.kv_cache<2x32xf8E4M3FN, page = 64>) {
      %q, %next = jet.qkv_linear %x(%w, %w, %w) rope %p theta 10000.0 append %c, %b : (tensor<?x64xf32>, tensor<64x64xbf16>, tensor<64x64xbf16>, tensor<64x64xbf16>, tensor<?xi32>, !jet.kv_cache<2x32xf8E4M3FN, page = 64>, !jet.batch) -> (tensor<?x2x32xf32>, !jet.kv_cache<2x32xf8E4M3FN, page = 64>)
      return %q, %next : tensor<?x2x32xf32>, !jet.kv_cache<2x32xf8E4M3FN, page = 64>
    }
    func.func @f32(%x: tensor<?x64xf32>, %w: tensor<64x64xf32>, %p: tensor<?xi32>, %c: !jet.kv_cache<2x32xbf16, page = 64>, %b: !jet.batch) -> (tensor<?x2x32xf32>, !jet.kv_cache<2x32xbf16, page = 64>) {
      %q, %next = jet.qkv_linear %x(%w, %w, %w) rope %p theta 10000.0 append %c, %b : (tensor<?x64xf32>, tensor<64x64xf32>, tensor<64x64xf32>, tensor<64x64xf32>, tensor<?xi32>, !jet.kv_cache<2x32xbf16, page = 64>, !jet.batch) -> (tensor<?x2x32xf32>, !jet.kv_cache<2x32xbf16, page = 64>)
      return %q, %next : tensor<?x2x32xf32>, !jet.kv_cache<2x32xbf16, page = 64>
    }
    func.func @narrow(%x: tensor<?x60xf32>, %w: tensor<64x60xbf16>, %p: tensor<?xi32>, %c: !jet.kv_cache<2x32xbf16, page = 64>, %b: !jet.batch) -> (tensor<?x2x32xf32>, !jet.kv_cache<2x32xbf16, page = 64>) {
      %q, %next = jet.qkv_linear %x(%w, %w, %w) rope %p theta 10000.0 append %c, %b : (tensor<?x60xf32>, tensor<64x60xbf16>, tensor<64x60xbf16>, tensor<64x60xbf16>, tensor<?xi32>, !jet.kv_cache<2x32xbf16, page = 64>, !jet.batch) -> (tensor<?x2x32xf32>, !jet.kv_cache<2x32xbf16, page = 64>)
      return %q, %next : tensor<?x2x32xf32>, !jet.kv_cache<2x32xbf16, page = 64>
    }
  }
}
