// Launches become executions on places.

// RUN: jet-opt %s -jet-plan-memory=max-batch=8 | FileCheck %s
// RUN: jet-opt %s -jet-plan-memory=max-context=100 | FileCheck %s --check-prefix=LIMITS
// LIMITS: jet.plan @prefill arena {{.*}} max_batch 16 max_context 100 {

jet.model @m hidden 48 intermediate 64 vocab 32 max_position 4096 rms_norm_eps 1.0e-06 storage f32 {
  jet.layer 0 mixer #jet.attention<heads = 1, kv_heads = 1, head_dim = 48, rope_theta = 10000.0> weights "self_attn"
}

// The functions are gone, in their places plans in the same order.
// CHECK-NOT: func.func @prefill
// CHECK:      jet.plan @prefill arena 384 max_batch 8 max_context 4096 {
// CHECK-NEXT:   %tokens = jet.input "tokens" : memref<?xi32>
// CHECK-NEXT:   %positions = jet.input "positions" : memref<?xi32>
// CHECK-NEXT:   %batch = jet.input "batch" : !jet.batch
// CHECK-NEXT:   %state0 = jet.state 0 layer 0 : !jet.kv_cache<1x48xf32, page = 64>
// CHECK-NEXT:   %logits = jet.output "logits" rows sequences : memref<?x32xf32>
// CHECK-NEXT:   %t = jet.weight "t" : memref<32x48xf32>
// The most are alive in last_token: two rows of 48 floats.
// CHECK-NEXT:   %buffer0 = jet.buffer at {{[0-9]+}} bytes 192 : memref<?x48xf32>
// CHECK-NEXT:   jet.execute @kernels::@embedding_48 reads(%tokens, %t : memref<?xi32>, memref<32x48xf32>) writes(%buffer0 : memref<?x48xf32>) rows tokens
// The state is updated in place; the view of heads is gone.
// CHECK-NEXT:   jet.execute @kernels::@kv_append reads(%buffer0, %buffer0, %batch : memref<?x48xf32>, memref<?x48xf32>, !jet.batch) updates(%state0 : !jet.kv_cache<1x48xf32, page = 64>) rows tokens
// CHECK-NEXT:   %buffer1 = jet.buffer at {{[0-9]+}} bytes 192 : memref<?x48xf32>
// CHECK-NEXT:   jet.execute @kernels::@last_token_48 reads(%buffer0, %batch : memref<?x48xf32>, !jet.batch) writes(%buffer1 : memref<?x48xf32>) rows tokens
// A row of 3 numbers takes a cache line, so that the next begins at one.
// CHECK-NEXT:   %w = jet.weight "w" column_scale "n" : memref<3x48xf32>
// CHECK-NEXT:   %buffer2 = jet.buffer at {{[0-9]+}} bytes 64 : memref<?x3xf32>
// CHECK-NEXT:   jet.execute @kernels::@linear_3x48 reads(%buffer1, %w : memref<?x48xf32>, memref<3x48xf32>) writes(%buffer2 : memref<?x3xf32>) rows sequences
// CHECK-NEXT:   jet.execute @kernels::@linear_32x48 reads(%buffer1, %t : memref<?x48xf32>, memref<32x48xf32>) writes(%logits : memref<?x32xf32>) rows sequences
// CHECK-NEXT: }
func.func @prefill(%tokens: tensor<?xi32>, %positions: tensor<?xi32>, %batch: !jet.batch, %s: !jet.kv_cache<1x48xf32, page = 64> {jet.layer = 0 : i64}) -> (tensor<?x32xf32>, !jet.kv_cache<1x48xf32, page = 64>) {
  %t = jet.param "t" : tensor<32x48xf32>
  %x = jet.launch @kernels::@embedding_48(%tokens, %t) rows tokens : (tensor<?xi32>, tensor<32x48xf32>) -> tensor<?x48xf32>
  %h = jet.split_heads %x : (tensor<?x48xf32>) -> tensor<?x1x48xf32>
  %n = jet.launch @kernels::@kv_append(%h, %h, %s, %batch) rows tokens : (tensor<?x1x48xf32>, tensor<?x1x48xf32>, !jet.kv_cache<1x48xf32, page = 64>, !jet.batch) -> !jet.kv_cache<1x48xf32, page = 64>
  %l = jet.launch @kernels::@last_token_48(%x, %batch) rows tokens : (tensor<?x48xf32>, !jet.batch) -> tensor<?x48xf32>
  %w = jet.param "w" column_scale "n" : tensor<3x48xf32>
  %unused = jet.launch @kernels::@linear_3x48(%l, %w) rows sequences : (tensor<?x48xf32>, tensor<3x48xf32>) -> tensor<?x3xf32>
  %y = jet.launch @kernels::@linear_32x48(%l, %t) rows sequences : (tensor<?x48xf32>, tensor<32x48xf32>) -> tensor<?x32xf32>
  return %y, %n : tensor<?x32xf32>, !jet.kv_cache<1x48xf32, page = 64>
}

// A step of decode has one token of each sequence: rows of tokens are rows of
// sequences.
// CHECK: jet.plan @decode
// CHECK: jet.output "logits" rows sequences
// CHECK: writes(%logits : memref<?x48xf32>) rows tokens
func.func @decode(%tokens: tensor<?xi32>, %positions: tensor<?xi32>, %batch: !jet.batch) -> tensor<?x48xf32> {
  %t = jet.param "t" : tensor<32x48xf32>
  %x = jet.launch @kernels::@embedding_48(%tokens, %t) rows tokens : (tensor<?xi32>, tensor<32x48xf32>) -> tensor<?x48xf32>
  return %x : tensor<?x48xf32>
}

// Rows of weights are where they are, in the weight's own shape; all of them are
// the weight.
// CHECK: jet.plan @rows
// CHECK: %c = jet.weight "c" : memref<48x1x2xf32>
// CHECK-NEXT: %rows = jet.weight_rows %c[4, 36] : memref<48x1x2xf32> -> memref<32x1x2xf32>
// CHECK-NEXT: %d = jet.weight "d" : memref<32xf32>
// CHECK-NOT: jet.weight_rows
// CHECK: jet.execute @kernels::@scale reads(%{{.*}}, %rows, %d : memref<?x32xf32>, memref<32x1x2xf32>, memref<32xf32>)
func.func @rows(%tokens: tensor<?xi32>, %positions: tensor<?xi32>, %batch: !jet.batch) -> tensor<?x32xf32> {
  %t = jet.param "s" : tensor<48x32xf32>
  %x = jet.launch @kernels::@embedding_32(%tokens, %t) rows tokens : (tensor<?xi32>, tensor<48x32xf32>) -> tensor<?x32xf32>
  %c = jet.param "c" : tensor<48x1x2xf32>
  %w = jet.param_rows %c [4, 36) : (tensor<48x1x2xf32>) -> tensor<32x2xf32>
  %d = jet.param "d" : tensor<32xf32>
  %e = jet.param_rows %d [0, 32) : (tensor<32xf32>) -> tensor<32x1xf32>
  %y = jet.launch @kernels::@scale(%x, %w, %e) rows tokens : (tensor<?x32xf32>, tensor<32x2xf32>, tensor<32x1xf32>) -> tensor<?x32xf32>
  return %y : tensor<?x32xf32>
}

// CHECK: jet.plan @forward
// CHECK: jet.output "logits" rows tokens
func.func @forward(%tokens: tensor<?xi32>, %positions: tensor<?xi32>, %batch: !jet.batch) -> tensor<?x48xf32> {
  %t = jet.param "t" : tensor<32x48xf32>
  %x = jet.launch @kernels::@embedding_48(%tokens, %t) rows tokens : (tensor<?xi32>, tensor<32x48xf32>) -> tensor<?x48xf32>
  return %x : tensor<?x48xf32>
}

module @kernels {
  func.func private @embedding_48(tensor<?xi32>, tensor<32x48xf32>) -> tensor<?x48xf32>
  func.func private @embedding_32(tensor<?xi32>, tensor<48x32xf32>) -> tensor<?x32xf32>
  func.func private @scale(tensor<?x32xf32>, tensor<32x2xf32>, tensor<32x1xf32>) -> tensor<?x32xf32>
  func.func private @kv_append(tensor<?x1x48xf32>, tensor<?x1x48xf32>, !jet.kv_cache<1x48xf32, page = 64>, !jet.batch) -> !jet.kv_cache<1x48xf32, page = 64>
  func.func private @last_token_48(tensor<?x48xf32>, !jet.batch) -> tensor<?x48xf32>
  func.func private @linear_3x48(tensor<?x48xf32>, tensor<3x48xf32>) -> tensor<?x3xf32>
  func.func private @linear_32x48(tensor<?x48xf32>, tensor<32x48xf32>) -> tensor<?x32xf32>
}
