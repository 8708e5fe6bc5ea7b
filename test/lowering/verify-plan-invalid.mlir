// Plans broken by hand, one fault each: reported at the op.

// RUN: jet-opt %s -jet-verify-plan -verify-diagnostics -split-input-file

// Buffers that overlap while both are alive
jet.model @m hidden 16 intermediate 16 vocab 32 max_position 64 rms_norm_eps 1.0e-06 storage f32 {
  jet.layer 0 mixer #jet.attention<heads = 1, kv_heads = 1, head_dim = 16, rope_theta = 10000.0> weights "self_attn"
}
jet.plan @prefill arena 128 max_batch 4 max_context 64 {
  %tokens = jet.input "tokens" : memref<?xi32>
  %batch = jet.input "batch" : !jet.batch
  %s = jet.state 0 layer 0 : !jet.kv_cache<1x16xf32, page = 64>
  %logits = jet.output "logits" rows sequences : memref<?x32xf32>
  %w = jet.weight "w" : memref<32x16xf32>
  // expected-note @+1 {{buffer 0 is placed here}}
  %x = jet.buffer at 0 bytes 64 : memref<?x16xf32>
  // expected-note @+1 {{buffer 1 is placed here}}
  %y = jet.buffer at 0 bytes 64 : memref<?x16xf32>
  %z = jet.buffer at 0 bytes 64 : memref<?x16xf32>
  jet.execute @kernels::@embed reads(%tokens, %w : memref<?xi32>, memref<32x16xf32>) writes(%x : memref<?x16xf32>) rows tokens
  jet.execute @kernels::@append reads(%x, %x, %batch : memref<?x16xf32>, memref<?x16xf32>, !jet.batch) updates(%s : !jet.kv_cache<1x16xf32, page = 64>) rows tokens
  // expected-error @+1 {{'jet.execute' op expected buffers that do not overlap, found buffer 1 [0, 64) written over buffer 0 [0, 64), which launch 2 'mul' uses last}}
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

// -----

// A buffer read before it is written
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
  // expected-note @+1 {{buffer 1 is placed here}}
  %y = jet.buffer at 64 bytes 64 : memref<?x16xf32>
  %z = jet.buffer at 0 bytes 64 : memref<?x16xf32>
  jet.execute @kernels::@embed reads(%tokens, %w : memref<?xi32>, memref<32x16xf32>) writes(%x : memref<?x16xf32>) rows tokens
  jet.execute @kernels::@append reads(%x, %x, %batch : memref<?x16xf32>, memref<?x16xf32>, !jet.batch) updates(%s : !jet.kv_cache<1x16xf32, page = 64>) rows tokens
  // expected-error @+1 {{'jet.execute' op expected operand 0 to be written before, found buffer 1 [64, 128) read before any launch wrote it}}
  jet.execute @kernels::@mul reads(%y, %x : memref<?x16xf32>, memref<?x16xf32>) writes(%z : memref<?x16xf32>) rows tokens
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

// -----

// A buffer read further than it is written: rows of sequences, then of tokens
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
  // expected-note @+1 {{buffer 1 is placed here}}
  %y = jet.buffer at 64 bytes 64 : memref<?x16xf32>
  %z = jet.buffer at 0 bytes 64 : memref<?x16xf32>
  jet.execute @kernels::@embed reads(%tokens, %w : memref<?xi32>, memref<32x16xf32>) writes(%x : memref<?x16xf32>) rows tokens
  jet.execute @kernels::@append reads(%x, %x, %batch : memref<?x16xf32>, memref<?x16xf32>, !jet.batch) updates(%s : !jet.kv_cache<1x16xf32, page = 64>) rows tokens
  jet.execute @kernels::@mul reads(%x, %x : memref<?x16xf32>, memref<?x16xf32>) writes(%y : memref<?x16xf32>) rows sequences
  // expected-error @+1 {{'jet.execute' op expected operand 0 to be written before, found buffer 1 [64, 128) read beyond what was written: 4096 bytes of 64}}
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

// -----

// A result in the place of an operand
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
  // expected-error @+1 {{'jet.execute' op expected operands that do not alias, found buffer 0 [0, 64) as operands 0 and 2, one of them written}}
  jet.execute @kernels::@mul reads(%x, %y : memref<?x16xf32>, memref<?x16xf32>) writes(%x : memref<?x16xf32>) rows tokens
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

// -----

// A state written twice
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
  // expected-error @+1 {{'jet.execute' op expected states that one launch writes, found state 0 (layer 0) already written by launch 1 'append'}}
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

// -----

// A state written by no program
jet.model @m hidden 16 intermediate 16 vocab 32 max_position 64 rms_norm_eps 1.0e-06 storage f32 {
  jet.layer 0 mixer #jet.attention<heads = 1, kv_heads = 1, head_dim = 16, rope_theta = 10000.0> weights "self_attn"
}
// expected-error @+1 {{'jet.plan' op $.states[0]: expected a launch that writes state 0 (layer 0) in every program, found none in any}}
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

// -----

// A state that one program forgets
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
// expected-error @+1 {{'jet.plan' op expected a launch that writes state 0 (layer 0) as in 'prefill', found none}}
jet.plan @decode arena 128 max_batch 4 max_context 64 {
  %tokens = jet.input "tokens" : memref<?xi32>
  %batch = jet.input "batch" : !jet.batch
  %s = jet.state 0 layer 0 : !jet.kv_cache<1x16xf32, page = 64>
  %logits = jet.output "logits" rows sequences : memref<?x32xf32>
  %w = jet.weight "w" : memref<32x16xf32>
  %x = jet.buffer at 0 bytes 64 : memref<?x16xf32>
  %y = jet.buffer at 64 bytes 64 : memref<?x16xf32>
  %z = jet.buffer at 0 bytes 64 : memref<?x16xf32>
  jet.execute @kernels::@embed reads(%tokens, %w : memref<?xi32>, memref<32x16xf32>) writes(%x : memref<?x16xf32>) rows tokens
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

// -----

// A misaligned buffer
jet.model @m hidden 16 intermediate 16 vocab 32 max_position 64 rms_norm_eps 1.0e-06 storage f32 {
  jet.layer 0 mixer #jet.attention<heads = 1, kv_heads = 1, head_dim = 16, rope_theta = 10000.0> weights "self_attn"
}
jet.plan @prefill arena 128 max_batch 4 max_context 64 {
  %tokens = jet.input "tokens" : memref<?xi32>
  %batch = jet.input "batch" : !jet.batch
  %s = jet.state 0 layer 0 : !jet.kv_cache<1x16xf32, page = 64>
  %logits = jet.output "logits" rows sequences : memref<?x32xf32>
  %w = jet.weight "w" : memref<32x16xf32>
  // expected-error @+1 {{'jet.buffer' op offset: expected a multiple of 64, found 32}}
  %x = jet.buffer at 32 bytes 64 : memref<?x16xf32>
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

// -----

// A buffer outside of the arena
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
  // expected-error @+1 {{'jet.buffer' op expected a slice of the arena's 128 bytes, found 64 bytes at 128}}
  %y = jet.buffer at 128 bytes 64 : memref<?x16xf32>
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

// -----

// A buffer too small for a row of what is written to it
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
  // expected-note @+1 {{buffer 1 is placed here}}
  %y = jet.buffer at 64 bytes 32 : memref<?x16xf32>
  %z = jet.buffer at 0 bytes 64 : memref<?x16xf32>
  jet.execute @kernels::@embed reads(%tokens, %w : memref<?xi32>, memref<32x16xf32>) writes(%x : memref<?x16xf32>) rows tokens
  jet.execute @kernels::@append reads(%x, %x, %batch : memref<?x16xf32>, memref<?x16xf32>, !jet.batch) updates(%s : !jet.kv_cache<1x16xf32, page = 64>) rows tokens
  // expected-error @+1 {{'jet.execute' op operand 2: expected a buffer of at least 64 bytes a row, found 32 (buffer 1)}}
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

// -----

// An arena that does not fit 64 bits in the largest step: 4 sequences of 64
jet.model @m hidden 16 intermediate 16 vocab 32 max_position 64 rms_norm_eps 1.0e-06 storage f32 {
  jet.layer 0 mixer #jet.attention<heads = 1, kv_heads = 1, head_dim = 16, rope_theta = 10000.0> weights "self_attn"
}
// expected-error @+1 {{'jet.plan' op arena_bytes_per_row: expected a size that fits 64 bits for every step, found 36028797018963968}}
jet.plan @prefill arena 36028797018963968 max_batch 4 max_context 64 {
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

// -----

// Limits that no package has
jet.model @m hidden 16 intermediate 16 vocab 32 max_position 64 rms_norm_eps 1.0e-06 storage f32 {
  jet.layer 0 mixer #jet.attention<heads = 1, kv_heads = 1, head_dim = 16, rope_theta = 10000.0> weights "self_attn"
}
// expected-error @+1 {{'jet.plan' op $.model.max_batch: expected an integer from 1 to 1048576, found 1048577}}
jet.plan @prefill arena 128 max_batch 1048577 max_context 64 {
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

// -----

// Limits beyond the model's
jet.model @m hidden 16 intermediate 16 vocab 32 max_position 64 rms_norm_eps 1.0e-06 storage f32 {
  jet.layer 0 mixer #jet.attention<heads = 1, kv_heads = 1, head_dim = 16, rope_theta = 10000.0> weights "self_attn"
}
// expected-error @+1 {{'jet.plan' op expected max_context at most 64, the model's max_position, found 65}}
jet.plan @prefill arena 128 max_batch 4 max_context 65 {
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

// -----

// Limits that differ
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
// expected-error @+1 {{'jet.plan' op expected max_batch 4 and max_context 64 as in 'prefill', found 3 and 64}}
jet.plan @decode arena 128 max_batch 3 max_context 64 {
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

// -----

// No logits
jet.model @m hidden 16 intermediate 16 vocab 32 max_position 64 rms_norm_eps 1.0e-06 storage f32 {
  jet.layer 0 mixer #jet.attention<heads = 1, kv_heads = 1, head_dim = 16, rope_theta = 10000.0> weights "self_attn"
}
// expected-error @+1 {{'jet.plan' op expected a launch that writes the logits, found none among 4}}
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

// -----

// Logits written twice
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
  // expected-error @+1 {{'jet.execute' op expected logits that one launch writes, found them already written by launch 4 'head'}}
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

// -----

// Logits of tokens where the caller expects those of sequences
jet.model @m hidden 16 intermediate 16 vocab 32 max_position 64 rms_norm_eps 1.0e-06 storage f32 {
  jet.layer 0 mixer #jet.attention<heads = 1, kv_heads = 1, head_dim = 16, rope_theta = 10000.0> weights "self_attn"
}
// expected-error @+1 {{'jet.plan' op logits: expected sequences, found tokens}}
jet.plan @prefill arena 128 max_batch 4 max_context 64 {
  %tokens = jet.input "tokens" : memref<?xi32>
  %batch = jet.input "batch" : !jet.batch
  %s = jet.state 0 layer 0 : !jet.kv_cache<1x16xf32, page = 64>
  %logits = jet.output "logits" rows tokens : memref<?x32xf32>
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

// -----

// Logits of another vocabulary
jet.model @m hidden 16 intermediate 16 vocab 24 max_position 64 rms_norm_eps 1.0e-06 storage f32 {
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
  // expected-error @+1 {{'jet.execute' op operand 2: expected 32*B elements, found 24*B (logits)}}
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

// -----

// A state that the model does not have
jet.model @m hidden 16 intermediate 16 vocab 32 max_position 64 rms_norm_eps 1.0e-06 storage f32 {
  jet.layer 0 mixer #jet.attention<heads = 1, kv_heads = 1, head_dim = 16, rope_theta = 10000.0> weights "self_attn"
}
jet.plan @prefill arena 128 max_batch 4 max_context 64 {
  %tokens = jet.input "tokens" : memref<?xi32>
  %batch = jet.input "batch" : !jet.batch
  // expected-error @+1 {{'jet.state' op expected a number below 1, the states of the jet.model}}
  %s = jet.state 1 layer 0 : !jet.kv_cache<1x16xf32, page = 64>
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

// -----

// A state of another layer
jet.model @m hidden 16 intermediate 16 vocab 32 max_position 64 rms_norm_eps 1.0e-06 storage f32 {
  jet.layer 0 mixer #jet.attention<heads = 1, kv_heads = 1, head_dim = 16, rope_theta = 10000.0> weights "self_attn"
}
jet.plan @prefill arena 128 max_batch 4 max_context 64 {
  %tokens = jet.input "tokens" : memref<?xi32>
  %batch = jet.input "batch" : !jet.batch
  // expected-error @+1 {{'jet.state' op expected layer 0 and '!jet.kv_cache<1x16xf32, page = 64>' as in the jet.model}}
  %s = jet.state 0 layer 1 : !jet.kv_cache<1x16xf32, page = 64>
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

// -----

// An input that the runtime does not prepare
jet.model @m hidden 16 intermediate 16 vocab 32 max_position 64 rms_norm_eps 1.0e-06 storage f32 {
  jet.layer 0 mixer #jet.attention<heads = 1, kv_heads = 1, head_dim = 16, rope_theta = 10000.0> weights "self_attn"
}
jet.plan @prefill arena 128 max_batch 4 max_context 64 {
  %tokens = jet.input "tokens" : memref<?xi32>
  // expected-error @+1 {{'jet.input' op expected tokens, positions, batch or sampling, found 'lengths'}}
  %batch = jet.input "lengths" : !jet.batch
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

// -----

// An output that no caller expects
jet.model @m hidden 16 intermediate 16 vocab 32 max_position 64 rms_norm_eps 1.0e-06 storage f32 {
  jet.layer 0 mixer #jet.attention<heads = 1, kv_heads = 1, head_dim = 16, rope_theta = 10000.0> weights "self_attn"
}
jet.plan @prefill arena 128 max_batch 4 max_context 64 {
  %tokens = jet.input "tokens" : memref<?xi32>
  %batch = jet.input "batch" : !jet.batch
  %s = jet.state 0 layer 0 : !jet.kv_cache<1x16xf32, page = 64>
  // expected-error @+1 {{'jet.output' op expected logits, values, ids or next, found 'probabilities'}}
  %logits = jet.output "probabilities" rows sequences : memref<?x32xf32>
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

// -----

// A weight that is scaled in one place alone
jet.model @m hidden 16 intermediate 16 vocab 32 max_position 64 rms_norm_eps 1.0e-06 storage f32 {
  jet.layer 0 mixer #jet.attention<heads = 1, kv_heads = 1, head_dim = 16, rope_theta = 10000.0> weights "self_attn"
}
jet.plan @prefill arena 128 max_batch 4 max_context 64 {
  %tokens = jet.input "tokens" : memref<?xi32>
  %batch = jet.input "batch" : !jet.batch
  %s = jet.state 0 layer 0 : !jet.kv_cache<1x16xf32, page = 64>
  %logits = jet.output "logits" rows sequences : memref<?x32xf32>
  %w = jet.weight "w" : memref<32x16xf32>
  // expected-error @+1 {{'jet.weight' op expected the type and the recipe that 'w' has elsewhere, found 'memref<32x16xf32>'}}
  %v = jet.weight "w" column_scale "n" : memref<32x16xf32>
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

// -----

// A weight of two types
jet.model @m hidden 16 intermediate 16 vocab 32 max_position 64 rms_norm_eps 1.0e-06 storage f32 {
  jet.layer 0 mixer #jet.attention<heads = 1, kv_heads = 1, head_dim = 16, rope_theta = 10000.0> weights "self_attn"
}
jet.plan @prefill arena 128 max_batch 4 max_context 64 {
  %tokens = jet.input "tokens" : memref<?xi32>
  %batch = jet.input "batch" : !jet.batch
  %s = jet.state 0 layer 0 : !jet.kv_cache<1x16xf32, page = 64>
  %logits = jet.output "logits" rows sequences : memref<?x32xf32>
  %w = jet.weight "w" : memref<32x16xf32>
  // expected-error @+1 {{'jet.weight' op expected the type and the recipe that 'w' has elsewhere, found 'memref<16xf32>'}}
  %v = jet.weight "w" : memref<16xf32>
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

// -----

// A kernel of another module
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
  // expected-error @+1 {{'jet.execute' op expected a kernel of @kernels, found @others::@mul2}}
  jet.execute @others::@mul2 reads(%x, %x : memref<?x16xf32>, memref<?x16xf32>) writes(%y : memref<?x16xf32>) rows tokens
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
module @others {
  func.func private @mul2(tensor<?x16xf32>, tensor<?x16xf32>) -> tensor<?x16xf32>
}

// -----

// A kernel that is a declaration: who knows what it does
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
  // expected-error @+1 {{'func.func' op expected a kernel with a body}}
  func.func private @unknown(tensor<?x16xf32>) -> tensor<?x16xf32>
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

// -----

// Nothing to verify
// expected-error @+1 {{expected a jet.model and a module @kernels}}
module {}
