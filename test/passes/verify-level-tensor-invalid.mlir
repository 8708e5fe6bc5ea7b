// What must not be in a module of level "tensor".

// RUN: jet-opt %s -jet-verify-level=level=tensor -verify-diagnostics -split-input-file

func.func @foreign(%x: f32) -> f32 {
  // expected-error @+1 {{'arith.addf' op must not survive to level 'tensor'}}
  %y = arith.addf %x, %x : f32
  return %y : f32
}

// -----

module {
  // expected-error @+1 {{'builtin.module' op must not survive to level 'tensor'}}
  module @kernels {}
}

// -----

// expected-error @+1 {{'func.func' op expected a body of one block}}
func.func private @declared(!jet.batch)

// -----

// expected-error @+1 {{'func.func' op expected a body of one block}}
func.func @branches() {
  cf.br ^next
^next:
  return
}

// -----

func.func @region(%x: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %y = jet.map(%x) : (tensor<?x4xf32>) -> tensor<?x4xf32> {
  ^bb0(%a: f32):
    // expected-error @+1 {{'tensor.empty' op is not scalar arithmetic, which is all that a region of a tensor op holds}}
    %t = tensor.empty() : tensor<4xf32>
    jet.yield %a : f32
  }
  return %y : tensor<?x4xf32>
}

// -----

// A state that gets lost
// expected-error @+1 {{'func.func' op expected to return each state that it takes, in order, but not so for state 1}}
func.func @lost(%a: !jet.kv_cache<2x32xf32, page = 64>, %b: !jet.conv_tail<3x256xf32>) -> !jet.kv_cache<2x32xf32, page = 64> {
  return %a : !jet.kv_cache<2x32xf32, page = 64>
}

// -----

// A state from nowhere
// expected-error @+1 {{'func.func' op expected to return each state that it takes, in order, but not so for state 1}}
func.func @twice(%a: !jet.kv_cache<2x32xf32, page = 64>) -> (!jet.kv_cache<2x32xf32, page = 64>, !jet.kv_cache<2x32xf32, page = 64>) {
  return %a, %a : !jet.kv_cache<2x32xf32, page = 64>, !jet.kv_cache<2x32xf32, page = 64>
}

// -----

// States of one type that changed places
// expected-error @+1 {{'func.func' op expected to return each state that it takes, in order, but not so for state 0}}
func.func @swapped(%a: !jet.kv_cache<2x32xf32, page = 64>, %b: !jet.kv_cache<2x32xf32, page = 64>, %k: tensor<?x2x32xf32>, %v: tensor<?x2x32xf32>, %batch: !jet.batch) -> (!jet.kv_cache<2x32xf32, page = 64>, !jet.kv_cache<2x32xf32, page = 64>) {
  %a1 = jet.kv_append %a, %k, %v, %batch : (!jet.kv_cache<2x32xf32, page = 64>, tensor<?x2x32xf32>, tensor<?x2x32xf32>, !jet.batch) -> !jet.kv_cache<2x32xf32, page = 64>
  return %b, %a1 : !jet.kv_cache<2x32xf32, page = 64>, !jet.kv_cache<2x32xf32, page = 64>
}
