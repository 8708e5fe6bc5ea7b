// What cannot be planned. A pipeline that skips a level is told so at the op.

// RUN: jet-opt %s -jet-plan-memory -verify-diagnostics -split-input-file
// RUN: not jet-opt %S/plan-memory.mlir -jet-plan-memory=max-context=4097 2>&1 | FileCheck %s --check-prefix=CONTEXT
// CONTEXT: plan-memory.mlir:7:1: error: 'jet.model' op expected max-context from 1 to its max_position 4096, found 4097
// RUN: not jet-opt %S/plan-memory.mlir -jet-plan-memory=max-batch=0 2>&1 | FileCheck %s --check-prefix=BATCH
// BATCH: plan-memory.mlir:7:1: error: 'jet.model' op expected max-batch from 1 to 2147483647, found 0

// No model
// expected-error @+1 {{expected one jet.model to plan for, found 0}}
module {}

// -----

// Level tensor, not yet launch
jet.model @m hidden 48 intermediate 64 vocab 32 max_position 4096 rms_norm_eps 1.0e-06 storage f32 {
  jet.layer 0 mixer #jet.attention<heads = 1, kv_heads = 1, head_dim = 48, rope_theta = 10000.0> weights "self_attn"
}
func.func @decode(%tokens: tensor<?xi32>, %positions: tensor<?xi32>, %batch: !jet.batch) {
  %t = jet.param "t" : tensor<32x48xf32>
  // expected-error @+1 {{'jet.embedding' op does not belong to level 'launch', from which plans are made; run -jet-launch first}}
  %x = jet.embedding %tokens, %t : (tensor<?xi32>, tensor<32x48xf32>) -> tensor<?x48xf32>
  return
}

// -----

// A plan already
jet.model @m hidden 48 intermediate 64 vocab 32 max_position 4096 rms_norm_eps 1.0e-06 storage f32 {
  jet.layer 0 mixer #jet.attention<heads = 1, kv_heads = 1, head_dim = 48, rope_theta = 10000.0> weights "self_attn"
}
// expected-error @+1 {{'jet.plan' op is a plan already}}
jet.plan @decode arena 0 max_batch 16 max_context 4096 {
}

// -----

// No body
jet.model @m hidden 48 intermediate 64 vocab 32 max_position 4096 rms_norm_eps 1.0e-06 storage f32 {
  jet.layer 0 mixer #jet.attention<heads = 1, kv_heads = 1, head_dim = 48, rope_theta = 10000.0> weights "self_attn"
}
// expected-error @+1 {{'func.func' op expected a body of one block}}
func.func private @decode(tensor<?xi32>)

// -----

// A state without a layer
jet.model @m hidden 48 intermediate 64 vocab 32 max_position 4096 rms_norm_eps 1.0e-06 storage f32 {
  jet.layer 0 mixer #jet.attention<heads = 1, kv_heads = 1, head_dim = 48, rope_theta = 10000.0> weights "self_attn"
}
// expected-error @+1 {{'func.func' op expected jet.layer on argument 3, which is a state}}
func.func @decode(%tokens: tensor<?xi32>, %positions: tensor<?xi32>, %batch: !jet.batch, %s: !jet.kv_cache<1x48xf32, page = 64>) {
  return
}

// -----

// An argument that the runtime does not know
jet.model @m hidden 48 intermediate 64 vocab 32 max_position 4096 rms_norm_eps 1.0e-06 storage f32 {
  jet.layer 0 mixer #jet.attention<heads = 1, kv_heads = 1, head_dim = 48, rope_theta = 10000.0> weights "self_attn"
}
// expected-error @+1 {{'func.func' op expected tokens, positions, the batch, how to sample and then states as arguments, found 'tensor<?xf32>' as argument 4}}
func.func @decode(%tokens: tensor<?xi32>, %positions: tensor<?xi32>, %batch: !jet.batch, %o: tensor<?x4xf32>, %s: tensor<?xf32>) {
  return
}

// -----

// A result that is none of a launch
jet.model @m hidden 48 intermediate 64 vocab 32 max_position 4096 rms_norm_eps 1.0e-06 storage f32 {
  jet.layer 0 mixer #jet.attention<heads = 1, kv_heads = 1, head_dim = 48, rope_theta = 10000.0> weights "self_attn"
}
func.func @decode(%tokens: tensor<?xi32>, %positions: tensor<?xi32>, %batch: !jet.batch) -> tensor<?xi32> {
  // expected-error @+1 {{'func.return' op expected the logits of a launch (or values and ids), the next tokens if it picks them and then states, found a result 0 of 'tensor<?xi32>' that no launch makes}}
  return %tokens : tensor<?xi32>
}

// -----

// A state that was updated before
jet.model @m hidden 48 intermediate 64 vocab 32 max_position 4096 rms_norm_eps 1.0e-06 storage f32 {
  jet.layer 0 mixer #jet.attention<heads = 1, kv_heads = 1, head_dim = 48, rope_theta = 10000.0> weights "self_attn"
}
func.func @decode(%tokens: tensor<?xi32>, %positions: tensor<?xi32>, %batch: !jet.batch, %s: !jet.kv_cache<1x48xf32, page = 64> {jet.layer = 0 : i64}) -> (!jet.kv_cache<1x48xf32, page = 64>) {
  %n = jet.launch @kernels::@k(%s) rows tokens : (!jet.kv_cache<1x48xf32, page = 64>) -> !jet.kv_cache<1x48xf32, page = 64>
  // expected-error @+1 {{'jet.launch' op reads a state that was updated before}}
  %o = jet.launch @kernels::@k(%s) rows tokens : (!jet.kv_cache<1x48xf32, page = 64>) -> !jet.kv_cache<1x48xf32, page = 64>
  return %n : !jet.kv_cache<1x48xf32, page = 64>
}
module @kernels {
  func.func private @k(!jet.kv_cache<1x48xf32, page = 64>) -> !jet.kv_cache<1x48xf32, page = 64>
}

// -----

// A result without rows
jet.model @m hidden 48 intermediate 64 vocab 32 max_position 4096 rms_norm_eps 1.0e-06 storage f32 {
  jet.layer 0 mixer #jet.attention<heads = 1, kv_heads = 1, head_dim = 48, rope_theta = 10000.0> weights "self_attn"
}
func.func @decode(%tokens: tensor<?xi32>, %positions: tensor<?xi32>, %batch: !jet.batch) {
  // expected-error @+1 {{'jet.launch' op expected results with a row for each token, found 'tensor<48xf32>'}}
  %n = jet.launch @kernels::@k() rows tokens : () -> tensor<48xf32>
  return
}
module @kernels {
  func.func private @k() -> tensor<48xf32>
}

// -----

// A state from nowhere
jet.model @m hidden 48 intermediate 64 vocab 32 max_position 4096 rms_norm_eps 1.0e-06 storage f32 {
  jet.layer 0 mixer #jet.attention<heads = 1, kv_heads = 1, head_dim = 48, rope_theta = 10000.0> weights "self_attn"
}
func.func @decode(%tokens: tensor<?xi32>, %positions: tensor<?xi32>, %batch: !jet.batch) {
  // expected-error @+1 {{'jet.launch' op makes a state that it does not take: '!jet.kv_cache<1x48xf32, page = 64>'}}
  %n = jet.launch @kernels::@k() rows tokens : () -> !jet.kv_cache<1x48xf32, page = 64>
  return
}
module @kernels {
  func.func private @k() -> !jet.kv_cache<1x48xf32, page = 64>
}
