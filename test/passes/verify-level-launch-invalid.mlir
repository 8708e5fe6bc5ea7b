// What must not be in a module of level "launch".

// RUN: jet-opt %s -jet-verify-level=level=launch -verify-diagnostics -split-input-file

func.func @unlaunched(%x: tensor<?x128xf32>) -> tensor<?x128xf32> {
  // expected-error @+1 {{'jet.swiglu' op must not survive to level 'launch'}}
  %y = jet.swiglu %x, %x : (tensor<?x128xf32>, tensor<?x128xf32>) -> tensor<?x128xf32>
  return %y : tensor<?x128xf32>
}

// -----

module {
  // expected-error @+1 {{'builtin.module' op must not survive to level 'launch'}}
  module @others {}
}

// -----

// A launch that changes the places of states
// expected-error @+1 {{'func.func' op expected to return each state that it takes, in order, but not so for state 0}}
func.func @swapped(%a: !jet.kv_cache<2x32xf32, page = 64>, %b: !jet.kv_cache<2x32xf32, page = 64>) -> (!jet.kv_cache<2x32xf32, page = 64>, !jet.kv_cache<2x32xf32, page = 64>) {
  %c:2 = jet.launch @kernels::@f(%a, %b) rows tokens : (!jet.kv_cache<2x32xf32, page = 64>, !jet.kv_cache<2x32xf32, page = 64>) -> (!jet.kv_cache<2x32xf32, page = 64>, !jet.kv_cache<2x32xf32, page = 64>)
  return %c#0, %c#1 : !jet.kv_cache<2x32xf32, page = 64>, !jet.kv_cache<2x32xf32, page = 64>
}
module @kernels {
  // expected-error @+1 {{'func.func' op expected a function with a body of one block}}
  func.func private @f(!jet.kv_cache<2x32xf32, page = 64>, !jet.kv_cache<2x32xf32, page = 64>) -> (!jet.kv_cache<2x32xf32, page = 64>, !jet.kv_cache<2x32xf32, page = 64>)
}

// -----

module {
  module @kernels {
    // expected-error @+1 {{'func.func' op expected a kernel of one tensor op}}
    func.func @two(%x: tensor<?x128xf32>) -> tensor<?x128xf32> {
      %y = jet.swiglu %x, %x : (tensor<?x128xf32>, tensor<?x128xf32>) -> tensor<?x128xf32>
      %z = jet.swiglu %x, %y : (tensor<?x128xf32>, tensor<?x128xf32>) -> tensor<?x128xf32>
      return %z : tensor<?x128xf32>
    }
    // expected-error @+1 {{'func.func' op expected a kernel of one tensor op}}
    func.func @none(%x: tensor<?x128xf32>) -> tensor<?x128xf32> {
      return %x : tensor<?x128xf32>
    }
    // expected-error @+1 {{'func.func' op expected a kernel of one tensor op}}
    func.func @view(%x: tensor<?x4x32xf32>) -> tensor<?x128xf32> {
      %y = jet.merge_heads %x : (tensor<?x4x32xf32>) -> tensor<?x128xf32>
      return %y : tensor<?x128xf32>
    }
    // expected-error @+1 {{'builtin.module' op expected a function with a body of one block}}
    module @inner {}
  }
}

// -----

// The lowering goes by positions.
module {
  module @kernels {
    // expected-error @+1 {{'func.func' op expected a kernel that passes its arguments to the op, and returns the op's results, in order}}
    func.func @swapped(%x: tensor<?x128xf32>, %y: tensor<?x128xf32>) -> tensor<?x128xf32> {
      %z = jet.swiglu %y, %x : (tensor<?x128xf32>, tensor<?x128xf32>) -> tensor<?x128xf32>
      return %z : tensor<?x128xf32>
    }
  }
}
