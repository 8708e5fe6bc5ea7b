// What cannot be outlined.

// RUN: jet-opt %s -jet-outline-kernels -verify-diagnostics -split-input-file

func.func @callee() {
  return
}
func.func @no_result() {
  // expected-error @+1 {{'func.call' op is not a tensor op: cannot outline it}}
  call @callee() : () -> ()
  return
}

// -----

func.func @scalar(%x: f32) -> f32 {
  // expected-error @+1 {{'arith.addf' op is not a tensor op: cannot outline it}}
  %y = arith.addf %x, %x : f32
  return %y : f32
}

// -----

// Outlined already
func.func @twice(%x: tensor<?x128xf32>) -> tensor<?x128xf32> {
  // expected-error @+1 {{'jet.launch' op is not a tensor op: cannot outline it}}
  %y = jet.launch @done::@f(%x) rows tokens : (tensor<?x128xf32>) -> tensor<?x128xf32>
  return %y : tensor<?x128xf32>
}
module @done {
  func.func private @f(tensor<?x128xf32>) -> tensor<?x128xf32>
}
