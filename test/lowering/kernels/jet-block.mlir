// The forms of a JetBlock's convolution and rule for many tokens.

// RUN: jet-opt %s -jet-build-tile-kernels -split-input-file | FileCheck %s

module {
  // Whose row is whose; the product, whose tiles convolve; the tails. Forms as
  // of projections.
  // CHECK:      tile.kernel @conv_0_owners(
  // CHECK-SAME:   memref<?x2xi32> {jet.scratch = affine_map<()[s0, s1, s2, s3, s4, s5] -> (0)>}
  // CHECK-SAME:   jet.max_rows = 16
  // CHECK-NOT:    jet.one_token
  // CHECK-NOT:  @conv_0_rows
  // CHECK:      tile.kernel @conv_0_convolve(
  // CHECK-SAME:   memref<?x3x32xbf16> {jet.operand = 4 : i64}
  // CHECK-SAME:   memref<?x32xf32> {jet.operand = 6 : i64}
  // CHECK:        tile.wgmma
  // CHECK:        tile.exp2
  // CHECK:      tile.kernel @conv_0_tails(
  // CHECK:      tile.kernel @conv_1_owners
  // CHECK:      tile.kernel @conv_2_owners
  // CHECK:      tile.kernel @conv_3_convolve
  // CHECK-NOT:    jet.max_rows
  // CHECK:      tile.kernel @conv_3_tails
  // One form for the rule; without a norm it writes its result itself.
  // CHECK:      tile.kernel @rule_0_keys(
  // CHECK-SAME:   block 128 attributes
  // CHECK-NOT:    jet.max_rows
  // CHECK:      tile.kernel @rule_0_rule(
  // CHECK-SAME:   memref<?x2x16x40xf32> {jet.operand = 5 : i64}
  // CHECK:        scf.for
  // CHECK-COUNT-4: tile.shuffle_xor
  // CHECK:      tile.kernel @rule_0_norm(
  // CHECK:        tile.exp2
  // CHECK:      tile.kernel @bare_0_keys(
  // CHECK:      tile.kernel @bare_0_rule(
  // CHECK-NOT:  @bare_0_norm
  // None for the additive rule, nor for heads that share a key.
  // CHECK-NOT:  @additive_0
  // CHECK-NOT:  @shared_0
  module @kernels {
    func.func @conv(%u: tensor<?x32xbf16>, %h: tensor<?x8xbf16>, %w: tensor<128x8xbf16>, %b: tensor<128xbf16>, %t: !jet.conv_tail<3x32xbf16>, %batch: !jet.batch) -> (tensor<?x32xf32>, !jet.conv_tail<3x32xbf16>) {
      %c, %tail = jet.generated_conv %u, %h, %w, %b, %t, %batch
        on result 0 {
      ^bb0(%a: f32):
        %e = math.exp %a : f32
        jet.yield %e : f32
      } : (tensor<?x32xbf16>, tensor<?x8xbf16>, tensor<128x8xbf16>, tensor<128xbf16>, !jet.conv_tail<3x32xbf16>, !jet.batch) -> (tensor<?x32xf32>, !jet.conv_tail<3x32xbf16>)
      return %c, %tail : tensor<?x32xf32>, !jet.conv_tail<3x32xbf16>
    }
    func.func @rule(%q: tensor<?x2x16xf32>, %v: tensor<?x2x40xf32>, %g: tensor<?x2xf32>, %s: !jet.recurrent_state<2x16x40xf32>, %batch: !jet.batch, %gate: tensor<?x2x40xf32>, %n: tensor<40xbf16>) -> (tensor<?x2x40xf32>, !jet.recurrent_state<2x16x40xf32>) {
      %r, %state = jet.gated_delta_rule %q, %q, %v, %g, %g, %s, %batch norm %gate, %n eps 1.0e-05 : (tensor<?x2x16xf32>, tensor<?x2x16xf32>, tensor<?x2x40xf32>, tensor<?x2xf32>, tensor<?x2xf32>, !jet.recurrent_state<2x16x40xf32>, !jet.batch, tensor<?x2x40xf32>, tensor<40xbf16>) -> (tensor<?x2x40xf32>, !jet.recurrent_state<2x16x40xf32>)
      return %r, %state : tensor<?x2x40xf32>, !jet.recurrent_state<2x16x40xf32>
    }
    func.func @additive(%q: tensor<?x2x16xf32>, %v: tensor<?x2x40xf32>, %g: tensor<?x2xf32>, %s: !jet.recurrent_state<2x16x40xf32>, %batch: !jet.batch) -> (tensor<?x2x40xf32>, !jet.recurrent_state<2x16x40xf32>) {
      %r, %state = jet.gated_delta_rule %q, %q, %v, %g, %g, %s, %batch additive : (tensor<?x2x16xf32>, tensor<?x2x16xf32>, tensor<?x2x40xf32>, tensor<?x2xf32>, tensor<?x2xf32>, !jet.recurrent_state<2x16x40xf32>, !jet.batch) -> (tensor<?x2x40xf32>, !jet.recurrent_state<2x16x40xf32>)
      return %r, %state : tensor<?x2x40xf32>, !jet.recurrent_state<2x16x40xf32>
    }
    func.func @shared(%q: tensor<?x1x16xf32>, %v: tensor<?x2x40xf32>, %g: tensor<?x2xf32>, %s: !jet.recurrent_state<2x16x40xf32>, %batch: !jet.batch) -> (tensor<?x2x40xf32>, !jet.recurrent_state<2x16x40xf32>) {
      %r, %state = jet.gated_delta_rule %q, %q, %v, %g, %g, %s, %batch : (tensor<?x1x16xf32>, tensor<?x1x16xf32>, tensor<?x2x40xf32>, tensor<?x2xf32>, tensor<?x2xf32>, !jet.recurrent_state<2x16x40xf32>, !jet.batch) -> (tensor<?x2x40xf32>, !jet.recurrent_state<2x16x40xf32>)
      return %r, %state : tensor<?x2x40xf32>, !jet.recurrent_state<2x16x40xf32>
    }
    func.func @bare(%q: tensor<?x2x16xf32>, %v: tensor<?x2x40xf32>, %g: tensor<?x2xf32>, %s: !jet.recurrent_state<2x16x40xf32>, %batch: !jet.batch) -> (tensor<?x2x40xf32>, !jet.recurrent_state<2x16x40xf32>) {
      %r, %state = jet.gated_delta_rule %q, %q, %v, %g, %g, %s, %batch : (tensor<?x2x16xf32>, tensor<?x2x16xf32>, tensor<?x2x40xf32>, tensor<?x2xf32>, tensor<?x2xf32>, !jet.recurrent_state<2x16x40xf32>, !jet.batch) -> (tensor<?x2x40xf32>, !jet.recurrent_state<2x16x40xf32>)
      return %r, %state : tensor<?x2x40xf32>, !jet.recurrent_state<2x16x40xf32>
    }
  }
}

// -----

// Where the result is bf16, and heads divide, 64 rows at once: what needs no state,
// the chunks one after the other, the norm.
// CHECK-LABEL: module @chunks
// CHECK:      tile.kernel @rule_0_prepare(
// CHECK:        tile.wgmma
// CHECK:        tile.tma_store
// CHECK:      tile.kernel @rule_0_scan(
// CHECK:        tile.role @consumers
// CHECK:        tile.columns
// CHECK:        tile.wgmma
// CHECK:      tile.kernel @rule_0_norm(
// CHECK-NOT:  jet.max_rows
module @chunks {
  module @kernels {
    func.func @rule(%q: tensor<?x2x32xf32>, %v: tensor<?x2x64xf32>, %g: tensor<?x2xf32>, %s: !jet.recurrent_state<2x32x64xf32>, %batch: !jet.batch) -> (tensor<?x2x64xbf16>, !jet.recurrent_state<2x32x64xf32>) {
      %r, %state = jet.gated_delta_rule %q, %q, %v, %g, %g, %s, %batch : (tensor<?x2x32xf32>, tensor<?x2x32xf32>, tensor<?x2x64xf32>, tensor<?x2xf32>, tensor<?x2xf32>, !jet.recurrent_state<2x32x64xf32>, !jet.batch) -> (tensor<?x2x64xbf16>, !jet.recurrent_state<2x32x64xf32>)
      return %r, %state : tensor<?x2x64xbf16>, !jet.recurrent_state<2x32x64xf32>
    }
  }
}

// -----

// Of a head's columns two groups of threads share what does not depend on them,
// where one a CTA would not run at once. Of many sequences a lane looks at every
// 32nd for the chunk.
// CHECK-LABEL: module @pairs
// CHECK:      tile.kernel @rule_0_scan(
// CHECK-SAME:   block 160 cluster 2 attributes
// CHECK-SAME:   jet.max_sequences = 7
// CHECK:      tile.kernel @rule_1_scan(
// CHECK-SAME:   block 288 attributes
// CHECK-SAME:   jet.max_sequences = 16
// CHECK-NOT:    tile.shuffle_xor
// CHECK:        tile.roles
// CHECK:      tile.kernel @rule_2_scan(
// CHECK-SAME:   block 288 attributes
// CHECK-NOT:  jet.max_sequences
// CHECK:        tile.shuffle_xor
// CHECK:        tile.roles
module @pairs {
  module @kernels {
    func.func @rule(%q: tensor<?x8x32xf32>, %v: tensor<?x8x128xf32>, %g: tensor<?x8xf32>, %s: !jet.recurrent_state<8x32x128xf32>, %batch: !jet.batch) -> (tensor<?x8x128xbf16>, !jet.recurrent_state<8x32x128xf32>) {
      %r, %state = jet.gated_delta_rule %q, %q, %v, %g, %g, %s, %batch : (tensor<?x8x32xf32>, tensor<?x8x32xf32>, tensor<?x8x128xf32>, tensor<?x8xf32>, tensor<?x8xf32>, !jet.recurrent_state<8x32x128xf32>, !jet.batch) -> (tensor<?x8x128xbf16>, !jet.recurrent_state<8x32x128xf32>)
      return %r, %state : tensor<?x8x128xbf16>, !jet.recurrent_state<8x32x128xf32>
    }
  }
}

// -----

// None for weights in f32, for three taps, which no vector holds alone, for
// heads of odd sizes, and for extras that the columns of a port do not face.
// CHECK-LABEL: module @none
// CHECK-NOT: tile.kernels
module @none {
  module @kernels {
    func.func @f32(%u: tensor<?x32xf32>, %h: tensor<?x8xf32>, %w: tensor<128x8xf32>, %b: tensor<128xf32>, %t: !jet.conv_tail<3x32xf32>, %batch: !jet.batch) -> (tensor<?x32xf32>, !jet.conv_tail<3x32xf32>) {
      %c, %tail = jet.generated_conv %u, %h, %w, %b, %t, %batch : (tensor<?x32xf32>, tensor<?x8xf32>, tensor<128x8xf32>, tensor<128xf32>, !jet.conv_tail<3x32xf32>, !jet.batch) -> (tensor<?x32xf32>, !jet.conv_tail<3x32xf32>)
      return %c, %tail : tensor<?x32xf32>, !jet.conv_tail<3x32xf32>
    }
    func.func @three(%u: tensor<?x32xf32>, %h: tensor<?x8xf32>, %w: tensor<96x8xbf16>, %b: tensor<96xf32>, %t: !jet.conv_tail<2x32xf32>, %batch: !jet.batch) -> (tensor<?x32xf32>, !jet.conv_tail<2x32xf32>) {
      %c, %tail = jet.generated_conv %u, %h, %w, %b, %t, %batch : (tensor<?x32xf32>, tensor<?x8xf32>, tensor<96x8xbf16>, tensor<96xf32>, !jet.conv_tail<2x32xf32>, !jet.batch) -> (tensor<?x32xf32>, !jet.conv_tail<2x32xf32>)
      return %c, %tail : tensor<?x32xf32>, !jet.conv_tail<2x32xf32>
    }
    func.func @odd(%q: tensor<?x2x12xf32>, %v: tensor<?x2x40xf32>, %g: tensor<?x2xf32>, %s: !jet.recurrent_state<2x12x40xf32>, %batch: !jet.batch) -> (tensor<?x2x40xf32>, !jet.recurrent_state<2x12x40xf32>) {
      %r, %state = jet.gated_delta_rule %q, %q, %v, %g, %g, %s, %batch : (tensor<?x2x12xf32>, tensor<?x2x12xf32>, tensor<?x2x40xf32>, tensor<?x2xf32>, tensor<?x2xf32>, !jet.recurrent_state<2x12x40xf32>, !jet.batch) -> (tensor<?x2x40xf32>, !jet.recurrent_state<2x12x40xf32>)
      return %r, %state : tensor<?x2x40xf32>, !jet.recurrent_state<2x12x40xf32>
    }
    func.func @extra(%q: tensor<?x2x16xf32>, %v: tensor<?x2x40xf32>, %g: tensor<?x2xf32>, %s: !jet.recurrent_state<2x16x40xf32>, %batch: !jet.batch, %x: tensor<16xf32>) -> (tensor<?x2x40xf32>, !jet.recurrent_state<2x16x40xf32>) {
      %r, %state = jet.gated_delta_rule %q, %q, %v, %g, %g, %s, %batch
        on operand 0 with(%x) {
      ^bb0(%a: f32, %e: f32):
        %m = arith.mulf %a, %e : f32
        jet.yield %m : f32
      } : (tensor<?x2x16xf32>, tensor<?x2x16xf32>, tensor<?x2x40xf32>, tensor<?x2xf32>, tensor<?x2xf32>, !jet.recurrent_state<2x16x40xf32>, !jet.batch, tensor<16xf32>) -> (tensor<?x2x40xf32>, !jet.recurrent_state<2x16x40xf32>)
      return %r, %state : tensor<?x2x40xf32>, !jet.recurrent_state<2x16x40xf32>
    }
  }
}
