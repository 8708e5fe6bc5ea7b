// Projections of one input become one op; a bias becomes code on its result.
// RUN: jet-opt %s --pass-pipeline="builtin.module(func.func(jet-group-linears))" | FileCheck %s
// RUN: jet-opt %s --pass-pipeline="builtin.module(func.func(jet-group-linears{share=false}))" | FileCheck %s --check-prefix=ALONE
// RUN: jet-opt %s --pass-pipeline="builtin.module(func.func(jet-group-linears{remarks=true}))" 2>&1 | FileCheck %s --check-prefix=REMARK

// CHECK-LABEL: func.func @shared
// CHECK-DAG: %[[WQ:.*]] = jet.param "q"
// CHECK-DAG: %[[WK:.*]] = jet.param "k"
// CHECK-DAG: %[[BK:.*]] = jet.param "kb"
// CHECK: %[[QK:.*]]:2 = jet.grouped_linear %arg0(%[[WQ]], %[[WK]]) products [1, 1]
// CHECK-NEXT: on result 1 with(%[[BK]]) {
// CHECK-NEXT: ^bb0(%[[ACC:.*]]: f32, %[[B:.*]]: bf16):
// CHECK-NEXT: %[[WIDE:.*]] = arith.extf %[[B]]
// CHECK-NEXT: %[[SUM:.*]] = arith.addf %[[ACC]], %[[WIDE]]
// CHECK-NEXT: %[[ROUND:.*]] = arith.truncf %[[SUM]]
// CHECK-NEXT: jet.yield %[[ROUND]] : bf16
// CHECK: return %[[QK]]#0, %[[QK]]#1

// ALONE-LABEL: func.func @shared
// ALONE-COUNT-2: jet.grouped_linear %arg0({{.*}}) products [1]
func.func @shared(%x: tensor<?x8xf32>) -> (tensor<?x4xf32>, tensor<?x6xbf16>) {
  %wq = jet.param "q" : tensor<4x8xbf16>
  %q = jet.linear %x, %wq : (tensor<?x8xf32>, tensor<4x8xbf16>) -> tensor<?x4xf32>
  %wk = jet.param "k" : tensor<6x8xbf16>
  %b = jet.param "kb" : tensor<6xbf16>
  %k = jet.linear %x, %wk bias %b : (tensor<?x8xf32>, tensor<6x8xbf16>, tensor<6xbf16>) -> tensor<?x6xbf16>
  return %q, %k : tensor<?x4xf32>, tensor<?x6xbf16>
}

// A weight that is computed on the way cannot be read earlier.
// CHECK-LABEL: func.func @late_weight
// CHECK: jet.grouped_linear
// CHECK: jet.map
// CHECK: jet.linear
// REMARK: remark: fusion 'group-linears' refused: its weight is computed after the first projection of the same input
func.func @late_weight(%x: tensor<?x8xf32>) -> (tensor<?x4xf32>, tensor<?x4xf32>) {
  %w = jet.param "w" : tensor<4x8xf32>
  %a = jet.linear %x, %w : (tensor<?x8xf32>, tensor<4x8xf32>) -> tensor<?x4xf32>
  %n = jet.map(%w) : (tensor<4x8xf32>) -> tensor<4x8xf32> {
  ^bb0(%e: f32):
    %m = arith.negf %e : f32
    jet.yield %m : f32
  }
  %c = jet.linear %x, %n : (tensor<?x8xf32>, tensor<4x8xf32>) -> tensor<?x4xf32>
  return %a, %c : tensor<?x4xf32>, tensor<?x4xf32>
}
