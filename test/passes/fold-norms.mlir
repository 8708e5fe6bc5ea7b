// Norms move into the columns of the weights that read what they norm, where all
// programs agree.
// RUN: jet-opt %s -jet-fold-norms -canonicalize -split-input-file | FileCheck %s
// RUN: jet-opt %s -jet-fold-norms -canonicalize -jet-fold-norms -split-input-file | FileCheck %s
// RUN: jet-opt %s -jet-fold-norms=remarks=true -split-input-file 2>&1 | FileCheck %s --check-prefix=REMARK

// One weight, several that are packed, and the head.
// CHECK-LABEL: func.func @prefill
// CHECK-NEXT: %[[O:.*]] = jet.param "o" column_scale "n0" : tensor<8x8xbf16>
// CHECK-NEXT: jet.grouped_linear %arg0(%[[O]]) norm eps 1.0e-06 products [1]
// CHECK-NEXT: %[[W:.*]] = jet.packed_param ["q", "k"] rows [4, 6] column_scale "n1" : tensor<10x8xbf16>
// CHECK-NEXT: jet.param_rows %[[W]]
// CHECK-NEXT: jet.param_rows %[[W]]
// CHECK-NEXT: jet.grouped_linear %arg0(%{{.*}}, %{{.*}}) norm eps 2.0e-06 products [1, 1]
// CHECK-NEXT: %[[H:.*]] = jet.param "head" column_scale "n2" : tensor<64x8xbf16>
// CHECK-NEXT: jet.linear_top_k %{{.*}}, %[[H]] norm eps 3.0e-06 k 2 block 64
// CHECK-LABEL: func.func @decode
// CHECK: jet.param "o" column_scale "n0" : tensor<8x8xbf16>
// REMARK-NOT: remark:
func.func @prefill(%x: tensor<?x8xbf16>) -> (tensor<?x8xf32>, tensor<?x4xf32>, tensor<?x6xf32>, tensor<?x2xf32>, tensor<?x2xi32>) {
  %n0 = jet.param "n0" : tensor<8xbf16>
  %o = jet.param "o" : tensor<8x8xbf16>
  %y = jet.grouped_linear %x(%o) norm %n0 eps 1.0e-06 products [1] : (tensor<?x8xbf16>, tensor<8x8xbf16>, tensor<8xbf16>) -> tensor<?x8xf32>
  %n1 = jet.param "n1" : tensor<8xbf16>
  %w = jet.packed_param ["q", "k"] rows [4, 6] : tensor<10x8xbf16>
  %q = jet.param_rows %w [0, 4) : (tensor<10x8xbf16>) -> tensor<4x8xbf16>
  %k = jet.param_rows %w [4, 10) : (tensor<10x8xbf16>) -> tensor<6x8xbf16>
  %z:2 = jet.grouped_linear %x(%q, %k) norm %n1 eps 2.0e-06 products [1, 1] : (tensor<?x8xbf16>, tensor<4x8xbf16>, tensor<6x8xbf16>, tensor<8xbf16>) -> (tensor<?x4xf32>, tensor<?x6xf32>)
  %n2 = jet.param "n2" : tensor<8xbf16>
  %h = jet.param "head" : tensor<64x8xbf16>
  %v, %i = jet.linear_top_k %x, %h norm %n2 eps 3.0e-06 k 2 block 64 : (tensor<?x8xbf16>, tensor<64x8xbf16>, tensor<8xbf16>) -> (tensor<?x2xf32>, tensor<?x2xi32>)
  return %y, %z#0, %z#1, %v, %i : tensor<?x8xf32>, tensor<?x4xf32>, tensor<?x6xf32>, tensor<?x2xf32>, tensor<?x2xi32>
}
func.func @decode(%x: tensor<?x8xbf16>) -> tensor<?x8xf32> {
  %n0 = jet.param "n0" : tensor<8xbf16>
  %o = jet.param "o" : tensor<8x8xbf16>
  %y = jet.grouped_linear %x(%o) norm %n0 eps 1.0e-06 products [1] : (tensor<?x8xbf16>, tensor<8x8xbf16>, tensor<8xbf16>) -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// -----

// A program that appends in the projections agrees with one that does not.
// CHECK-LABEL: func.func @prefill
// CHECK-COUNT-3: jet.param {{.*}} column_scale "n" :
// CHECK: jet.grouped_linear %{{.*}} norm eps 1.0e-06 products [1, 1, 1]
// CHECK-LABEL: func.func @decode
// CHECK-COUNT-3: jet.param {{.*}} column_scale "n" :
// CHECK: jet.qkv_linear %{{.*}} norm eps 1.0e-06 rope
// REMARK-NOT: remark:
func.func @prefill(%x: tensor<?x8xbf16>) -> (tensor<?x8xf32>, tensor<?x4xf32>, tensor<?x4xf32>) {
  %n = jet.param "n" : tensor<8xbf16>
  %q = jet.param "q" : tensor<8x8xbf16>
  %k = jet.param "k" : tensor<4x8xbf16>
  %v = jet.param "v" : tensor<4x8xbf16>
  %y:3 = jet.grouped_linear %x(%q, %k, %v) norm %n eps 1.0e-06 products [1, 1, 1] : (tensor<?x8xbf16>, tensor<8x8xbf16>, tensor<4x8xbf16>, tensor<4x8xbf16>, tensor<8xbf16>) -> (tensor<?x8xf32>, tensor<?x4xf32>, tensor<?x4xf32>)
  return %y#0, %y#1, %y#2 : tensor<?x8xf32>, tensor<?x4xf32>, tensor<?x4xf32>
}
func.func @decode(%x: tensor<?x8xbf16>, %p: tensor<?xi32>, %c: !jet.kv_cache<2x2xbf16, page = 64>, %b: !jet.batch) -> (tensor<?x4x2xf32>, !jet.kv_cache<2x2xbf16, page = 64>) {
  %n = jet.param "n" : tensor<8xbf16>
  %q = jet.param "q" : tensor<8x8xbf16>
  %k = jet.param "k" : tensor<4x8xbf16>
  %v = jet.param "v" : tensor<4x8xbf16>
  %y, %next = jet.qkv_linear %x(%q, %k, %v) norm %n eps 1.0e-06 rope %p theta 10000.0 append %c, %b : (tensor<?x8xbf16>, tensor<8x8xbf16>, tensor<4x8xbf16>, tensor<4x8xbf16>, tensor<8xbf16>, tensor<?xi32>, !jet.kv_cache<2x2xbf16, page = 64>, !jet.batch) -> (tensor<?x4x2xf32>, !jet.kv_cache<2x2xbf16, page = 64>)
  return %y, %next : tensor<?x4x2xf32>, !jet.kv_cache<2x2xbf16, page = 64>
}

// -----

// What stays: a table that is read elsewhere too, rows that are rounded anyway,
// other types, what is not a parameter.
// CHECK-LABEL: func.func @some
// CHECK-NOT: column_scale
// CHECK-NOT: norm eps
// REMARK: remark: fusion 'fold-norms' refused: parameter 'table' is read elsewhere too
// REMARK: remark: fusion 'fold-norms' refused: its input is not in bf16, so it is rounded anyway, and normed on the way
// REMARK: remark: fusion 'fold-norms' refused: its norm is of another type than its weights
// REMARK: remark: fusion 'fold-norms' refused: its norm is not a parameter
// REMARK: remark: fusion 'fold-norms' refused: not all of its weights are parameters
func.func @some(%x: tensor<?x8xbf16>, %f: tensor<?x8xf32>, %tokens: tensor<?xi32>, %norm: tensor<8xbf16>, %weight: tensor<4x8xbf16>) -> (tensor<?x4xf32>, tensor<?x8xf32>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>) {
  %n = jet.param "n" : tensor<8xbf16>
  %wide = jet.param "wide" : tensor<8xf32>
  %t = jet.param "table" : tensor<4x8xbf16>
  %a = jet.param "a" : tensor<4x8xbf16>
  %b = jet.param "b" : tensor<4x8xbf16>
  %c = jet.param "c" : tensor<4x8xbf16>
  %0 = jet.grouped_linear %x(%t) norm %n eps 1.0e-06 products [1] : (tensor<?x8xbf16>, tensor<4x8xbf16>, tensor<8xbf16>) -> tensor<?x4xf32>
  %1 = jet.embedding %tokens, %t : (tensor<?xi32>, tensor<4x8xbf16>) -> tensor<?x8xf32>
  %2 = jet.grouped_linear %f(%a) norm %n eps 1.0e-06 products [1] : (tensor<?x8xf32>, tensor<4x8xbf16>, tensor<8xbf16>) -> tensor<?x4xf32>
  %3 = jet.grouped_linear %x(%b) norm %wide eps 1.0e-06 products [1] : (tensor<?x8xbf16>, tensor<4x8xbf16>, tensor<8xf32>) -> tensor<?x4xf32>
  %4 = jet.grouped_linear %x(%c) norm %norm eps 1.0e-06 products [1] : (tensor<?x8xbf16>, tensor<4x8xbf16>, tensor<8xbf16>) -> tensor<?x4xf32>
  %5 = jet.grouped_linear %x(%weight) norm %n eps 1.0e-06 products [1] : (tensor<?x8xbf16>, tensor<4x8xbf16>, tensor<8xbf16>) -> tensor<?x4xf32>
  return %0, %1, %2, %3, %4, %5 : tensor<?x4xf32>, tensor<?x8xf32>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>
}

// -----

// A weight that is scaled already is not scaled again.
// CHECK-LABEL: func.func @scaled
// CHECK: jet.grouped_linear %{{.*}} norm %{{.*}} eps 1.0e-06
// REMARK: remark: fusion 'fold-norms' refused: parameter 'w' has a column scale already
func.func @scaled(%x: tensor<?x8xbf16>) -> tensor<?x4xf32> {
  %n = jet.param "n" : tensor<8xbf16>
  %w = jet.param "w" column_scale "m" : tensor<4x8xbf16>
  %y = jet.grouped_linear %x(%w) norm %n eps 1.0e-06 products [1] : (tensor<?x8xbf16>, tensor<4x8xbf16>, tensor<8xbf16>) -> tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}

// -----

// Programs that disagree: @second norms %a otherwise, so it keeps %a and %b, so
// @first keeps %b, which it could have folded alone.
// CHECK-LABEL: func.func @first
// CHECK-NOT: column_scale
// CHECK-NOT: norm eps
// REMARK: remark: fusion 'fold-norms' refused: program @second reads parameter 'a' in another way
// REMARK: remark: fusion 'fold-norms' refused: program @first reads parameter 'a' in another way
// REMARK: remark: fusion 'fold-norms' refused: program @second reads parameter 'b' in another way
func.func @first(%x: tensor<?x8xbf16>) -> (tensor<?x4xf32>, tensor<?x4xf32>) {
  %n = jet.param "n" : tensor<8xbf16>
  %m = jet.param "m" : tensor<8xbf16>
  %a = jet.param "a" : tensor<4x8xbf16>
  %b = jet.param "b" : tensor<4x8xbf16>
  %0 = jet.grouped_linear %x(%a) norm %m eps 1.0e-06 products [1] : (tensor<?x8xbf16>, tensor<4x8xbf16>, tensor<8xbf16>) -> tensor<?x4xf32>
  %1 = jet.grouped_linear %x(%b) norm %n eps 1.0e-06 products [1] : (tensor<?x8xbf16>, tensor<4x8xbf16>, tensor<8xbf16>) -> tensor<?x4xf32>
  return %0, %1 : tensor<?x4xf32>, tensor<?x4xf32>
}
func.func @second(%x: tensor<?x8xbf16>) -> (tensor<?x4xf32>, tensor<?x4xf32>) {
  %n = jet.param "n" : tensor<8xbf16>
  %a = jet.param "a" : tensor<4x8xbf16>
  %b = jet.param "b" : tensor<4x8xbf16>
  %y:2 = jet.grouped_linear %x(%a, %b) norm %n eps 1.0e-06 products [1, 1] : (tensor<?x8xbf16>, tensor<4x8xbf16>, tensor<4x8xbf16>, tensor<8xbf16>) -> (tensor<?x4xf32>, tensor<?x4xf32>)
  return %y#0, %y#1 : tensor<?x4xf32>, tensor<?x4xf32>
}
