// The answer of a search, in one file with its question.

// RUN: jet-opt %s -jet-search-placement | FileCheck %s --implicit-check-not=jet.search
// RUN: jet-opt %s -jet-search-placement=remarks -o /dev/null 2>&1 | FileCheck %s --check-prefix=REMARK
// RUN: jet-opt %s -jet-search-placement -jet-place -o /dev/null

#attn = #jet.attention<heads = 4, kv_heads = 2, head_dim = 32, rope_theta = 10000.0>
#swa = #jet.attention<heads = 4, kv_heads = 2, head_dim = 32, rope_theta = 10000.0, window = 8>
#jet = #jet.jet_block<heads = 4, d_k = 32, d_v = 64, conv = 4, generator = 32, norm_eps = 1.0e-05>

// The sum of scores decides: two of three layers keep full attention.
// CHECK-LABEL: jet.model @scores
// CHECK-NEXT: jet.layer 0 mixer #jet.attention<{{.*}}> weights "self_attn.attn"
// CHECK-NEXT: jet.layer 1 mixer #jet.jet_block<{{.*}}> weights "self_attn.jet"
// CHECK-NEXT: jet.layer 2 mixer #jet.attention<{{.*}}> weights "self_attn.attn"
// REMARK: remark: exact: 0 attn, 1 jet, 2 attn; minimizes to -7.5
jet.model @scores hidden 128 intermediate 320 vocab 512 max_position 4096
    rms_norm_eps 1.0e-06 storage f32 {
  jet.layer 0 candidates [#attn, #jet] scores [3.0, 0.0] weights "self_attn"
  jet.layer 1 candidates [#attn, #jet] scores [2.0, 0.5] weights "self_attn"
  jet.layer 2 candidates [#attn, #jet] scores [4.0, 0.0] weights "self_attn"
}
jet.search @scores minimize {score = -1.0} {
  jet.limit_layers "attn" max 2
}

// The best of all that is measured, whatever its neighbours are like.
// CHECK-LABEL: jet.model @measured
// CHECK-NEXT: jet.layer 0 mixer #jet.jet_block
// CHECK-NEXT: jet.layer 1 mixer #jet.attention
// REMARK: remark: exhaustive: 0 jet, 1 attn; minimizes to 2.500000e-01
jet.model @measured hidden 128 intermediate 320 vocab 512 max_position 4096
    rms_norm_eps 1.0e-06 storage f32 {
  jet.layer 0 candidates [#attn, #jet] weights "self_attn"
  jet.layer 1 candidates [#attn, #jet] weights "self_attn"
}
jet.search @measured minimize {loss = 1.0} {
  jet.limit_layers "attn" min 1 max 1
  jet.measured ["attn", "attn"] {loss = 0.125}
  jet.measured ["attn", "jet"] {loss = 0.5}
  jet.measured ["jet", "attn"] {loss = 0.25}
}

// A beam of 1 follows layer 0, the best by itself, and misses the best pair;
// one of 2 finds it.
// CHECK-LABEL: jet.model @narrow
// CHECK-NEXT: jet.layer 0 mixer #jet.attention
// CHECK-NEXT: jet.layer 1 mixer #jet.attention
// CHECK-NEXT: jet.layer 2 mixer #jet.jet_block
// CHECK-LABEL: jet.model @wide
// CHECK-NEXT: jet.layer 0 mixer #jet.jet_block
// CHECK-NEXT: jet.layer 1 mixer #jet.attention
// CHECK-NEXT: jet.layer 2 mixer #jet.attention
// REMARK: remark: beam 1: 0-1 attn, 2 jet;
// REMARK: remark: beam 2: 0 jet, 1-2 attn;
jet.model @narrow hidden 128 intermediate 320 vocab 512 max_position 4096
    rms_norm_eps 1.0e-06 storage f32 {
  jet.layer 0 candidates [#attn, #jet] weights "self_attn"
  jet.layer 1 candidates [#attn, #jet] weights "self_attn"
  jet.layer 2 candidates [#attn, #jet] weights "self_attn"
}
jet.search @narrow minimize {loss = 1.0} beam 1 {
  jet.limit_layers "attn" min 2 max 2
  jet.measured ["jet", "jet", "jet"] {loss = 1.0}
  jet.measured ["attn", "jet", "jet"] {loss = 0.5}
  jet.measured ["jet", "attn", "jet"] {loss = 0.6}
  jet.measured ["jet", "jet", "attn"] {loss = 0.7}
  jet.measured ["attn", "attn", "jet"] {loss = 0.3}
  jet.measured ["attn", "jet", "attn"] {loss = 0.4}
  jet.measured ["jet", "attn", "attn"] {loss = 0.1}
}

jet.model @wide hidden 128 intermediate 320 vocab 512 max_position 4096
    rms_norm_eps 1.0e-06 storage f32 {
  jet.layer 0 candidates [#attn, #jet] weights "self_attn"
  jet.layer 1 candidates [#attn, #jet] weights "self_attn"
  jet.layer 2 candidates [#attn, #jet] weights "self_attn"
}
jet.search @wide minimize {loss = 1.0} beam 2 {
  jet.limit_layers "attn" min 2 max 2
  jet.measured ["jet", "jet", "jet"] {loss = 1.0}
  jet.measured ["attn", "jet", "jet"] {loss = 0.5}
  jet.measured ["jet", "attn", "jet"] {loss = 0.6}
  jet.measured ["jet", "jet", "attn"] {loss = 0.7}
  jet.measured ["attn", "attn", "jet"] {loss = 0.3}
  jet.measured ["attn", "jet", "attn"] {loss = 0.4}
  jet.measured ["jet", "attn", "attn"] {loss = 0.1}
}

// Of equal placements: fewer layers of full attention, then the candidate named
// first in the first layer that differs.
// CHECK-LABEL: jet.model @ties
// CHECK-NEXT: jet.layer 0 mixer #jet.attention
// CHECK-NEXT: jet.layer 1 mixer #jet.jet_block
jet.model @ties hidden 128 intermediate 320 vocab 512 max_position 4096
    rms_norm_eps 1.0e-06 storage f32 {
  jet.layer 0 candidates [#attn, #jet] scores [1.0, 0.0] weights "self_attn"
  jet.layer 1 candidates [#attn, #jet] scores [1.0, 0.0] weights "self_attn"
}
jet.search @ties minimize {score = -1.0} {
  jet.limit_layers "attn" max 1
}

// Three candidates a layer, a limit for each.
// CHECK-LABEL: jet.model @windows
// CHECK-NEXT: jet.layer 0 mixer #jet.attention<{{.*}}, window = 8> weights "self_attn.swa"
// CHECK-NEXT: jet.layer 1 mixer #jet.attention<{{.*}}rope_theta = 10000.0> weights "self_attn.attn"
// CHECK-NEXT: jet.layer 2 mixer #jet.jet_block
jet.model @windows hidden 128 intermediate 320 vocab 512 max_position 4096
    rms_norm_eps 1.0e-06 storage f32 {
  jet.layer 0 candidates [#attn, #jet, #swa] scores [5.0, 1.0, 4.0] weights "self_attn"
  jet.layer 1 candidates [#attn, #jet, #swa] scores [6.0, 1.0, 4.0] weights "self_attn"
  jet.layer 2 candidates [#attn, #jet, #swa] scores [3.0, 1.0, 2.0] weights "self_attn"
}
jet.search @windows minimize {score = -1.0} {
  jet.limit_layers "attn" max 1
  jet.limit_layers "swa" max 1
}
