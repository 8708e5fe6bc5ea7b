// The whole way of one kernel of each op, phase by phase.

// From jet ops to linalg on tensors, one scf.forall each.
// RUN: jet-opt %s -jet-linalg -o %t.linalg
// RUN: FileCheck %s --input-file %t.linalg --check-prefix LINALG --implicit-check-not='= jet.'

// To loops on buffers: no tensors, no copies that would be calls, no types that
// need a support library to convert.
// RUN: jet-opt %t.linalg -jet-cpu-loops -o %t.loops
// RUN: FileCheck %s --input-file %t.loops --check-prefix LOOPS --implicit-check-not='linalg.' --implicit-check-not='tensor<' --implicit-check-not='scf.forall' --implicit-check-not='memref.copy' --implicit-check-not='math.exp' --implicit-check-not='math.log' --implicit-check-not='bf16 to f32' --implicit-check-not='f32 to bf16'

// To the LLVM dialect, and to nothing else.
// RUN: jet-opt %t.loops -jet-cpu-llvm -o %t.llvm
// RUN: FileCheck %s --input-file %t.llvm --check-prefix LLVM --implicit-check-not='{{(^|= ) *"?(affine|arith|bufferization|builtin|cf|func|linalg|math|memref|scf|tensor|ub|vector)[.][a-z]}}'

// The functions that are called and not defined here are those of libc; what
// LLVM makes of its intrinsics, libm has (sinf, cosf).
// RUN: FileCheck %s --input-file %t.llvm --check-prefix CALLS --implicit-check-not='{{llvm.func .*@[A-Za-z0-9_]+[(]([^%%]|$)}}'

// Nothing of it depends on the vector width.
// RUN: jet-opt %t.linalg -jet-cpu-loops=vector-width=4 -jet-cpu-llvm | FileCheck %s --check-prefix CALLS --implicit-check-not='{{llvm.func .*@[A-Za-z0-9_]+[(]([^%%]|$)}}'

// CALLS: llvm.func @free(!llvm.ptr)
// CALLS: llvm.func @malloc(i64) -> !llvm.ptr

module {
  module @kernels {
    // LINALG-LABEL: func.func @embedding(
    // LINALG:         scf.forall
    // LINALG:           linalg.generic
    // LOOPS-LABEL:  func.func @embedding(
    // LOOPS-SAME:     jet.grid
    // LLVM-LABEL:   llvm.func @embedding(%{{.*}}: !llvm.ptr, %{{.*}}: !llvm.ptr, %{{.*}}: i64, %{{.*}}: i64)
    // LLVM:           llvm.call @embedding_body(
    // LLVM:         llvm.func internal @embedding_body(
    func.func @embedding(%a: tensor<?xi32>, %b: tensor<23x5xbf16>) -> tensor<?x5xf32> {
      %r = jet.embedding %a, %b : (tensor<?xi32>, tensor<23x5xbf16>) -> tensor<?x5xf32>
      return %r : tensor<?x5xf32>
    }
    // LINALG-LABEL: func.func @linear(
    // LINALG:         scf.forall
    // LINALG:           linalg.generic
    // LOOPS-LABEL:  func.func @linear(
    // LOOPS-SAME:     jet.grid
    // LOOPS:          vector.fma
    // LLVM-LABEL:   llvm.func @linear(%{{.*}}: !llvm.ptr, %{{.*}}: !llvm.ptr, %{{.*}}: i64, %{{.*}}: i64)
    // LLVM:           llvm.call @linear_body(
    // LLVM:         llvm.func internal @linear_body(
    func.func @linear(%a: tensor<?x20xf32>, %b: tensor<70x20xbf16>, %c: tensor<70xbf16>) -> tensor<?x70xbf16> {
      %r = jet.linear %a, %b bias %c : (tensor<?x20xf32>, tensor<70x20xbf16>, tensor<70xbf16>) -> tensor<?x70xbf16>
      return %r : tensor<?x70xbf16>
    }
    // LINALG-LABEL: func.func @rms_norm(
    // LINALG:         scf.forall
    // LINALG:           linalg.generic
    // LOOPS-LABEL:  func.func @rms_norm(
    // LOOPS-SAME:     jet.grid
    // LLVM-LABEL:   llvm.func @rms_norm(%{{.*}}: !llvm.ptr, %{{.*}}: !llvm.ptr, %{{.*}}: i64, %{{.*}}: i64)
    // LLVM:           llvm.call @rms_norm_body(
    // LLVM:         llvm.func internal @rms_norm_body(
    func.func @rms_norm(%a: tensor<?x5xf32>, %b: tensor<5xbf16>) -> tensor<?x5xf32> {
      %r = jet.rms_norm %a, %b eps 1.0e-06 : (tensor<?x5xf32>, tensor<5xbf16>) -> tensor<?x5xf32>
      return %r : tensor<?x5xf32>
    }
    // LINALG-LABEL: func.func @gated_rms_norm(
    // LINALG:         scf.forall
    // LINALG:           linalg.generic
    // LOOPS-LABEL:  func.func @gated_rms_norm(
    // LOOPS-SAME:     jet.grid
    // LLVM-LABEL:   llvm.func @gated_rms_norm(%{{.*}}: !llvm.ptr, %{{.*}}: !llvm.ptr, %{{.*}}: i64, %{{.*}}: i64)
    // LLVM:           llvm.call @gated_rms_norm_body(
    // LLVM:         llvm.func internal @gated_rms_norm_body(
    func.func @gated_rms_norm(%a: tensor<?x2x5xf32>, %b: tensor<?x2x5xf32>, %c: tensor<5xbf16>) -> tensor<?x2x5xf32> {
      %r = jet.gated_rms_norm %a, %b, %c eps 1.0e-05 : (tensor<?x2x5xf32>, tensor<?x2x5xf32>, tensor<5xbf16>) -> tensor<?x2x5xf32>
      return %r : tensor<?x2x5xf32>
    }
    // LINALG-LABEL: func.func @l2_norm(
    // LINALG:         scf.forall
    // LINALG:           linalg.generic
    // LOOPS-LABEL:  func.func @l2_norm(
    // LOOPS-SAME:     jet.grid
    // LLVM-LABEL:   llvm.func @l2_norm(%{{.*}}: !llvm.ptr, %{{.*}}: !llvm.ptr, %{{.*}}: i64, %{{.*}}: i64)
    // LLVM:           llvm.call @l2_norm_body(
    // LLVM:         llvm.func internal @l2_norm_body(
    func.func @l2_norm(%a: tensor<?x2x5xf32>) -> tensor<?x2x5xf32> {
      %r = jet.l2_norm %a eps 1.0e-06 scale 0.5 : (tensor<?x2x5xf32>) -> tensor<?x2x5xf32>
      return %r : tensor<?x2x5xf32>
    }
    // LINALG-LABEL: func.func @rope(
    // LINALG:         scf.forall
    // LINALG:           linalg.generic
    // LOOPS-LABEL:  func.func @rope(
    // LOOPS-SAME:     jet.grid
    // LLVM-LABEL:   llvm.func @rope(%{{.*}}: !llvm.ptr, %{{.*}}: !llvm.ptr, %{{.*}}: i64, %{{.*}}: i64)
    // LLVM:           llvm.call @rope_body(
    // LLVM:         llvm.func internal @rope_body(
    func.func @rope(%a: tensor<?x2x6xf32>, %b: tensor<?xi32>) -> tensor<?x2x6xbf16> {
      %r = jet.rope %a, %b theta 10000.0 : (tensor<?x2x6xf32>, tensor<?xi32>) -> tensor<?x2x6xbf16>
      return %r : tensor<?x2x6xbf16>
    }
    // LINALG-LABEL: func.func @swiglu(
    // LINALG:         scf.forall
    // LINALG:           linalg.generic
    // LOOPS-LABEL:  func.func @swiglu(
    // LOOPS-SAME:     jet.grid
    // LLVM-LABEL:   llvm.func @swiglu(%{{.*}}: !llvm.ptr, %{{.*}}: !llvm.ptr, %{{.*}}: i64, %{{.*}}: i64)
    // LLVM:           llvm.call @swiglu_body(
    // LLVM:         llvm.func internal @swiglu_body(
    func.func @swiglu(%a: tensor<?x5xf32>, %b: tensor<?x5xf32>) -> tensor<?x5xf32> {
      %r = jet.swiglu %a, %b : (tensor<?x5xf32>, tensor<?x5xf32>) -> tensor<?x5xf32>
      return %r : tensor<?x5xf32>
    }
    // LINALG-LABEL: func.func @map(
    // LINALG:         scf.forall
    // LINALG:           linalg.generic
    // LOOPS-LABEL:  func.func @map(
    // LOOPS-SAME:     jet.grid
    // LLVM-LABEL:   llvm.func @map(%{{.*}}: !llvm.ptr, %{{.*}}: !llvm.ptr, %{{.*}}: i64, %{{.*}}: i64)
    // LLVM:           llvm.call @map_body(
    // LLVM:         llvm.func internal @map_body(
    func.func @map(%a: tensor<?x5xf32>, %b: tensor<5xbf16>) -> tensor<?x5xf32> {
      %r = jet.map(%a, %b) : (tensor<?x5xf32>, tensor<5xbf16>) -> tensor<?x5xf32> {
      ^bb0(%x: f32, %s: bf16):
        %e = arith.extf %s : bf16 to f32
        %p = arith.addf %x, %e : f32
        %q = math.exp %p : f32
        %l = math.log1p %q : f32
        jet.yield %l : f32
      }
      return %r : tensor<?x5xf32>
    }
    // LINALG-LABEL: func.func @attention(
    // LINALG:         scf.forall
    // LINALG:           linalg.generic
    // LOOPS-LABEL:  func.func @attention(
    // LOOPS-SAME:     jet.grid
    // LLVM-LABEL:   llvm.func @attention(%{{.*}}: !llvm.ptr, %{{.*}}: !llvm.ptr, %{{.*}}: i64, %{{.*}}: i64)
    // LLVM:           llvm.call @attention_body(
    // LLVM:         llvm.func internal @attention_body(
    func.func @attention(%a: tensor<?x4x6xf32>, %b: tensor<?x2x6xbf16>, %c: tensor<?x2x6xbf16>, %d: !jet.kv_cache<2x6xbf16, page = 64>, %e: !jet.batch) -> tensor<?x4x6xf32> {
      %r = jet.attention %a, %b, %c, %d, %e : (tensor<?x4x6xf32>, tensor<?x2x6xbf16>, tensor<?x2x6xbf16>, !jet.kv_cache<2x6xbf16, page = 64>, !jet.batch) -> tensor<?x4x6xf32>
      return %r : tensor<?x4x6xf32>
    }
    // LINALG-LABEL: func.func @attention_window(
    // LINALG:         scf.forall
    // LINALG:           linalg.generic
    // LOOPS-LABEL:  func.func @attention_window(
    // LOOPS-SAME:     jet.grid
    // LLVM-LABEL:   llvm.func @attention_window(%{{.*}}: !llvm.ptr, %{{.*}}: !llvm.ptr, %{{.*}}: i64, %{{.*}}: i64)
    // LLVM:           llvm.call @attention_window_body(
    // LLVM:         llvm.func internal @attention_window_body(
    func.func @attention_window(%a: tensor<?x4x6xf32>, %b: tensor<?x2x6xf32>, %c: tensor<?x2x6xf32>, %d: !jet.kv_cache<2x6xf32, window = 8>, %e: !jet.batch) -> tensor<?x4x6xf32> {
      %r = jet.attention %a, %b, %c, %d, %e : (tensor<?x4x6xf32>, tensor<?x2x6xf32>, tensor<?x2x6xf32>, !jet.kv_cache<2x6xf32, window = 8>, !jet.batch) -> tensor<?x4x6xf32>
      return %r : tensor<?x4x6xf32>
    }
    // LINALG-LABEL: func.func @kv_append(
    // LINALG:         scf.forall
    // LOOPS-LABEL:  func.func @kv_append(
    // LOOPS-SAME:     jet.grid
    // LLVM-LABEL:   llvm.func @kv_append(%{{.*}}: !llvm.ptr, %{{.*}}: !llvm.ptr, %{{.*}}: i64, %{{.*}}: i64)
    // LLVM:           llvm.call @kv_append_body(
    // LLVM:         llvm.func internal @kv_append_body(
    func.func @kv_append(%a: !jet.kv_cache<2x6xbf16, window = 8>, %b: tensor<?x2x6xbf16>, %c: tensor<?x2x6xbf16>, %d: !jet.batch) -> !jet.kv_cache<2x6xbf16, window = 8> {
      %r = jet.kv_append %a, %b, %c, %d : (!jet.kv_cache<2x6xbf16, window = 8>, tensor<?x2x6xbf16>, tensor<?x2x6xbf16>, !jet.batch) -> !jet.kv_cache<2x6xbf16, window = 8>
      return %r : !jet.kv_cache<2x6xbf16, window = 8>
    }
    // LINALG-LABEL: func.func @dynamic_conv(
    // LINALG:         scf.forall
    // LINALG:           linalg.generic
    // LOOPS-LABEL:  func.func @dynamic_conv(
    // LOOPS-SAME:     jet.grid
    // LLVM-LABEL:   llvm.func @dynamic_conv(%{{.*}}: !llvm.ptr, %{{.*}}: !llvm.ptr, %{{.*}}: i64, %{{.*}}: i64)
    // LLVM:           llvm.call @dynamic_conv_body(
    // LLVM:         llvm.func internal @dynamic_conv_body(
    func.func @dynamic_conv(%a: tensor<?x300xbf16>, %b: tensor<?x1200xf32>, %c: !jet.conv_tail<3x300xbf16>, %d: !jet.batch) -> (tensor<?x300xf32>, !jet.conv_tail<3x300xbf16>) {
      %r:2 = jet.dynamic_conv %a, %b, %c, %d : (tensor<?x300xbf16>, tensor<?x1200xf32>, !jet.conv_tail<3x300xbf16>, !jet.batch) -> (tensor<?x300xf32>, !jet.conv_tail<3x300xbf16>)
      return %r#0, %r#1 : tensor<?x300xf32>, !jet.conv_tail<3x300xbf16>
    }
    // LINALG-LABEL: func.func @gated_delta_rule(
    // LINALG:         scf.forall
    // LINALG:           linalg.generic
    // LOOPS-LABEL:  func.func @gated_delta_rule(
    // LOOPS-SAME:     jet.grid
    // LLVM-LABEL:   llvm.func @gated_delta_rule(%{{.*}}: !llvm.ptr, %{{.*}}: !llvm.ptr, %{{.*}}: i64, %{{.*}}: i64)
    // LLVM:           llvm.call @gated_delta_rule_body(
    // LLVM:         llvm.func internal @gated_delta_rule_body(
    func.func @gated_delta_rule(%a: tensor<?x2x5xf32>, %b: tensor<?x2x5xf32>, %c: tensor<?x2x7xf32>, %d: tensor<?x2xf32>, %e: tensor<?x2xf32>, %f: !jet.recurrent_state<2x5x7xf32>, %g: !jet.batch) -> (tensor<?x2x7xf32>, !jet.recurrent_state<2x5x7xf32>) {
      %r:2 = jet.gated_delta_rule %a, %b, %c, %d, %e, %f, %g : (tensor<?x2x5xf32>, tensor<?x2x5xf32>, tensor<?x2x7xf32>, tensor<?x2xf32>, tensor<?x2xf32>, !jet.recurrent_state<2x5x7xf32>, !jet.batch) -> (tensor<?x2x7xf32>, !jet.recurrent_state<2x5x7xf32>)
      return %r#0, %r#1 : tensor<?x2x7xf32>, !jet.recurrent_state<2x5x7xf32>
    }
    // LINALG-LABEL: func.func @last_token(
    // LINALG:         scf.forall
    // LOOPS-LABEL:  func.func @last_token(
    // LOOPS-SAME:     jet.grid
    // LLVM-LABEL:   llvm.func @last_token(%{{.*}}: !llvm.ptr, %{{.*}}: !llvm.ptr, %{{.*}}: i64, %{{.*}}: i64)
    // LLVM:           llvm.call @last_token_body(
    // LLVM:         llvm.func internal @last_token_body(
    func.func @last_token(%a: tensor<?x5xf32>, %b: !jet.batch) -> tensor<?x5xf32> {
      %r = jet.last_token %a, %b : (tensor<?x5xf32>, !jet.batch) -> tensor<?x5xf32>
      return %r : tensor<?x5xf32>
    }
  }
}
