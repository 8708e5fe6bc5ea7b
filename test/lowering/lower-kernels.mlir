// Kernels get buffers for arguments, each with its shape in the symbols
// R, B, T, C, S, P and its use, and a body of linalg under one scf.forall.

// RUN: jet-opt %s -jet-lower-kernels | FileCheck %s

module {
  module @kernels {
    // Operands are read, results written: rows are R.
    // CHECK-LABEL: func.func @swiglu
    // CHECK-SAME:    (%[[GATE:[^:]*]]: memref<?x8xf32> {jet.access = "read", jet.shape = affine_map<()[s0, s1, s2, s3, s4, s5] -> (s0, 8)>},
    // CHECK-SAME:    %[[UP:[^:]*]]: memref<?x8xf32> {jet.access = "read", {{[^}]*}}},
    // CHECK-SAME:    %[[OUT:[^:]*]]: memref<?x8xf32> {jet.access = "write", jet.shape = affine_map<()[s0, s1, s2, s3, s4, s5] -> (s0, 8)>}) {
    // CHECK:         %[[INIT:.*]] = bufferization.to_tensor %[[OUT]] restrict writable
    // CHECK:         %[[Y:.*]] = scf.forall (%[[I:.*]]) in (%{{.*}}) shared_outs(%{{.*}} = %[[INIT]]) -> (tensor<?x8xf32>)
    // CHECK:           linalg.generic
    // CHECK:             math.exp
    // CHECK:         bufferization.materialize_in_destination %[[Y]] in restrict writable %[[OUT]]
    // CHECK-NEXT:    return
    func.func @swiglu(%g: tensor<?x8xf32>, %u: tensor<?x8xf32>) -> tensor<?x8xf32> {
      %y = jet.swiglu %g, %u : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
      return %y : tensor<?x8xf32>
    }

    // A state that is updated is one argument, in place: P pages, or S slots. The
    // batch has C columns for pages.
    // CHECK-LABEL: func.func @kv_append
    // CHECK-SAME:    (%[[CACHE:[^:]*]]: memref<?x2x2x64x4xbf16> {jet.access = "readwrite", jet.shape = affine_map<()[s0, s1, s2, s3, s4, s5] -> (s5, 2, 2, 64, 4)>},
    // CHECK-SAME:    %{{[^:]*}}: memref<?x2x4xbf16> {jet.access = "read", jet.shape = affine_map<()[s0, s1, s2, s3, s4, s5] -> (s0, 2, 4)>},
    // CHECK-SAME:    %{{[^:]*}}: memref<?x2x4xbf16> {jet.access = "read", {{[^}]*}}},
    // CHECK-SAME:    %{{[^:]*}}: memref<?x?xi32> {jet.access = "read", jet.shape = affine_map<()[s0, s1, s2, s3, s4, s5] -> (s1, s3 + 4)>}) {
    // CHECK:         bufferization.materialize_in_destination %{{.*}} in restrict writable %[[CACHE]]
    func.func @kv_append(%c: !jet.kv_cache<2x4xbf16, page = 64>, %k: tensor<?x2x4xbf16>, %v: tensor<?x2x4xbf16>, %b: !jet.batch) -> !jet.kv_cache<2x4xbf16, page = 64> {
      %n = jet.kv_append %c, %k, %v, %b : (!jet.kv_cache<2x4xbf16, page = 64>, tensor<?x2x4xbf16>, tensor<?x2x4xbf16>, !jet.batch) -> !jet.kv_cache<2x4xbf16, page = 64>
      return %n : !jet.kv_cache<2x4xbf16, page = 64>
    }

    // A state that is only read is not written back. A window is a static size.
    // CHECK-LABEL: func.func @attention
    // CHECK-SAME:    %{{[^:]*}}: memref<?x2x1x16x4xf32> {jet.access = "read", jet.shape = affine_map<()[s0, s1, s2, s3, s4, s5] -> (s4, 2, 1, 16, 4)>}
    // CHECK-SAME:    %[[OUT:[^:]*]]: memref<?x2x4xf32> {jet.access = "write", jet.shape = affine_map<()[s0, s1, s2, s3, s4, s5] -> (s0, 2, 4)>}) {
    // CHECK:         scf.forall (%{{.*}}, %{{.*}}) in (%{{.*}}, 2)
    // CHECK-COUNT-1: bufferization.materialize_in_destination
    // CHECK-NEXT:    return
    func.func @attention(%q: tensor<?x2x4xf32>, %k: tensor<?x1x4xf32>, %v: tensor<?x1x4xf32>, %c: !jet.kv_cache<1x4xf32, window = 16>, %b: !jet.batch) -> tensor<?x2x4xf32> {
      %y = jet.attention %q, %k, %v, %c, %b : (tensor<?x2x4xf32>, tensor<?x1x4xf32>, tensor<?x1x4xf32>, !jet.kv_cache<1x4xf32, window = 16>, !jet.batch) -> tensor<?x2x4xf32>
      return %y : tensor<?x2x4xf32>
    }

    // Rows of last_token's result are sequences.
    // CHECK-LABEL: func.func @last_token
    // CHECK-SAME:    jet.access = "read", jet.shape = affine_map<()[s0, s1, s2, s3, s4, s5] -> (s0, 8)>
    // CHECK-SAME:    jet.access = "write", jet.shape = affine_map<()[s0, s1, s2, s3, s4, s5] -> (s1, 8)>
    func.func @last_token(%x: tensor<?x8xf32>, %b: !jet.batch) -> tensor<?x8xf32> {
      %y = jet.last_token %x, %b : (tensor<?x8xf32>, !jet.batch) -> tensor<?x8xf32>
      return %y : tensor<?x8xf32>
    }
  }
}
