// What each op costs, as its attribute jet.cost: R rows, B sequences, T tokens,
// N tokens of each sequence, L positions before the step.

// RUN: jet-opt %s -jet-annotate-costs | FileCheck %s

// Parameters and views are free.
// CHECK-LABEL: func.func @views
// CHECK-NOT: jet.cost
func.func @views(%x: tensor<?x128xf32>) -> tensor<?x128xf32> {
  %w = jet.param "w" : tensor<128xf32>
  %h = jet.split_heads %x : (tensor<?x128xf32>) -> tensor<?x4x32xf32>
  %y = jet.merge_heads %h : (tensor<?x4x32xf32>) -> tensor<?x128xf32>
  return %y : tensor<?x128xf32>
}

// Rows of the table, not the table: R * 64 * 2 bytes.
// CHECK-LABEL: func.func @embedding
// CHECK: jet.cost = {activations_read = "4*R", activations_written = "256*R", op = "embedding", weights_read = "128*R"}
func.func @embedding(%t: tensor<?xi32>, %w: tensor<512x64xbf16>) -> tensor<?x64xf32> {
  %x = jet.embedding %t, %w : (tensor<?xi32>, tensor<512x64xbf16>) -> tensor<?x64xf32>
  return %x : tensor<?x64xf32>
}

// 2 * 64 * 128 a row; 64 * 128 * 2 bytes of weight and 64 * 2 of bias.
// CHECK-LABEL: func.func @linear
// CHECK: jet.cost = {activations_read = "512*R", activations_written = "256*R", op = "linear", tensor_flops = "16384*R", vector_flops = "64*R", weights_read = "16512"}
// CHECK: jet.cost = {activations_read = "512*R", activations_written = "256*R", op = "linear", tensor_flops = "16384*R", weights_read = "16384"}
func.func @linear(%x: tensor<?x128xf32>, %w: tensor<64x128xbf16>, %b: tensor<64xbf16>) -> (tensor<?x64xf32>, tensor<?x64xf32>) {
  %y = jet.linear %x, %w bias %b : (tensor<?x128xf32>, tensor<64x128xbf16>, tensor<64xbf16>) -> tensor<?x64xf32>
  %z = jet.linear %x, %w : (tensor<?x128xf32>, tensor<64x128xbf16>) -> tensor<?x64xf32>
  return %y, %z : tensor<?x64xf32>, tensor<?x64xf32>
}

// CHECK-LABEL: func.func @norms
// CHECK: jet.rms_norm {{.*}}jet.cost = {activations_read = "512*R", activations_written = "512*R", op = "rms_norm", vector_flops = "512*R", weights_read = "512"}
// CHECK: jet.gated_rms_norm {{.*}}jet.cost = {activations_read = "1024*R", activations_written = "512*R", op = "gated_rms_norm", vector_flops = "1280*R", weights_read = "128"}
// CHECK: jet.l2_norm {{.*}}jet.cost = {activations_read = "512*R", activations_written = "512*R", op = "l2_norm", vector_flops = "384*R"}
func.func @norms(%x: tensor<?x128xf32>, %h: tensor<?x4x32xf32>, %w: tensor<128xf32>, %v: tensor<32xf32>) -> (tensor<?x128xf32>, tensor<?x4x32xf32>, tensor<?x4x32xf32>) {
  %a = jet.rms_norm %x, %w eps 1.0e-06 : (tensor<?x128xf32>, tensor<128xf32>) -> tensor<?x128xf32>
  %b = jet.gated_rms_norm %h, %h, %v eps 1.0e-05 : (tensor<?x4x32xf32>, tensor<?x4x32xf32>, tensor<32xf32>) -> tensor<?x4x32xf32>
  %c = jet.l2_norm %h eps 1.0e-06 scale 1.0 : (tensor<?x4x32xf32>) -> tensor<?x4x32xf32>
  return %a, %b, %c : tensor<?x128xf32>, tensor<?x4x32xf32>, tensor<?x4x32xf32>
}

// The result may be narrower than the input.
// CHECK-LABEL: func.func @rope
// CHECK: jet.cost = {activations_read = "260*R", activations_written = "128*R", op = "rope", vector_flops = "192*R"}
func.func @rope(%x: tensor<?x2x32xf32>, %p: tensor<?xi32>) -> tensor<?x2x32xbf16> {
  %k = jet.rope %x, %p theta 10000.0 : (tensor<?x2x32xf32>, tensor<?xi32>) -> tensor<?x2x32xbf16>
  return %k : tensor<?x2x32xbf16>
}

// CHECK-LABEL: func.func @swiglu
// CHECK: jet.cost = {activations_read = "2560*R", activations_written = "1280*R", op = "swiglu", vector_flops = "1920*R"}
func.func @swiglu(%g: tensor<?x320xf32>, %u: tensor<?x320xf32>) -> tensor<?x320xf32> {
  %h = jet.swiglu %g, %u : (tensor<?x320xf32>, tensor<?x320xf32>) -> tensor<?x320xf32>
  return %h : tensor<?x320xf32>
}

// The region's operations on floats, without constants and conversions; inputs
// of static shape are weights.
// CHECK-LABEL: func.func @map
// CHECK: jet.cost = {activations_read = "16*R", activations_written = "16*R", op = "map", vector_flops = "8*R", weights_read = "8"}
// A tensor of known rows does not depend on R.
// CHECK: jet.cost = {activations_written = "128", op = "map", vector_flops = "32", weights_read = "128"}
func.func @map(%a: tensor<?x4xf32>, %b: tensor<4xbf16>, %s: tensor<8x4xf32>) -> (tensor<?x4xf32>, tensor<8x4xf32>) {
  %y = jet.map(%a, %b) : (tensor<?x4xf32>, tensor<4xbf16>) -> tensor<?x4xf32> {
  ^bb0(%x: f32, %c: bf16):
    %one = arith.constant 1.0 : f32
    %w = arith.extf %c : bf16 to f32
    %p = arith.mulf %x, %w : f32
    %q = arith.addf %p, %one : f32
    jet.yield %q : f32
  }
  %z = jet.map(%s) : (tensor<8x4xf32>) -> tensor<8x4xf32> {
  ^bb0(%x: f32):
    %e = math.exp %x : f32
    jet.yield %e : f32
  }
  return %y, %z : tensor<?x4xf32>, tensor<8x4xf32>
}

// Full attention: cached K and V of 2 heads of 32 bf16, 256 bytes a position,
// once per sequence. Row i of a sequence sees L + i keys, N*L + N(N+1)/2 in all,
// 4 * 4 * 32 operations each.
// CHECK-LABEL: func.func @attention
// CHECK: jet.cost = {activations_read = "768*R + 16*B", activations_written = "512*R", op = "attention", state_read = "256*B*L", tensor_flops = "512*B*ceildiv(N*N + N, 2) + 512*B*L*N", vector_flops = "20*B*ceildiv(N*N + N, 2) + 20*B*L*N"}
// CHECK: jet.cost = {activations_read = "256*R + 16*B", op = "kv_append", state_written = "256*T"}
func.func @attention(%q: tensor<?x4x32xf32>, %k: tensor<?x2x32xbf16>, %v: tensor<?x2x32xbf16>, %c: !jet.kv_cache<2x32xbf16, page = 64>, %b: !jet.batch) -> (tensor<?x4x32xf32>, !jet.kv_cache<2x32xbf16, page = 64>) {
  %y = jet.attention %q, %k, %v, %c, %b : (tensor<?x4x32xf32>, tensor<?x2x32xbf16>, tensor<?x2x32xbf16>, !jet.kv_cache<2x32xbf16, page = 64>, !jet.batch) -> tensor<?x4x32xf32>
  %n = jet.kv_append %c, %k, %v, %b : (!jet.kv_cache<2x32xbf16, page = 64>, tensor<?x2x32xbf16>, tensor<?x2x32xbf16>, !jet.batch) -> !jet.kv_cache<2x32xbf16, page = 64>
  return %y, %n : tensor<?x4x32xf32>, !jet.kv_cache<2x32xbf16, page = 64>
}

// Projections of 256 columns, biases and norm; rotary of 192 of them; the step's
// K and V, 256 bytes a row, are written to the cache and read from there.
// CHECK-LABEL: func.func @qkv
// CHECK: jet.cost = {activations_read = "260*R + 16*B", activations_written = "512*R", op = "qkv_linear", state_written = "256*T", tensor_flops = "32768*R", vector_flops = "1088*R", weights_read = "33408"}
// CHECK: jet.cost = {activations_read = "768*R + 16*B", activations_written = "512*R", op = "attention", state_read = "256*B*L", tensor_flops = "512*B*ceildiv(N*N + N, 2) + 512*B*L*N", vector_flops = "20*B*ceildiv(N*N + N, 2) + 20*B*L*N"}
func.func @qkv(%x: tensor<?x64xf32>, %wq: tensor<128x64xbf16>, %wk: tensor<64x64xbf16>, %wv: tensor<64x64xbf16>, %bq: tensor<128xbf16>, %bk: tensor<64xbf16>, %bv: tensor<64xbf16>, %n: tensor<64xbf16>, %positions: tensor<?xi32>, %cache: !jet.kv_cache<2x32xbf16, page = 64>, %batch: !jet.batch) -> (tensor<?x4x32xf32>, !jet.kv_cache<2x32xbf16, page = 64>) {
  %q, %next = jet.qkv_linear %x(%wq, %wk, %wv) bias(%bq, %bk, %bv) norm %n eps 1.0e-06 rope %positions theta 10000.0 append %cache, %batch : (tensor<?x64xf32>, tensor<128x64xbf16>, tensor<64x64xbf16>, tensor<64x64xbf16>, tensor<128xbf16>, tensor<64xbf16>, tensor<64xbf16>, tensor<64xbf16>, tensor<?xi32>, !jet.kv_cache<2x32xbf16, page = 64>, !jet.batch) -> (tensor<?x4x32xf32>, !jet.kv_cache<2x32xbf16, page = 64>)
  %y = jet.attention %q, %next, %batch : (tensor<?x4x32xf32>, !jet.kv_cache<2x32xbf16, page = 64>, !jet.batch) -> tensor<?x4x32xf32>
  return %y, %next : tensor<?x4x32xf32>, !jet.kv_cache<2x32xbf16, page = 64>
}

// The same without a cache, and with a norm that is in the weights: K and V are
// written as activations, and a scale is 3 operations for each of 64 values of x.
// CHECK-LABEL: func.func @qkv_apart
// CHECK: jet.cost = {activations_read = "132*R", activations_written = "768*R", op = "qkv_linear", tensor_flops = "32768*R", vector_flops = "768*R", weights_read = "32768"}
func.func @qkv_apart(%x: tensor<?x64xbf16>, %wq: tensor<128x64xbf16>, %wk: tensor<64x64xbf16>, %wv: tensor<64x64xbf16>, %positions: tensor<?xi32>) -> (tensor<?x4x32xf32>, tensor<?x2x32xbf16>, tensor<?x2x32xbf16>) {
  %q, %k, %v = jet.qkv_linear %x(%wq, %wk, %wv) norm eps 1.0e-06 rope %positions theta 10000.0 : (tensor<?x64xbf16>, tensor<128x64xbf16>, tensor<64x64xbf16>, tensor<64x64xbf16>, tensor<?xi32>) -> (tensor<?x4x32xf32>, tensor<?x2x32xbf16>, tensor<?x2x32xbf16>)
  return %q, %k, %v : tensor<?x4x32xf32>, tensor<?x2x32xbf16>, tensor<?x2x32xbf16>
}

// With a window, at most that many keys are cached, seen and kept.
// CHECK-LABEL: func.func @window
// CHECK: state_read = "256*B*min(L, 64)"
// The first m rows of a sequence see L + i keys, the others 64, with
// m = min(N, 64 - min(L, 64)).
// CHECK-SAME: tensor_flops = "-32768*B*min(N, -min(L, 64) + 64) + 512*B*ceildiv(min(N, -min(L, 64) + 64)*min(N, -min(L, 64) + 64) + min(N, -min(L, 64) + 64), 2) + 32768*B*N + 512*B*L*min(N, -min(L, 64) + 64)"
// CHECK: jet.cost = {activations_read = "256*R + 16*B", op = "kv_append", state_written = "256*B*min(N, 64)"}
func.func @window(%q: tensor<?x4x32xf32>, %k: tensor<?x2x32xbf16>, %v: tensor<?x2x32xbf16>, %c: !jet.kv_cache<2x32xbf16, window = 64>, %b: !jet.batch) -> (tensor<?x4x32xf32>, !jet.kv_cache<2x32xbf16, window = 64>) {
  %y = jet.attention %q, %k, %v, %c, %b : (tensor<?x4x32xf32>, tensor<?x2x32xbf16>, tensor<?x2x32xbf16>, !jet.kv_cache<2x32xbf16, window = 64>, !jet.batch) -> tensor<?x4x32xf32>
  %n = jet.kv_append %c, %k, %v, %b : (!jet.kv_cache<2x32xbf16, window = 64>, tensor<?x2x32xbf16>, tensor<?x2x32xbf16>, !jet.batch) -> !jet.kv_cache<2x32xbf16, window = 64>
  return %y, %n : tensor<?x4x32xf32>, !jet.kv_cache<2x32xbf16, window = 64>
}

// The tail, 3 rows of 256 f32, is read and written once per sequence; 4 taps.
// CHECK-LABEL: func.func @conv
// CHECK: jet.cost = {activations_read = "5120*R + 16*B", activations_written = "1024*R", op = "dynamic_conv", state_read = "3072*B", state_written = "3072*B", vector_flops = "2048*T"}
func.func @conv(%u: tensor<?x256xf32>, %t: tensor<?x1024xf32>, %s: !jet.conv_tail<3x256xf32>, %b: !jet.batch) -> (tensor<?x256xf32>, !jet.conv_tail<3x256xf32>) {
  %y, %n = jet.dynamic_conv %u, %t, %s, %b : (tensor<?x256xf32>, tensor<?x1024xf32>, !jet.conv_tail<3x256xf32>, !jet.batch) -> (tensor<?x256xf32>, !jet.conv_tail<3x256xf32>)
  return %y, %n : tensor<?x256xf32>, !jet.conv_tail<3x256xf32>
}

// The same with taps that are weights.
// CHECK-LABEL: func.func @short_conv
// CHECK: jet.cost = {activations_read = "1024*R + 16*B", activations_written = "1024*R", op = "short_conv", state_read = "3072*B", state_written = "3072*B", vector_flops = "2048*T", weights_read = "2048"}
func.func @short_conv(%u: tensor<?x256xf32>, %w: tensor<256x4xbf16>, %s: !jet.conv_tail<3x256xf32>, %b: !jet.batch) -> (tensor<?x256xf32>, !jet.conv_tail<3x256xf32>) {
  %y, %n = jet.short_conv %u, %w, %s, %b : (tensor<?x256xf32>, tensor<256x4xbf16>, !jet.conv_tail<3x256xf32>, !jet.batch) -> (tensor<?x256xf32>, !jet.conv_tail<3x256xf32>)
  return %y, %n : tensor<?x256xf32>, !jet.conv_tail<3x256xf32>
}

// Two products with S (4 a value): nothing is read from it to be corrected. Two
// heads of q and k are read, not four.
// CHECK-LABEL: func.func @additive_rule
// CHECK: jet.cost = {activations_read = "1568*R + 16*B", activations_written = "1024*R", op = "gated_delta_rule", state_read = "32768*B", state_written = "32768*B", tensor_flops = "32768*T", vector_flops = "8192*T"}
func.func @additive_rule(%q: tensor<?x2x32xf32>, %v: tensor<?x4x64xf32>, %g: tensor<?x4xf32>, %s: !jet.recurrent_state<4x32x64xf32>, %b: !jet.batch) -> (tensor<?x4x64xf32>, !jet.recurrent_state<4x32x64xf32>) {
  %y, %n = jet.gated_delta_rule %q, %q, %v, %g, %g, %s, %b additive : (tensor<?x2x32xf32>, tensor<?x2x32xf32>, tensor<?x4x64xf32>, tensor<?x4xf32>, tensor<?x4xf32>, !jet.recurrent_state<4x32x64xf32>, !jet.batch) -> (tensor<?x4x64xf32>, !jet.recurrent_state<4x32x64xf32>)
  return %y, %n : tensor<?x4x64xf32>, !jet.recurrent_state<4x32x64xf32>
}

// S, 4 heads of 32 * 64 f32, is read and written once per sequence; for every
// token three products with it (6 a value) and the decay.
// CHECK-LABEL: func.func @delta_rule
// CHECK: jet.cost = {activations_read = "2080*R + 16*B", activations_written = "1024*R", op = "gated_delta_rule", state_read = "32768*B", state_written = "32768*B", tensor_flops = "49152*T", vector_flops = "8192*T"}
func.func @delta_rule(%q: tensor<?x4x32xf32>, %v: tensor<?x4x64xf32>, %g: tensor<?x4xf32>, %s: !jet.recurrent_state<4x32x64xf32>, %b: !jet.batch) -> (tensor<?x4x64xf32>, !jet.recurrent_state<4x32x64xf32>) {
  %y, %n = jet.gated_delta_rule %q, %q, %v, %g, %g, %s, %b : (tensor<?x4x32xf32>, tensor<?x4x32xf32>, tensor<?x4x64xf32>, tensor<?x4xf32>, tensor<?x4xf32>, !jet.recurrent_state<4x32x64xf32>, !jet.batch) -> (tensor<?x4x64xf32>, !jet.recurrent_state<4x32x64xf32>)
  return %y, %n : tensor<?x4x64xf32>, !jet.recurrent_state<4x32x64xf32>
}

// A norm: 4 operations for each of 8 values of x. Its weight is read once, the
// normed rows never.
// CHECK-LABEL: func.func @normed_projections
// CHECK: jet.cost = {activations_read = "32*R", activations_written = "40*R", op = "grouped_linear", tensor_flops = "160*R", vector_flops = "32*R", weights_read = "256"}
func.func @normed_projections(%x: tensor<?x8xf32>, %a: tensor<6x8xbf16>, %c: tensor<4x8xf32>, %n: tensor<8xf32>) -> (tensor<?x6xf32>, tensor<?x4xf32>) {
  %p:2 = jet.grouped_linear %x(%a, %c) norm %n eps 1.0e-06 products [1, 1]
    : (tensor<?x8xf32>, tensor<6x8xbf16>, tensor<4x8xf32>, tensor<8xf32>) -> (tensor<?x6xf32>, tensor<?x4xf32>)
  return %p#0, %p#1 : tensor<?x6xf32>, tensor<?x4xf32>
}

// The same beside 8 products for each of 500 columns, and a comparison.
// CHECK-LABEL: func.func @normed_head
// CHECK: jet.cost = {activations_read = "32*R", activations_written = "128*R", op = "linear_top_k", tensor_flops = "8000*R", vector_flops = "532*R", weights_read = "8032"}
func.func @normed_head(%x: tensor<?x8xf32>, %w: tensor<500x8xbf16>, %n: tensor<8xf32>) -> (tensor<?x16xf32>, tensor<?x16xi32>) {
  %v, %i = jet.linear_top_k %x, %w norm %n eps 1.0e-06 k 4 block 128 : (tensor<?x8xf32>, tensor<500x8xbf16>, tensor<8xf32>) -> (tensor<?x16xf32>, tensor<?x16xi32>)
  return %v, %i : tensor<?x16xf32>, tensor<?x16xi32>
}

// Narrower states: half of those bytes, and a byte for each key and value.
// CHECK-LABEL: func.func @narrow
// CHECK: op = "gated_delta_rule", state_read = "16384*B", state_written = "16384*B", tensor_flops = "49152*T"
// CHECK: activations_read = "640*R + 16*B", activations_written = "512*R", op = "attention", state_read = "128*B*L"
// CHECK: activations_read = "128*R + 16*B", op = "kv_append", state_written = "128*T"
func.func @narrow(%q: tensor<?x4x32xf32>, %v: tensor<?x4x64xf32>, %g: tensor<?x4xf32>, %s: !jet.recurrent_state<4x32x64xbf16>, %k: tensor<?x2x32xf8E4M3FN>, %c: !jet.kv_cache<2x32xf8E4M3FN, page = 64, k_scale = 0.5>, %b: !jet.batch) -> (tensor<?x4x64xf32>, !jet.recurrent_state<4x32x64xbf16>, tensor<?x4x32xf32>, !jet.kv_cache<2x32xf8E4M3FN, page = 64, k_scale = 0.5>) {
  %y, %n = jet.gated_delta_rule %q, %q, %v, %g, %g, %s, %b : (tensor<?x4x32xf32>, tensor<?x4x32xf32>, tensor<?x4x64xf32>, tensor<?x4xf32>, tensor<?x4xf32>, !jet.recurrent_state<4x32x64xbf16>, !jet.batch) -> (tensor<?x4x64xf32>, !jet.recurrent_state<4x32x64xbf16>)
  %a = jet.attention %q, %k, %k, %c, %b : (tensor<?x4x32xf32>, tensor<?x2x32xf8E4M3FN>, tensor<?x2x32xf8E4M3FN>, !jet.kv_cache<2x32xf8E4M3FN, page = 64, k_scale = 0.5>, !jet.batch) -> tensor<?x4x32xf32>
  %m = jet.kv_append %c, %k, %k, %b : (!jet.kv_cache<2x32xf8E4M3FN, page = 64, k_scale = 0.5>, tensor<?x2x32xf8E4M3FN>, tensor<?x2x32xf8E4M3FN>, !jet.batch) -> !jet.kv_cache<2x32xf8E4M3FN, page = 64, k_scale = 0.5>
  return %y, %n, %a, %m : tensor<?x4x64xf32>, !jet.recurrent_state<4x32x64xbf16>, tensor<?x4x32xf32>, !jet.kv_cache<2x32xf8E4M3FN, page = 64, k_scale = 0.5>
}

// One row of each sequence, however many there are.
// CHECK-LABEL: func.func @last_token
// CHECK: jet.cost = {activations_read = "528*B", activations_written = "512*B", op = "last_token"}
func.func @last_token(%x: tensor<?x128xf32>, %b: !jet.batch) -> tensor<?x128xf32> {
  %y = jet.last_token %x, %b : (tensor<?x128xf32>, !jet.batch) -> tensor<?x128xf32>
  return %y : tensor<?x128xf32>
}

// Candidates have 8 bytes; each logit is compared once. With blocks of 64 of the
// 512 columns, 8 blocks have 4 candidates each, and no logits are moved.
// CHECK-LABEL: func.func @top_k
// CHECK: jet.cost = {activations_read = "2048*R", activations_written = "32*R", op = "top_k", vector_flops = "512*R"}
// CHECK: jet.cost = {activations_read = "512*R", activations_written = "256*R", op = "linear_top_k", tensor_flops = "131072*R", vector_flops = "512*R", weights_read = "131072"}
// CHECK: jet.cost = {activations_read = "256*R", activations_written = "32*R", op = "merge_top_k", vector_flops = "32*R"}
func.func @top_k(%l: tensor<?x512xf32>, %x: tensor<?x128xf32>, %w: tensor<512x128xbf16>) -> (tensor<?x4xf32>, tensor<?x4xi32>) {
  %v, %i = jet.top_k %l k 4 : (tensor<?x512xf32>) -> (tensor<?x4xf32>, tensor<?x4xi32>)
  %p, %q = jet.linear_top_k %x, %w k 4 block 64 : (tensor<?x128xf32>, tensor<512x128xbf16>) -> (tensor<?x32xf32>, tensor<?x32xi32>)
  %m, %n = jet.merge_top_k %p, %q k 4 : (tensor<?x32xf32>, tensor<?x32xi32>) -> (tensor<?x4xf32>, tensor<?x4xi32>)
  return %m, %n : tensor<?x4xf32>, tensor<?x4xi32>
}

// 16 bytes say how to sample, and the pick has 4.
// CHECK-LABEL: func.func @sample
// CHECK: jet.cost = {activations_read = "48*R", activations_written = "4*R", op = "sample", vector_flops = "24*R"}
// CHECK: jet.cost = {activations_read = "272*R", activations_written = "36*R", op = "merge_top_k", vector_flops = "56*R"}
func.func @sample(%v: tensor<?x4xf32>, %i: tensor<?x4xi32>, %s: tensor<?x4xf32>, %p: tensor<?x32xf32>, %q: tensor<?x32xi32>) -> (tensor<?xi32>, tensor<?xi32>) {
  %a = jet.sample %v, %i by %s : (tensor<?x4xf32>, tensor<?x4xi32>, tensor<?x4xf32>) -> tensor<?xi32>
  %m, %n, %b = jet.merge_top_k %p, %q k 4 sample %s : (tensor<?x32xf32>, tensor<?x32xi32>, tensor<?x4xf32>) -> (tensor<?x4xf32>, tensor<?x4xi32>, tensor<?xi32>)
  return %a, %b : tensor<?xi32>, tensor<?xi32>
}

// CHECK-LABEL: func.func @sample_logits
// CHECK: jet.cost = {activations_read = "2064*R", activations_written = "4*R", op = "sample_logits", vector_flops = "3072*R"}
func.func @sample_logits(%l: tensor<?x512xf32>, %s: tensor<?x4xf32>) -> tensor<?xi32> {
  %n = jet.sample_logits %l by %s : (tensor<?x512xf32>, tensor<?x4xf32>) -> tensor<?xi32>
  return %n : tensor<?xi32>
}

// The parts together: 24 · R bytes of convolved values are neither written nor
// read, and the batch is read once. Nothing inside has a cost of its own.
// CHECK-LABEL: func.func @delta_step
// CHECK: jet.delta_step
// CHECK-SAME: jet.cost = {activations_read = "132*R + 16*B", activations_written = "24*R", op = "delta_step", state_read = "144*B", state_written = "144*B", tensor_flops = "180*T + 72*R", vector_flops = "54*T + 12*R", weights_read = "192"}
// CHECK-NOT: jet.cost
// CHECK: return
func.func @delta_step(%u: tensor<?x6xf32>, %h: tensor<?x3xf32>, %w: tensor<12x3xf32>, %b: tensor<12xf32>, %t: !jet.conv_tail<1x6xf32>, %batch: !jet.batch, %q: tensor<?x2x5xf32>, %g: tensor<?x2xf32>, %s: !jet.recurrent_state<2x5x3xf32>) {
  %y:3 = jet.delta_step(%u, %h, %w, %b, %t, %batch, %q, %g, %s) : (tensor<?x6xf32>, tensor<?x3xf32>, tensor<12x3xf32>, tensor<12xf32>, !jet.conv_tail<1x6xf32>, !jet.batch, tensor<?x2x5xf32>, tensor<?x2xf32>, !jet.recurrent_state<2x5x3xf32>) -> (tensor<?x2x3xf32>, !jet.conv_tail<1x6xf32>, !jet.recurrent_state<2x5x3xf32>) {
  ^bb0(%0: tensor<?x6xf32>, %1: tensor<?x3xf32>, %2: tensor<12x3xf32>, %3: tensor<12xf32>, %4: !jet.conv_tail<1x6xf32>, %5: !jet.batch, %6: tensor<?x2x5xf32>, %7: tensor<?x2xf32>, %8: !jet.recurrent_state<2x5x3xf32>):
    %c, %tail = jet.generated_conv %0, %1, %2, %3, %4, %5 : (tensor<?x6xf32>, tensor<?x3xf32>, tensor<12x3xf32>, tensor<12xf32>, !jet.conv_tail<1x6xf32>, !jet.batch) -> (tensor<?x6xf32>, !jet.conv_tail<1x6xf32>)
    %v = jet.split_heads %c : (tensor<?x6xf32>) -> tensor<?x2x3xf32>
    %r, %state = jet.gated_delta_rule %6, %6, %v, %7, %7, %8, %5 : (tensor<?x2x5xf32>, tensor<?x2x5xf32>, tensor<?x2x3xf32>, tensor<?x2xf32>, tensor<?x2xf32>, !jet.recurrent_state<2x5x3xf32>, !jet.batch) -> (tensor<?x2x3xf32>, !jet.recurrent_state<2x5x3xf32>)
    jet.step_yield %r, %tail, %state : tensor<?x2x3xf32>, !jet.conv_tail<1x6xf32>, !jet.recurrent_state<2x5x3xf32>
  }
  return
}

// A cost beyond 64 bits is unknown rather than wrong.
// CHECK-LABEL: func.func @huge
// CHECK: tensor_flops = "9223372028264841218*R", weights_read = "unknown"
func.func @huge(%x: tensor<?x2147483647xf32>, %w: tensor<2147483647x2147483647xf32>) -> tensor<?x2147483647xf32> {
  %y = jet.linear %x, %w : (tensor<?x2147483647xf32>, tensor<2147483647x2147483647xf32>) -> tensor<?x2147483647xf32>
  return %y : tensor<?x2147483647xf32>
}
