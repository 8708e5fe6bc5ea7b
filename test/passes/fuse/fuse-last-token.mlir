// Rows of last tokens are picked before what computes row by row.
// RUN: jet-opt %s --pass-pipeline="builtin.module(func.func(jet-fuse-last-token))" | FileCheck %s
// RUN: jet-opt %s --pass-pipeline="builtin.module(func.func(jet-fuse-last-token{remarks=true}))" 2>&1 -o /dev/null | FileCheck %s --check-prefix=REMARK --implicit-check-not=remark:

!x = tensor<?x8xf32>
!h = tensor<?x16xf32>

// A whole MLP with its residual: the rows of x are picked once, and gate and up
// remain projections of one value.
// CHECK-LABEL: func.func @mlp
// CHECK-NEXT: %[[X:.*]] = jet.last_token %arg0, %arg4
// CHECK-NEXT: %[[N:.*]] = jet.rms_norm %[[X]], %arg1
// CHECK-DAG: %[[G:.*]] = jet.linear %[[N]], %arg2
// CHECK-DAG: %[[U:.*]] = jet.linear %[[N]], %arg2
// CHECK: %[[H:.*]] = jet.swiglu %[[G]], %[[U]]
// CHECK-NEXT: %[[D:.*]] = jet.linear %[[H]], %arg3
// CHECK-NEXT: %[[Y:.*]] = jet.map(%[[X]], %[[D]])
// CHECK-NOT: jet.last_token
// CHECK: return %[[Y]]
func.func @mlp(%x: !x, %n: tensor<8xf32>, %w: tensor<16x8xf32>, %d: tensor<8x16xf32>, %batch: !jet.batch) -> !x {
  %norm = jet.rms_norm %x, %n eps 1.0e-06 : (!x, tensor<8xf32>) -> !x
  %gate = jet.linear %norm, %w : (!x, tensor<16x8xf32>) -> !h
  %up = jet.linear %norm, %w : (!x, tensor<16x8xf32>) -> !h
  %both = jet.swiglu %gate, %up : (!h, !h) -> !h
  %down = jet.linear %both, %d : (!h, tensor<8x16xf32>) -> !x
  %sum = jet.map(%x, %down) : (!x, !x) -> !x {
  ^bb0(%a: f32, %b: f32):
    %c = arith.addf %a, %b : f32
    jet.yield %c : f32
  }
  %last = jet.last_token %sum, %batch : (!x, !jet.batch) -> !x
  return %last : !x
}

// CHECK-LABEL: func.func @others_used
// CHECK-NEXT: %[[N:.*]] = jet.rms_norm %arg0
// CHECK-NEXT: %[[L:.*]] = jet.last_token %[[N]]
// CHECK-NEXT: return %[[L]], %[[N]]
func.func @others_used(%x: !x, %n: tensor<8xf32>, %batch: !jet.batch) -> (!x, !x) {
  %y = jet.rms_norm %x, %n eps 1.0e-06 : (!x, tensor<8xf32>) -> !x
  // REMARK: [[#@LINE+1]]:{{.*}} remark: fusion 'last-token' refused: its other rows are used too
  %last = jet.last_token %y, %batch : (!x, !jet.batch) -> !x
  return %last, %y : !x, !x
}

// Rows of two batches are not the same rows.
// CHECK-LABEL: func.func @two_batches
// CHECK-NEXT: %[[ONE:.*]] = jet.last_token %arg0, %arg2
// CHECK-NEXT: jet.rms_norm %[[ONE]]
// CHECK-NEXT: %[[TWO:.*]] = jet.last_token %arg0, %arg3
// CHECK-NEXT: jet.rms_norm %[[TWO]]
func.func @two_batches(%x: !x, %n: tensor<8xf32>, %one: !jet.batch, %two: !jet.batch) -> (!x, !x) {
  %y = jet.rms_norm %x, %n eps 1.0e-06 : (!x, tensor<8xf32>) -> !x
  %a = jet.last_token %y, %one : (!x, !jet.batch) -> !x
  %b = jet.last_token %y, %two : (!x, !jet.batch) -> !x
  return %a, %b : !x, !x
}

// CHECK-LABEL: func.func @argument
// CHECK-NEXT: jet.last_token %arg0
func.func @argument(%x: !x, %batch: !jet.batch) -> !x {
  // REMARK: [[#@LINE+1]]:{{.*}} remark: fusion 'last-token' refused: it is not known to compute row by row
  %last = jet.last_token %x, %batch : (!x, !jet.batch) -> !x
  return %last : !x
}
