// A mixer for each layer of a supernet, from the pass, its pipeline, or none.

// RUN: jet-opt %s -jet-place-layers=placement=jet,swa,attn,attn | FileCheck %s
// RUN: jet-opt %s -jet-place=placement=jet,swa,attn,attn | FileCheck %s
// RUN: jet-opt %s -jet-place-layers | FileCheck %s --check-prefix=NONE
// RUN: not jet-opt %s -jet-place 2>&1 | FileCheck %s --check-prefix=UNPLACED

// CHECK: jet.model @m hidden 128
// CHECK-NEXT: jet.layer 0 mixer #jet.jet_block<{{.*}}> weights "self_attn.jet"
// CHECK-NEXT: jet.layer 1 mixer #jet.attention<{{.*}}, window = 8> weights "self_attn.swa"
// CHECK-NEXT: jet.layer 2 mixer #jet.attention<{{.*}}rope_theta = 10000.0> weights "elsewhere.attn" {jet.note = "kept"}
// A layer that was placed before keeps its weights where they are.
// CHECK-NEXT: jet.layer 3 mixer #jet.attention<{{.*}}> weights "self_attn"
// CHECK-NEXT: }

// NONE: jet.layer 0 candidates [{{.*}}] scores [2.500000e-01, 7.500000e-01] weights "self_attn"
// NONE-NEXT: jet.layer 1 candidates
// NONE-NEXT: jet.layer 2 candidates
// NONE-NEXT: jet.layer 3 mixer

// UNPLACED: error: 'jet.layer' op still has candidates at level 'placed'
jet.model @m hidden 128 intermediate 320 vocab 512 max_position 4096
    rms_norm_eps 1.0e-06 storage f32 {
  jet.layer 0 candidates [#jet.attention<heads = 4, kv_heads = 2, head_dim = 32, rope_theta = 10000.0>,
                          #jet.jet_block<heads = 4, d_k = 32, d_v = 64, conv = 4, generator = 32, norm_eps = 1.0e-05>]
      scores [0.25, 0.75] weights "self_attn"
  jet.layer 1 candidates [#jet.attention<heads = 4, kv_heads = 2, head_dim = 32, rope_theta = 10000.0>,
                          #jet.attention<heads = 4, kv_heads = 2, head_dim = 32, rope_theta = 10000.0, window = 8>]
      weights "self_attn"
  jet.layer 2 candidates [#jet.attention<heads = 4, kv_heads = 2, head_dim = 32, rope_theta = 10000.0>]
      weights "elsewhere" {jet.note = "kept"}
  jet.layer 3 mixer #jet.attention<heads = 4, kv_heads = 2, head_dim = 32, rope_theta = 10000.0> weights "self_attn"
}
