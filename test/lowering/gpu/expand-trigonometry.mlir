// sin and cos of f32 become f64 arithmetic; of other types they stay. What they
// compute is tested in TrigonometryTest.cpp.

// RUN: jet-opt %s -jet-expand-trigonometry | FileCheck %s

// CHECK-LABEL: func.func @both
// CHECK-NOT:     math.{{sin|cos}}
// CHECK:         arith.extf %{{.*}} : f32 to f64
// CHECK:         math.roundeven
// CHECK-NOT:     math.{{sin|cos}}
// CHECK:         return
func.func @both(%x: f32) -> (f32, f32) {
  %s = math.sin %x : f32
  %c = math.cos %x : f32
  return %s, %c : f32, f32
}

// CHECK-LABEL: func.func @others
// CHECK-NEXT:    math.sin %{{.*}} : f64
// CHECK-NEXT:    math.cos %{{.*}} : vector<4xf32>
// CHECK-NEXT:    return
func.func @others(%x: f64, %v: vector<4xf32>) -> (f64, vector<4xf32>) {
  %s = math.sin %x : f64
  %c = math.cos %v : vector<4xf32>
  return %s, %c : f64, vector<4xf32>
}
