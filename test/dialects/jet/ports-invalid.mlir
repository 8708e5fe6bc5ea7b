// RUN: jet-opt %s -verify-diagnostics -split-input-file

// grouped_linear C1
func.func @products(%x: tensor<?x8xf32>, %w: tensor<4x8xf32>) {
  // expected-error @+1 {{expected 'products' with 1 entries that sum to 2}}
  %y = jet.grouped_linear %x(%w, %w) products [1] : (tensor<?x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<?x4xf32>
  return
}

// -----

// grouped_linear C1
func.func @huge_products(%x: tensor<?x8xf32>, %w: tensor<4x8xf32>) {
  // expected-error @+1 {{expected a positive number of products per result, found 9223372036854775807}}
  %y:2 = jet.grouped_linear %x(%w, %w) products [9223372036854775807, 1] : (tensor<?x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>) -> (tensor<?x4xf32>, tensor<?x4xf32>)
  return
}

// -----

// grouped_linear C2
func.func @inner(%x: tensor<?x8xf32>, %w: tensor<4x9xf32>) {
  // expected-error @+1 {{expected a weight of shape [4, 8] for result 0, found 'tensor<4x9xf32>'}}
  %y = jet.grouped_linear %x(%w) products [1] : (tensor<?x8xf32>, tensor<4x9xf32>) -> tensor<?x4xf32>
  return
}

// -----

// grouped_linear C3
func.func @outer(%x: tensor<?x8xf32>, %w: tensor<4x8xf32>) {
  // expected-error @+1 {{expected a weight of shape [5, 8] for result 0, found 'tensor<4x8xf32>'}}
  %y = jet.grouped_linear %x(%w) products [1] : (tensor<?x8xf32>, tensor<4x8xf32>) -> tensor<?x5xf32>
  return
}

// -----

// grouped_linear C4
func.func @no_code(%x: tensor<?x8xf32>, %w: tensor<4x8xf32>) {
  // expected-error @+1 {{expected code on result 0, which is made of 2 products}}
  %y = jet.grouped_linear %x(%w, %w) products [2] : (tensor<?x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<?x4xf32>
  return
}

// -----

// The port does not take code.
func.func @refused(%x: tensor<?x8xf32>, %w: tensor<4x8xf32>) {
  // expected-error @+1 {{cannot carry code on operand 1}}
  %y = jet.grouped_linear %x(%w) products [1]
    on operand 1 {
    ^bb0(%e: f32):
      jet.yield %e : f32
    } : (tensor<?x8xf32>, tensor<4x8xf32>) -> tensor<?x4xf32>
  return
}

// -----

// The port does not exist.
func.func @missing(%x: tensor<?x8xf32>, %w: tensor<4x8xf32>) {
  // expected-error @+1 {{cannot carry code on result 7}}
  %y = jet.grouped_linear %x(%w) products [1]
    on result 7 {
    ^bb0(%e: f32):
      jet.yield %e : f32
    } : (tensor<?x8xf32>, tensor<4x8xf32>) -> tensor<?x4xf32>
  return
}

// -----

func.func @twice(%x: tensor<?x8xf32>, %w: tensor<4x8xf32>) {
  // expected-error @+1 {{expected each port once in 'ports'}}
  %y = jet.grouped_linear %x(%w) products [1]
    on result 0 {
    ^bb0(%e: f32):
      jet.yield %e : f32
    }
    on result 0 {
    ^bb0(%e: f32):
      jet.yield %e : f32
    } : (tensor<?x8xf32>, tensor<4x8xf32>) -> tensor<?x4xf32>
  return
}

// -----

func.func @arguments(%x: tensor<?x8xf32>, %w: tensor<4x8xf32>) {
  // expected-error @+1 {{expected 1 region arguments on result 0, found 2}}
  %y = jet.grouped_linear %x(%w) products [1]
    on result 0 {
    ^bb0(%e: f32, %f: f32):
      jet.yield %e : f32
    } : (tensor<?x8xf32>, tensor<4x8xf32>) -> tensor<?x4xf32>
  return
}

// -----

// Code on a result sees what was accumulated, in f32.
func.func @accumulator(%x: tensor<?x8xf32>, %w: tensor<4x8xf32>) {
  // expected-error @+1 {{expected region argument 0 on result 0 of type 'f32', found 'bf16'}}
  %y = jet.grouped_linear %x(%w) products [1]
    on result 0 {
    ^bb0(%e: bf16):
      jet.yield %e : bf16
    } : (tensor<?x8xf32>, tensor<4x8xf32>) -> tensor<?x4xbf16>
  return
}

// -----

func.func @broadcast(%x: tensor<?x8xf32>, %w: tensor<4x8xf32>, %e: tensor<5xf32>) {
  // expected-error @+1 {{expected an extra tensor on result 0 that broadcasts to 'tensor<?x4xf32>', found 'tensor<5xf32>'}}
  %y = jet.grouped_linear %x(%w) products [1]
    on result 0 with(%e) {
    ^bb0(%a: f32, %b: f32):
      jet.yield %a : f32
    } : (tensor<?x8xf32>, tensor<4x8xf32>, tensor<5xf32>) -> tensor<?x4xf32>
  return
}

// -----

func.func @extra_type(%x: tensor<?x8xf32>, %w: tensor<4x8xf32>, %e: tensor<4xbf16>) {
  // expected-error @+1 {{expected a region argument of type 'bf16' on result 0, found 'f32'}}
  %y = jet.grouped_linear %x(%w) products [1]
    on result 0 with(%e) {
    ^bb0(%a: f32, %b: f32):
      jet.yield %a : f32
    } : (tensor<?x8xf32>, tensor<4x8xf32>, tensor<4xbf16>) -> tensor<?x4xf32>
  return
}

// -----

func.func @yield(%x: tensor<?x8xf32>, %w: tensor<4x8xf32>) {
  // expected-error @+1 {{expected the code on result 0 to yield 'bf16'}}
  %y = jet.grouped_linear %x(%w) products [1]
    on result 0 {
    ^bb0(%a: f32):
      jet.yield %a : f32
    } : (tensor<?x8xf32>, tensor<4x8xf32>) -> tensor<?x4xbf16>
  return
}

// -----

// grouped_linear C5
func.func @norm_size(%x: tensor<?x8xf32>, %w: tensor<4x8xf32>, %n: tensor<4xf32>) {
  // expected-error @+1 {{expected a norm of 8, found 'tensor<4xf32>'}}
  %y = jet.grouped_linear %x(%w) norm %n eps 1.0e-06 products [1] : (tensor<?x8xf32>, tensor<4x8xf32>, tensor<4xf32>) -> tensor<?x4xf32>
  return
}

// -----

// grouped_linear C5
func.func @norm_eps(%x: tensor<?x8xf32>, %w: tensor<4x8xf32>, %n: tensor<8xf32>) {
  // expected-error @+1 {{expected norm_eps > 0, found 0}}
  %y = jet.grouped_linear %x(%w) norm %n eps 0.0 products [1] : (tensor<?x8xf32>, tensor<4x8xf32>, tensor<8xf32>) -> tensor<?x4xf32>
  return
}

// -----

// grouped_linear C5
func.func @norm_alone(%x: tensor<?x8xf32>, %w: tensor<4x8xf32>, %n: tensor<8xf32>) {
  // expected-error @+1 {{expected norm_eps with a norm, found none}}
  %y = "jet.grouped_linear"(%x, %w, %n) <{operandSegmentSizes = array<i32: 1, 1, 1, 0>, ports = array<i64>, products = array<i64: 1>}> : (tensor<?x8xf32>, tensor<4x8xf32>, tensor<8xf32>) -> tensor<?x4xf32>
  return
}

// -----

// generated_conv C2
func.func @taps(%u: tensor<?x6xf32>, %h: tensor<?x3xf32>, %w: tensor<18x3xf32>, %b: tensor<18xf32>, %t: !jet.conv_tail<3x6xf32>, %batch: !jet.batch) {
  // expected-error @+1 {{expected a weight with 4 rows per channel, found 'tensor<18x3xf32>'}}
  %y, %next = jet.generated_conv %u, %h, %w, %b, %t, %batch : (tensor<?x6xf32>, tensor<?x3xf32>, tensor<18x3xf32>, tensor<18xf32>, !jet.conv_tail<3x6xf32>, !jet.batch) -> (tensor<?x6xf32>, !jet.conv_tail<3x6xf32>)
  return
}

// -----

// generated_conv C2
func.func @bias(%u: tensor<?x6xf32>, %h: tensor<?x3xf32>, %w: tensor<24x3xf32>, %b: tensor<18xf32>, %t: !jet.conv_tail<3x6xf32>, %batch: !jet.batch) {
  // expected-error @+1 {{expected a bias of 24, found 'tensor<18xf32>'}}
  %y, %next = jet.generated_conv %u, %h, %w, %b, %t, %batch : (tensor<?x6xf32>, tensor<?x3xf32>, tensor<24x3xf32>, tensor<18xf32>, !jet.conv_tail<3x6xf32>, !jet.batch) -> (tensor<?x6xf32>, !jet.conv_tail<3x6xf32>)
  return
}

// -----

// gated_delta_rule C4
func.func @norm_weight(%q: tensor<?x2x3xf32>, %v: tensor<?x2x5xf32>, %g: tensor<?x2xf32>, %s: !jet.recurrent_state<2x3x5xf32>, %batch: !jet.batch, %w: tensor<4xf32>) {
  // expected-error @+1 {{expected a norm weight of 5, found 'tensor<4xf32>'}}
  %y, %next = jet.gated_delta_rule %q, %q, %v, %g, %g, %s, %batch norm %v, %w eps 1.0e-05 : (tensor<?x2x3xf32>, tensor<?x2x3xf32>, tensor<?x2x5xf32>, tensor<?x2xf32>, tensor<?x2xf32>, !jet.recurrent_state<2x3x5xf32>, !jet.batch, tensor<?x2x5xf32>, tensor<4xf32>) -> (tensor<?x2x5xf32>, !jet.recurrent_state<2x3x5xf32>)
  return
}

// -----

// gated_delta_rule C3
func.func @qk_norm(%q: tensor<?x2x3xf32>, %v: tensor<?x2x5xf32>, %g: tensor<?x2xf32>, %s: !jet.recurrent_state<2x3x5xf32>, %batch: !jet.batch) {
  // expected-error @+1 {{expected qk_norm_eps > 0 and q_scale together}}
  %y, %next = jet.gated_delta_rule %q, %q, %v, %g, %g, %s, %batch qk_norm eps 0.0 scale 1.0 : (tensor<?x2x3xf32>, tensor<?x2x3xf32>, tensor<?x2x5xf32>, tensor<?x2xf32>, tensor<?x2xf32>, !jet.recurrent_state<2x3x5xf32>, !jet.batch) -> (tensor<?x2x5xf32>, !jet.recurrent_state<2x3x5xf32>)
  return
}
