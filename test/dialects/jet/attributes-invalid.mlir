// One case per labelled constraint of the mixer attributes, then broken syntax.

// RUN: jet-opt %s -verify-diagnostics -split-input-file

// attention C1
// expected-error @+1 {{expected heads > 0, found 0}}
module attributes {jet.a = #jet.attention<heads = 0, kv_heads = 2, head_dim = 32, rope_theta = 10000.0>} {}

// -----

// attention C1: before C2 divides by it
// expected-error @+1 {{expected kv_heads > 0, found 0}}
module attributes {jet.a = #jet.attention<heads = 4, kv_heads = 0, head_dim = 32, rope_theta = 10000.0>} {}

// -----

// attention C1
// expected-error @+1 {{expected head_dim > 0, found -32}}
module attributes {jet.a = #jet.attention<heads = 4, kv_heads = 2, head_dim = -32, rope_theta = 10000.0>} {}

// -----

// attention C1
// expected-error @+1 {{expected window > 0, found 0}}
module attributes {jet.a = #jet.attention<heads = 4, kv_heads = 2, head_dim = 32, rope_theta = 10000.0, window = 0>} {}

// -----

// attention C1
// expected-error @+1 {{expected heads <= 2147483647, found 4611686018427387904}}
module attributes {jet.a = #jet.attention<heads = 4611686018427387904, kv_heads = 2, head_dim = 32, rope_theta = 10000.0>} {}

// -----

// attention C1: the row of a projection
// expected-error @+1 {{expected heads * head_dim <= 2147483647, found 2147483648}}
module attributes {jet.a = #jet.attention<heads = 65536, kv_heads = 2, head_dim = 32768, rope_theta = 10000.0>} {}

// -----

// attention C2
// expected-error @+1 {{expected kv_heads to divide heads = 4, found 3}}
module attributes {jet.a = #jet.attention<heads = 4, kv_heads = 3, head_dim = 32, rope_theta = 10000.0>} {}

// -----

// attention C2
// expected-error @+1 {{expected kv_heads to divide heads = 4, found 8}}
module attributes {jet.a = #jet.attention<heads = 4, kv_heads = 8, head_dim = 32, rope_theta = 10000.0>} {}

// -----

// attention C3
// expected-error @+1 {{expected an even head_dim, found 33}}
module attributes {jet.a = #jet.attention<heads = 4, kv_heads = 2, head_dim = 33, rope_theta = 10000.0>} {}

// -----

// attention C4
// expected-error @+1 {{expected rope_theta > 0, found 0.000000e+00}}
module attributes {jet.a = #jet.attention<heads = 4, kv_heads = 2, head_dim = 32, rope_theta = 0.0>} {}

// -----

// attention C4: not a number
// expected-error @+1 {{expected rope_theta > 0, found}}
module attributes {jet.a = #jet.attention<heads = 4, kv_heads = 2, head_dim = 32, rope_theta = 0x7FF8000000000000>} {}

// -----

// jet_block C1
// expected-error @+1 {{expected heads > 0, found 0}}
module attributes {jet.a = #jet.jet_block<heads = 0, d_k = 32, d_v = 64, conv = 4, generator = 32, norm_eps = 1.0e-05>} {}

// -----

// jet_block C1
// expected-error @+1 {{expected d_k > 0, found 0}}
module attributes {jet.a = #jet.jet_block<heads = 4, d_k = 0, d_v = 64, conv = 4, generator = 32, norm_eps = 1.0e-05>} {}

// -----

// jet_block C1
// expected-error @+1 {{expected d_v > 0, found -1}}
module attributes {jet.a = #jet.jet_block<heads = 4, d_k = 32, d_v = -1, conv = 4, generator = 32, norm_eps = 1.0e-05>} {}

// -----

// jet_block C1
// expected-error @+1 {{expected conv > 0, found 0}}
module attributes {jet.a = #jet.jet_block<heads = 4, d_k = 32, d_v = 64, conv = 0, generator = 32, norm_eps = 1.0e-05>} {}

// -----

// jet_block C1
// expected-error @+1 {{expected generator > 0, found 0}}
module attributes {jet.a = #jet.jet_block<heads = 4, d_k = 32, d_v = 64, conv = 4, generator = 0, norm_eps = 1.0e-05>} {}

// -----

// jet_block C1: the row of k_proj
// expected-error @+1 {{expected heads * d_k <= 2147483647, found 4294967296}}
module attributes {jet.a = #jet.jet_block<heads = 65536, d_k = 65536, d_v = 64, conv = 4, generator = 32, norm_eps = 1.0e-05>} {}

// -----

// jet_block C1: the taps of a row
// expected-error @+1 {{expected heads * d_v * conv <= 2147483647, found 8589934592}}
module attributes {jet.a = #jet.jet_block<heads = 4, d_k = 32, d_v = 64, conv = 33554432, generator = 32, norm_eps = 1.0e-05>} {}

// -----

// jet_block C2
// expected-error @+1 {{expected norm_eps > 0, found -1.000000e-05}}
module attributes {jet.a = #jet.jet_block<heads = 4, d_k = 32, d_v = 64, conv = 4, generator = 32, norm_eps = -1.0e-05>} {}

// -----

// An integer is not a float literal.
// expected-error @+2 {{unexpected decimal integer literal for a floating point value}}
// expected-note @+1 {{add a trailing dot to make the literal a float}}
module attributes {jet.a = #jet.attention<heads = 4, kv_heads = 2, head_dim = 32, rope_theta = 10000>} {}
