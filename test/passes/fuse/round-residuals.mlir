// What projections in bf16 norm, and code on their results adds, is bf16.
// RUN: jet-opt %s --pass-pipeline="builtin.module(func.func(jet-round-residuals))" | FileCheck %s
// RUN: jet-opt %s --pass-pipeline="builtin.module(func.func(jet-round-residuals{remarks=true}))" --mlir-disable-threading -verify-diagnostics -o /dev/null

// From the table on, through two sums, of which nothing adds the last one: the
// stream is the same everywhere. Sums are made in f32.
// CHECK-LABEL: func.func @stream
// CHECK:       %[[X:.*]] = jet.embedding {{.*}} -> tensor<?x8xbf16>
// CHECK:       %[[H:.*]] = jet.grouped_linear %[[X]](%arg2) norm
// CHECK:       %[[Y:.*]] = jet.grouped_linear %[[H]](%arg3) products [1]
// CHECK-NEXT:    on result 0 with(%[[X]]) {
// CHECK-NEXT:  ^bb0(%[[A:.*]]: f32, %[[B:.*]]: bf16):
// CHECK-NEXT:    %[[W:.*]] = arith.extf %[[B]] : bf16 to f32
// CHECK-NEXT:    %[[S:.*]] = arith.addf %[[W]], %[[A]] : f32
// CHECK-NEXT:    %[[T:.*]] = arith.truncf %[[S]] : f32 to bf16
// CHECK-NEXT:    jet.yield %[[T]] : bf16
// CHECK-NEXT:  } : (tensor<?x16xbf16>, tensor<8x16xbf16>, tensor<?x8xbf16>) -> tensor<?x8xbf16>
// CHECK:       %[[L:.*]] = jet.last_token %[[Y]], %{{.*}} -> tensor<?x8xbf16>
// CHECK:       jet.grouped_linear %{{.*}}(%arg3) products [1]
// CHECK-NEXT:    on result 0 with(%[[L]]) {
// CHECK:       -> tensor<?x8xbf16>
// CHECK:       jet.grouped_linear %{{.*}} : (tensor<?x8xbf16>, {{.*}} -> tensor<?x32xf32>
func.func @stream(%tokens: tensor<?xi32>, %table: tensor<32x8xbf16>, %w: tensor<16x8xbf16>, %d: tensor<8x16xbf16>, %n: tensor<8xbf16>, %batch: !jet.batch) -> tensor<?x32xf32> {
  %x = jet.embedding %tokens, %table : (tensor<?xi32>, tensor<32x8xbf16>) -> tensor<?x8xf32>
  %h = jet.grouped_linear %x(%w) norm %n eps 1.0e-06 products [1] : (tensor<?x8xf32>, tensor<16x8xbf16>, tensor<8xbf16>) -> tensor<?x16xbf16>
  %y = jet.grouped_linear %h(%d) products [1]
    on result 0 with(%x) {
    ^bb0(%a: f32, %b: f32):
      %s = arith.addf %b, %a : f32
      jet.yield %s : f32
    } : (tensor<?x16xbf16>, tensor<8x16xbf16>, tensor<?x8xf32>) -> tensor<?x8xf32>
  %l = jet.last_token %y, %batch : (tensor<?x8xf32>, !jet.batch) -> tensor<?x8xf32>
  %g = jet.grouped_linear %l(%w) norm %n eps 1.0e-06 products [1] : (tensor<?x8xf32>, tensor<16x8xbf16>, tensor<8xbf16>) -> tensor<?x16xbf16>
  %z = jet.grouped_linear %g(%d) products [1]
    on result 0 with(%l) {
    ^bb0(%a: f32, %b: f32):
      %s = arith.addf %b, %a : f32
      jet.yield %s : f32
    } : (tensor<?x16xbf16>, tensor<8x16xbf16>, tensor<?x8xf32>) -> tensor<?x8xf32>
  %logits = jet.grouped_linear %z(%table) norm %n eps 1.0e-06 products [1] : (tensor<?x8xf32>, tensor<32x8xbf16>, tensor<8xbf16>) -> tensor<?x32xf32>
  return %logits : tensor<?x32xf32>
}

// CHECK-LABEL: func.func @refused
// CHECK-NOT:   tensor<?x8xbf16>
// CHECK:       return
func.func @refused(%tokens: tensor<?xi32>, %table: tensor<32x8xbf16>, %wide: tensor<32x8xf32>, %w: tensor<8x8xbf16>, %f: tensor<8x8xf32>, %n: tensor<8xbf16>) -> (tensor<?x8xf32>, tensor<?x8xf32>, tensor<?x8xf32>, tensor<?x8xf32>) {
  // A sum that the program returns is one of these, too.
  // A norm on its own keeps it in f32.
  // expected-remark@+1 {{fusion 'round-residuals' refused: result 0 has readers that keep it in f32}}
  %x = jet.embedding %tokens, %table : (tensor<?xi32>, tensor<32x8xbf16>) -> tensor<?x8xf32>
  %m = jet.rms_norm %x, %n eps 1.0e-06 : (tensor<?x8xf32>, tensor<8xbf16>) -> tensor<?x8xf32>
  // expected-remark@+1 {{fusion 'round-residuals' refused: result 0 has readers that keep it in f32}}
  %a = jet.grouped_linear %m(%w) products [1]
    on result 0 with(%x) {
    ^bb0(%p: f32, %q: f32):
      %s = arith.addf %q, %p : f32
      jet.yield %s : f32
    } : (tensor<?x8xf32>, tensor<8x8xbf16>, tensor<?x8xf32>) -> tensor<?x8xf32>
  // So does a projection by weights in f32.
  // expected-remark@+1 {{fusion 'round-residuals' refused: result 0 has readers that keep it in f32}}
  %y = jet.embedding %tokens, %table : (tensor<?xi32>, tensor<32x8xbf16>) -> tensor<?x8xf32>
  %b = jet.grouped_linear %y(%f) norm %n eps 1.0e-06 products [1]
    on result 0 with(%y) {
    ^bb0(%p: f32, %q: f32):
      %s = arith.addf %q, %p : f32
      jet.yield %s : f32
    } : (tensor<?x8xf32>, tensor<8x8xf32>, tensor<8xbf16>, tensor<?x8xf32>) -> tensor<?x8xf32>
  // And code on a projection's input.
  // expected-remark@+1 {{fusion 'round-residuals' refused: result 0 has readers that keep it in f32}}
  %u = jet.embedding %tokens, %table : (tensor<?xi32>, tensor<32x8xbf16>) -> tensor<?x8xf32>
  // expected-remark@+1 {{fusion 'round-residuals' refused: result 0 has readers that keep it in f32}}
  %c = jet.grouped_linear %u(%w) products [1]
    on operand 0 {
    ^bb0(%e: f32):
      %s = arith.mulf %e, %e : f32
      jet.yield %s : f32
    }
    on result 0 with(%u) {
    ^bb0(%p: f32, %q: f32):
      %s = arith.addf %q, %p : f32
      jet.yield %s : f32
    } : (tensor<?x8xf32>, tensor<8x8xbf16>, tensor<?x8xf32>) -> tensor<?x8xf32>
  // A table in f32 is no stream in bf16: no remark.
  %v = jet.embedding %tokens, %wide : (tensor<?xi32>, tensor<32x8xf32>) -> tensor<?x8xf32>
  // expected-remark@+1 {{fusion 'round-residuals' refused: result 0 has readers that keep it in f32}}
  %d = jet.grouped_linear %v(%w) norm %n eps 1.0e-06 products [1]
    on result 0 with(%v) {
    ^bb0(%p: f32, %q: f32):
      %s = arith.addf %q, %p : f32
      jet.yield %s : f32
    } : (tensor<?x8xf32>, tensor<8x8xbf16>, tensor<8xbf16>, tensor<?x8xf32>) -> tensor<?x8xf32>
  return %a, %b, %c, %d : tensor<?x8xf32>, tensor<?x8xf32>, tensor<?x8xf32>, tensor<?x8xf32>
}
