// Ops along a sequence: round trip, as text and as bytecode.

// RUN: jet-opt %s | jet-opt | FileCheck %s
// RUN: jet-opt %s -emit-bytecode | jet-opt | FileCheck %s
// RUN: jet-opt %s -mlir-print-op-generic | jet-opt | FileCheck %s

// CHECK-LABEL: @attention
func.func @attention(%q: tensor<?x4x32xf32>, %k: tensor<?x2x32xf32>, %v: tensor<?x2x32xf32>, %cache: !jet.kv_cache<2x32xf32, page = 64>, %batch: !jet.batch) -> tensor<?x4x32xf32> {
  // CHECK: jet.attention %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}} : (tensor<?x4x32xf32>, tensor<?x2x32xf32>, tensor<?x2x32xf32>, !jet.kv_cache<2x32xf32, page = 64>, !jet.batch) -> tensor<?x4x32xf32>
  %y = jet.attention %q, %k, %v, %cache, %batch : (tensor<?x4x32xf32>, tensor<?x2x32xf32>, tensor<?x2x32xf32>, !jet.kv_cache<2x32xf32, page = 64>, !jet.batch) -> tensor<?x4x32xf32>
  return %y : tensor<?x4x32xf32>
}

// All keys come from the cache.
// CHECK-LABEL: @attention_of_cache
func.func @attention_of_cache(%q: tensor<?x4x32xf32>, %cache: !jet.kv_cache<2x32xf32, page = 64>, %batch: !jet.batch) -> tensor<?x4x32xf32> {
  // CHECK: jet.attention %{{.*}}, %{{.*}}, %{{.*}}
  // CHECK-NEXT: on result 0 {
  %y = jet.attention %q, %cache, %batch
    on result 0 {
    ^bb0(%e: f32):
      %m = arith.negf %e : f32
      jet.yield %m : f32
    } : (tensor<?x4x32xf32>, !jet.kv_cache<2x32xf32, page = 64>, !jet.batch) -> tensor<?x4x32xf32>
  return %y : tensor<?x4x32xf32>
}

// CHECK-LABEL: @qkv_linear
func.func @qkv_linear(%x: tensor<?x64xf32>, %wq: tensor<128x64xbf16>, %wk: tensor<64x64xbf16>, %wv: tensor<64x64xbf16>, %bq: tensor<128xbf16>, %bk: tensor<64xbf16>, %bv: tensor<64xbf16>, %n: tensor<64xbf16>, %positions: tensor<?xi32>, %cache: !jet.kv_cache<2x32xbf16, page = 64>, %batch: !jet.batch) -> (tensor<?x4x32xf32>, !jet.kv_cache<2x32xbf16, page = 64>) {
  // CHECK: jet.qkv_linear %{{.*}}(%{{.*}}, %{{.*}}, %{{.*}}) bias(%{{.*}}, %{{.*}}, %{{.*}}) norm %{{.*}} eps 1.0e-06 rope %{{.*}} theta 10000.0 append %{{.*}}, %{{.*}} : (tensor<?x64xf32>, tensor<128x64xbf16>, tensor<64x64xbf16>, tensor<64x64xbf16>, tensor<128xbf16>, tensor<64xbf16>, tensor<64xbf16>, tensor<64xbf16>, tensor<?xi32>, !jet.kv_cache<2x32xbf16, page = 64>, !jet.batch) -> (tensor<?x4x32xf32>, !jet.kv_cache<2x32xbf16, page = 64>)
  %q, %next = jet.qkv_linear %x(%wq, %wk, %wv) bias(%bq, %bk, %bv) norm %n eps 1.0e-06 rope %positions theta 10000.0 append %cache, %batch : (tensor<?x64xf32>, tensor<128x64xbf16>, tensor<64x64xbf16>, tensor<64x64xbf16>, tensor<128xbf16>, tensor<64xbf16>, tensor<64xbf16>, tensor<64xbf16>, tensor<?xi32>, !jet.kv_cache<2x32xbf16, page = 64>, !jet.batch) -> (tensor<?x4x32xf32>, !jet.kv_cache<2x32xbf16, page = 64>)
  return %q, %next : tensor<?x4x32xf32>, !jet.kv_cache<2x32xbf16, page = 64>
}

// CHECK-LABEL: @qkv_linear_apart
func.func @qkv_linear_apart(%x: tensor<?x64xbf16>, %wq: tensor<128x64xbf16>, %wk: tensor<64x64xbf16>, %wv: tensor<64x64xbf16>, %positions: tensor<?xi32>) -> (tensor<?x4x32xf32>, tensor<?x2x32xbf16>, tensor<?x2x32xbf16>) {
  // CHECK: %{{.*}}, %{{.*}}:2 = jet.qkv_linear %{{.*}}(%{{.*}}, %{{.*}}, %{{.*}}) norm eps 1.0e-06 rope %{{.*}} theta 10000.0 : (tensor<?x64xbf16>, tensor<128x64xbf16>, tensor<64x64xbf16>, tensor<64x64xbf16>, tensor<?xi32>) -> (tensor<?x4x32xf32>, tensor<?x2x32xbf16>, tensor<?x2x32xbf16>)
  %q, %k, %v = jet.qkv_linear %x(%wq, %wk, %wv) norm eps 1.0e-06 rope %positions theta 10000.0 : (tensor<?x64xbf16>, tensor<128x64xbf16>, tensor<64x64xbf16>, tensor<64x64xbf16>, tensor<?xi32>) -> (tensor<?x4x32xf32>, tensor<?x2x32xbf16>, tensor<?x2x32xbf16>)
  return %q, %k, %v : tensor<?x4x32xf32>, tensor<?x2x32xbf16>, tensor<?x2x32xbf16>
}

// CHECK-LABEL: @kv_append
func.func @kv_append(%cache: !jet.kv_cache<2x32xf32, page = 64>, %k: tensor<?x2x32xf32>, %v: tensor<?x2x32xf32>, %batch: !jet.batch) -> !jet.kv_cache<2x32xf32, page = 64> {
  // CHECK: jet.kv_append %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}} : (!jet.kv_cache<2x32xf32, page = 64>, tensor<?x2x32xf32>, tensor<?x2x32xf32>, !jet.batch) -> !jet.kv_cache<2x32xf32, page = 64>
  %next = jet.kv_append %cache, %k, %v, %batch : (!jet.kv_cache<2x32xf32, page = 64>, tensor<?x2x32xf32>, tensor<?x2x32xf32>, !jet.batch) -> !jet.kv_cache<2x32xf32, page = 64>
  return %next : !jet.kv_cache<2x32xf32, page = 64>
}

// CHECK-LABEL: @dynamic_conv
func.func @dynamic_conv(%u: tensor<?x256xf32>, %taps: tensor<?x1024xf32>, %tail: !jet.conv_tail<3x256xf32>, %batch: !jet.batch) -> (tensor<?x256xf32>, !jet.conv_tail<3x256xf32>) {
  // CHECK: jet.dynamic_conv %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}} : (tensor<?x256xf32>, tensor<?x1024xf32>, !jet.conv_tail<3x256xf32>, !jet.batch) -> (tensor<?x256xf32>, !jet.conv_tail<3x256xf32>)
  %y, %next = jet.dynamic_conv %u, %taps, %tail, %batch : (tensor<?x256xf32>, tensor<?x1024xf32>, !jet.conv_tail<3x256xf32>, !jet.batch) -> (tensor<?x256xf32>, !jet.conv_tail<3x256xf32>)
  return %y, %next : tensor<?x256xf32>, !jet.conv_tail<3x256xf32>
}

// CHECK-LABEL: @short_conv
func.func @short_conv(%u: tensor<?x256xf32>, %w: tensor<256x4xf32>, %tail: !jet.conv_tail<3x256xf32>, %batch: !jet.batch) -> (tensor<?x256xf32>, !jet.conv_tail<3x256xf32>) {
  // CHECK: jet.short_conv %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}} : (tensor<?x256xf32>, tensor<256x4xf32>, !jet.conv_tail<3x256xf32>, !jet.batch) -> (tensor<?x256xf32>, !jet.conv_tail<3x256xf32>)
  %y, %next = jet.short_conv %u, %w, %tail, %batch : (tensor<?x256xf32>, tensor<256x4xf32>, !jet.conv_tail<3x256xf32>, !jet.batch) -> (tensor<?x256xf32>, !jet.conv_tail<3x256xf32>)
  return %y, %next : tensor<?x256xf32>, !jet.conv_tail<3x256xf32>
}

// Four heads of v share two of q and k, and nothing is corrected.
// CHECK-LABEL: @additive_rule
func.func @additive_rule(%q: tensor<?x2x32xf32>, %k: tensor<?x2x32xf32>, %v: tensor<?x4x64xf32>, %g: tensor<?x4xf32>, %beta: tensor<?x4xf32>, %state: !jet.recurrent_state<4x32x64xf32>, %batch: !jet.batch) -> tensor<?x4x64xf32> {
  // CHECK: jet.gated_delta_rule %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}} additive : (tensor<?x2x32xf32>, tensor<?x2x32xf32>, tensor<?x4x64xf32>,
  %y, %next = jet.gated_delta_rule %q, %k, %v, %g, %beta, %state, %batch additive : (tensor<?x2x32xf32>, tensor<?x2x32xf32>, tensor<?x4x64xf32>, tensor<?x4xf32>, tensor<?x4xf32>, !jet.recurrent_state<4x32x64xf32>, !jet.batch) -> (tensor<?x4x64xf32>, !jet.recurrent_state<4x32x64xf32>)
  return %y : tensor<?x4x64xf32>
}

// CHECK-LABEL: @gated_delta_rule
func.func @gated_delta_rule(%q: tensor<?x4x32xf32>, %k: tensor<?x4x32xf32>, %v: tensor<?x4x64xf32>, %g: tensor<?x4xf32>, %beta: tensor<?x4xf32>, %state: !jet.recurrent_state<4x32x64xf32>, %batch: !jet.batch) -> (tensor<?x4x64xf32>, !jet.recurrent_state<4x32x64xf32>) {
  // CHECK: jet.gated_delta_rule %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}} : (tensor<?x4x32xf32>, tensor<?x4x32xf32>, tensor<?x4x64xf32>, tensor<?x4xf32>, tensor<?x4xf32>, !jet.recurrent_state<4x32x64xf32>, !jet.batch) -> (tensor<?x4x64xf32>, !jet.recurrent_state<4x32x64xf32>)
  %y, %next = jet.gated_delta_rule %q, %k, %v, %g, %beta, %state, %batch : (tensor<?x4x32xf32>, tensor<?x4x32xf32>, tensor<?x4x64xf32>, tensor<?x4xf32>, tensor<?x4xf32>, !jet.recurrent_state<4x32x64xf32>, !jet.batch) -> (tensor<?x4x64xf32>, !jet.recurrent_state<4x32x64xf32>)
  return %y, %next : tensor<?x4x64xf32>, !jet.recurrent_state<4x32x64xf32>
}

// CHECK-LABEL: @last_token
func.func @last_token(%x: tensor<?x128xf32>, %batch: !jet.batch) -> tensor<?x128xf32> {
  // CHECK: jet.last_token %{{.*}}, %{{.*}} : (tensor<?x128xf32>, !jet.batch) -> tensor<?x128xf32>
  %y = jet.last_token %x, %batch : (tensor<?x128xf32>, !jet.batch) -> tensor<?x128xf32>
  return %y : tensor<?x128xf32>
}

// CHECK-LABEL: func.func @delta_step
// CHECK: jet.delta_step(%arg0, %arg1, %arg2, %arg3, %arg4, %arg5, %arg6, %arg7, %arg8) : (
// CHECK-NEXT: ^bb0(
// CHECK-NEXT: jet.generated_conv
// CHECK-NEXT: jet.split_heads
// CHECK-NEXT: jet.gated_delta_rule
// CHECK-NEXT: jet.step_yield
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
