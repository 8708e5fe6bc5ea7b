// A sound plan: buffers 0 and 2 share a place, one after the other.

// RUN: jet-opt %s -jet-verify-plan | FileCheck %s
// RUN: jet-opt %s -jet-verify-level=level=plan | FileCheck %s

// The same with kernels that are code already.
// RUN: jet-opt %s -jet-linalg -jet-cpu-loops -jet-verify-plan | FileCheck %s

// CHECK: jet.plan @prefill arena 128 max_batch 4 max_context 64 {
// CHECK: %buffer2 = jet.buffer at 0 bytes 64 : memref<?x16xf32>
// CHECK: jet.execute @kernels::@head reads(%buffer2, %w :

jet.model @m hidden 16 intermediate 16 vocab 32 max_position 64 rms_norm_eps 1.0e-06 storage f32 {
  jet.layer 0 mixer #jet.attention<heads = 1, kv_heads = 1, head_dim = 16, rope_theta = 10000.0> weights "self_attn"
}
jet.plan @prefill arena 128 max_batch 4 max_context 64 {
  %tokens = jet.input "tokens" : memref<?xi32>
  %batch = jet.input "batch" : !jet.batch
  %s = jet.state 0 layer 0 : !jet.kv_cache<1x16xf32, page = 64>
  %logits = jet.output "logits" rows sequences : memref<?x32xf32>
  %w = jet.weight "w" : memref<32x16xf32>
  %x = jet.buffer at 0 bytes 64 : memref<?x16xf32>
  %y = jet.buffer at 64 bytes 64 : memref<?x16xf32>
  %z = jet.buffer at 0 bytes 64 : memref<?x16xf32>
  jet.execute @kernels::@embed reads(%tokens, %w : memref<?xi32>, memref<32x16xf32>) writes(%x : memref<?x16xf32>) rows tokens
  jet.execute @kernels::@append reads(%x, %x, %batch : memref<?x16xf32>, memref<?x16xf32>, !jet.batch) updates(%s : !jet.kv_cache<1x16xf32, page = 64>) rows tokens
  jet.execute @kernels::@mul reads(%x, %x : memref<?x16xf32>, memref<?x16xf32>) writes(%y : memref<?x16xf32>) rows tokens
  jet.execute @kernels::@last reads(%y, %batch : memref<?x16xf32>, !jet.batch) writes(%z : memref<?x16xf32>) rows tokens
  jet.execute @kernels::@head reads(%z, %w : memref<?x16xf32>, memref<32x16xf32>) writes(%logits : memref<?x32xf32>) rows sequences
}
module @kernels {
  func.func @embed(%t: tensor<?xi32>, %w: tensor<32x16xf32>) -> tensor<?x16xf32> {
    %y = jet.embedding %t, %w : (tensor<?xi32>, tensor<32x16xf32>) -> tensor<?x16xf32>
    return %y : tensor<?x16xf32>
  }
  func.func @append(%s: !jet.kv_cache<1x16xf32, page = 64>, %k: tensor<?x1x16xf32>, %v: tensor<?x1x16xf32>, %b: !jet.batch) -> !jet.kv_cache<1x16xf32, page = 64> {
    %n = jet.kv_append %s, %k, %v, %b : (!jet.kv_cache<1x16xf32, page = 64>, tensor<?x1x16xf32>, tensor<?x1x16xf32>, !jet.batch) -> !jet.kv_cache<1x16xf32, page = 64>
    return %n : !jet.kv_cache<1x16xf32, page = 64>
  }
  func.func @mul(%a: tensor<?x16xf32>, %b: tensor<?x16xf32>) -> tensor<?x16xf32> {
    %y = jet.swiglu %a, %b : (tensor<?x16xf32>, tensor<?x16xf32>) -> tensor<?x16xf32>
    return %y : tensor<?x16xf32>
  }
  func.func @last(%x: tensor<?x16xf32>, %b: !jet.batch) -> tensor<?x16xf32> {
    %y = jet.last_token %x, %b : (tensor<?x16xf32>, !jet.batch) -> tensor<?x16xf32>
    return %y : tensor<?x16xf32>
  }
  func.func @head(%x: tensor<?x16xf32>, %w: tensor<32x16xf32>) -> tensor<?x32xf32> {
    %y = jet.linear %x, %w : (tensor<?x16xf32>, tensor<32x16xf32>) -> tensor<?x32xf32>
    return %y : tensor<?x32xf32>
  }
}
