// One case per labelled constraint of the row-wise ops; jet.map is in
// map-invalid.mlir.

// RUN: jet-opt %s -verify-diagnostics -split-input-file

// param C1: not static
func.func @f() {
  // expected-error @+1 {{'jet.param' op expected a static shape that is not empty, found 'tensor<?x128xf32>'}}
  %w = jet.param "w" : tensor<?x128xf32>
  return
}

// -----

// param C1: empty
func.func @f() {
  // expected-error @+1 {{'jet.param' op expected a static shape that is not empty, found 'tensor<0x128xf32>'}}
  %w = jet.param "w" : tensor<0x128xf32>
  return
}

// -----

// param C2
func.func @f() -> tensor<128xf32> {
  // expected-error @+1 {{'jet.param' op expected 2 dimensions with a column scale, found 'tensor<128xf32>'}}
  %w = jet.param "w" column_scale "n" : tensor<128xf32>
  return %w : tensor<128xf32>
}

// -----

// packed_param C4
func.func @f() -> tensor<5xf32> {
  // expected-error @+1 {{'jet.packed_param' op expected 2 dimensions with a column scale, found 'tensor<5xf32>'}}
  %w = jet.packed_param ["a", "b"] rows [3, 2] column_scale "n" : tensor<5xf32>
  return %w : tensor<5xf32>
}

// -----

// packed_param C1: not static
func.func @f() {
  // expected-error @+1 {{'jet.packed_param' op expected a static shape of 1 or 2 dimensions that is not empty, found 'tensor<?x8xf32>'}}
  %w = jet.packed_param ["a", "b"] rows [1, 1] : tensor<?x8xf32>
  return
}

// -----

// packed_param C1: three dimensions
func.func @f() {
  // expected-error @+1 {{'jet.packed_param' op expected a static shape of 1 or 2 dimensions that is not empty, found 'tensor<2x2x2xf32>'}}
  %w = jet.packed_param ["a", "b"] rows [1, 1] : tensor<2x2x2xf32>
  return
}

// -----

// packed_param C2: one name
func.func @f() {
  // expected-error @+1 {{'jet.packed_param' op expected at least two names, found 1}}
  %w = jet.packed_param ["a"] rows [2] : tensor<2x8xf32>
  return
}

// -----

// packed_param C2: a name twice
func.func @f() {
  // expected-error @+1 {{'jet.packed_param' op has the name 'a' twice}}
  %w = jet.packed_param ["a", "a"] rows [1, 1] : tensor<2x8xf32>
  return
}

// -----

// packed_param C3: a number too few
func.func @f() {
  // expected-error @+1 {{'jet.packed_param' op expected numbers of rows = 2, found 1}}
  %w = jet.packed_param ["a", "b"] rows [2] : tensor<2x8xf32>
  return
}

// -----

// packed_param C3: no rows
func.func @f() {
  // expected-error @+1 {{'jet.packed_param' op expected rows > 0, found 0}}
  %w = jet.packed_param ["a", "b"] rows [2, 0] : tensor<2x8xf32>
  return
}

// -----

// packed_param C3: too few rows
func.func @f() {
  // expected-error @+1 {{'jet.packed_param' op expected rows that sum to 4, found 3}}
  %w = jet.packed_param ["a", "b"] rows [2, 1] : tensor<4x8xf32>
  return
}

// -----

// packed_param C3: a sum that overflows
func.func @f() {
  // expected-error @+1 {{'jet.packed_param' op expected rows that sum to 4, found more}}
  %w = jet.packed_param ["a", "b"] rows [1, 9223372036854775807] : tensor<4x8xf32>
  return
}

// -----

// param_rows C1
func.func @f() {
  %x = tensor.empty() : tensor<4x8xf32>
  // expected-error @+1 {{'jet.param_rows' op expected rows of a jet.param or jet.packed_param}}
  %y = jet.param_rows %x [0, 2) : (tensor<4x8xf32>) -> tensor<2x8xf32>
  return
}

// -----

// param_rows C2: empty
func.func @f() {
  %x = jet.param "x" : tensor<4x8xf32>
  // expected-error @+1 {{'jet.param_rows' op expected a range of rows inside [0, 4), found [2, 2)}}
  %y = jet.param_rows %x [2, 2) : (tensor<4x8xf32>) -> tensor<1x8xf32>
  return
}

// -----

// param_rows C2: beyond the end
func.func @f() {
  %x = jet.param "x" : tensor<4x8xf32>
  // expected-error @+1 {{'jet.param_rows' op expected a range of rows inside [0, 4), found [3, 5)}}
  %y = jet.param_rows %x [3, 5) : (tensor<4x8xf32>) -> tensor<2x8xf32>
  return
}

// -----

// param_rows C3: element type
func.func @f() {
  %x = jet.param "x" : tensor<4x8xf32>
  // expected-error @+1 {{'jet.param_rows' op expected a result of 2 rows as those of 'tensor<4x8xf32>', found 'tensor<2x8xbf16>'}}
  %y = jet.param_rows %x [0, 2) : (tensor<4x8xf32>) -> tensor<2x8xbf16>
  return
}

// -----

// param_rows C3: rows
func.func @f() {
  %x = jet.param "x" : tensor<4x8xf32>
  // expected-error @+1 {{'jet.param_rows' op expected a result of 2 rows as those of 'tensor<4x8xf32>', found 'tensor<4x4xf32>'}}
  %y = jet.param_rows %x [0, 2) : (tensor<4x8xf32>) -> tensor<4x4xf32>
  return
}

// -----

// param_rows C3: elements
func.func @f() {
  %x = jet.param "x" : tensor<4x8xf32>
  // expected-error @+1 {{'jet.param_rows' op expected a result of 2 rows as those of 'tensor<4x8xf32>', found 'tensor<2x4xf32>'}}
  %y = jet.param_rows %x [0, 2) : (tensor<4x8xf32>) -> tensor<2x4xf32>
  return
}

// -----

// param_rows C3: no dimension
func.func @f() {
  %x = jet.param "x" : tensor<4x8xf32>
  // expected-error @+1 {{'jet.param_rows' op expected a result of 2 rows as those of 'tensor<4x8xf32>', found 'tensor<f32>'}}
  %y = jet.param_rows %x [0, 2) : (tensor<4x8xf32>) -> tensor<f32>
  return
}

// -----

// param_rows C3: rows unknown
func.func @f() {
  %x = jet.param "x" : tensor<4x8xf32>
  // expected-error @+1 {{'jet.param_rows' op expected a result of 2 rows as those of 'tensor<4x8xf32>', found 'tensor<?x8xf32>'}}
  %y = jet.param_rows %x [0, 2) : (tensor<4x8xf32>) -> tensor<?x8xf32>
  return
}

// -----

// param_rows C3: more elements than numbers have
func.func @f() {
  %x = jet.param "x" : tensor<4x8xf32>
  // expected-error @+1 {{'jet.param_rows' op expected a result of 2 rows as those of 'tensor<4x8xf32>', found 'tensor<2x4294967296x4294967296xf32>'}}
  %y = jet.param_rows %x [0, 2) : (tensor<4x8xf32>) -> tensor<2x4294967296x4294967296xf32>
  return
}

// -----

// embedding C1
func.func @f(%tokens: tensor<?xi32>, %table: tensor<512x128xf32>) {
  // expected-error @+1 {{'jet.embedding' op expected columns = 128, found 64}}
  %y = jet.embedding %tokens, %table : (tensor<?xi32>, tensor<512x128xf32>) -> tensor<?x64xf32>
  return
}

// -----

// embedding C2
func.func @f(%tokens: tensor<?xi32>, %table: tensor<512x128xf32>) {
  // expected-error @+1 {{'jet.embedding' op expected rows = ?, found 4}}
  %y = jet.embedding %tokens, %table : (tensor<?xi32>, tensor<512x128xf32>) -> tensor<4x128xf32>
  return
}

// -----

// linear C1
func.func @f(%x: tensor<?x64xf32>, %w: tensor<64x128xf32>) {
  // expected-error @+1 {{'jet.linear' op expected K = 128, found 64}}
  %y = jet.linear %x, %w : (tensor<?x64xf32>, tensor<64x128xf32>) -> tensor<?x64xf32>
  return
}

// -----

// linear C2: result
func.func @f(%x: tensor<?x128xf32>, %w: tensor<64x128xf32>) {
  // expected-error @+1 {{'jet.linear' op expected N = 64, found 32}}
  %y = jet.linear %x, %w : (tensor<?x128xf32>, tensor<64x128xf32>) -> tensor<?x32xf32>
  return
}

// -----

// linear C2: bias
func.func @f(%x: tensor<?x128xf32>, %w: tensor<64x128xf32>, %b: tensor<128xf32>) {
  // expected-error @+1 {{'jet.linear' op expected N of the bias = 64, found 128}}
  %y = jet.linear %x, %w bias %b : (tensor<?x128xf32>, tensor<64x128xf32>, tensor<128xf32>) -> tensor<?x64xf32>
  return
}

// -----

// linear C3
func.func @f(%x: tensor<4x128xf32>, %w: tensor<64x128xf32>) {
  // expected-error @+1 {{'jet.linear' op expected rows = 4, found 8}}
  %y = jet.linear %x, %w : (tensor<4x128xf32>, tensor<64x128xf32>) -> tensor<8x64xf32>
  return
}

// -----

// rms_norm C1: result
func.func @f(%x: tensor<?x128xf32>, %w: tensor<128xf32>) {
  // expected-error @+1 {{'jet.rms_norm' op expected x and result of one shape, found 'tensor<?x128xf32>' and 'tensor<?x64xf32>'}}
  %y = jet.rms_norm %x, %w eps 1.0e-06 : (tensor<?x128xf32>, tensor<128xf32>) -> tensor<?x64xf32>
  return
}

// -----

// rms_norm C1: weight
func.func @f(%x: tensor<?x128xf32>, %w: tensor<64xf32>) {
  // expected-error @+1 {{'jet.rms_norm' op expected C of the weight = 128, found 64}}
  %y = jet.rms_norm %x, %w eps 1.0e-06 : (tensor<?x128xf32>, tensor<64xf32>) -> tensor<?x128xf32>
  return
}

// -----

// rms_norm C2
func.func @f(%x: tensor<?x128xf32>, %w: tensor<128xf32>) {
  // expected-error @+1 {{'jet.rms_norm' op expected eps > 0, found 0.000000e+00}}
  %y = jet.rms_norm %x, %w eps 0.0 : (tensor<?x128xf32>, tensor<128xf32>) -> tensor<?x128xf32>
  return
}

// -----

// gated_rms_norm C1: gate
func.func @f(%x: tensor<?x4x64xf32>, %gate: tensor<?x2x64xf32>, %w: tensor<64xf32>) {
  // expected-error @+1 {{'jet.gated_rms_norm' op expected x and gate of one shape, found 'tensor<?x4x64xf32>' and 'tensor<?x2x64xf32>'}}
  %y = jet.gated_rms_norm %x, %gate, %w eps 1.0e-05 : (tensor<?x4x64xf32>, tensor<?x2x64xf32>, tensor<64xf32>) -> tensor<?x4x64xf32>
  return
}

// -----

// gated_rms_norm C1: result
func.func @f(%x: tensor<?x4x64xf32>, %gate: tensor<?x4x64xf32>, %w: tensor<64xf32>) {
  // expected-error @+1 {{'jet.gated_rms_norm' op expected x and result of one shape, found 'tensor<?x4x64xf32>' and 'tensor<?x4x32xf32>'}}
  %y = jet.gated_rms_norm %x, %gate, %w eps 1.0e-05 : (tensor<?x4x64xf32>, tensor<?x4x64xf32>, tensor<64xf32>) -> tensor<?x4x32xf32>
  return
}

// -----

// gated_rms_norm C1: weight
func.func @f(%x: tensor<?x4x64xf32>, %gate: tensor<?x4x64xf32>, %w: tensor<256xf32>) {
  // expected-error @+1 {{'jet.gated_rms_norm' op expected D of the weight = 64, found 256}}
  %y = jet.gated_rms_norm %x, %gate, %w eps 1.0e-05 : (tensor<?x4x64xf32>, tensor<?x4x64xf32>, tensor<256xf32>) -> tensor<?x4x64xf32>
  return
}

// -----

// gated_rms_norm C2
func.func @f(%x: tensor<?x4x64xf32>, %gate: tensor<?x4x64xf32>, %w: tensor<64xf32>) {
  // expected-error @+1 {{'jet.gated_rms_norm' op expected eps > 0, found -1.000000e-05}}
  %y = jet.gated_rms_norm %x, %gate, %w eps -1.0e-05 : (tensor<?x4x64xf32>, tensor<?x4x64xf32>, tensor<64xf32>) -> tensor<?x4x64xf32>
  return
}

// -----

// l2_norm C1
func.func @f(%x: tensor<?x4x32xf32>) {
  // expected-error @+1 {{'jet.l2_norm' op expected x and result of one shape, found 'tensor<?x4x32xf32>' and 'tensor<4x4x32xf32>'}}
  %y = jet.l2_norm %x eps 1.0e-06 scale 1.0 : (tensor<?x4x32xf32>) -> tensor<4x4x32xf32>
  return
}

// -----

// l2_norm C2: not a number
func.func @f(%x: tensor<?x4x32xf32>) {
  // expected-error @+1 {{'jet.l2_norm' op expected eps > 0, found}}
  %y = jet.l2_norm %x eps 0x7FF8000000000000 scale 1.0 : (tensor<?x4x32xf32>) -> tensor<?x4x32xf32>
  return
}

// -----

// rope C1: result
func.func @f(%x: tensor<?x4x32xf32>, %positions: tensor<?xi32>) {
  // expected-error @+1 {{'jet.rope' op expected x and result of one shape, found 'tensor<?x4x32xf32>' and 'tensor<?x2x32xf32>'}}
  %y = jet.rope %x, %positions theta 10000.0 : (tensor<?x4x32xf32>, tensor<?xi32>) -> tensor<?x2x32xf32>
  return
}

// -----

// rope C1: positions
func.func @f(%x: tensor<?x4x32xf32>, %positions: tensor<4xi32>) {
  // expected-error @+1 {{'jet.rope' op expected positions = ?, found 4}}
  %y = jet.rope %x, %positions theta 10000.0 : (tensor<?x4x32xf32>, tensor<4xi32>) -> tensor<?x4x32xf32>
  return
}

// -----

// rope C2: head size
func.func @f(%x: tensor<?x4x33xf32>, %positions: tensor<?xi32>) {
  // expected-error @+1 {{'jet.rope' op expected an even head size, found 33}}
  %y = jet.rope %x, %positions theta 10000.0 : (tensor<?x4x33xf32>, tensor<?xi32>) -> tensor<?x4x33xf32>
  return
}

// -----

// rope C2: theta
func.func @f(%x: tensor<?x4x32xf32>, %positions: tensor<?xi32>) {
  // expected-error @+1 {{'jet.rope' op expected theta > 0, found -1.000000e+00}}
  %y = jet.rope %x, %positions theta -1.0 : (tensor<?x4x32xf32>, tensor<?xi32>) -> tensor<?x4x32xf32>
  return
}

// -----

// swiglu C1: up
func.func @f(%gate: tensor<?x320xf32>, %up: tensor<?x32xf32>) {
  // expected-error @+1 {{'jet.swiglu' op expected gate and up of one shape, found 'tensor<?x320xf32>' and 'tensor<?x32xf32>'}}
  %y = jet.swiglu %gate, %up : (tensor<?x320xf32>, tensor<?x32xf32>) -> tensor<?x320xf32>
  return
}

// -----

// swiglu C1: result
func.func @f(%gate: tensor<?x320xf32>, %up: tensor<?x320xf32>) {
  // expected-error @+1 {{'jet.swiglu' op expected gate and result of one shape, found 'tensor<?x320xf32>' and 'tensor<?x32xf32>'}}
  %y = jet.swiglu %gate, %up : (tensor<?x320xf32>, tensor<?x320xf32>) -> tensor<?x32xf32>
  return
}

// -----

// split_heads C1: rows
func.func @f(%x: tensor<4x128xf32>) {
  // expected-error @+1 {{'jet.split_heads' op expected rows = 4, found ?}}
  %y = jet.split_heads %x : (tensor<4x128xf32>) -> tensor<?x4x32xf32>
  return
}

// -----

// split_heads C1: columns
func.func @f(%x: tensor<?x128xf32>) {
  // expected-error @+1 {{'jet.split_heads' op expected as many columns as heads hold, found 'tensor<?x128xf32>' and 'tensor<?x4x16xf32>'}}
  %y = jet.split_heads %x : (tensor<?x128xf32>) -> tensor<?x4x16xf32>
  return
}

// -----

// split_heads C1: no product of sizes overflows
func.func @f(%x: tensor<?x128xf32>) {
  // expected-error @+1 {{'jet.split_heads' op expected as many columns as heads hold, found 'tensor<?x128xf32>' and 'tensor<?x4611686018427387904x4xf32>'}}
  %y = jet.split_heads %x : (tensor<?x128xf32>) -> tensor<?x4611686018427387904x4xf32>
  return
}

// -----

// split_heads C1: element
func.func @f(%x: tensor<?x128xf32>) {
  // expected-error @+1 {{'jet.split_heads' op expected one element type, found 'tensor<?x128xf32>' and 'tensor<?x4x32xbf16>'}}
  %y = jet.split_heads %x : (tensor<?x128xf32>) -> tensor<?x4x32xbf16>
  return
}

// -----

// merge_heads C1: rows
func.func @f(%x: tensor<4x4x32xf32>) {
  // expected-error @+1 {{'jet.merge_heads' op expected rows = ?, found 4}}
  %y = jet.merge_heads %x : (tensor<4x4x32xf32>) -> tensor<?x128xf32>
  return
}

// -----

// merge_heads C1: columns
func.func @f(%x: tensor<?x4x32xf32>) {
  // expected-error @+1 {{'jet.merge_heads' op expected as many columns as heads hold, found 'tensor<?x64xf32>' and 'tensor<?x4x32xf32>'}}
  %y = jet.merge_heads %x : (tensor<?x4x32xf32>) -> tensor<?x64xf32>
  return
}

// -----

// merge_heads C1: element
func.func @f(%x: tensor<?x4x32xf32>) {
  // expected-error @+1 {{'jet.merge_heads' op expected one element type, found 'tensor<?x128xbf16>' and 'tensor<?x4x32xf32>'}}
  %y = jet.merge_heads %x : (tensor<?x4x32xf32>) -> tensor<?x128xbf16>
  return
}

// -----

// Types: only the number of rows may be unknown
func.func @f(%gate: tensor<?x?xf32>, %up: tensor<?x?xf32>) {
  // expected-error @+1 {{'jet.swiglu' op operand #0 must be 2D tensor with rows of a positive, known size of floating-point values, but got 'tensor<?x?xf32>'}}
  %y = jet.swiglu %gate, %up : (tensor<?x?xf32>, tensor<?x?xf32>) -> tensor<?x?xf32>
  return
}

// -----

// Types: no empty rows
func.func @f(%x: tensor<?x64xf32>, %w: tensor<64x0xf32>) {
  // expected-error @+1 {{'jet.linear' op operand #1 must be 2D tensor with rows of a positive, known size of floating-point values, but got 'tensor<64x0xf32>'}}
  %y = jet.linear %x, %w : (tensor<?x64xf32>, tensor<64x0xf32>) -> tensor<?x64xf32>
  return
}

// -----

// Types: rank
func.func @f(%x: tensor<?x128xf32>) {
  // expected-error @+1 {{'jet.l2_norm' op operand #0 must be 3D tensor with rows of a positive, known size of floating-point values, but got 'tensor<?x128xf32>'}}
  %y = jet.l2_norm %x eps 1.0e-06 scale 1.0 : (tensor<?x128xf32>) -> tensor<?x128xf32>
  return
}

// -----

// Types: token ids
func.func @f(%tokens: tensor<?xi64>, %table: tensor<512x128xf32>) {
  // expected-error @+1 {{'jet.embedding' op operand #0 must be 1D tensor of 32-bit signless integer values, but got 'tensor<?xi64>'}}
  %y = jet.embedding %tokens, %table : (tensor<?xi64>, tensor<512x128xf32>) -> tensor<?x128xf32>
  return
}
