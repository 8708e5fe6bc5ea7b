// Loops around loops are not to be vectorised, and that comes as far as LLVM.

// RUN: jet-opt %s -jet-annotate-loops | FileCheck %s
// RUN: jet-opt %s -jet-annotate-loops -convert-scf-to-cf -convert-to-llvm -jet-move-loop-annotations | FileCheck %s --check-prefix=LLVM

// CHECK: #[[VECTORIZE:.*]] = #llvm.loop_vectorize<disable = true>
// CHECK: #[[ANNOTATION:.*]] = #llvm.loop_annotation<vectorize = #[[VECTORIZE]]>
// CHECK-LABEL: func.func @rows
// CHECK:         scf.for
// CHECK:           scf.for
// CHECK:             scf.for
// CHECK:             }
// CHECK-NEXT:      } {llvm.loop_annotation = #[[ANNOTATION]]}
// CHECK-NEXT:      scf.for
// CHECK:           }
// CHECK-NEXT:    } {llvm.loop_annotation = #[[ANNOTATION]]}

// LLVM-LABEL: llvm.func @rows
// LLVM:         llvm.br ^{{.*}} {loop_annotation = #
// LLVM:         llvm.br ^{{.*}} {loop_annotation = #
// LLVM-NOT:     {loop_annotation
func.func @rows(%m: memref<?x5xf32>, %n: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c5 = arith.constant 5 : index
  scf.for %b = %c0 to %n step %c1 {
    scf.for %i = %c0 to %n step %c1 {
      scf.for %j = %c0 to %c5 step %c1 {
        %v = memref.load %m[%i, %j] : memref<?x5xf32>
        memref.store %v, %m[%b, %j] : memref<?x5xf32>
      }
    }
    scf.for %j = %c0 to %c5 step %c1 {
      %v = memref.load %m[%b, %j] : memref<?x5xf32>
      memref.store %v, %m[%j, %c0] : memref<?x5xf32>
    }
  }
  return
}
