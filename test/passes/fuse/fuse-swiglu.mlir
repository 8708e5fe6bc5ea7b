// silu(gate)·up becomes one result of two products.
// RUN: jet-opt %s --pass-pipeline="builtin.module(func.func(jet-fuse-swiglu))" | FileCheck %s
// RUN: jet-opt %s --pass-pipeline="builtin.module(func.func(jet-fuse-swiglu{remarks=true}))" 2>&1 | FileCheck %s --check-prefix=REMARK

// CHECK-LABEL: func.func @mlp
// CHECK: %[[H:.*]] = jet.grouped_linear %arg0(%arg1, %arg2) products [2]
// CHECK-NEXT: on result 0 {
// CHECK-NEXT: ^bb0(%[[G:.*]]: f32, %[[U:.*]]: f32):
// CHECK: %[[S:.*]] = arith.divf %[[G]]
// CHECK-NEXT: %[[P:.*]] = arith.mulf %[[S]], %[[U]]
// CHECK-NEXT: jet.yield %[[P]]
// CHECK: return %[[H]]
func.func @mlp(%x: tensor<?x8xf32>, %g: tensor<6x8xf32>, %u: tensor<6x8xf32>) -> tensor<?x6xf32> {
  %p:2 = jet.grouped_linear %x(%g, %u) products [1, 1] : (tensor<?x8xf32>, tensor<6x8xf32>, tensor<6x8xf32>) -> (tensor<?x6xf32>, tensor<?x6xf32>)
  %h = jet.swiglu %p#0, %p#1 : (tensor<?x6xf32>, tensor<?x6xf32>) -> tensor<?x6xf32>
  return %h : tensor<?x6xf32>
}

// The gate may come second.
// CHECK-LABEL: func.func @swapped
// CHECK: jet.grouped_linear %arg0(%arg2, %arg1) products [2]
func.func @swapped(%x: tensor<?x8xf32>, %u: tensor<6x8xf32>, %g: tensor<6x8xf32>) -> tensor<?x6xf32> {
  %p:2 = jet.grouped_linear %x(%u, %g) products [1, 1] : (tensor<?x8xf32>, tensor<6x8xf32>, tensor<6x8xf32>) -> (tensor<?x6xf32>, tensor<?x6xf32>)
  %h = jet.swiglu %p#1, %p#0 : (tensor<?x6xf32>, tensor<?x6xf32>) -> tensor<?x6xf32>
  return %h : tensor<?x6xf32>
}

// REMARK: remark: fusion 'swiglu' refused: gate and up are not projections of one group
// CHECK-LABEL: func.func @apart
// CHECK: jet.swiglu
func.func @apart(%g: tensor<?x6xf32>, %u: tensor<?x6xf32>) -> tensor<?x6xf32> {
  %h = jet.swiglu %g, %u : (tensor<?x6xf32>, tensor<?x6xf32>) -> tensor<?x6xf32>
  return %h : tensor<?x6xf32>
}

// REMARK: remark: fusion 'swiglu' refused: gate or up has other readers
// CHECK-LABEL: func.func @read_twice
// CHECK: jet.swiglu
func.func @read_twice(%x: tensor<?x8xf32>, %g: tensor<6x8xf32>, %u: tensor<6x8xf32>) -> (tensor<?x6xf32>, tensor<?x6xf32>) {
  %p:2 = jet.grouped_linear %x(%g, %u) products [1, 1] : (tensor<?x8xf32>, tensor<6x8xf32>, tensor<6x8xf32>) -> (tensor<?x6xf32>, tensor<?x6xf32>)
  %h = jet.swiglu %p#0, %p#1 : (tensor<?x6xf32>, tensor<?x6xf32>) -> tensor<?x6xf32>
  return %h, %p#0 : tensor<?x6xf32>, tensor<?x6xf32>
}
