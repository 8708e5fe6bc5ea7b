// Copies of buffers become linalg, whatever their strides: no call is left.

// RUN: jet-opt %s -jet-expand-copies | FileCheck %s

// CHECK: #[[MAP:.*]] = affine_map<(d0, d1) -> (d0, d1)>
// CHECK-LABEL: func.func @strided
// CHECK-SAME:    (%[[FROM:.*]]: memref<4x?xf32, strided<[?, 2], offset: ?>>, %[[TO:.*]]: memref<4x?xf32, strided<[?, 1], offset: 3>>)
// CHECK-NEXT:    linalg.generic {indexing_maps = [#[[MAP]], #[[MAP]]], iterator_types = ["parallel", "parallel"]} ins(%[[FROM]] : {{.*}}) outs(%[[TO]] : {{.*}}) {
// CHECK-NEXT:    ^bb0(%[[IN:.*]]: f32, %{{.*}}: f32):
// CHECK-NEXT:      linalg.yield %[[IN]] : f32
// CHECK-NOT:     memref.copy
// CHECK:         return
func.func @strided(%from: memref<4x?xf32, strided<[?, 2], offset: ?>>, %to: memref<4x?xf32, strided<[?, 1], offset: 3>>) {
  memref.copy %from, %to : memref<4x?xf32, strided<[?, 2], offset: ?>> to memref<4x?xf32, strided<[?, 1], offset: 3>>
  return
}

// Copies in loops too, and several of them.
// CHECK-LABEL: func.func @nested
// CHECK:         scf.for
// CHECK-NEXT:      linalg.generic
// CHECK:           linalg.generic
// CHECK-NOT:     memref.copy
func.func @nested(%a: memref<8xbf16>, %b: memref<8xbf16>, %c: memref<8xbf16>, %n: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  scf.for %i = %c0 to %n step %c1 {
    memref.copy %a, %b : memref<8xbf16> to memref<8xbf16>
    memref.copy %b, %c : memref<8xbf16> to memref<8xbf16>
  }
  return
}
