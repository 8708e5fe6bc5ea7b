// The weights of a group become views of one weight, where all programs agree.
// RUN: jet-opt %s -jet-pack-weights -split-input-file | FileCheck %s
// RUN: jet-opt %s -jet-pack-weights -jet-pack-weights -split-input-file | FileCheck %s
// RUN: jet-opt %s -jet-pack-weights=remarks=true -split-input-file 2>&1 | FileCheck %s --check-prefix=REMARK

// CHECK-LABEL: func.func @prefill
// CHECK: %[[W:.*]] = jet.packed_param ["q", "k"] rows [4, 6] : tensor<10x8xbf16>
// CHECK-NEXT: %[[Q:.*]] = jet.param_rows %[[W]][0, 4) : (tensor<10x8xbf16>) -> tensor<4x8xbf16>
// CHECK-NEXT: %[[K:.*]] = jet.param_rows %[[W]][4, 10) : (tensor<10x8xbf16>) -> tensor<6x8xbf16>
// CHECK-NOT: jet.param "
// CHECK: jet.grouped_linear %arg0(%[[Q]], %[[K]])
// CHECK-LABEL: func.func @decode
// CHECK: jet.packed_param ["q", "k"] rows [4, 6] : tensor<10x8xbf16>
// REMARK-NOT: remark:
func.func @prefill(%x: tensor<?x8xf32>) -> (tensor<?x4xf32>, tensor<?x6xf32>) {
  %q = jet.param "q" : tensor<4x8xbf16>
  %k = jet.param "k" : tensor<6x8xbf16>
  %y:2 = jet.grouped_linear %x(%q, %k) products [1, 1] : (tensor<?x8xf32>, tensor<4x8xbf16>, tensor<6x8xbf16>) -> (tensor<?x4xf32>, tensor<?x6xf32>)
  return %y#0, %y#1 : tensor<?x4xf32>, tensor<?x6xf32>
}
func.func @decode(%x: tensor<?x8xf32>) -> (tensor<?x4xf32>, tensor<?x6xf32>) {
  %k = jet.param "k" : tensor<6x8xbf16>
  %q = jet.param "q" : tensor<4x8xbf16>
  %y:2 = jet.grouped_linear %x(%q, %k) products [1, 1] : (tensor<?x8xf32>, tensor<4x8xbf16>, tensor<6x8xbf16>) -> (tensor<?x4xf32>, tensor<?x6xf32>)
  return %y#0, %y#1 : tensor<?x4xf32>, tensor<?x6xf32>
}

// -----

// A weight that is read twice, or is of another type, stays; the rest is packed.
// CHECK-LABEL: func.func @some
// CHECK-DAG: jet.param "table"
// CHECK-DAG: jet.param "wide"
// CHECK-DAG: jet.packed_param ["a", "b"] rows [4, 4] : tensor<8x8xbf16>
// REMARK: remark: fusion 'pack-weights' refused: parameter 'table' is read elsewhere too
// REMARK: remark: fusion 'pack-weights' refused: parameter 'wide' has another element type than 'a'
func.func @some(%x: tensor<?x8xf32>) -> (tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>) {
  %t = jet.param "table" : tensor<4x8xbf16>
  %a = jet.param "a" : tensor<4x8xbf16>
  %w = jet.param "wide" : tensor<4x8xf32>
  %b = jet.param "b" : tensor<4x8xbf16>
  %y:4 = jet.grouped_linear %x(%t, %a, %w, %b) products [1, 1, 1, 1] : (tensor<?x8xf32>, tensor<4x8xbf16>, tensor<4x8xbf16>, tensor<4x8xf32>, tensor<4x8xbf16>) -> (tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>)
  %z = jet.linear %x, %t : (tensor<?x8xf32>, tensor<4x8xbf16>) -> tensor<?x4xf32>
  return %y#0, %y#1, %y#2, %y#3, %z : tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>
}

// -----

// Programs that disagree: one groups otherwise, one does not group.
// CHECK-LABEL: func.func @one
// CHECK-NOT: jet.packed_param
// REMARK: remark: fusion 'pack-weights' refused: program @other packs parameter 'a' with others
// REMARK: remark: fusion 'pack-weights' refused: program @other reads parameter 'd' in another way
// REMARK: remark: fusion 'pack-weights' refused: program @one packs parameter 'b' with others
func.func @one(%x: tensor<?x8xf32>) -> (tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>) {
  %a = jet.param "a" : tensor<4x8xf32>
  %b = jet.param "b" : tensor<4x8xf32>
  %c = jet.param "c" : tensor<4x8xf32>
  %d = jet.param "d" : tensor<4x8xf32>
  %y:2 = jet.grouped_linear %x(%a, %b) products [1, 1] : (tensor<?x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>) -> (tensor<?x4xf32>, tensor<?x4xf32>)
  %z:2 = jet.grouped_linear %x(%c, %d) products [1, 1] : (tensor<?x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>) -> (tensor<?x4xf32>, tensor<?x4xf32>)
  return %y#0, %y#1, %z#0, %z#1 : tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>
}
func.func @other(%x: tensor<?x8xf32>) -> (tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>) {
  %a = jet.param "a" : tensor<4x8xf32>
  %b = jet.param "b" : tensor<4x8xf32>
  %d = jet.param "d" : tensor<4x8xf32>
  %y:2 = jet.grouped_linear %x(%b, %a) products [1, 1] : (tensor<?x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>) -> (tensor<?x4xf32>, tensor<?x4xf32>)
  %z = jet.linear %x, %d : (tensor<?x8xf32>, tensor<4x8xf32>) -> tensor<?x4xf32>
  return %y#0, %y#1, %z : tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>
}

// -----

// A program that appends in the projections agrees with one that does not.
// CHECK-LABEL: func.func @prefill
// CHECK: %[[W:.*]] = jet.packed_param ["q", "k", "v"] rows [8, 4, 4] : tensor<16x8xbf16>
// CHECK-LABEL: func.func @decode
// CHECK: %[[W:.*]] = jet.packed_param ["q", "k", "v"] rows [8, 4, 4] : tensor<16x8xbf16>
// CHECK-NEXT: %[[Q:.*]] = jet.param_rows %[[W]][0, 8)
// CHECK-NEXT: %[[K:.*]] = jet.param_rows %[[W]][8, 12)
// CHECK-NEXT: %[[V:.*]] = jet.param_rows %[[W]][12, 16)
// CHECK: jet.qkv_linear %arg0(%[[Q]], %[[K]], %[[V]])
// REMARK-NOT: remark:
func.func @prefill(%x: tensor<?x8xf32>) -> (tensor<?x8xf32>, tensor<?x4xf32>, tensor<?x4xf32>) {
  %q = jet.param "q" : tensor<8x8xbf16>
  %k = jet.param "k" : tensor<4x8xbf16>
  %v = jet.param "v" : tensor<4x8xbf16>
  %y:3 = jet.grouped_linear %x(%q, %k, %v) products [1, 1, 1] : (tensor<?x8xf32>, tensor<8x8xbf16>, tensor<4x8xbf16>, tensor<4x8xbf16>) -> (tensor<?x8xf32>, tensor<?x4xf32>, tensor<?x4xf32>)
  return %y#0, %y#1, %y#2 : tensor<?x8xf32>, tensor<?x4xf32>, tensor<?x4xf32>
}
func.func @decode(%x: tensor<?x8xf32>, %p: tensor<?xi32>, %c: !jet.kv_cache<2x2xbf16, page = 64>, %b: !jet.batch) -> (tensor<?x4x2xf32>, !jet.kv_cache<2x2xbf16, page = 64>) {
  %q = jet.param "q" : tensor<8x8xbf16>
  %k = jet.param "k" : tensor<4x8xbf16>
  %v = jet.param "v" : tensor<4x8xbf16>
  %y, %n = jet.qkv_linear %x(%q, %k, %v) rope %p theta 10000.0 append %c, %b : (tensor<?x8xf32>, tensor<8x8xbf16>, tensor<4x8xbf16>, tensor<4x8xbf16>, tensor<?xi32>, !jet.kv_cache<2x2xbf16, page = 64>, !jet.batch) -> (tensor<?x4x2xf32>, !jet.kv_cache<2x2xbf16, page = 64>)
  return %y, %n : tensor<?x4x2xf32>, !jet.kv_cache<2x2xbf16, page = 64>
}

// -----

// Weights that are scaled when they are loaded stay: packing comes first.
// CHECK-LABEL: func.func @scaled
// CHECK-NOT: jet.packed_param
// REMARK: remark: fusion 'pack-weights' refused: parameter 'a' has a column scale already
// REMARK: remark: fusion 'pack-weights' refused: parameter 'b' has a column scale already
func.func @scaled(%x: tensor<?x8xbf16>) -> (tensor<?x4xf32>, tensor<?x4xf32>) {
  %a = jet.param "a" column_scale "n" : tensor<4x8xbf16>
  %b = jet.param "b" column_scale "n" : tensor<4x8xbf16>
  %y:2 = jet.grouped_linear %x(%a, %b) norm eps 1.0e-06 products [1, 1] : (tensor<?x8xbf16>, tensor<4x8xbf16>, tensor<4x8xbf16>) -> (tensor<?x4xf32>, tensor<?x4xf32>)
  return %y#0, %y#1 : tensor<?x4xf32>, tensor<?x4xf32>
}
