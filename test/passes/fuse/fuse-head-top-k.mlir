// The head keeps the best of each block of its columns.
// RUN: jet-opt %s --pass-pipeline="builtin.module(func.func(jet-fuse-head-top-k))" | FileCheck %s
// RUN: jet-opt %s --pass-pipeline="builtin.module(func.func(jet-fuse-head-top-k{remarks=true}))" 2>&1 | FileCheck %s --check-prefix=REMARK

!values = tensor<?x4xf32>
!ids = tensor<?x4xi32>

// 500 columns in blocks of 32 * 4: four of them.
// CHECK-LABEL: func.func @linear
// CHECK: %[[P:.*]], %[[Q:.*]] = jet.linear_top_k %arg0, %arg1 k 4 block 128 : (tensor<?x8xf32>, tensor<500x8xbf16>) -> (tensor<?x16xf32>, tensor<?x16xi32>)
// CHECK: %[[V:.*]], %[[I:.*]] = jet.merge_top_k %[[P]], %[[Q]] k 4
// CHECK: return %[[V]], %[[I]]
func.func @linear(%x: tensor<?x8xf32>, %w: tensor<500x8xbf16>) -> (!values, !ids) {
  %l = jet.linear %x, %w : (tensor<?x8xf32>, tensor<500x8xbf16>) -> tensor<?x500xf32>
  %v, %i = jet.top_k %l k 4 : (tensor<?x500xf32>) -> (!values, !ids)
  return %v, %i : !values, !ids
}

// Greedy decoding: the block of a projection.
// CHECK-LABEL: func.func @greedy
// CHECK: jet.linear_top_k %arg0, %arg1 k 1 block 64
func.func @greedy(%x: tensor<?x8xf32>, %w: tensor<500x8xf32>) -> (tensor<?x1xf32>, tensor<?x1xi32>) {
  %l = jet.linear %x, %w : (tensor<?x8xf32>, tensor<500x8xf32>) -> tensor<?x500xf32>
  %v, %i = jet.top_k %l k 1 : (tensor<?x500xf32>) -> (tensor<?x1xf32>, tensor<?x1xi32>)
  return %v, %i : tensor<?x1xf32>, tensor<?x1xi32>
}

// One block is all there is; the code on x goes along.
// CHECK-LABEL: func.func @group
// CHECK: %[[V:.*]], %[[I:.*]] = jet.linear_top_k %arg0, %arg1 k 4 block 128
// CHECK-NEXT: on operand 0 with(%arg2) {
// CHECK: arith.mulf
// CHECK-NOT: jet.merge_top_k
// CHECK: return %[[V]], %[[I]]
func.func @group(%x: tensor<?x8xf32>, %w: tensor<128x8xf32>, %s: tensor<8xf32>) -> (!values, !ids) {
  %l = jet.grouped_linear %x(%w) products [1]
    on operand 0 with(%s) {
    ^bb0(%a: f32, %b: f32):
      %m = arith.mulf %a, %b : f32
      jet.yield %m : f32
    } : (tensor<?x8xf32>, tensor<128x8xf32>, tensor<8xf32>) -> tensor<?x128xf32>
  %v, %i = jet.top_k %l k 4 : (tensor<?x128xf32>) -> (!values, !ids)
  return %v, %i : !values, !ids
}

// The norm of the head goes along too.
// CHECK-LABEL: func.func @norm
// CHECK-NOT: jet.grouped_linear
// CHECK: jet.linear_top_k %arg0, %arg1 norm %arg2 eps 1.0e-06 k 4 block 128
func.func @norm(%x: tensor<?x8xf32>, %w: tensor<500x8xf32>, %n: tensor<8xbf16>) -> (!values, !ids) {
  %l = jet.grouped_linear %x(%w) norm %n eps 1.0e-06 products [1] : (tensor<?x8xf32>, tensor<500x8xf32>, tensor<8xbf16>) -> tensor<?x500xf32>
  %v, %i = jet.top_k %l k 4 : (tensor<?x500xf32>) -> (!values, !ids)
  return %v, %i : !values, !ids
}

// REMARK: remark: fusion 'head-top-k' refused: its logits are not made by a projection
// CHECK-LABEL: func.func @given
// CHECK: jet.top_k
func.func @given(%l: tensor<?x128xf32>) -> (!values, !ids) {
  %v, %i = jet.top_k %l k 4 : (tensor<?x128xf32>) -> (!values, !ids)
  return %v, %i : !values, !ids
}

// REMARK: remark: fusion 'head-top-k' refused: the projection adds a bias
// CHECK-LABEL: func.func @bias
// CHECK: jet.top_k
func.func @bias(%x: tensor<?x8xf32>, %w: tensor<128x8xf32>, %b: tensor<128xf32>) -> (!values, !ids) {
  %l = jet.linear %x, %w bias %b : (tensor<?x8xf32>, tensor<128x8xf32>, tensor<128xf32>) -> tensor<?x128xf32>
  %v, %i = jet.top_k %l k 4 : (tensor<?x128xf32>) -> (!values, !ids)
  return %v, %i : !values, !ids
}

// REMARK: remark: fusion 'head-top-k' refused: the logits have other readers
// CHECK-LABEL: func.func @returned
// CHECK: jet.top_k
func.func @returned(%x: tensor<?x8xf32>, %w: tensor<128x8xf32>) -> (!values, !ids, tensor<?x128xf32>) {
  %l = jet.linear %x, %w : (tensor<?x8xf32>, tensor<128x8xf32>) -> tensor<?x128xf32>
  %v, %i = jet.top_k %l k 4 : (tensor<?x128xf32>) -> (!values, !ids)
  return %v, %i, %l : !values, !ids, tensor<?x128xf32>
}

// REMARK: remark: fusion 'head-top-k' refused: the logits have other readers
// CHECK-LABEL: func.func @group_returned
// CHECK: jet.top_k
func.func @group_returned(%x: tensor<?x8xf32>, %w: tensor<128x8xf32>) -> (!values, !ids, tensor<?x128xf32>) {
  %l = jet.grouped_linear %x(%w) products [1] : (tensor<?x8xf32>, tensor<128x8xf32>) -> tensor<?x128xf32>
  %v, %i = jet.top_k %l k 4 : (tensor<?x128xf32>) -> (!values, !ids)
  return %v, %i, %l : !values, !ids, tensor<?x128xf32>
}

// REMARK: remark: fusion 'head-top-k' refused: the group has other projections
// CHECK-LABEL: func.func @others
// CHECK: jet.top_k
func.func @others(%x: tensor<?x8xf32>, %w: tensor<128x8xf32>) -> (!values, !ids, tensor<?x128xf32>) {
  %l, %o = jet.grouped_linear %x(%w, %w) products [1, 1] : (tensor<?x8xf32>, tensor<128x8xf32>, tensor<128x8xf32>) -> (tensor<?x128xf32>, tensor<?x128xf32>)
  %v, %i = jet.top_k %l k 4 : (tensor<?x128xf32>) -> (!values, !ids)
  return %v, %i, %o : !values, !ids, tensor<?x128xf32>
}

// REMARK: remark: fusion 'head-top-k' refused: the projection carries code on its result
// CHECK-LABEL: func.func @code
// CHECK: jet.top_k
func.func @code(%x: tensor<?x8xf32>, %w: tensor<128x8xf32>) -> (!values, !ids) {
  %l = jet.grouped_linear %x(%w) products [1]
    on result 0 {
    ^bb0(%a: f32):
      %m = arith.negf %a : f32
      jet.yield %m : f32
    } : (tensor<?x8xf32>, tensor<128x8xf32>) -> tensor<?x128xf32>
  %v, %i = jet.top_k %l k 4 : (tensor<?x128xf32>) -> (!values, !ids)
  return %v, %i : !values, !ids
}
