// A kernel's scf.forall becomes a loop from begin to end, and the number of its
// points a size in the symbols R, B, T, C, S, P.

// RUN: jet-opt %s -jet-map-grid | FileCheck %s

#rows = affine_map<()[R, B, T, C, S] -> (R, 130)>
#batch = affine_map<()[R, B, T, C, S] -> (B, C + 4)>

// CHECK-DAG: #[[SEQUENCES_AND_BLOCKS:.*]] = affine_map<()[s0, s1, s2, s3, s4, s5] -> (s1 * 3)>
// CHECK-DAG: #[[BLOCKS_OF_ROWS:.*]] = affine_map<()[s0, s1, s2, s3, s4, s5] -> (s0 ceildiv 8)>
// CHECK-DAG: #[[ONE:.*]] = affine_map<()[s0, s1, s2, s3, s4, s5] -> (1)>

// Row-major: the last dimension of the grid is the fastest. The last block of
// columns is not full, and still a point.
// CHECK-LABEL: func.func @sequences_and_blocks
// CHECK-SAME:    %[[X:[^:]*]]: memref<?x130xf32>
// CHECK-SAME:    %[[BATCH:[^:]*]]: memref<?x?xi32>
// CHECK-SAME:    %[[BEGIN:[^:]*]]: index, %[[END:[^:]*]]: index) attributes {jet.grid = #[[SEQUENCES_AND_BLOCKS]]}
// CHECK-DAG:     %[[STEP:.*]] = arith.constant 64 : index
// CHECK-DAG:     %[[COLUMNS:.*]] = arith.constant 130 : index
// CHECK:         %[[BLOCKS:.*]] = arith.ceildivui %[[COLUMNS]], %[[STEP]]
// CHECK-NOT:     scf.forall
// CHECK:         scf.for %[[ID:.*]] = %[[BEGIN]] to %[[END]] step
// CHECK-DAG:       %[[COLUMN:.*]] = arith.remui %[[ID]], %[[BLOCKS]]
// CHECK-DAG:       %[[ROW:.*]] = arith.divui %[[ID]], %[[BLOCKS]]
// CHECK-DAG:       %[[I:.*]] = arith.muli %[[ROW]], %{{.*}}
// CHECK-DAG:       %[[J:.*]] = arith.muli %[[COLUMN]], %[[STEP]]
// CHECK:           memref.store %{{.*}}, %[[X]][%[[I]], %[[J]]]
func.func @sequences_and_blocks(%x: memref<?x130xf32> {jet.shape = #rows}, %batch: memref<?x?xi32> {jet.shape = #batch}) {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %b = memref.dim %batch, %c0 : memref<?x?xi32>
  scf.forall (%i, %j) = (0, 0) to (%b, 130) step (1, 64) {
    memref.store %zero, %x[%i, %j] : memref<?x130xf32>
  }
  return
}

// CHECK-LABEL: func.func @blocks_of_rows
// CHECK-SAME:    jet.grid = #[[BLOCKS_OF_ROWS]]
func.func @blocks_of_rows(%x: memref<?x130xf32> {jet.shape = #rows}) {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %r = memref.dim %x, %c0 : memref<?x130xf32>
  scf.forall (%i) = (0) to (%r) step (8) {
    memref.store %zero, %x[%i, %c0] : memref<?x130xf32>
  }
  return
}

// Folding has removed a loop of one point: the body is that point, and runs for
// [0, 1) but not for [0, 0).
// CHECK-LABEL: func.func @one_point
// CHECK-SAME:    %[[BEGIN:[^:]*]]: index, %[[END:[^:]*]]: index) attributes {jet.grid = #[[ONE]]}
// CHECK:         scf.for %{{.*}} = %[[BEGIN]] to %[[END]] step
// CHECK:           memref.store
// CHECK-NEXT:    }
// CHECK-NEXT:    return
func.func @one_point(%x: memref<?x130xf32> {jet.shape = #rows}) {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  memref.store %zero, %x[%c0, %c0] : memref<?x130xf32>
  return
}
