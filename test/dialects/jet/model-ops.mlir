// jet.model and jet.layer: round trip, as text and as bytecode.

// RUN: jet-opt %s | jet-opt | FileCheck %s
// RUN: jet-opt %s -emit-bytecode | jet-opt | FileCheck %s
// RUN: jet-opt %s -mlir-print-op-generic | jet-opt | FileCheck %s

// CHECK: jet.model @m hidden 128 intermediate 320 vocab 512 max_position 4096
// CHECK-SAME: rms_norm_eps 1.0e-06 storage f32 tied {
// CHECK-NEXT: jet.layer 0 mixer #jet.jet_block<heads = 4, d_k = 32, d_v = 64, conv = 4, generator = 32, norm_eps = 1.0e-05> weights "self_attn"
// CHECK-NEXT: }
jet.model @m hidden 128 intermediate 320 vocab 512 max_position 4096
    rms_norm_eps 1.0e-06 storage f32 tied {
  jet.layer 0 mixer #jet.jet_block<heads = 4, d_k = 32, d_v = 64, conv = 4, generator = 32, norm_eps = 1.0e-05> weights "self_attn"
}

// A supernet, with and without scores, beside a placed layer; pages of a size
// of its own.
// CHECK: jet.model @supernet
// CHECK-SAME: storage bf16 page 16 attributes {jet.note = "untied"} {
// CHECK-NEXT: jet.layer 0 candidates [#jet.attention<heads = 4, kv_heads = 2, head_dim = 32, rope_theta = 10000.0>,
// CHECK-SAME: #jet.jet_block<heads = 4, d_k = 32, d_v = 64, conv = 4, generator = 32, norm_eps = 1.0e-05>]
// CHECK-SAME: scores [2.500000e-01, 7.500000e-01] weights "self_attn"
// CHECK-NEXT: jet.layer 1 candidates [#jet.attention<{{.*}}>, #jet.attention<{{.*}}, window = 8>] weights "self_attn"
// CHECK-NEXT: jet.layer 2 mixer #jet.attention<heads = 4, kv_heads = 2, head_dim = 32, rope_theta = 10000.0> weights "self_attn.attn" {jet.note = 1 : i64}
jet.model @supernet hidden 128 intermediate 320 vocab 512 max_position 4096
    rms_norm_eps 0.001 storage bf16 page 16 attributes {jet.note = "untied"} {
  jet.layer 0 candidates [#jet.attention<heads = 4, kv_heads = 2, head_dim = 32, rope_theta = 10000.0>,
                          #jet.jet_block<heads = 4, d_k = 32, d_v = 64, conv = 4, generator = 32, norm_eps = 1.0e-05>]
      scores [0.25, 0.75] weights "self_attn"
  jet.layer 1 candidates [#jet.attention<heads = 4, kv_heads = 2, head_dim = 32, rope_theta = 10000.0>,
                          #jet.attention<heads = 4, kv_heads = 2, head_dim = 32, rope_theta = 10000.0, window = 8>] weights "self_attn"
  jet.layer 2 mixer #jet.attention<heads = 4, kv_heads = 2, head_dim = 32, rope_theta = 10000.0> weights "self_attn.attn" {jet.note = 1}
}

// States in types of their own.
// CHECK: jet.model @states
// CHECK-SAME: storage f32 kv bf16 recurrent bf16 tied {
jet.model @states hidden 128 intermediate 320 vocab 512 max_position 4096
    rms_norm_eps 1.0e-06 storage f32 kv bf16 recurrent bf16 tied {
  jet.layer 0 mixer #jet.attention<heads = 4, kv_heads = 2, head_dim = 32, rope_theta = 10000.0> weights "self_attn"
}

// CHECK: jet.model @scaled
// CHECK-SAME: storage bf16 kv f8E4M3FN {
// CHECK-NEXT: jet.layer 0 {{.*}} weights "self_attn" kv_scales [5.000000e-01, 1.250000e-01]
jet.model @scaled hidden 128 intermediate 320 vocab 512 max_position 4096
    rms_norm_eps 1.0e-06 storage bf16 kv f8E4M3FN {
  jet.layer 0 mixer #jet.attention<heads = 4, kv_heads = 2, head_dim = 32, rope_theta = 10000.0> weights "self_attn" kv_scales [0.5, 0.125]
}
