// RUN: jet-opt %s -jet-emit-device-entry-points -split-input-file -verify-diagnostics

// expected-error @below {{expected the form that -jet-map-grid, -jet-distribute-threads and -jet-allocate-scratch give a kernel}}
func.func @bare(%x: memref<?x3xf32>, %begin: index, %end: index) {
  return
}

// -----

// expected-error @below {{expected jet.shape on argument 0}}
func.func @shapeless(%x: memref<?x3xf32>, %begin: index, %end: index,
                     %R: index, %B: index, %T: index, %C: index, %S: index, %P: index,
                     %scratch: memref<?xi8>)
    attributes {jet.threads = 256 : i64} {
  return
}
