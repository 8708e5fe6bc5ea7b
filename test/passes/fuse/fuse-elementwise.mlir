// Maps move onto the results of what makes their inputs, else onto the operands
// of what reads theirs.
// RUN: jet-opt %s --pass-pipeline="builtin.module(func.func(jet-fuse-elementwise))" | FileCheck %s
// RUN: jet-opt %s --pass-pipeline="builtin.module(func.func(jet-fuse-elementwise{remarks=true}))" 2>&1 | FileCheck %s --check-prefix=REMARK

// A chain ends up in one place, in its order: first the negation, then the sum.
// CHECK-LABEL: func.func @chain
// CHECK: %[[Y:.*]] = jet.grouped_linear %arg0(%arg1) products [1]
// CHECK-NEXT: on result 0 with(%arg0) {
// CHECK-NEXT: ^bb0(%[[ACC:.*]]: f32, %[[X:.*]]: f32):
// CHECK-NEXT: %[[NEG:.*]] = arith.negf %[[ACC]]
// CHECK-NEXT: %[[SUM:.*]] = arith.addf %[[X]], %[[NEG]]
// CHECK-NEXT: jet.yield %[[SUM]]
// CHECK-NOT: jet.map
// CHECK: return %[[Y]]
func.func @chain(%x: tensor<?x8xf32>, %w: tensor<8x8xf32>) -> tensor<?x8xf32> {
  %p = jet.grouped_linear %x(%w) products [1] : (tensor<?x8xf32>, tensor<8x8xf32>) -> tensor<?x8xf32>
  %n = jet.map(%p) : (tensor<?x8xf32>) -> tensor<?x8xf32> {
  ^bb0(%e: f32):
    %m = arith.negf %e : f32
    jet.yield %m : f32
  }
  %s = jet.map(%x, %n) : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32> {
  ^bb0(%a: f32, %c: f32):
    %m = arith.addf %a, %c : f32
    jet.yield %m : f32
  }
  return %s : tensor<?x8xf32>
}

// Through the view into heads, onto an operand.
// CHECK-LABEL: func.func @operand
// CHECK: %[[V:.*]] = jet.split_heads %arg2
// CHECK: jet.gated_delta_rule %arg0, %arg1, %[[V]]
// CHECK-NEXT: on operand 2 {
// CHECK: arith.negf
func.func @operand(%q: tensor<?x2x3xf32>, %k: tensor<?x2x3xf32>, %x: tensor<?x10xf32>,
                   %g: tensor<?x2xf32>, %s: !jet.recurrent_state<2x3x5xf32>, %b: !jet.batch) -> tensor<?x2x5xf32> {
  %n = jet.map(%x) : (tensor<?x10xf32>) -> tensor<?x10xf32> {
  ^bb0(%e: f32):
    %m = arith.negf %e : f32
    jet.yield %m : f32
  }
  %v = jet.split_heads %n : (tensor<?x10xf32>) -> tensor<?x2x5xf32>
  %y, %next = jet.gated_delta_rule %q, %k, %v, %g, %g, %s, %b : (tensor<?x2x3xf32>, tensor<?x2x3xf32>, tensor<?x2x5xf32>, tensor<?x2xf32>, tensor<?x2xf32>, !jet.recurrent_state<2x3x5xf32>, !jet.batch) -> (tensor<?x2x5xf32>, !jet.recurrent_state<2x3x5xf32>)
  return %y : tensor<?x2x5xf32>
}

// REMARK: remark: fusion 'elementwise' refused: the result that it reads has other readers
// CHECK-LABEL: func.func @other_readers
// CHECK: jet.map
func.func @other_readers(%x: tensor<?x8xf32>, %w: tensor<8x8xf32>) -> (tensor<?x8xf32>, tensor<?x8xf32>) {
  %p = jet.grouped_linear %x(%w) products [1] : (tensor<?x8xf32>, tensor<8x8xf32>) -> tensor<?x8xf32>
  %n = jet.map(%p) : (tensor<?x8xf32>) -> tensor<?x8xf32> {
  ^bb0(%e: f32):
    %m = arith.negf %e : f32
    jet.yield %m : f32
  }
  return %p, %n : tensor<?x8xf32>, tensor<?x8xf32>
}

// REMARK: remark: fusion 'elementwise' refused: another input comes after the op that it would move into
// CHECK-LABEL: func.func @later_input
// CHECK: jet.map
func.func @later_input(%x: tensor<?x8xf32>, %w: tensor<8x8xf32>, %n: tensor<8xf32>) -> tensor<?x8xf32> {
  %p = jet.grouped_linear %x(%w) products [1] : (tensor<?x8xf32>, tensor<8x8xf32>) -> tensor<?x8xf32>
  %y = jet.rms_norm %x, %n eps 1.0e-06 : (tensor<?x8xf32>, tensor<8xf32>) -> tensor<?x8xf32>
  %s = jet.map(%p, %y) : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32> {
  ^bb0(%a: f32, %c: f32):
    %m = arith.addf %a, %c : f32
    jet.yield %m : f32
  }
  return %s : tensor<?x8xf32>
}

// REMARK: remark: fusion 'elementwise' refused: the result that it reads is rounded first
// CHECK-LABEL: func.func @rounded
// CHECK: jet.map
func.func @rounded(%x: tensor<?x8xf32>, %w: tensor<8x8xf32>) -> tensor<?x8xf32> {
  %p = jet.grouped_linear %x(%w) products [1] : (tensor<?x8xf32>, tensor<8x8xf32>) -> tensor<?x8xbf16>
  %n = jet.map(%p) : (tensor<?x8xbf16>) -> tensor<?x8xf32> {
  ^bb0(%e: bf16):
    %m = arith.extf %e : bf16 to f32
    jet.yield %m : f32
  }
  return %n : tensor<?x8xf32>
}

// REMARK: remark: fusion 'elementwise' refused: no op beside it can carry code
// CHECK-LABEL: func.func @nobody
// CHECK: jet.map
func.func @nobody(%x: tensor<?x8xf32>, %n: tensor<8xf32>) -> tensor<?x8xf32> {
  %m = jet.map(%x) : (tensor<?x8xf32>) -> tensor<?x8xf32> {
  ^bb0(%e: f32):
    %m = arith.negf %e : f32
    jet.yield %m : f32
  }
  %y = jet.rms_norm %m, %n eps 1.0e-06 : (tensor<?x8xf32>, tensor<8xf32>) -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}
