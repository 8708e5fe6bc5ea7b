// What jet.delta_step refuses.
// RUN: jet-opt %s -split-input-file -verify-diagnostics

// C1: no rule.
func.func @no_rule(%u: tensor<?x6xf32>, %h: tensor<?x3xf32>, %w: tensor<12x3xf32>, %b: tensor<12xf32>, %t: !jet.conv_tail<1x6xf32>, %batch: !jet.batch, %q: tensor<?x2x5xf32>, %g: tensor<?x2xf32>, %s: !jet.recurrent_state<2x5x3xf32>) {
  // expected-error @below {{expected a body of jet.generated_conv, jet.split_heads, jet.gated_delta_rule and jet.step_yield}}
  %y:3 = jet.delta_step(%u, %h, %w, %b, %t, %batch, %q, %g, %s) : (tensor<?x6xf32>, tensor<?x3xf32>, tensor<12x3xf32>, tensor<12xf32>, !jet.conv_tail<1x6xf32>, !jet.batch, tensor<?x2x5xf32>, tensor<?x2xf32>, !jet.recurrent_state<2x5x3xf32>) -> (tensor<?x2x3xf32>, !jet.conv_tail<1x6xf32>, !jet.recurrent_state<2x5x3xf32>) {
  ^bb0(%0: tensor<?x6xf32>, %1: tensor<?x3xf32>, %2: tensor<12x3xf32>, %3: tensor<12xf32>, %4: !jet.conv_tail<1x6xf32>, %5: !jet.batch, %6: tensor<?x2x5xf32>, %7: tensor<?x2xf32>, %8: !jet.recurrent_state<2x5x3xf32>):
    %c, %tail = jet.generated_conv %0, %1, %2, %3, %4, %5 : (tensor<?x6xf32>, tensor<?x3xf32>, tensor<12x3xf32>, tensor<12xf32>, !jet.conv_tail<1x6xf32>, !jet.batch) -> (tensor<?x6xf32>, !jet.conv_tail<1x6xf32>)
    %v = jet.split_heads %c : (tensor<?x6xf32>) -> tensor<?x2x3xf32>
    jet.step_yield %v, %tail, %8 : tensor<?x2x3xf32>, !jet.conv_tail<1x6xf32>, !jet.recurrent_state<2x5x3xf32>
  }
  return
}

// -----

// C1: v is not what was convolved.
func.func @other_v(%u: tensor<?x6xf32>, %h: tensor<?x3xf32>, %w: tensor<12x3xf32>, %b: tensor<12xf32>, %t: !jet.conv_tail<1x6xf32>, %batch: !jet.batch, %q: tensor<?x2x5xf32>, %g: tensor<?x2xf32>, %s: !jet.recurrent_state<2x5x3xf32>) {
  // expected-error @below {{expected the rule's v to be the heads of the convolution's result, and to yield the rule's result, the tail and the state}}
  %y:3 = jet.delta_step(%u, %h, %w, %b, %t, %batch, %q, %g, %s) : (tensor<?x6xf32>, tensor<?x3xf32>, tensor<12x3xf32>, tensor<12xf32>, !jet.conv_tail<1x6xf32>, !jet.batch, tensor<?x2x5xf32>, tensor<?x2xf32>, !jet.recurrent_state<2x5x3xf32>) -> (tensor<?x2x3xf32>, !jet.conv_tail<1x6xf32>, !jet.recurrent_state<2x5x3xf32>) {
  ^bb0(%0: tensor<?x6xf32>, %1: tensor<?x3xf32>, %2: tensor<12x3xf32>, %3: tensor<12xf32>, %4: !jet.conv_tail<1x6xf32>, %5: !jet.batch, %6: tensor<?x2x5xf32>, %7: tensor<?x2xf32>, %8: !jet.recurrent_state<2x5x3xf32>):
    %c, %tail = jet.generated_conv %0, %1, %2, %3, %4, %5 : (tensor<?x6xf32>, tensor<?x3xf32>, tensor<12x3xf32>, tensor<12xf32>, !jet.conv_tail<1x6xf32>, !jet.batch) -> (tensor<?x6xf32>, !jet.conv_tail<1x6xf32>)
    %v = jet.split_heads %0 : (tensor<?x6xf32>) -> tensor<?x2x3xf32>
    %r, %state = jet.gated_delta_rule %6, %6, %v, %7, %7, %8, %5 : (tensor<?x2x5xf32>, tensor<?x2x5xf32>, tensor<?x2x3xf32>, tensor<?x2xf32>, tensor<?x2xf32>, !jet.recurrent_state<2x5x3xf32>, !jet.batch) -> (tensor<?x2x3xf32>, !jet.recurrent_state<2x5x3xf32>)
    jet.step_yield %r, %tail, %state : tensor<?x2x3xf32>, !jet.conv_tail<1x6xf32>, !jet.recurrent_state<2x5x3xf32>
  }
  return
}

// -----

// C2: arguments of other types.
func.func @types(%u: tensor<?x6xf32>, %h: tensor<?x3xf32>, %w: tensor<12x3xf32>, %b: tensor<12xf32>, %t: !jet.conv_tail<1x6xf32>, %batch: !jet.batch, %q: tensor<?x2x5xf32>, %g: tensor<?x2xf32>, %s: !jet.recurrent_state<2x5x3xf32>) {
  // expected-error @below {{expected a body whose arguments have the types of the inputs}}
  %y:3 = jet.delta_step(%u, %h, %w, %b, %t, %batch, %q, %g, %s) : (tensor<?x6xf32>, tensor<?x3xf32>, tensor<12x3xf32>, tensor<12xf32>, !jet.conv_tail<1x6xf32>, !jet.batch, tensor<?x2x5xf32>, tensor<?x2xf32>, !jet.recurrent_state<2x5x3xf32>) -> (tensor<?x2x3xf32>, !jet.conv_tail<1x6xf32>, !jet.recurrent_state<2x5x3xf32>) {
  ^bb0(%0: tensor<?x6xf32>, %1: tensor<?x3xf32>, %2: tensor<12x3xf32>, %3: tensor<12xbf16>, %4: !jet.conv_tail<1x6xf32>, %5: !jet.batch, %6: tensor<?x2x5xf32>, %7: tensor<?x2xf32>, %8: !jet.recurrent_state<2x5x3xf32>):
    %c, %tail = jet.generated_conv %0, %1, %2, %3, %4, %5 : (tensor<?x6xf32>, tensor<?x3xf32>, tensor<12x3xf32>, tensor<12xbf16>, !jet.conv_tail<1x6xf32>, !jet.batch) -> (tensor<?x6xf32>, !jet.conv_tail<1x6xf32>)
    %v = jet.split_heads %c : (tensor<?x6xf32>) -> tensor<?x2x3xf32>
    %r, %state = jet.gated_delta_rule %6, %6, %v, %7, %7, %8, %5 : (tensor<?x2x5xf32>, tensor<?x2x5xf32>, tensor<?x2x3xf32>, tensor<?x2xf32>, tensor<?x2xf32>, !jet.recurrent_state<2x5x3xf32>, !jet.batch) -> (tensor<?x2x3xf32>, !jet.recurrent_state<2x5x3xf32>)
    jet.step_yield %r, %tail, %state : tensor<?x2x3xf32>, !jet.conv_tail<1x6xf32>, !jet.recurrent_state<2x5x3xf32>
  }
  return
}

// -----

// C3: code on v.
func.func @code_on_v(%u: tensor<?x6xf32>, %h: tensor<?x3xf32>, %w: tensor<12x3xf32>, %b: tensor<12xf32>, %t: !jet.conv_tail<1x6xf32>, %batch: !jet.batch, %q: tensor<?x2x5xf32>, %g: tensor<?x2xf32>, %s: !jet.recurrent_state<2x5x3xf32>) {
  // expected-error @below {{expected one reader of the convolved values, and no code on v}}
  %y:3 = jet.delta_step(%u, %h, %w, %b, %t, %batch, %q, %g, %s) : (tensor<?x6xf32>, tensor<?x3xf32>, tensor<12x3xf32>, tensor<12xf32>, !jet.conv_tail<1x6xf32>, !jet.batch, tensor<?x2x5xf32>, tensor<?x2xf32>, !jet.recurrent_state<2x5x3xf32>) -> (tensor<?x2x3xf32>, !jet.conv_tail<1x6xf32>, !jet.recurrent_state<2x5x3xf32>) {
  ^bb0(%0: tensor<?x6xf32>, %1: tensor<?x3xf32>, %2: tensor<12x3xf32>, %3: tensor<12xf32>, %4: !jet.conv_tail<1x6xf32>, %5: !jet.batch, %6: tensor<?x2x5xf32>, %7: tensor<?x2xf32>, %8: !jet.recurrent_state<2x5x3xf32>):
    %c, %tail = jet.generated_conv %0, %1, %2, %3, %4, %5 : (tensor<?x6xf32>, tensor<?x3xf32>, tensor<12x3xf32>, tensor<12xf32>, !jet.conv_tail<1x6xf32>, !jet.batch) -> (tensor<?x6xf32>, !jet.conv_tail<1x6xf32>)
    %v = jet.split_heads %c : (tensor<?x6xf32>) -> tensor<?x2x3xf32>
    %r, %state = jet.gated_delta_rule %6, %6, %v, %7, %7, %8, %5
      on operand 2 {
      ^bb0(%e: f32):
        %n = arith.negf %e : f32
        jet.yield %n : f32
      } : (tensor<?x2x5xf32>, tensor<?x2x5xf32>, tensor<?x2x3xf32>, tensor<?x2xf32>, tensor<?x2xf32>, !jet.recurrent_state<2x5x3xf32>, !jet.batch) -> (tensor<?x2x3xf32>, !jet.recurrent_state<2x5x3xf32>)
    jet.step_yield %r, %tail, %state : tensor<?x2x3xf32>, !jet.conv_tail<1x6xf32>, !jet.recurrent_state<2x5x3xf32>
  }
  return
}

// -----

// C4: another tail.
func.func @results(%u: tensor<?x6xf32>, %h: tensor<?x3xf32>, %w: tensor<12x3xf32>, %b: tensor<12xf32>, %t: !jet.conv_tail<1x6xf32>, %batch: !jet.batch, %q: tensor<?x2x5xf32>, %g: tensor<?x2xf32>, %s: !jet.recurrent_state<2x5x3xf32>) {
  // expected-error @below {{expected one batch, and results of the types that the body yields}}
  %y:3 = jet.delta_step(%u, %h, %w, %b, %t, %batch, %q, %g, %s) : (tensor<?x6xf32>, tensor<?x3xf32>, tensor<12x3xf32>, tensor<12xf32>, !jet.conv_tail<1x6xf32>, !jet.batch, tensor<?x2x5xf32>, tensor<?x2xf32>, !jet.recurrent_state<2x5x3xf32>) -> (tensor<?x2x3xf32>, !jet.conv_tail<2x6xf32>, !jet.recurrent_state<2x5x3xf32>) {
  ^bb0(%0: tensor<?x6xf32>, %1: tensor<?x3xf32>, %2: tensor<12x3xf32>, %3: tensor<12xf32>, %4: !jet.conv_tail<1x6xf32>, %5: !jet.batch, %6: tensor<?x2x5xf32>, %7: tensor<?x2xf32>, %8: !jet.recurrent_state<2x5x3xf32>):
    %c, %tail = jet.generated_conv %0, %1, %2, %3, %4, %5 : (tensor<?x6xf32>, tensor<?x3xf32>, tensor<12x3xf32>, tensor<12xf32>, !jet.conv_tail<1x6xf32>, !jet.batch) -> (tensor<?x6xf32>, !jet.conv_tail<1x6xf32>)
    %v = jet.split_heads %c : (tensor<?x6xf32>) -> tensor<?x2x3xf32>
    %r, %state = jet.gated_delta_rule %6, %6, %v, %7, %7, %8, %5 : (tensor<?x2x5xf32>, tensor<?x2x5xf32>, tensor<?x2x3xf32>, tensor<?x2xf32>, tensor<?x2xf32>, !jet.recurrent_state<2x5x3xf32>, !jet.batch) -> (tensor<?x2x3xf32>, !jet.recurrent_state<2x5x3xf32>)
    jet.step_yield %r, %tail, %state : tensor<?x2x3xf32>, !jet.conv_tail<1x6xf32>, !jet.recurrent_state<2x5x3xf32>
  }
  return
}

// -----

// C4: two batches.
func.func @batches(%u: tensor<?x6xf32>, %h: tensor<?x3xf32>, %w: tensor<12x3xf32>, %b: tensor<12xf32>, %t: !jet.conv_tail<1x6xf32>, %batch: !jet.batch, %q: tensor<?x2x5xf32>, %g: tensor<?x2xf32>, %s: !jet.recurrent_state<2x5x3xf32>, %other: !jet.batch) {
  // expected-error @below {{expected one batch, and results of the types that the body yields}}
  %y:3 = jet.delta_step(%u, %h, %w, %b, %t, %batch, %q, %g, %s, %other) : (tensor<?x6xf32>, tensor<?x3xf32>, tensor<12x3xf32>, tensor<12xf32>, !jet.conv_tail<1x6xf32>, !jet.batch, tensor<?x2x5xf32>, tensor<?x2xf32>, !jet.recurrent_state<2x5x3xf32>, !jet.batch) -> (tensor<?x2x3xf32>, !jet.conv_tail<1x6xf32>, !jet.recurrent_state<2x5x3xf32>) {
  ^bb0(%0: tensor<?x6xf32>, %1: tensor<?x3xf32>, %2: tensor<12x3xf32>, %3: tensor<12xf32>, %4: !jet.conv_tail<1x6xf32>, %5: !jet.batch, %6: tensor<?x2x5xf32>, %7: tensor<?x2xf32>, %8: !jet.recurrent_state<2x5x3xf32>, %9: !jet.batch):
    %c, %tail = jet.generated_conv %0, %1, %2, %3, %4, %5 : (tensor<?x6xf32>, tensor<?x3xf32>, tensor<12x3xf32>, tensor<12xf32>, !jet.conv_tail<1x6xf32>, !jet.batch) -> (tensor<?x6xf32>, !jet.conv_tail<1x6xf32>)
    %v = jet.split_heads %c : (tensor<?x6xf32>) -> tensor<?x2x3xf32>
    %r, %state = jet.gated_delta_rule %6, %6, %v, %7, %7, %8, %9 : (tensor<?x2x5xf32>, tensor<?x2x5xf32>, tensor<?x2x3xf32>, tensor<?x2xf32>, tensor<?x2xf32>, !jet.recurrent_state<2x5x3xf32>, !jet.batch) -> (tensor<?x2x3xf32>, !jet.recurrent_state<2x5x3xf32>)
    jet.step_yield %r, %tail, %state : tensor<?x2x3xf32>, !jet.conv_tail<1x6xf32>, !jet.recurrent_state<2x5x3xf32>
  }
  return
}
