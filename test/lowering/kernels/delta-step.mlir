// The form of a JetBlock's step of one token a sequence: taps by a projection,
// then the states.

// RUN: jet-opt %s -jet-build-tile-kernels -split-input-file | FileCheck %s
// RUN: jet-opt %s --pass-pipeline="builtin.module(jet-tile)" -split-input-file | FileCheck %s --check-prefix=TILE

// Functions that the GPU has no instructions for are polynomials.
// TILE: tile.kernel @step_0_step(
// TILE-NOT: math.log1p
// TILE: tile.kernel @step_6_step(
// TILE-NOT: math.log1p
// TILE: tile.return

module {
  // One or two sequences: a stage makes the taps itself. Its weights, and S, as
  // one matrix of all slots and heads, are under way before the launch before
  // has ended. A cluster for the 40 columns of a head.
  // CHECK:      tile.kernel @step_0_step(
  // CHECK-SAME:   !tile.tensor_map<128x64xbf16, swizzle 128> {jet.map = affine_map<()[s0, s1, s2, s3, s4, s5] -> (320, 8)>, jet.operand = 2 : i64}
  // CHECK-SAME:   !tile.tensor_map<16x32xf32> {jet.map = affine_map<()[s0, s1, s2, s3, s4, s5] -> (s4 * 32, 40)>, jet.operand = 10 : i64}
  // CHECK-SAME:   block 128 cluster 2
  // CHECK-SAME:   jet.max_rows = 2
  // CHECK-SAME:   jet.one_token, jet.overlaps
  // CHECK-COUNT-2: tile.tma_load
  // CHECK:        tile.launch_dependents
  // CHECK-NEXT:   tile.wait_dependencies
  // Code on q, on the decay and on the convolution's result.
  // CHECK:        math.log1p
  // CHECK:        tile.exp2
  // CHECK:        math.sqrt
  // CHECK:        tile.wait %
  // CHECK:        tile.fence_async
  // CHECK-NEXT:   tile.cluster_sync
  // CHECK:        tile.tma_store
  // CHECK-COUNT-2: tile.load_remote
  // CHECK:        tile.cluster_sync
  // CHECK:        tile.bulk_wait 0 read
  // Up to four: taps in scratch memory.
  // CHECK:      tile.kernel @step_1_taps(
  // CHECK-SAME:   memref<?x320xf32> {jet.scratch = affine_map<()[s0, s1, s2, s3, s4, s5] -> (0)>}
  // CHECK:      tile.kernel @step_1_step(
  // CHECK-SAME:   memref<?x320xf32> {jet.scratch = affine_map<()[s0, s1, s2, s3, s4, s5] -> (0)>}
  // CHECK-SAME:   jet.max_rows = 4
  // More are streamed, by CTAs with roles.
  // CHECK:      tile.kernel @step_2_step(
  // CHECK-SAME:   block 352 attributes
  // CHECK-SAME:   jet.max_rows = 8
  // CHECK-NOT:    tile.cluster_sync
  // CHECK:        tile.role @consumers
  // CHECK:        tile.role @columns
  // CHECK:        tile.wait_dependencies
  // CHECK:        tile.role @keys
  // CHECK:        tile.role @loader
  // CHECK-NOT:    tile.wait_dependencies
  // CHECK:        tile.tma_load {{.*}} evict first
  // CHECK:        tile.role @storer
  // CHECK:        tile.bulk_wait 0 read
  // CHECK:      tile.kernel @step_3_rows(
  // CHECK:      tile.kernel @step_4_taps(
  // CHECK:        tile.launch_dependents
  // CHECK:        tile.tma_prefetch {{.*}} : <16x64xf32>
  // CHECK:      tile.kernel @step_4_step(
  // CHECK-SAME:   jet.max_rows = 64
  // CHECK:        tile.role @loader
  // CHECK:        tile.tma_load {{.*}} evict last
  // CHECK:        tile.role @storer
  // CHECK:      tile.kernel @step_5_step(
  // CHECK-SAME:   jet.max_rows = 128
  // CHECK:      tile.kernel @step_6_step(
  // CHECK-NOT:    jet.max_rows
  // CHECK-SAME:   jet.one_token
  module @kernels {
    func.func @step(%u: tensor<?x80xbf16>, %h: tensor<?x8xf32>, %w: tensor<320x8xbf16>, %b: tensor<320xbf16>, %t: !jet.conv_tail<3x80xbf16>, %batch: !jet.batch, %q: tensor<?x2x16xf32>, %k: tensor<?x2x16xf32>, %g: tensor<?x2xf32>, %beta: tensor<?x2xf32>, %s: !jet.recurrent_state<2x16x40xf32>, %gate: tensor<?x2x40xf32>, %n: tensor<40xbf16>, %bias: tensor<2xbf16>) -> (tensor<?x2x40xf32>, !jet.conv_tail<3x80xbf16>, !jet.recurrent_state<2x16x40xf32>) {
      %y, %t1, %s1 = jet.delta_step(%u, %h, %w, %b, %t, %batch, %q, %k, %g, %beta, %s, %gate, %n, %bias) : (tensor<?x80xbf16>, tensor<?x8xf32>, tensor<320x8xbf16>, tensor<320xbf16>, !jet.conv_tail<3x80xbf16>, !jet.batch, tensor<?x2x16xf32>, tensor<?x2x16xf32>, tensor<?x2xf32>, tensor<?x2xf32>, !jet.recurrent_state<2x16x40xf32>, tensor<?x2x40xf32>, tensor<40xbf16>, tensor<2xbf16>) -> (tensor<?x2x40xf32>, !jet.conv_tail<3x80xbf16>, !jet.recurrent_state<2x16x40xf32>) {
      ^bb0(%0: tensor<?x80xbf16>, %1: tensor<?x8xf32>, %2: tensor<320x8xbf16>, %3: tensor<320xbf16>, %4: !jet.conv_tail<3x80xbf16>, %5: !jet.batch, %6: tensor<?x2x16xf32>, %7: tensor<?x2x16xf32>, %8: tensor<?x2xf32>, %9: tensor<?x2xf32>, %10: !jet.recurrent_state<2x16x40xf32>, %11: tensor<?x2x40xf32>, %12: tensor<40xbf16>, %13: tensor<2xbf16>):
        %c, %tail = jet.generated_conv %0, %1, %2, %3, %4, %5
          on result 0 {
        ^bb0(%a: f32):
          %e = math.exp %a : f32
          jet.yield %e : f32
        } : (tensor<?x80xbf16>, tensor<?x8xf32>, tensor<320x8xbf16>, tensor<320xbf16>, !jet.conv_tail<3x80xbf16>, !jet.batch) -> (tensor<?x80xf32>, !jet.conv_tail<3x80xbf16>)
        %v = jet.split_heads %c : (tensor<?x80xf32>) -> tensor<?x2x40xf32>
        %r, %state = jet.gated_delta_rule %6, %7, %v, %8, %9, %10, %5 qk_norm eps 1.0e-06 scale 0.25 norm %11, %12 eps 1.0e-05
          on operand 3 with(%13) {
        ^bb0(%a: f32, %x: bf16):
          %f = arith.extf %x : bf16 to f32
          %p = arith.addf %a, %f : f32
          %l = math.log1p %p : f32
          jet.yield %l : f32
        } : (tensor<?x2x16xf32>, tensor<?x2x16xf32>, tensor<?x2x40xf32>, tensor<?x2xf32>, tensor<?x2xf32>, !jet.recurrent_state<2x16x40xf32>, !jet.batch, tensor<?x2x40xf32>, tensor<40xbf16>, tensor<2xbf16>) -> (tensor<?x2x40xf32>, !jet.recurrent_state<2x16x40xf32>)
        jet.step_yield %r, %tail, %state : tensor<?x2x40xf32>, !jet.conv_tail<3x80xbf16>, !jet.recurrent_state<2x16x40xf32>
      }
      return %y, %t1, %s1 : tensor<?x2x40xf32>, !jet.conv_tail<3x80xbf16>, !jet.recurrent_state<2x16x40xf32>
    }
  }
}

// -----

// None where TMA cannot copy a row of the state.
// CHECK-LABEL: module @none
// CHECK-NOT: tile.kernels
module @none {
  module @kernels {
    func.func @odd(%u: tensor<?x6xf32>, %h: tensor<?x8xf32>, %w: tensor<12x8xbf16>, %b: tensor<12xf32>, %t: !jet.conv_tail<1x6xf32>, %batch: !jet.batch, %q: tensor<?x2x5xf32>, %k: tensor<?x2x5xf32>, %g: tensor<?x2xf32>, %beta: tensor<?x2xf32>, %s: !jet.recurrent_state<2x5x3xf32>) -> (tensor<?x2x3xf32>, !jet.conv_tail<1x6xf32>, !jet.recurrent_state<2x5x3xf32>) {
      %y, %t1, %s1 = jet.delta_step(%u, %h, %w, %b, %t, %batch, %q, %k, %g, %beta, %s) : (tensor<?x6xf32>, tensor<?x8xf32>, tensor<12x8xbf16>, tensor<12xf32>, !jet.conv_tail<1x6xf32>, !jet.batch, tensor<?x2x5xf32>, tensor<?x2x5xf32>, tensor<?x2xf32>, tensor<?x2xf32>, !jet.recurrent_state<2x5x3xf32>) -> (tensor<?x2x3xf32>, !jet.conv_tail<1x6xf32>, !jet.recurrent_state<2x5x3xf32>) {
      ^bb0(%0: tensor<?x6xf32>, %1: tensor<?x8xf32>, %2: tensor<12x8xbf16>, %3: tensor<12xf32>, %4: !jet.conv_tail<1x6xf32>, %5: !jet.batch, %6: tensor<?x2x5xf32>, %7: tensor<?x2x5xf32>, %8: tensor<?x2xf32>, %9: tensor<?x2xf32>, %10: !jet.recurrent_state<2x5x3xf32>):
        %c, %tail = jet.generated_conv %0, %1, %2, %3, %4, %5 : (tensor<?x6xf32>, tensor<?x8xf32>, tensor<12x8xbf16>, tensor<12xf32>, !jet.conv_tail<1x6xf32>, !jet.batch) -> (tensor<?x6xf32>, !jet.conv_tail<1x6xf32>)
        %v = jet.split_heads %c : (tensor<?x6xf32>) -> tensor<?x2x3xf32>
        %r, %state = jet.gated_delta_rule %6, %7, %v, %8, %9, %10, %5 : (tensor<?x2x5xf32>, tensor<?x2x5xf32>, tensor<?x2x3xf32>, tensor<?x2xf32>, tensor<?x2xf32>, !jet.recurrent_state<2x5x3xf32>, !jet.batch) -> (tensor<?x2x3xf32>, !jet.recurrent_state<2x5x3xf32>)
        jet.step_yield %r, %tail, %state : tensor<?x2x3xf32>, !jet.conv_tail<1x6xf32>, !jet.recurrent_state<2x5x3xf32>
      }
      return %y, %t1, %s1 : tensor<?x2x3xf32>, !jet.conv_tail<1x6xf32>, !jet.recurrent_state<2x5x3xf32>
    }
  }
}
