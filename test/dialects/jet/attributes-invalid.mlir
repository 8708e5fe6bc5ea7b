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

// gated_delta_net C1
// expected-error @+1 {{expected heads > 0, found 0}}
module attributes {jet.a = #jet.gated_delta_net<heads = 0, key_heads = 2, d_k = 32, d_v = 64, conv = 4, norm_eps = 1.0e-05>} {}

// -----

// gated_delta_net C1
// expected-error @+1 {{expected key_heads > 0, found 0}}
module attributes {jet.a = #jet.gated_delta_net<heads = 4, key_heads = 0, d_k = 32, d_v = 64, conv = 4, norm_eps = 1.0e-05>} {}

// -----

// gated_delta_net C1
// expected-error @+1 {{expected d_k > 0, found 0}}
module attributes {jet.a = #jet.gated_delta_net<heads = 4, key_heads = 2, d_k = 0, d_v = 64, conv = 4, norm_eps = 1.0e-05>} {}

// -----

// gated_delta_net C1
// expected-error @+1 {{expected d_v > 0, found 0}}
module attributes {jet.a = #jet.gated_delta_net<heads = 4, key_heads = 2, d_k = 32, d_v = 0, conv = 4, norm_eps = 1.0e-05>} {}

// -----

// gated_delta_net C1
// expected-error @+1 {{expected conv > 0, found 0}}
module attributes {jet.a = #jet.gated_delta_net<heads = 4, key_heads = 2, d_k = 32, d_v = 64, conv = 0, norm_eps = 1.0e-05>} {}

// -----

// gated_delta_net C1: the row of k_proj
// expected-error @+1 {{expected key_heads * d_k <= 2147483647, found 4294967296}}
module attributes {jet.a = #jet.gated_delta_net<heads = 65536, key_heads = 65536, d_k = 65536, d_v = 64, conv = 4, norm_eps = 1.0e-05>} {}

// -----

// gated_delta_net C1: the row of v_proj
// expected-error @+1 {{expected heads * d_v <= 2147483647, found 4294967296}}
module attributes {jet.a = #jet.gated_delta_net<heads = 65536, key_heads = 2, d_k = 32, d_v = 65536, conv = 4, norm_eps = 1.0e-05>} {}

// -----

// gated_delta_net C2
// expected-error @+1 {{expected key_heads to divide heads = 4, found 3}}
module attributes {jet.a = #jet.gated_delta_net<heads = 4, key_heads = 3, d_k = 32, d_v = 64, conv = 4, norm_eps = 1.0e-05>} {}

// -----

// gated_delta_net C2
// expected-error @+1 {{expected key_heads to divide heads = 4, found 8}}
module attributes {jet.a = #jet.gated_delta_net<heads = 4, key_heads = 8, d_k = 32, d_v = 64, conv = 4, norm_eps = 1.0e-05>} {}

// -----

// gated_delta_net C3
// expected-error @+1 {{expected norm_eps > 0, found 0.000000e+00}}
module attributes {jet.a = #jet.gated_delta_net<heads = 4, key_heads = 2, d_k = 32, d_v = 64, conv = 4, norm_eps = 0.0>} {}

// -----

// mamba2 C1
// expected-error @+1 {{expected heads > 0, found -1}}
module attributes {jet.a = #jet.mamba2<heads = -1, head_dim = 32, d_state = 64, groups = 2, conv = 4, norm_eps = 1.0e-05>} {}

// -----

// mamba2 C1
// expected-error @+1 {{expected head_dim > 0, found -1}}
module attributes {jet.a = #jet.mamba2<heads = 4, head_dim = -1, d_state = 64, groups = 2, conv = 4, norm_eps = 1.0e-05>} {}

// -----

// mamba2 C1
// expected-error @+1 {{expected d_state > 0, found -1}}
module attributes {jet.a = #jet.mamba2<heads = 4, head_dim = 32, d_state = -1, groups = 2, conv = 4, norm_eps = 1.0e-05>} {}

// -----

// mamba2 C1
// expected-error @+1 {{expected groups > 0, found -1}}
module attributes {jet.a = #jet.mamba2<heads = 4, head_dim = 32, d_state = 64, groups = -1, conv = 4, norm_eps = 1.0e-05>} {}

// -----

// mamba2 C1
// expected-error @+1 {{expected conv > 0, found -1}}
module attributes {jet.a = #jet.mamba2<heads = 4, head_dim = 32, d_state = 64, groups = 2, conv = -1, norm_eps = 1.0e-05>} {}

// -----

// mamba2 C1: columns of x
// expected-error @+1 {{expected heads * head_dim <= 2147483647, found 4294967296}}
module attributes {jet.a = #jet.mamba2<heads = 65536, head_dim = 65536, d_state = 64, groups = 2, conv = 4, norm_eps = 1.0e-05>} {}

// -----

// mamba2 C1: columns of B
// expected-error @+1 {{expected groups * d_state <= 2147483647, found 4294967296}}
module attributes {jet.a = #jet.mamba2<heads = 65536, head_dim = 32, d_state = 65536, groups = 65536, conv = 4, norm_eps = 1.0e-05>} {}

// -----

// mamba2 C1: rows of in_proj
// expected-error @+1 {{expected 2 * heads * head_dim + 2 * groups * d_state + heads <= 2147483647, found 2147516420}}
module attributes {jet.a = #jet.mamba2<heads = 4, head_dim = 268435456, d_state = 8192, groups = 2, conv = 4, norm_eps = 1.0e-05>} {}

// -----

// mamba2 C2
// expected-error @+1 {{expected groups to divide heads = 4, found 3}}
module attributes {jet.a = #jet.mamba2<heads = 4, head_dim = 32, d_state = 64, groups = 3, conv = 4, norm_eps = 1.0e-05>} {}

// -----

// mamba2 C3
// expected-error @+1 {{expected norm_eps > 0, found -1.000000e+00}}
module attributes {jet.a = #jet.mamba2<heads = 4, head_dim = 32, d_state = 64, groups = 2, conv = 4, norm_eps = -1.0>} {}

// -----

// An integer is not a float literal.
// expected-error @+2 {{unexpected decimal integer literal for a floating point value}}
// expected-note @+1 {{add a trailing dot to make the literal a float}}
module attributes {jet.a = #jet.attention<heads = 4, kv_heads = 2, head_dim = 32, rope_theta = 10000>} {}
