// jet.search and its parts: round trip, as text and as bytecode.

// RUN: jet-opt %s | jet-opt | FileCheck %s
// RUN: jet-opt %s -emit-bytecode | jet-opt | FileCheck %s
// RUN: jet-opt %s -mlir-print-op-generic | jet-opt | FileCheck %s

jet.model @m hidden 128 intermediate 320 vocab 512 max_position 4096
    rms_norm_eps 1.0e-06 storage f32 {
  jet.layer 0 candidates [#jet.attention<heads = 4, kv_heads = 2, head_dim = 32, rope_theta = 10000.0>,
                          #jet.jet_block<heads = 4, d_k = 32, d_v = 64, conv = 4, generator = 32, norm_eps = 1.0e-05>]
      scores [0.25, 0.75] weights "self_attn"
  jet.layer 1 mixer #jet.jet_block<heads = 4, d_k = 32, d_v = 64, conv = 4, generator = 32, norm_eps = 1.0e-05> weights "self_attn"
}

// CHECK: jet.search @m minimize {recall_accuracy = -5.000000e-01 : f64, recall_loss = 1.000000e+00 : f64} beam 4 {
// CHECK-NEXT: jet.limit_layers "attn" max 1
// CHECK-NEXT: jet.limit_layers "jet" min 1 max 2
// CHECK-NEXT: jet.limit_state max 60000 context 64
// CHECK-NEXT: jet.limit_parameters max 5000000
// CHECK-NEXT: jet.limit_decode max 0.002 batch 16 context 4096 on #jet.target<"box", memory_bandwidth =
// CHECK-NEXT: jet.measured ["attn", "jet"] {recall_accuracy = 9.000000e-01 : f64, recall_loss = 2.500000e-01 : f64}
// CHECK-NEXT: jet.measured ["jet", "jet"]
// CHECK-NEXT: {{^ *}$}}
jet.search @m minimize {recall_loss = 1.0, recall_accuracy = -0.5} beam 4 {
  jet.limit_layers "attn" max 1
  jet.limit_layers "jet" min 1 max 2
  jet.limit_state max 60000 context 64
  jet.limit_parameters max 5000000
  jet.limit_decode max 0.002 batch 16 context 4096
      on #jet.target<"box", memory_bandwidth = 2.0e+11, tensor_flops = 2.0e+12, vector_flops = 5.0e+11, memory = 64000000000>
  jet.measured ["attn", "jet"] {recall_accuracy = 0.9, recall_loss = 0.25}
  jet.measured ["jet", "jet"] {recall_accuracy = 0.5, recall_loss = 0.5}
}

// By the layers' scores.
// CHECK: jet.search @m minimize {score = -1.000000e+00 : f64} {
// CHECK-NEXT: }
jet.search @m minimize {score = -1.0} {
}
