// RUN: jet-opt %s --load-pass-plugin=%plugin --pass-pipeline='builtin.module(fuse-last-token,cse)' --split-input-file --verify-diagnostics | FileCheck %s

// The rows of a norm are independent: one a sequence is enough.
// CHECK-LABEL: @fused(%arg0: tensor<?x8xf32>, %arg1: tensor<8xf32>, %arg2: !jet.batch)
func.func @fused(%x: tensor<?x8xf32>, %w: tensor<8xf32>, %batch: !jet.batch) -> tensor<?x8xf32> {
  // CHECK-NEXT: %[[LAST:.*]] = jet.last_token %arg0, %arg2
  // CHECK-NEXT: %[[NORM:.*]] = jet.rms_norm %[[LAST]], %arg1
  // CHECK-NEXT: return %[[NORM]]
  %y = jet.rms_norm %x, %w eps 1.0e-06 : (tensor<?x8xf32>, tensor<8xf32>) -> tensor<?x8xf32>
  // expected-remark @below {{not fused: it is not known to compute row by row}}
  %last = jet.last_token %y, %batch : (tensor<?x8xf32>, !jet.batch) -> tensor<?x8xf32>
  return %last : tensor<?x8xf32>
}

// -----

// CHECK-LABEL: @others_used
func.func @others_used(%x: tensor<?x8xf32>, %w: tensor<8xf32>, %batch: !jet.batch) -> (tensor<?x8xf32>, tensor<?x8xf32>) {
  // CHECK: %[[NORM:.*]] = jet.rms_norm %arg0
  // CHECK: jet.last_token %[[NORM]]
  %y = jet.rms_norm %x, %w eps 1.0e-06 : (tensor<?x8xf32>, tensor<8xf32>) -> tensor<?x8xf32>
  // expected-remark @below {{not fused: its other rows are used too}}
  %last = jet.last_token %y, %batch : (tensor<?x8xf32>, !jet.batch) -> tensor<?x8xf32>
  return %last, %y : tensor<?x8xf32>, tensor<?x8xf32>
}
