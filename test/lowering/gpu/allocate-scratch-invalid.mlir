// RUN: jet-opt %s -jet-allocate-scratch -split-input-file -verify-diagnostics

func.func @unbounded(%x: memref<?xf32>, %begin: index, %end: index) {
  // expected-error @below {{expected sizes that the kernel's symbols bound}}
  %alloc = memref.alloc(%end) : memref<?xf32>
  return
}

// -----

// The position of a sequence is no size of a step.
func.func @position(%batch: memref<?x?xi32> {jet.shape = affine_map<()[R, B, T, C, S, P] -> (B, C + 4)>}, %begin: index, %end: index) {
  %c1 = arith.constant 1 : index
  %i32 = memref.load %batch[%begin, %c1] : memref<?x?xi32>
  %position = arith.index_cast %i32 : i32 to index
  // expected-error @below {{expected sizes that the kernel's symbols bound}}
  %alloc = memref.alloc(%position) : memref<?xf32>
  return
}

// -----

// Two of it would be alive in one iteration.
func.func @carried(%x: memref<8xf32>, %begin: index, %end: index) {
  %c1 = arith.constant 1 : index
  %last = scf.for %i = %begin to %end step %c1 iter_args(%before = %x) -> (memref<8xf32>) {
    // expected-error @below {{expected to stay in its iteration or branch}}
    %alloc = memref.alloc() : memref<8xf32>
    scf.yield %alloc : memref<8xf32>
  }
  return
}
