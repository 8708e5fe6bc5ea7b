// x·Wᵀ becomes tiles of accumulators that are vectors along k.

// RUN: jet-opt %s -jet-vectorize-contractions="vector-width=8 rows=2 columns=2" -canonicalize -cse -split-input-file | FileCheck %s

#x = affine_map<(r, n, k) -> (r, k)>
#w = affine_map<(r, n, k) -> (n, k)>
#y = affine_map<(r, n, k) -> (r, n)>

// 20 = two vectors of 8 in a loop, and a vector of 4 behind it. Of the weights'
// 3 rows, 2 make a tile and 1 is left; of the rows of x, at most 1 is.
// CHECK-LABEL: func.func @tiles
// CHECK-SAME:    (%[[X:.*]]: memref<?x20xf32>, %[[W:.*]]: memref<3x20xbf16>, %[[Y:.*]]: memref<?x3xf32>)
// CHECK-NOT:     linalg.generic
// CHECK:         %[[REST:.*]] = arith.remui %[[ROWS:.*]], %c2
// CHECK:         %[[WHOLE:.*]] = arith.subi %[[ROWS]], %[[REST]]
// CHECK:         scf.for %[[R:.*]] = %c0 to %[[WHOLE]] step %c2 {
// The 2 × 2 tile: 4 loads for 4 multiply-adds.
// CHECK:           %[[ACC:.*]]:4 = scf.for %[[K:.*]] = %c0 to %c16 step %c8 iter_args(%[[A0:.*]] = %{{.*}}, %[[A1:.*]] = %{{.*}}, %[[A2:.*]] = %{{.*}}, %[[A3:.*]] = %{{.*}})
// CHECK-DAG:         %[[X0:.*]] = vector.load %[[X]][%[[R]], %[[K]]] : memref<?x20xf32>, vector<8xf32>
// CHECK-DAG:         %[[X1:.*]] = vector.load %[[X]][%{{.*}}, %[[K]]] : memref<?x20xf32>, vector<8xf32>
// CHECK-DAG:         %[[W0:.*]] = vector.load %[[W]][%c0, %[[K]]] : memref<3x20xbf16>, vector<8xbf16>
// CHECK-DAG:         %[[E0:.*]] = arith.extf %[[W0]]
// CHECK-DAG:         %[[W1:.*]] = vector.load %[[W]][%c1, %[[K]]] : memref<3x20xbf16>, vector<8xbf16>
// CHECK-DAG:         %[[E1:.*]] = arith.extf %[[W1]]
// CHECK:             %[[F0:.*]] = vector.fma %[[X0]], %[[E0]], %[[A0]]
// CHECK-NEXT:        %[[F1:.*]] = vector.fma %[[X0]], %[[E1]], %[[A1]]
// CHECK-NEXT:        %[[F2:.*]] = vector.fma %[[X1]], %[[E0]], %[[A2]]
// CHECK-NEXT:        %[[F3:.*]] = vector.fma %[[X1]], %[[E1]], %[[A3]]
// CHECK-NEXT:        scf.yield %[[F0]], %[[F1]], %[[F2]], %[[F3]]
// The rest of k, narrower and not masked: nothing is read past a row.
// CHECK:           vector.load %[[X]][%[[R]], %c16] : memref<?x20xf32>, vector<4xf32>
// Added to what y holds.
// CHECK:           %[[OLD:.*]] = memref.load %[[Y]][%[[R]], %c0]
// CHECK:           %[[SUM:.*]] = vector.reduction <add>, %[[ACC]]#0 fastmath<reassoc>
// CHECK:           arith.addf %[[OLD]], %[[SUM]]
// CHECK:           memref.store %{{.*}}, %[[Y]][%[[R]], %c0]
// The third column, for 2 rows and then for the last row.
// CHECK:           scf.for {{.*}} -> (vector<8xf32>, vector<8xf32>) {
// CHECK:         scf.for %{{.*}} = %[[WHOLE]] to %[[ROWS]] step %c1 {
// CHECK:           scf.for {{.*}} -> (vector<8xf32>, vector<8xf32>) {
// CHECK:           scf.for {{.*}} -> (vector<8xf32>) {
func.func @tiles(%x: memref<?x20xf32>, %w: memref<3x20xbf16>, %y: memref<?x3xf32>) {
  linalg.generic {indexing_maps = [#x, #w, #y], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %w : memref<?x20xf32>, memref<3x20xbf16>) outs(%y : memref<?x3xf32>) {
  ^bb0(%a: f32, %b: bf16, %acc: f32):
    %e = arith.extf %b : bf16 to f32
    %p = arith.mulf %a, %e : f32
    %s = arith.addf %acc, %p : f32
    linalg.yield %s : f32
  }
  return
}

// -----

// What only looks like it stays as it is.

#x = affine_map<(r, n, k) -> (r, k)>
#w = affine_map<(r, n, k) -> (n, k)>
#wt = affine_map<(r, n, k) -> (k, n)>
#y = affine_map<(r, n, k) -> (r, n)>

// The weights are transposed.
// CHECK-LABEL: func.func @transposed
// CHECK:         linalg.generic
func.func @transposed(%x: memref<?x8xf32>, %w: memref<8x3xf32>, %y: memref<?x3xf32>) {
  linalg.generic {indexing_maps = [#x, #wt, #y], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %w : memref<?x8xf32>, memref<8x3xf32>) outs(%y : memref<?x3xf32>) {
  ^bb0(%a: f32, %b: f32, %acc: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %acc, %p : f32
    linalg.yield %s : f32
  }
  return
}

// A square, not a product of both.
// CHECK-LABEL: func.func @square
// CHECK:         linalg.generic
func.func @square(%x: memref<?x8xf32>, %w: memref<3x8xf32>, %y: memref<?x3xf32>) {
  linalg.generic {indexing_maps = [#x, #w, #y], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %w : memref<?x8xf32>, memref<3x8xf32>) outs(%y : memref<?x3xf32>) {
  ^bb0(%a: f32, %b: f32, %acc: f32):
    %p = arith.mulf %a, %a : f32
    %s = arith.addf %acc, %p : f32
    linalg.yield %s : f32
  }
  return
}

// Sums in bf16: tiles would add in f32.
// CHECK-LABEL: func.func @narrow_sums
// CHECK:         linalg.generic
func.func @narrow_sums(%x: memref<?x8xbf16>, %w: memref<3x8xbf16>, %y: memref<?x3xbf16>) {
  linalg.generic {indexing_maps = [#x, #w, #y], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %w : memref<?x8xbf16>, memref<3x8xbf16>) outs(%y : memref<?x3xbf16>) {
  ^bb0(%a: bf16, %b: bf16, %acc: bf16):
    %p = arith.mulf %a, %b : bf16
    %s = arith.addf %acc, %p : bf16
    linalg.yield %s : bf16
  }
  return
}

// Rows with gaps between the elements.
// CHECK-LABEL: func.func @strided
// CHECK:         linalg.generic
func.func @strided(%x: memref<?x8xf32, strided<[16, 2]>>, %w: memref<3x8xf32>, %y: memref<?x3xf32>) {
  linalg.generic {indexing_maps = [#x, #w, #y], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %w : memref<?x8xf32, strided<[16, 2]>>, memref<3x8xf32>) outs(%y : memref<?x3xf32>) {
  ^bb0(%a: f32, %b: f32, %acc: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %acc, %p : f32
    linalg.yield %s : f32
  }
  return
}
