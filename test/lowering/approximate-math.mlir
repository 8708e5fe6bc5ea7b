// exp, log and log1p of f32 become arithmetic; other functions and types stay.

// RUN: jet-opt %s -jet-approximate-math | FileCheck %s

// CHECK-LABEL: func.func @polynomials
// CHECK-NOT:     math.{{(exp|log|log1p) }}
// CHECK:         math.fma
// CHECK-NOT:     math.{{(exp|log|log1p) }}
// CHECK:         return
func.func @polynomials(%x: f32, %v: vector<8xf32>) -> (f32, f32, f32, vector<8xf32>) {
  %e = math.exp %x : f32
  %l = math.log %x : f32
  %p = math.log1p %x : f32
  %w = math.exp %v : vector<8xf32>
  return %e, %l, %p, %w : f32, f32, f32, vector<8xf32>
}

// CHECK-LABEL: func.func @others
// CHECK-NEXT:    math.sin
// CHECK-NEXT:    math.cos
// CHECK-NEXT:    math.sqrt
// CHECK-NEXT:    math.exp %{{.*}} : f64
// CHECK-NEXT:    return
func.func @others(%x: f32, %y: f64) -> (f32, f32, f32, f64) {
  %s = math.sin %x : f32
  %c = math.cos %x : f32
  %q = math.sqrt %x : f32
  %e = math.exp %y : f64
  return %s, %c, %q, %e : f32, f32, f32, f64
}
