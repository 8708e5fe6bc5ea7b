// Mixer attributes: round trip, as text and as bytecode. Numbers keep every bit.

// RUN: jet-opt %s | jet-opt | FileCheck %s
// RUN: jet-opt %s -emit-bytecode | jet-opt | FileCheck %s

module attributes {
  // CHECK: jet.a = #jet.attention<heads = 12, kv_heads = 2, head_dim = 128, rope_theta = 1000000.0, window = 1152>
  jet.a = #jet.attention<heads = 12, kv_heads = 2, head_dim = 128, rope_theta = 1000000.0, window = 1152>,
  // CHECK-SAME: jet.b = #jet.attention<heads = 1, kv_heads = 1, head_dim = 2, rope_theta = 0.5>
  jet.b = #jet.attention<heads = 1, kv_heads = 1, head_dim = 2, rope_theta = 0.5>,
  // CHECK-SAME: jet.c = #jet.jet_block<heads = 12, d_k = 96, d_v = 256, conv = 4, generator = 384, norm_eps = 1.0e-05>
  jet.c = #jet.jet_block<heads = 12, d_k = 96, d_v = 256, conv = 4, generator = 384, norm_eps = 1.0e-05>,

  // CHECK-SAME: jet.ca = #jet.gated_delta_net<heads = 6, key_heads = 3, d_k = 256, d_v = 512, conv = 4, norm_eps = 1.0e-05>
  jet.ca = #jet.gated_delta_net<heads = 6, key_heads = 3, d_k = 256, d_v = 512, conv = 4, norm_eps = 1.0e-05>,
  // CHECK-SAME: jet.cb = #jet.mamba2<heads = 64, head_dim = 64, d_state = 128, groups = 8, conv = 4, norm_eps = 1.0e-05>
  jet.cb = #jet.mamba2<heads = 64, head_dim = 64, d_state = 128, groups = 8, conv = 4, norm_eps = 1.0e-05>,

  // Shortest decimals that read back as the same double.
  // CHECK-SAME: jet.d = #jet.attention<heads = 1, kv_heads = 1, head_dim = 2, rope_theta = 0.30000000000000004>
  jet.d = #jet.attention<heads = 1, kv_heads = 1, head_dim = 2, rope_theta = 0.3000000000000000444>,
  // CHECK-SAME: jet.e = #jet.attention<heads = 1, kv_heads = 1, head_dim = 2, rope_theta = 1.7976931348623157e+308>
  jet.e = #jet.attention<heads = 1, kv_heads = 1, head_dim = 2, rope_theta = 1.7976931348623157e+308>,
  // CHECK-SAME: jet.f = #jet.attention<heads = 1, kv_heads = 1, head_dim = 2, rope_theta = 5.0e-324>
  jet.f = #jet.attention<heads = 1, kv_heads = 1, head_dim = 2, rope_theta = 4.94e-324>,
  // CHECK-SAME: jet.g = #jet.attention<heads = 1, kv_heads = 1, head_dim = 2, rope_theta = 1.0e+09>
  jet.g = #jet.attention<heads = 1, kv_heads = 1, head_dim = 2, rope_theta = 1000000000.0>,
  // CHECK-SAME: jet.h = #jet.attention<heads = 1, kv_heads = 1, head_dim = 2, rope_theta = 0x7FF0000000000000>
  jet.h = #jet.attention<heads = 1, kv_heads = 1, head_dim = 2, rope_theta = 0x7FF0000000000000>
} {}
