// An argument of unknown shape cannot be made from a pointer.

// RUN: jet-opt %s -jet-emit-entry-points -verify-diagnostics

module @kernels {
  // expected-error@+1 {{expected jet.shape on argument 0}}
  func.func @k(%x: memref<?x3xf32>, %begin: index, %end: index) {
    return
  }
}
