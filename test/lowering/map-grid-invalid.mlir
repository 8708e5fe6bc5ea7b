// Grids whose size does not follow from the symbols.

// RUN: jet-opt %s -jet-map-grid -split-input-file -verify-diagnostics

// expected-error@+1 {{expected one scf.forall on buffers, found 2}}
func.func @two_grids() {
  scf.forall (%i) in (4) { }
  scf.forall (%i) in (4) { }
  return
}

// -----

// expected-error@+1 {{expected one scf.forall on buffers, found 1}}
func.func @on_tensors(%x: tensor<4xf32>) -> tensor<4xf32> {
  %y = scf.forall (%i) in (4) shared_outs(%o = %x) -> tensor<4xf32> {
    %s = tensor.extract_slice %o[%i] [1] [1] : tensor<4xf32> to tensor<1xf32>
    scf.forall.in_parallel {
      tensor.parallel_insert_slice %s into %o[%i] [1] [1] : tensor<1xf32> into tensor<4xf32>
    }
  }
  return %y : tensor<4xf32>
}

// -----

// expected-error@+1 {{expected the grid's bounds to be constants or sizes of arguments}}
func.func @bound_from_elsewhere(%n: index) {
  scf.forall (%i) in (%n) { }
  return
}

// -----

// expected-error@+1 {{expected the grid's bounds to be constants or sizes of arguments}}
func.func @argument_without_shape(%x: memref<?xf32>) {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?xf32>
  scf.forall (%i) in (%n) { }
  return
}

// -----

// expected-error@+1 {{expected the grid's steps to be constants}}
func.func @step_not_constant(%n: index) {
  scf.forall (%i) = (0) to (4) step (%n) { }
  return
}

// -----

// expected-error@+1 {{expected the grid to begin at 0}}
func.func @begins_at_one(%x: memref<4xf32>) {
  %zero = arith.constant 0.0 : f32
  scf.forall (%i) = (1) to (4) step (1) {
    memref.store %zero, %x[%i] : memref<4xf32>
  }
  return
}
