// An RMSNorm becomes part of the projections that read it.
// RUN: jet-opt %s --pass-pipeline="builtin.module(func.func(jet-fuse-rms-norm))" | FileCheck %s
// RUN: jet-opt %s --pass-pipeline="builtin.module(func.func(jet-fuse-rms-norm{remarks=true}))" 2>&1 | FileCheck %s --check-prefix=REMARK

// What the projections carry stays on them.
// CHECK-LABEL: func.func @group
// CHECK-NOT: jet.rms_norm
// CHECK: %[[Y:.*]]:2 = jet.grouped_linear %arg0(%arg1, %arg2) norm %arg3 eps 1.0e-06 products [1, 1]
// CHECK-NEXT: on result 1 with(%arg4) {
// CHECK: arith.addf
// CHECK: return %[[Y]]#0, %[[Y]]#1
func.func @group(%x: tensor<?x8xf32>, %a: tensor<6x8xf32>, %c: tensor<4x8xf32>, %n: tensor<8xbf16>, %r: tensor<?x4xf32>) -> (tensor<?x6xf32>, tensor<?x4xf32>) {
  %h = jet.rms_norm %x, %n eps 1.0e-06 : (tensor<?x8xf32>, tensor<8xbf16>) -> tensor<?x8xf32>
  %p:2 = jet.grouped_linear %h(%a, %c) products [1, 1]
    on result 1 with(%r) {
    ^bb0(%acc: f32, %e: f32):
      %s = arith.addf %acc, %e : f32
      jet.yield %s : f32
    } : (tensor<?x8xf32>, tensor<6x8xf32>, tensor<4x8xf32>, tensor<?x4xf32>) -> (tensor<?x6xf32>, tensor<?x4xf32>)
  return %p#0, %p#1 : tensor<?x6xf32>, tensor<?x4xf32>
}

// The head of a prefill: only the last tokens are normed, as before.
// CHECK-LABEL: func.func @head
// CHECK: %[[LAST:.*]] = jet.last_token %arg0
// CHECK-NEXT: jet.grouped_linear %[[LAST]](%arg1) norm %arg2 eps 1.0e-05 products [1]
func.func @head(%x: tensor<?x8xf32>, %w: tensor<9x8xf32>, %n: tensor<8xf32>, %b: !jet.batch) -> tensor<?x9xf32> {
  %l = jet.last_token %x, %b : (tensor<?x8xf32>, !jet.batch) -> tensor<?x8xf32>
  %h = jet.rms_norm %l, %n eps 1.0e-05 : (tensor<?x8xf32>, tensor<8xf32>) -> tensor<?x8xf32>
  %y = jet.grouped_linear %h(%w) products [1] : (tensor<?x8xf32>, tensor<9x8xf32>) -> tensor<?x9xf32>
  return %y : tensor<?x9xf32>
}

// REMARK: remark: fusion 'rms-norm' refused: its result does not have one reader
// CHECK-LABEL: func.func @two_readers
// CHECK: jet.rms_norm
func.func @two_readers(%x: tensor<?x8xf32>, %w: tensor<4x8xf32>, %n: tensor<8xf32>) -> (tensor<?x4xf32>, tensor<?x8xf32>) {
  %h = jet.rms_norm %x, %n eps 1.0e-06 : (tensor<?x8xf32>, tensor<8xf32>) -> tensor<?x8xf32>
  %y = jet.grouped_linear %h(%w) products [1] : (tensor<?x8xf32>, tensor<4x8xf32>) -> tensor<?x4xf32>
  return %y, %h : tensor<?x4xf32>, tensor<?x8xf32>
}

// REMARK: remark: fusion 'rms-norm' refused: its result is not the input of a projection
// CHECK-LABEL: func.func @no_projection
// CHECK: jet.rms_norm
func.func @no_projection(%x: tensor<?x8xf32>, %n: tensor<8xf32>) -> tensor<?x8xf32> {
  %h = jet.rms_norm %x, %n eps 1.0e-06 : (tensor<?x8xf32>, tensor<8xf32>) -> tensor<?x8xf32>
  return %h : tensor<?x8xf32>
}

// A residual is an operand of a projection too, but not its input.
// REMARK: remark: fusion 'rms-norm' refused: its result is not the input of a projection
// CHECK-LABEL: func.func @extra
// CHECK: jet.rms_norm
func.func @extra(%x: tensor<?x8xf32>, %w: tensor<8x8xf32>, %n: tensor<8xf32>) -> tensor<?x8xf32> {
  %h = jet.rms_norm %x, %n eps 1.0e-06 : (tensor<?x8xf32>, tensor<8xf32>) -> tensor<?x8xf32>
  %y = jet.grouped_linear %x(%w) products [1]
    on result 0 with(%h) {
    ^bb0(%acc: f32, %e: f32):
      %s = arith.addf %acc, %e : f32
      jet.yield %s : f32
    } : (tensor<?x8xf32>, tensor<8x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// REMARK: remark: fusion 'rms-norm' refused: the projection norms its input already
// CHECK-LABEL: func.func @twice
// CHECK: jet.rms_norm
func.func @twice(%x: tensor<?x8xf32>, %w: tensor<4x8xf32>, %n: tensor<8xf32>) -> tensor<?x4xf32> {
  %h = jet.rms_norm %x, %n eps 1.0e-06 : (tensor<?x8xf32>, tensor<8xf32>) -> tensor<?x8xf32>
  %y = jet.grouped_linear %h(%w) norm %n eps 1.0e-06 products [1] : (tensor<?x8xf32>, tensor<4x8xf32>, tensor<8xf32>) -> tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}

// REMARK: remark: fusion 'rms-norm' refused: the projection has code between the norm and its products
// CHECK-LABEL: func.func @code_between
// CHECK: jet.rms_norm
func.func @code_between(%x: tensor<?x8xf32>, %w: tensor<4x8xf32>, %n: tensor<8xf32>) -> tensor<?x4xf32> {
  %h = jet.rms_norm %x, %n eps 1.0e-06 : (tensor<?x8xf32>, tensor<8xf32>) -> tensor<?x8xf32>
  %y = jet.grouped_linear %h(%w) products [1]
    on operand 0 {
    ^bb0(%e: f32):
      %m = arith.negf %e : f32
      jet.yield %m : f32
    } : (tensor<?x8xf32>, tensor<4x8xf32>) -> tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}

// REMARK: remark: fusion 'rms-norm' refused: its result is rounded before the projection
// CHECK-LABEL: func.func @rounded
// CHECK: jet.rms_norm
func.func @rounded(%x: tensor<?x8xf32>, %w: tensor<4x8xf32>, %n: tensor<8xf32>) -> tensor<?x4xf32> {
  %h = jet.rms_norm %x, %n eps 1.0e-06 : (tensor<?x8xf32>, tensor<8xf32>) -> tensor<?x8xbf16>
  %y = jet.grouped_linear %h(%w) products [1] : (tensor<?x8xbf16>, tensor<4x8xf32>) -> tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}
