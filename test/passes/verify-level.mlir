// Each level accepts what the phase before it makes.

// RUN: split-file %s %t
// RUN: jet-opt %t/supernet.mlir -jet-verify-level=level=model
// RUN: jet-opt %t/placed.mlir -jet-verify-level=level=model
// RUN: jet-opt %t/placed.mlir -jet-verify-level=level=placed
// RUN: jet-opt %t/placed.mlir -jet-expand-model -jet-verify-level=level=tensor
// RUN: jet-opt %t/placed.mlir -jet-expand-model -canonicalize -cse -jet-verify-level
// RUN: jet-opt %t/placed.mlir -jet-expand -jet-outline-kernels -jet-verify-level=level=launch
// RUN: jet-opt %t/placed.mlir -jet-expand -jet-launch -jet-plan -jet-verify-level=level=plan

// And not what any other makes.
// RUN: not jet-opt %t/supernet.mlir -jet-verify-level=level=placed 2>&1 | FileCheck %s --check-prefix=PLACED
// PLACED: supernet.mlir:3:3: error: 'jet.layer' op still has candidates at level 'placed'
// RUN: not jet-opt %t/supernet.mlir -jet-verify-level=level=tensor 2>&1 | FileCheck %s --check-prefix=TENSOR
// TENSOR: supernet.mlir:3:3: error: 'jet.layer' op still has candidates at level 'tensor'
// RUN: not jet-opt %t/placed.mlir -jet-expand -jet-verify-level=level=placed 2>&1 | FileCheck %s --check-prefix=EXPANDED
// EXPANDED: placed.mlir:1:1: error: 'func.func' op must not survive to level 'placed'
// RUN: not jet-opt %t/placed.mlir -jet-expand -jet-verify-level=level=launch 2>&1 | FileCheck %s --check-prefix=UNLAUNCHED
// UNLAUNCHED: error: 'jet.embedding' op must not survive to level 'launch'
// RUN: not jet-opt %t/placed.mlir -jet-expand -jet-launch -jet-verify-level=level=tensor 2>&1 | FileCheck %s --check-prefix=LAUNCHED
// LAUNCHED: error: 'jet.launch' op must not survive to level 'tensor'
// RUN: not jet-opt %t/placed.mlir -jet-expand -jet-launch -jet-plan -jet-verify-level=level=launch 2>&1 | FileCheck %s --check-prefix=PLANNED
// PLANNED: error: 'jet.plan' op must not survive to level 'launch'
// RUN: not jet-opt %t/placed.mlir -jet-expand -jet-launch -jet-verify-level=level=plan 2>&1 | FileCheck %s --check-prefix=UNPLANNED
// UNPLANNED: error: 'func.func' op must not survive to level 'plan'
// RUN: not jet-opt %t/placed.mlir -jet-verify-level=level=loops 2>&1 | FileCheck %s --check-prefix=LEVEL
// LEVEL: error: expected level model, placed, tensor, launch or plan, found 'loops'

//--- supernet.mlir
jet.model @m hidden 40 intermediate 96 vocab 80 max_position 4096
    rms_norm_eps 1.0e-06 storage f32 {
  jet.layer 0 candidates [#jet.attention<heads = 4, kv_heads = 2, head_dim = 14, rope_theta = 10000.0>] weights "self_attn"
}
//--- placed.mlir
jet.model @m hidden 40 intermediate 96 vocab 80 max_position 4096
    rms_norm_eps 1.0e-06 storage f32 {
  jet.layer 0 mixer #jet.jet_block<heads = 2, d_k = 16, d_v = 24, conv = 4, generator = 12, norm_eps = 1.0e-05> weights "self_attn"
  jet.layer 1 mixer #jet.attention<heads = 4, kv_heads = 2, head_dim = 14, rope_theta = 10000.0> weights "self_attn"
}
