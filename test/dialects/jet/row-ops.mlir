// Row-wise ops: round trip, as text and as bytecode.

// RUN: jet-opt %s | jet-opt | FileCheck %s
// RUN: jet-opt %s -emit-bytecode | jet-opt | FileCheck %s
// RUN: jet-opt %s -mlir-print-op-generic | jet-opt | FileCheck %s

// CHECK-LABEL: @param
func.func @param() -> tensor<128xf32> {
  // CHECK: jet.param "model.norm.weight" : tensor<128xf32>
  %w = jet.param "model.norm.weight" : tensor<128xf32>
  return %w : tensor<128xf32>
}

// CHECK-LABEL: @column_scale
func.func @column_scale() -> (tensor<512x128xbf16>, tensor<5x128xbf16>) {
  // CHECK: jet.param "lm_head.weight" column_scale "model.norm.weight" : tensor<512x128xbf16>
  %w = jet.param "lm_head.weight" column_scale "model.norm.weight" : tensor<512x128xbf16>
  // CHECK: jet.packed_param ["q", "k"] rows [3, 2] column_scale "n" : tensor<5x128xbf16>
  %p = jet.packed_param ["q", "k"] rows [3, 2] column_scale "n" : tensor<5x128xbf16>
  return %w, %p : tensor<512x128xbf16>, tensor<5x128xbf16>
}

// CHECK-LABEL: @packed_param
func.func @packed_param() -> tensor<128x1536xbf16> {
  // CHECK: jet.packed_param ["q_proj.weight", "k_proj.weight"] rows [1536, 128] : tensor<1664x1536xbf16>
  %w = jet.packed_param ["q_proj.weight", "k_proj.weight"] rows [1536, 128] : tensor<1664x1536xbf16>
  // CHECK: jet.param_rows %{{.*}}[1536, 1664) : (tensor<1664x1536xbf16>) -> tensor<128x1536xbf16>
  %k = jet.param_rows %w [1536, 1664) : (tensor<1664x1536xbf16>) -> tensor<128x1536xbf16>
  return %k : tensor<128x1536xbf16>
}

// Rows seen in another shape: to be broadcast, and without a dimension of 1.
// CHECK-LABEL: @param_rows
func.func @param_rows() -> (tensor<3x1xf32>, tensor<8x4xf32>) {
  %d = jet.param "D" : tensor<5xf32>
  // CHECK: jet.param_rows %{{.*}}[1, 4) : (tensor<5xf32>) -> tensor<3x1xf32>
  %h = jet.param_rows %d [1, 4) : (tensor<5xf32>) -> tensor<3x1xf32>
  %c = jet.param "conv1d.weight" : tensor<8x1x4xf32>
  // CHECK: jet.param_rows %{{.*}}[0, 8) : (tensor<8x1x4xf32>) -> tensor<8x4xf32>
  %w = jet.param_rows %c [0, 8) : (tensor<8x1x4xf32>) -> tensor<8x4xf32>
  return %h, %w : tensor<3x1xf32>, tensor<8x4xf32>
}

// CHECK-LABEL: @embedding
func.func @embedding(%tokens: tensor<?xi32>, %table: tensor<512x128xf32>) -> tensor<?x128xf32> {
  // CHECK: jet.embedding %{{.*}}, %{{.*}} : (tensor<?xi32>, tensor<512x128xf32>) -> tensor<?x128xf32>
  %x = jet.embedding %tokens, %table : (tensor<?xi32>, tensor<512x128xf32>) -> tensor<?x128xf32>
  return %x : tensor<?x128xf32>
}

// CHECK-LABEL: @linear
func.func @linear(%x: tensor<?x128xf32>, %w: tensor<64x128xbf16>, %b: tensor<64xbf16>) -> (tensor<?x64xf32>, tensor<?x64xbf16>) {
  // CHECK: jet.linear %{{.*}}, %{{.*}} bias %{{.*}} : (tensor<?x128xf32>, tensor<64x128xbf16>, tensor<64xbf16>) -> tensor<?x64xf32>
  %y = jet.linear %x, %w bias %b : (tensor<?x128xf32>, tensor<64x128xbf16>, tensor<64xbf16>) -> tensor<?x64xf32>
  // CHECK: jet.linear %{{.*}}, %{{[a-z0-9]+}} : (tensor<?x128xf32>, tensor<64x128xbf16>) -> tensor<?x64xbf16>
  %z = jet.linear %x, %w : (tensor<?x128xf32>, tensor<64x128xbf16>) -> tensor<?x64xbf16>
  return %y, %z : tensor<?x64xf32>, tensor<?x64xbf16>
}

// CHECK-LABEL: @rms_norm
func.func @rms_norm(%x: tensor<?x128xf32>, %w: tensor<128xf32>) -> tensor<?x128xf32> {
  // CHECK: jet.rms_norm %{{.*}}, %{{.*}} eps 1.0e-06 : (tensor<?x128xf32>, tensor<128xf32>) -> tensor<?x128xf32>
  %y = jet.rms_norm %x, %w eps 1.0e-06 : (tensor<?x128xf32>, tensor<128xf32>) -> tensor<?x128xf32>
  return %y : tensor<?x128xf32>
}

// CHECK-LABEL: @gated_rms_norm
func.func @gated_rms_norm(%o: tensor<?x4x64xf32>, %gate: tensor<?x4x64xf32>, %w: tensor<64xf32>) -> tensor<?x4x64xf32> {
  // CHECK: jet.gated_rms_norm %{{.*}}, %{{.*}}, %{{.*}} eps 1.0e-05 : (tensor<?x4x64xf32>, tensor<?x4x64xf32>, tensor<64xf32>) -> tensor<?x4x64xf32>
  %y = jet.gated_rms_norm %o, %gate, %w eps 1.0e-05 : (tensor<?x4x64xf32>, tensor<?x4x64xf32>, tensor<64xf32>) -> tensor<?x4x64xf32>
  return %y : tensor<?x4x64xf32>
}

// The scale may be any number, and every bit of it counts.
// CHECK-LABEL: @l2_norm
func.func @l2_norm(%x: tensor<?x4x32xf32>) -> (tensor<?x4x32xf32>, tensor<?x4x32xf32>, tensor<?x4x32xf32>, tensor<?x4x32xf32>) {
  // CHECK: jet.l2_norm %{{.*}} eps 1.0e-06 scale 1.0 : (tensor<?x4x32xf32>) -> tensor<?x4x32xf32>
  %k = jet.l2_norm %x eps 1.0e-06 scale 1.0 : (tensor<?x4x32xf32>) -> tensor<?x4x32xf32>
  // CHECK: eps 0.001 scale 0.17677669529663687
  %q = jet.l2_norm %x eps 0.001 scale 0.17677669529663687 : (tensor<?x4x32xf32>) -> tensor<?x4x32xf32>
  // CHECK: eps 1.234567890125e+11 scale -2.5e+00
  %n = jet.l2_norm %x eps 123456789012.5 scale -2.5 : (tensor<?x4x32xf32>) -> tensor<?x4x32xf32>
  // CHECK: eps 0x7FF0000000000000 scale 0xFFF8000000000001
  %z = jet.l2_norm %x eps 0x7FF0000000000000 scale 0xFFF8000000000001 : (tensor<?x4x32xf32>) -> tensor<?x4x32xf32>
  return %k, %q, %n, %z : tensor<?x4x32xf32>, tensor<?x4x32xf32>, tensor<?x4x32xf32>, tensor<?x4x32xf32>
}

// CHECK-LABEL: @rope
func.func @rope(%x: tensor<?x2x32xf32>, %positions: tensor<?xi32>) -> tensor<?x2x32xbf16> {
  // CHECK: jet.rope %{{.*}}, %{{.*}} theta 10000.0 : (tensor<?x2x32xf32>, tensor<?xi32>) -> tensor<?x2x32xbf16>
  %k = jet.rope %x, %positions theta 10000.0 : (tensor<?x2x32xf32>, tensor<?xi32>) -> tensor<?x2x32xbf16>
  return %k : tensor<?x2x32xbf16>
}

// CHECK-LABEL: @swiglu
func.func @swiglu(%gate: tensor<?x320xf32>, %up: tensor<?x320xf32>) -> tensor<?x320xf32> {
  // CHECK: jet.swiglu %{{.*}}, %{{.*}} : (tensor<?x320xf32>, tensor<?x320xf32>) -> tensor<?x320xf32>
  %h = jet.swiglu %gate, %up : (tensor<?x320xf32>, tensor<?x320xf32>) -> tensor<?x320xf32>
  return %h : tensor<?x320xf32>
}

// CHECK-LABEL: @map
func.func @map(%a: tensor<?x4xf32>, %bias: tensor<4xf32>) -> tensor<?x4xf32> {
  // CHECK: jet.map(%{{.*}}, %{{.*}}) : (tensor<?x4xf32>, tensor<4xf32>) -> tensor<?x4xf32> {
  // CHECK-NEXT: ^bb0(%[[X:.*]]: f32, %[[B:.*]]: f32):
  // CHECK-NEXT: %[[S:.*]] = arith.addf %[[X]], %[[B]] : f32
  // CHECK-NEXT: jet.yield %[[S]] : f32
  // CHECK-NEXT: }
  %y = jet.map(%a, %bias) : (tensor<?x4xf32>, tensor<4xf32>) -> tensor<?x4xf32> {
  ^bb0(%x: f32, %b: f32):
    %s = arith.addf %x, %b : f32
    jet.yield %s : f32
  }
  return %y : tensor<?x4xf32>
}

// Inputs of any rank, and a result of another type than the inputs.
// CHECK-LABEL: @map_broadcast
func.func @map_broadcast(%a: tensor<?x2x4xf32>, %b: tensor<2x4xbf16>, %c: tensor<f32>) -> tensor<?x2x4xbf16> {
  // CHECK: jet.map(%{{.*}}, %{{.*}}, %{{.*}}) : (tensor<?x2x4xf32>, tensor<2x4xbf16>, tensor<f32>) -> tensor<?x2x4xbf16> {
  // CHECK-NEXT: ^bb0(%{{.*}}: f32, %{{.*}}: bf16, %{{.*}}: f32):
  %y = jet.map(%a, %b, %c) : (tensor<?x2x4xf32>, tensor<2x4xbf16>, tensor<f32>) -> tensor<?x2x4xbf16> {
  ^bb0(%x: f32, %z: bf16, %s: f32):
    jet.yield %z : bf16
  }
  return %y : tensor<?x2x4xbf16>
}

// CHECK-LABEL: @heads
func.func @heads(%x: tensor<?x128xf32>) -> tensor<?x128xf32> {
  // CHECK: jet.split_heads %{{.*}} : (tensor<?x128xf32>) -> tensor<?x4x32xf32>
  %h = jet.split_heads %x : (tensor<?x128xf32>) -> tensor<?x4x32xf32>
  // CHECK: jet.merge_heads %{{.*}} : (tensor<?x4x32xf32>) -> tensor<?x128xf32>
  %y = jet.merge_heads %h : (tensor<?x4x32xf32>) -> tensor<?x128xf32>
  return %y : tensor<?x128xf32>
}
