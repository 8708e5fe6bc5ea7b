// Folds: views that undo each other, maps that do nothing.

// RUN: jet-opt %s -canonicalize | FileCheck %s

// CHECK-LABEL: @split_of_merge(
// CHECK-SAME: %[[X:.*]]: tensor<?x4x32xf32>)
func.func @split_of_merge(%x: tensor<?x4x32xf32>) -> tensor<?x4x32xf32> {
  // CHECK-NEXT: return %[[X]]
  %m = jet.merge_heads %x : (tensor<?x4x32xf32>) -> tensor<?x128xf32>
  %s = jet.split_heads %m : (tensor<?x128xf32>) -> tensor<?x4x32xf32>
  return %s : tensor<?x4x32xf32>
}

// Other heads than before: not the same value.
// CHECK-LABEL: @split_otherwise
func.func @split_otherwise(%x: tensor<?x4x32xf32>) -> tensor<?x8x16xf32> {
  // CHECK: jet.merge_heads
  // CHECK: %[[S:.*]] = jet.split_heads {{.*}} -> tensor<?x8x16xf32>
  // CHECK: return %[[S]]
  %m = jet.merge_heads %x : (tensor<?x4x32xf32>) -> tensor<?x128xf32>
  %s = jet.split_heads %m : (tensor<?x128xf32>) -> tensor<?x8x16xf32>
  return %s : tensor<?x8x16xf32>
}

// CHECK-LABEL: @merge_of_split(
// CHECK-SAME: %[[X:.*]]: tensor<?x128xf32>)
func.func @merge_of_split(%x: tensor<?x128xf32>) -> tensor<?x128xf32> {
  // CHECK-NEXT: return %[[X]]
  %s = jet.split_heads %x : (tensor<?x128xf32>) -> tensor<?x4x32xf32>
  %m = jet.merge_heads %s : (tensor<?x4x32xf32>) -> tensor<?x128xf32>
  return %m : tensor<?x128xf32>
}

// CHECK-LABEL: @identity_map(
// CHECK-SAME: %{{.*}}: tensor<?x4xf32>, %[[B:.*]]: tensor<?x4xf32>)
func.func @identity_map(%a: tensor<?x4xf32>, %b: tensor<?x4xf32>) -> tensor<?x4xf32> {
  // CHECK-NEXT: return %[[B]]
  %y = jet.map(%a, %b) : (tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32> {
  ^bb0(%x: f32, %z: f32):
    jet.yield %z : f32
  }
  return %y : tensor<?x4xf32>
}

// A broadcast does something although its code does not.
// CHECK-LABEL: @broadcast
func.func @broadcast(%a: tensor<?x4xf32>, %b: tensor<4xf32>) -> tensor<?x4xf32> {
  // CHECK: %[[Y:.*]] = jet.map
  // CHECK: return %[[Y]]
  %y = jet.map(%a, %b) : (tensor<?x4xf32>, tensor<4xf32>) -> tensor<?x4xf32> {
  ^bb0(%x: f32, %z: f32):
    jet.yield %z : f32
  }
  return %y : tensor<?x4xf32>
}

// A constant is not an input.
// CHECK-LABEL: @constant
func.func @constant(%a: tensor<?x4xf32>) -> tensor<?x4xf32> {
  // CHECK: %[[Y:.*]] = jet.map
  // CHECK: return %[[Y]]
  %y = jet.map(%a) : (tensor<?x4xf32>) -> tensor<?x4xf32> {
  ^bb0(%x: f32):
    %c = arith.constant 1.0 : f32
    jet.yield %c : f32
  }
  return %y : tensor<?x4xf32>
}

// All tensor ops are pure: what nobody reads goes away.
// CHECK-LABEL: @unused
func.func @unused(%x: tensor<?x128xf32>, %w: tensor<64x128xbf16>) {
  // CHECK-NEXT: return
  %y = jet.linear %x, %w : (tensor<?x128xf32>, tensor<64x128xbf16>) -> tensor<?x64xf32>
  return
}
