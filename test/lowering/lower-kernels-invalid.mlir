// What is not a kernel of one op with a definition.

// RUN: jet-opt %s -jet-lower-kernels -split-input-file -verify-diagnostics

// expected-error@+1 {{expected a module @kernels; run -jet-outline-kernels first}}
module {
}

// -----

module @kernels_of_two_ops {
  module @kernels {
    // expected-error@+1 {{expected one op in a kernel}}
    func.func @k(%g: tensor<?x8xf32>) -> tensor<?x8xf32> {
      %y = jet.swiglu %g, %g : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
      %z = jet.swiglu %g, %y : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
      return %z : tensor<?x8xf32>
    }
  }
}

// -----

module @kernel_of_nothing {
  module @kernels {
    // expected-error@+1 {{expected one op in a kernel}}
    func.func @k(%g: tensor<?x8xf32>) -> tensor<?x8xf32> {
      return %g : tensor<?x8xf32>
    }
  }
}

// -----

module @kernel_without_body {
  module @kernels {
    // expected-error@+1 {{expected a kernel with a body}}
    func.func private @k(%g: tensor<?x8xf32>) -> tensor<?x8xf32>
  }
}

// -----

module @kernel_of_a_view {
  module @kernels {
    func.func @k(%g: tensor<?x8xf32>) -> tensor<?x2x4xf32> {
      // expected-error@+1 {{has no lowering to linalg}}
      %y = jet.split_heads %g : (tensor<?x8xf32>) -> tensor<?x2x4xf32>
      return %y : tensor<?x2x4xf32>
    }
  }
}
