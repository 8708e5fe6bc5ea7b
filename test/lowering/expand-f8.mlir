// Conversions of f8E4M3FN become arithmetic on bits; its buffers stay, and other
// types are left alone. The numbers: F8Test.cpp.

// RUN: jet-opt %s -jet-expand-f8 | FileCheck %s

// CHECK-LABEL: func.func @extend(
// CHECK-SAME:    %[[X:.*]]: f8E4M3FN) -> f32
// CHECK-NOT:     arith.extf
// CHECK:         %[[BITS:.*]] = arith.bitcast %[[X]] : f8E4M3FN to i8
// CHECK:         arith.extui %[[BITS]] : i8 to i32
// CHECK:         %[[Y:.*]] = arith.bitcast %{{.*}} : i32 to f32
// CHECK:         return %[[Y]]
func.func @extend(%x: f8E4M3FN) -> f32 {
  %y = arith.extf %x : f8E4M3FN to f32
  return %y : f32
}

// By way of f32, which is exact.
// CHECK-LABEL: func.func @others(
// CHECK:         arith.truncf %{{.*}} : f32 to bf16
// CHECK:         arith.extf %{{.*}} : f32 to f64
// CHECK:         arith.extf %{{.*}} : bf16 to f32
// CHECK:         arith.bitcast %{{.*}} : i8 to f8E4M3FN
func.func @others(%x: f8E4M3FN, %z: bf16) -> (bf16, f64, f8E4M3FN) {
  %h = arith.extf %x : f8E4M3FN to bf16
  %d = arith.extf %x : f8E4M3FN to f64
  %r = arith.truncf %z : bf16 to f8E4M3FN
  return %h, %d, %r : bf16, f64, f8E4M3FN
}

// CHECK-LABEL: func.func @vectors(
// CHECK:         vector.load {{.*}} : memref<?x64xf8E4M3FN>, vector<16xf8E4M3FN>
// CHECK:         arith.bitcast %{{.*}} : vector<16xf8E4M3FN> to vector<16xi8>
// CHECK:         arith.bitcast %{{.*}} : vector<16xi32> to vector<16xf32>
// CHECK:         arith.trunci %{{.*}} : vector<16xi32> to vector<16xi8>
// CHECK:         arith.bitcast %{{.*}} : vector<16xi8> to vector<16xf8E4M3FN>
// CHECK-NOT:     {{extf|truncf}}
func.func @vectors(%m: memref<?x64xf8E4M3FN>, %i: index) -> (vector<16xf32>, vector<16xf8E4M3FN>) {
  %x = vector.load %m[%i, %i] : memref<?x64xf8E4M3FN>, vector<16xf8E4M3FN>
  %y = arith.extf %x : vector<16xf8E4M3FN> to vector<16xf32>
  %s = arith.mulf %y, %y : vector<16xf32>
  %z = arith.truncf %s : vector<16xf32> to vector<16xf8E4M3FN>
  return %y, %z : vector<16xf32>, vector<16xf8E4M3FN>
}

// CHECK-LABEL: func.func @alone(
// CHECK-NEXT:    arith.extf
// CHECK-NEXT:    arith.truncf
// CHECK-NEXT:    arith.select
// CHECK-NEXT:    return
func.func @alone(%x: bf16, %y: f32, %a: f8E4M3FN, %b: f8E4M3FN, %c: i1) -> (f32, f8E5M2, f8E4M3FN) {
  %w = arith.extf %x : bf16 to f32
  %n = arith.truncf %y : f32 to f8E5M2
  %s = arith.select %c, %a, %b : f8E4M3FN
  return %w, %n, %s : f32, f8E5M2, f8E4M3FN
}
