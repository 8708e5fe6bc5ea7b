// In decode, the convolution and the delta rule become one op.
// RUN: jet-opt %s --pass-pipeline="builtin.module(func.func(jet-fuse-delta-step))" | FileCheck %s
// RUN: jet-opt %s --pass-pipeline="builtin.module(func.func(jet-fuse-delta-step{remarks=true}))" 2>&1 | FileCheck %s --check-prefix=REMARK

// CHECK-LABEL: func.func @decode(
// CHECK-NEXT: %[[Y:.*]], %[[TAIL:.*]], %[[S:.*]] = jet.delta_step(%arg0, %arg1, %arg2, %arg3, %arg4, %arg5, %arg6, %arg7, %arg8)
// CHECK-NEXT: ^bb0(
// CHECK-NEXT: %[[C:.*]], %{{.*}} = jet.generated_conv
// CHECK-NEXT: %[[V:.*]] = jet.split_heads %[[C]]
// CHECK-NEXT: jet.gated_delta_rule %{{.*}}, %{{.*}}, %[[V]],
// CHECK-NEXT: jet.step_yield
// CHECK-NEXT: }
// CHECK-NEXT: return %[[Y]], %[[TAIL]], %[[S]]
func.func @decode(%u: tensor<?x6xf32>, %h: tensor<?x3xf32>, %w: tensor<12x3xf32>, %b: tensor<12xf32>, %t: !jet.conv_tail<1x6xf32>, %batch: !jet.batch, %q: tensor<?x2x5xf32>, %g: tensor<?x2xf32>, %s: !jet.recurrent_state<2x5x3xf32>) -> (tensor<?x2x3xf32>, !jet.conv_tail<1x6xf32>, !jet.recurrent_state<2x5x3xf32>) {
  %c, %tail = jet.generated_conv %u, %h, %w, %b, %t, %batch : (tensor<?x6xf32>, tensor<?x3xf32>, tensor<12x3xf32>, tensor<12xf32>, !jet.conv_tail<1x6xf32>, !jet.batch) -> (tensor<?x6xf32>, !jet.conv_tail<1x6xf32>)
  %v = jet.split_heads %c : (tensor<?x6xf32>) -> tensor<?x2x3xf32>
  %r, %state = jet.gated_delta_rule %q, %q, %v, %g, %g, %s, %batch : (tensor<?x2x5xf32>, tensor<?x2x5xf32>, tensor<?x2x3xf32>, tensor<?x2xf32>, tensor<?x2xf32>, !jet.recurrent_state<2x5x3xf32>, !jet.batch) -> (tensor<?x2x3xf32>, !jet.recurrent_state<2x5x3xf32>)
  return %r, %tail, %state : tensor<?x2x3xf32>, !jet.conv_tail<1x6xf32>, !jet.recurrent_state<2x5x3xf32>
}

// REMARK: remark: fusion 'delta-step' refused: this program takes many tokens of a sequence, whose taps want one product
// CHECK-LABEL: func.func @prefill(
// CHECK-NOT: jet.delta_step
func.func @prefill(%u: tensor<?x6xf32>, %h: tensor<?x3xf32>, %w: tensor<12x3xf32>, %b: tensor<12xf32>, %t: !jet.conv_tail<1x6xf32>, %batch: !jet.batch, %q: tensor<?x2x5xf32>, %g: tensor<?x2xf32>, %s: !jet.recurrent_state<2x5x3xf32>) -> (tensor<?x2x3xf32>, !jet.conv_tail<1x6xf32>, !jet.recurrent_state<2x5x3xf32>) {
  %c, %tail = jet.generated_conv %u, %h, %w, %b, %t, %batch : (tensor<?x6xf32>, tensor<?x3xf32>, tensor<12x3xf32>, tensor<12xf32>, !jet.conv_tail<1x6xf32>, !jet.batch) -> (tensor<?x6xf32>, !jet.conv_tail<1x6xf32>)
  %v = jet.split_heads %c : (tensor<?x6xf32>) -> tensor<?x2x3xf32>
  %r, %state = jet.gated_delta_rule %q, %q, %v, %g, %g, %s, %batch : (tensor<?x2x5xf32>, tensor<?x2x5xf32>, tensor<?x2x3xf32>, tensor<?x2xf32>, tensor<?x2xf32>, !jet.recurrent_state<2x5x3xf32>, !jet.batch) -> (tensor<?x2x3xf32>, !jet.recurrent_state<2x5x3xf32>)
  return %r, %tail, %state : tensor<?x2x3xf32>, !jet.conv_tail<1x6xf32>, !jet.recurrent_state<2x5x3xf32>
}

// REMARK: remark: fusion 'delta-step' refused: the convolved values have other readers
// CHECK-LABEL: func.func @decode_read_twice(
// CHECK-NOT: jet.delta_step
func.func @decode_read_twice(%u: tensor<?x6xf32>, %h: tensor<?x3xf32>, %w: tensor<12x3xf32>, %b: tensor<12xf32>, %t: !jet.conv_tail<1x6xf32>, %batch: !jet.batch, %q: tensor<?x2x5xf32>, %g: tensor<?x2xf32>, %s: !jet.recurrent_state<2x5x3xf32>) -> (tensor<?x2x3xf32>, !jet.conv_tail<1x6xf32>, !jet.recurrent_state<2x5x3xf32>) {
  %c, %tail = jet.generated_conv %u, %h, %w, %b, %t, %batch : (tensor<?x6xf32>, tensor<?x3xf32>, tensor<12x3xf32>, tensor<12xf32>, !jet.conv_tail<1x6xf32>, !jet.batch) -> (tensor<?x6xf32>, !jet.conv_tail<1x6xf32>)
  %c2, %tail2 = jet.generated_conv %c, %h, %w, %b, %tail, %batch : (tensor<?x6xf32>, tensor<?x3xf32>, tensor<12x3xf32>, tensor<12xf32>, !jet.conv_tail<1x6xf32>, !jet.batch) -> (tensor<?x6xf32>, !jet.conv_tail<1x6xf32>)
  %v = jet.split_heads %c : (tensor<?x6xf32>) -> tensor<?x2x3xf32>
  %r, %state = jet.gated_delta_rule %q, %q, %v, %g, %g, %s, %batch : (tensor<?x2x5xf32>, tensor<?x2x5xf32>, tensor<?x2x3xf32>, tensor<?x2xf32>, tensor<?x2xf32>, !jet.recurrent_state<2x5x3xf32>, !jet.batch) -> (tensor<?x2x3xf32>, !jet.recurrent_state<2x5x3xf32>)
  return %r, %tail2, %state : tensor<?x2x3xf32>, !jet.conv_tail<1x6xf32>, !jet.recurrent_state<2x5x3xf32>
}

// REMARK: remark: fusion 'delta-step' refused: the convolution's tail is read in between
// CHECK-LABEL: func.func @decode_tail_in_between(
// CHECK-NOT: jet.delta_step
func.func @decode_tail_in_between(%u: tensor<?x6xf32>, %h: tensor<?x3xf32>, %w: tensor<12x3xf32>, %b: tensor<12xf32>, %t: !jet.conv_tail<1x6xf32>, %batch: !jet.batch, %q: tensor<?x2x5xf32>, %g: tensor<?x2xf32>, %s: !jet.recurrent_state<2x5x3xf32>) -> (tensor<?x2x3xf32>, !jet.conv_tail<1x6xf32>, !jet.recurrent_state<2x5x3xf32>) {
  %c, %tail = jet.generated_conv %u, %h, %w, %b, %t, %batch : (tensor<?x6xf32>, tensor<?x3xf32>, tensor<12x3xf32>, tensor<12xf32>, !jet.conv_tail<1x6xf32>, !jet.batch) -> (tensor<?x6xf32>, !jet.conv_tail<1x6xf32>)
  %c2, %tail2 = jet.generated_conv %u, %h, %w, %b, %tail, %batch : (tensor<?x6xf32>, tensor<?x3xf32>, tensor<12x3xf32>, tensor<12xf32>, !jet.conv_tail<1x6xf32>, !jet.batch) -> (tensor<?x6xf32>, !jet.conv_tail<1x6xf32>)
  %v = jet.split_heads %c : (tensor<?x6xf32>) -> tensor<?x2x3xf32>
  %r, %state = jet.gated_delta_rule %q, %q, %v, %g, %g, %s, %batch : (tensor<?x2x5xf32>, tensor<?x2x5xf32>, tensor<?x2x3xf32>, tensor<?x2xf32>, tensor<?x2xf32>, !jet.recurrent_state<2x5x3xf32>, !jet.batch) -> (tensor<?x2x3xf32>, !jet.recurrent_state<2x5x3xf32>)
  return %r, %tail2, %state : tensor<?x2x3xf32>, !jet.conv_tail<1x6xf32>, !jet.recurrent_state<2x5x3xf32>
}

// REMARK: remark: fusion 'delta-step' refused: v carries code
// CHECK-LABEL: func.func @decode_code_on_v(
// CHECK-NOT: jet.delta_step
func.func @decode_code_on_v(%u: tensor<?x6xf32>, %h: tensor<?x3xf32>, %w: tensor<12x3xf32>, %b: tensor<12xf32>, %t: !jet.conv_tail<1x6xf32>, %batch: !jet.batch, %q: tensor<?x2x5xf32>, %g: tensor<?x2xf32>, %s: !jet.recurrent_state<2x5x3xf32>) -> (tensor<?x2x3xf32>, !jet.conv_tail<1x6xf32>, !jet.recurrent_state<2x5x3xf32>) {
  %c, %tail = jet.generated_conv %u, %h, %w, %b, %t, %batch : (tensor<?x6xf32>, tensor<?x3xf32>, tensor<12x3xf32>, tensor<12xf32>, !jet.conv_tail<1x6xf32>, !jet.batch) -> (tensor<?x6xf32>, !jet.conv_tail<1x6xf32>)
  %v = jet.split_heads %c : (tensor<?x6xf32>) -> tensor<?x2x3xf32>
  %r, %state = jet.gated_delta_rule %q, %q, %v, %g, %g, %s, %batch
    on operand 2 {
    ^bb0(%e: f32):
      %n = arith.negf %e : f32
      jet.yield %n : f32
    } : (tensor<?x2x5xf32>, tensor<?x2x5xf32>, tensor<?x2x3xf32>, tensor<?x2xf32>, tensor<?x2xf32>, !jet.recurrent_state<2x5x3xf32>, !jet.batch) -> (tensor<?x2x3xf32>, !jet.recurrent_state<2x5x3xf32>)
  return %r, %tail, %state : tensor<?x2x3xf32>, !jet.conv_tail<1x6xf32>, !jet.recurrent_state<2x5x3xf32>
}

// REMARK: remark: fusion 'delta-step' refused: its v is not made by jet.generated_conv
// CHECK-LABEL: func.func @decode_plain(
// CHECK-NOT: jet.delta_step
func.func @decode_plain(%u: tensor<?x6xf32>, %h: tensor<?x3xf32>, %w: tensor<12x3xf32>, %b: tensor<12xf32>, %t: !jet.conv_tail<1x6xf32>, %batch: !jet.batch, %q: tensor<?x2x5xf32>, %g: tensor<?x2xf32>, %s: !jet.recurrent_state<2x5x3xf32>) -> (tensor<?x2x3xf32>, !jet.conv_tail<1x6xf32>, !jet.recurrent_state<2x5x3xf32>) {
  %c, %tail = jet.generated_conv %u, %h, %w, %b, %t, %batch : (tensor<?x6xf32>, tensor<?x3xf32>, tensor<12x3xf32>, tensor<12xf32>, !jet.conv_tail<1x6xf32>, !jet.batch) -> (tensor<?x6xf32>, !jet.conv_tail<1x6xf32>)
  %v = jet.split_heads %u : (tensor<?x6xf32>) -> tensor<?x2x3xf32>
  %r, %state = jet.gated_delta_rule %q, %q, %v, %g, %g, %s, %batch : (tensor<?x2x5xf32>, tensor<?x2x5xf32>, tensor<?x2x3xf32>, tensor<?x2xf32>, tensor<?x2xf32>, !jet.recurrent_state<2x5x3xf32>, !jet.batch) -> (tensor<?x2x3xf32>, !jet.recurrent_state<2x5x3xf32>)
  return %r, %tail, %state : tensor<?x2x3xf32>, !jet.conv_tail<1x6xf32>, !jet.recurrent_state<2x5x3xf32>
}
