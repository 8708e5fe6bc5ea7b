// One case per labelled constraint of jet.map, then broken regions.

// RUN: jet-opt %s -verify-diagnostics -split-input-file

// C1: not a suffix
func.func @f(%a: tensor<?x4xf32>, %b: tensor<2xf32>) {
  // expected-error @+1 {{'jet.map' op expected the shape of each input to be a suffix of the result's, found 'tensor<2xf32>' for 'tensor<?x4xf32>'}}
  %y = jet.map(%a, %b) : (tensor<?x4xf32>, tensor<2xf32>) -> tensor<?x4xf32> {
  ^bb0(%x: f32, %z: f32):
    jet.yield %x : f32
  }
  return
}

// -----

// C1: longer than the result
func.func @f(%a: tensor<?x4xf32>, %b: tensor<?x?x4xf32>) {
  // expected-error @+1 {{'jet.map' op expected the shape of each input to be a suffix of the result's, found 'tensor<?x?x4xf32>' for 'tensor<?x4xf32>'}}
  %y = jet.map(%a, %b) : (tensor<?x4xf32>, tensor<?x?x4xf32>) -> tensor<?x4xf32> {
  ^bb0(%x: f32, %z: f32):
    jet.yield %x : f32
  }
  return
}

// -----

// C1: no input says how many rows there are
func.func @f(%b: tensor<4xf32>) {
  // expected-error @+1 {{'jet.map' op expected an input of the result's shape, 'tensor<?x4xf32>'}}
  %y = jet.map(%b) : (tensor<4xf32>) -> tensor<?x4xf32> {
  ^bb0(%x: f32):
    jet.yield %x : f32
  }
  return
}

// -----

// C1: no input
func.func @f() {
  // expected-error @+1 {{'jet.map' op expected an input of the result's shape, 'tensor<4xf32>'}}
  %y = jet.map() : () -> tensor<4xf32> {
    %x = arith.constant 1.0 : f32
    jet.yield %x : f32
  }
  return
}

// -----

// C1: row size
func.func @f(%a: tensor<?x?xf32>) {
  // expected-error @+1 {{'jet.map' op expected a result with rows of a positive, known size, found 'tensor<?x?xf32>'}}
  %y = jet.map(%a) : (tensor<?x?xf32>) -> tensor<?x?xf32> {
  ^bb0(%x: f32):
    jet.yield %x : f32
  }
  return
}

// -----

// C1: no rows at all
func.func @f(%a: tensor<f32>) {
  // expected-error @+1 {{'jet.map' op expected a result with rows of a positive, known size, found 'tensor<f32>'}}
  %y = jet.map(%a) : (tensor<f32>) -> tensor<f32> {
  ^bb0(%x: f32):
    jet.yield %x : f32
  }
  return
}

// -----

// C2: number of arguments
func.func @f(%a: tensor<?x4xf32>) {
  // expected-error @+1 {{'jet.map' op expected 1 region arguments, found 2}}
  %y = jet.map(%a) : (tensor<?x4xf32>) -> tensor<?x4xf32> {
  ^bb0(%x: f32, %z: f32):
    jet.yield %x : f32
  }
  return
}

// -----

// C2: type of an argument
func.func @f(%a: tensor<?x4xbf16>) {
  // expected-error @+1 {{'jet.map' op expected a region argument of type 'bf16', found 'f32'}}
  %y = jet.map(%a) : (tensor<?x4xbf16>) -> tensor<?x4xf32> {
  ^bb0(%x: f32):
    jet.yield %x : f32
  }
  return
}

// -----

// C3: type
func.func @f(%a: tensor<?x4xf32>) {
  // expected-error @+1 {{'jet.map' op expected the region to yield 'bf16'}}
  %y = jet.map(%a) : (tensor<?x4xf32>) -> tensor<?x4xbf16> {
  ^bb0(%x: f32):
    jet.yield %x : f32
  }
  return
}

// -----

// C3: another terminator
func.func @f(%a: tensor<?x4xf32>) {
  // expected-error @+1 {{'jet.map' op expected the region to yield 'f32'}}
  %y = jet.map(%a) : (tensor<?x4xf32>) -> tensor<?x4xf32> {
  ^bb0(%x: f32):
    ub.unreachable
  }
  return
}

// -----

// No terminator
func.func @f(%a: tensor<?x4xf32>) {
  %y = jet.map(%a) : (tensor<?x4xf32>) -> tensor<?x4xf32> {
  ^bb0(%x: f32):
    // expected-error @+1 {{block with no terminator}}
    %s = arith.addf %x, %x : f32
  }
  return
}

// -----

// An empty block
func.func @f(%a: tensor<?x4xf32>) {
  // expected-error @+1 {{'jet.map' op expects a non-empty block}}
  %y = jet.map(%a) : (tensor<?x4xf32>) -> tensor<?x4xf32> {
  ^bb0(%x: f32):
  }
  return
}

// -----

// No block
func.func @f(%a: tensor<?x4xf32>) {
  // expected-error @+1 {{'jet.map' op region #0 ('body') failed to verify constraint: region with 1 blocks}}
  %y = "jet.map"(%a) ({}) : (tensor<?x4xf32>) -> tensor<?x4xf32>
  return
}

// -----

// A value from outside
func.func @f(%a: tensor<?x4xf32>, %c: f32) {
  // expected-note @+1 {{required by region isolation constraints}}
  %y = jet.map(%a) : (tensor<?x4xf32>) -> tensor<?x4xf32> {
  ^bb0(%x: f32):
    // expected-error @+1 {{'jet.yield' op using value defined outside the region}}
    jet.yield %c : f32
  }
  return
}

// -----

// A jet.yield elsewhere
func.func @f(%a: f32) {
  // expected-error @+1 {{'jet.yield' op expects parent op to be one of 'jet.map, }}
  jet.yield %a : f32
}
