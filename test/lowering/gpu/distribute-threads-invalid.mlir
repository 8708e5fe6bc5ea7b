// RUN: jet-opt %s -jet-distribute-threads -split-input-file -verify-diagnostics

func.func @copy(%x: memref<4xf32>, %y: memref<4xf32>) {
  // expected-error @below {{expected linalg.generic, loads and stores, scf.for and scf.if to distribute among threads}}
  memref.copy %x, %y : memref<4xf32> to memref<4xf32>
  return
}

// -----

// expected-error @below {{expected a body of one block}}
func.func @blocks(%x: memref<4xf32>) {
  cf.br ^next
^next:
  return
}
