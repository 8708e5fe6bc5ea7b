// What only projections in bf16 read is written in bf16.
// RUN: jet-opt %s --pass-pipeline="builtin.module(func.func(jet-round-activations))" | FileCheck %s
// RUN: jet-opt %s --pass-pipeline="builtin.module(func.func(jet-round-activations{rule-inputs=false}))" | FileCheck %s --check-prefix=WIDE
// RUN: jet-opt %s --pass-pipeline="builtin.module(func.func(jet-round-activations{remarks=true}))" -verify-diagnostics -o /dev/null

!tail = !jet.conv_tail<1x6xf32>
!state = !jet.recurrent_state<2x5x3xf32>

// Code on the result ends with the rounding; without code there is nothing to
// add. Two readers are as good as one.
// CHECK-LABEL: func.func @code
// CHECK:       jet.grouped_linear %arg0(%arg1, %arg1) products [1, 1]
// CHECK-NEXT:    on result 0 {
// CHECK-NEXT:  ^bb0(%[[A:.*]]: f32):
// CHECK-NEXT:    %[[E:.*]] = math.exp %[[A]] : f32
// CHECK-NEXT:    %[[T:.*]] = arith.truncf %[[E]] : f32 to bf16
// CHECK-NEXT:    jet.yield %[[T]] : bf16
// CHECK:       -> (tensor<?x16xbf16>, tensor<?x16xbf16>)
// CHECK:       jet.grouped_linear %{{.*}}(%arg2) products [1] : (tensor<?x16xbf16>, tensor<8x16xbf16>) -> tensor<?x8xf32>
// CHECK:       jet.linear %{{.*}}, %arg2 : (tensor<?x16xbf16>, tensor<8x16xbf16>) -> tensor<?x8xf32>
// CHECK:       jet.linear_top_k %{{.*}}, %arg2 k 1 block 64 : (tensor<?x16xbf16>,
func.func @code(%x: tensor<?x8xf32>, %w: tensor<16x8xbf16>, %d: tensor<8x16xbf16>) -> (tensor<?x8xf32>, tensor<?x8xf32>, tensor<?x1xf32>, tensor<?x1xi32>) {
  %h:2 = jet.grouped_linear %x(%w, %w) products [1, 1]
    on result 0 {
    ^bb0(%a: f32):
      %e = math.exp %a : f32
      jet.yield %e : f32
    } : (tensor<?x8xf32>, tensor<16x8xbf16>, tensor<16x8xbf16>) -> (tensor<?x16xf32>, tensor<?x16xf32>)
  %y = jet.grouped_linear %h#0(%d) products [1] : (tensor<?x16xf32>, tensor<8x16xbf16>) -> tensor<?x8xf32>
  %z = jet.linear %h#1, %d : (tensor<?x16xf32>, tensor<8x16xbf16>) -> tensor<?x8xf32>
  %v, %i = jet.linear_top_k %h#1, %d k 1 block 64 : (tensor<?x16xf32>, tensor<8x16xbf16>) -> (tensor<?x1xf32>, tensor<?x1xi32>)
  return %y, %z, %v, %i : tensor<?x8xf32>, tensor<?x8xf32>, tensor<?x1xf32>, tensor<?x1xi32>
}

// Heads are columns.
// CHECK-LABEL: func.func @attention
// CHECK:       jet.attention %arg0, %arg1, %arg2 : {{.*}} -> tensor<?x4x32xbf16>
// CHECK:       jet.merge_heads %{{.*}} : (tensor<?x4x32xbf16>) -> tensor<?x128xbf16>
// CHECK:       -> tensor<?x8xf32>
func.func @attention(%q: tensor<?x4x32xf32>, %c: !jet.kv_cache<2x32xbf16, page = 64>, %batch: !jet.batch, %w: tensor<8x128xbf16>) -> tensor<?x8xf32> {
  %y = jet.attention %q, %c, %batch : (tensor<?x4x32xf32>, !jet.kv_cache<2x32xbf16, page = 64>, !jet.batch) -> tensor<?x4x32xf32>
  %m = jet.merge_heads %y : (tensor<?x4x32xf32>) -> tensor<?x128xf32>
  %o = jet.linear %m, %w : (tensor<?x128xf32>, tensor<8x128xbf16>) -> tensor<?x8xf32>
  return %o : tensor<?x8xf32>
}

// Rows of last tokens are rows.
// CHECK-LABEL: func.func @last_token
// CHECK:       jet.grouped_linear %arg0(%arg1) products [1] : {{.*}} -> tensor<?x16xbf16>
// CHECK-NEXT:  jet.last_token %{{.*}}, %arg3 : (tensor<?x16xbf16>, !jet.batch) -> tensor<?x16xbf16>
// CHECK:       jet.linear {{.*}} -> tensor<?x8xf32>
func.func @last_token(%x: tensor<?x8xf32>, %w: tensor<16x8xbf16>, %d: tensor<8x16xbf16>, %batch: !jet.batch) -> tensor<?x8xf32> {
  %h = jet.grouped_linear %x(%w) products [1] : (tensor<?x8xf32>, tensor<16x8xbf16>) -> tensor<?x16xf32>
  %l = jet.last_token %h, %batch : (tensor<?x16xf32>, !jet.batch) -> tensor<?x16xf32>
  %y = jet.linear %l, %d : (tensor<?x16xf32>, tensor<8x16xbf16>) -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// What generates taps is a projection's input; u is not. A step's result too.
// CHECK-LABEL: func.func @step
// CHECK:       -> (tensor<?x3xbf16>, tensor<?x6xf32>)
// CHECK:       jet.delta_step(%{{.*}}) : (tensor<?x6xf32>, tensor<?x3xbf16>, {{.*}} -> (tensor<?x2x3xbf16>,
// CHECK-NEXT:  ^bb0(%{{.*}}: tensor<?x6xf32>, %{{.*}}: tensor<?x3xbf16>,
// CHECK:       jet.gated_delta_rule {{.*}} -> (tensor<?x2x3xbf16>,
// CHECK:       jet.step_yield {{.*}} : tensor<?x2x3xbf16>
func.func @step(%x: tensor<?x8xf32>, %wh: tensor<3x8xbf16>, %wu: tensor<6x8xbf16>, %w: tensor<12x3xbf16>, %b: tensor<12xf32>, %t: !tail, %batch: !jet.batch, %q: tensor<?x2x5xf32>, %g: tensor<?x2xf32>, %s: !state, %o: tensor<8x6xbf16>) -> (tensor<?x8xf32>, !tail, !state) {
  // expected-remark@+1 {{fusion 'round-activations' refused: result 1 has readers that do not round it}}
  %h:2 = jet.grouped_linear %x(%wh, %wu) products [1, 1] : (tensor<?x8xf32>, tensor<3x8xbf16>, tensor<6x8xbf16>) -> (tensor<?x3xf32>, tensor<?x6xf32>)
  %y, %t1, %s1 = jet.delta_step(%h#1, %h#0, %w, %b, %t, %batch, %q, %q, %g, %g, %s) : (tensor<?x6xf32>, tensor<?x3xf32>, tensor<12x3xbf16>, tensor<12xf32>, !tail, !jet.batch, tensor<?x2x5xf32>, tensor<?x2x5xf32>, tensor<?x2xf32>, tensor<?x2xf32>, !state) -> (tensor<?x2x3xf32>, !tail, !state) {
  ^bb0(%0: tensor<?x6xf32>, %1: tensor<?x3xf32>, %2: tensor<12x3xbf16>, %3: tensor<12xf32>, %4: !tail, %5: !jet.batch, %6: tensor<?x2x5xf32>, %7: tensor<?x2x5xf32>, %8: tensor<?x2xf32>, %9: tensor<?x2xf32>, %10: !state):
    %c, %tail = jet.generated_conv %0, %1, %2, %3, %4, %5 : (tensor<?x6xf32>, tensor<?x3xf32>, tensor<12x3xbf16>, tensor<12xf32>, !tail, !jet.batch) -> (tensor<?x6xf32>, !tail)
    %v = jet.split_heads %c : (tensor<?x6xf32>) -> tensor<?x2x3xf32>
    %r, %state = jet.gated_delta_rule %6, %7, %v, %8, %9, %10, %5 : (tensor<?x2x5xf32>, tensor<?x2x5xf32>, tensor<?x2x3xf32>, tensor<?x2xf32>, tensor<?x2xf32>, !state, !jet.batch) -> (tensor<?x2x3xf32>, !state)
    jet.step_yield %r, %tail, %state : tensor<?x2x3xf32>, !tail, !state
  }
  %m = jet.merge_heads %y : (tensor<?x2x3xf32>) -> tensor<?x6xf32>
  %p = jet.linear %m, %o : (tensor<?x6xf32>, tensor<8x6xbf16>) -> tensor<?x8xf32>
  %p1 = jet.linear %h#1, %o : (tensor<?x6xf32>, tensor<8x6xbf16>) -> tensor<?x8xf32>
  return %p, %t1, %s1 : tensor<?x8xf32>, !tail, !state
}

// What a rule of many tokens multiplies, and its gate; the decay stays. Code on q
// extends it first. Without rule-inputs all of it stays.
// WIDE-LABEL: func.func @rule
// WIDE:       jet.gated_delta_rule
// WIDE:       : (tensor<?x2x5xf32>, tensor<?x2x5xf32>, tensor<?x2x3xf32>, tensor<?x2xf32>, {{.*}}, tensor<?x2x3xf32>, tensor<3xbf16>)
// CHECK-LABEL: func.func @rule
// CHECK:       jet.grouped_linear {{.*}} -> (tensor<?x10xbf16>, tensor<?x2xf32>, tensor<?x6xbf16>)
// CHECK:       jet.generated_conv
// CHECK:         %[[T:.*]] = arith.truncf %{{.*}} : f32 to bf16
// CHECK-NEXT:    jet.yield %[[T]] : bf16
// CHECK:       jet.gated_delta_rule
// CHECK-NEXT:    on operand 0 {
// CHECK-NEXT:  ^bb0(%[[Q:.*]]: bf16):
// CHECK-NEXT:    %[[W:.*]] = arith.extf %[[Q]] : bf16 to f32
// CHECK-NEXT:    math.exp %[[W]] : f32
// CHECK:       : (tensor<?x2x5xbf16>, tensor<?x2x5xbf16>, tensor<?x2x3xbf16>, tensor<?x2xf32>, {{.*}}, tensor<?x2x3xbf16>, tensor<3xbf16>)
func.func @rule(%x: tensor<?x8xf32>, %wq: tensor<10x8xbf16>, %wg: tensor<2x8xbf16>, %wv: tensor<6x8xbf16>, %u: tensor<?x6xf32>, %h: tensor<?x8xbf16>, %w: tensor<12x8xbf16>, %b: tensor<12xf32>, %t: !tail, %batch: !jet.batch, %s: !state, %n: tensor<3xbf16>) -> (tensor<?x2x3xf32>, !tail, !state) {
  %p:3 = jet.grouped_linear %x(%wq, %wg, %wv) products [1, 1, 1] : (tensor<?x8xf32>, tensor<10x8xbf16>, tensor<2x8xbf16>, tensor<6x8xbf16>) -> (tensor<?x10xf32>, tensor<?x2xf32>, tensor<?x6xf32>)
  %c, %tail = jet.generated_conv %u, %h, %w, %b, %t, %batch
    on result 0 {
    ^bb0(%a: f32):
      %e = math.exp %a : f32
      jet.yield %e : f32
    } : (tensor<?x6xf32>, tensor<?x8xbf16>, tensor<12x8xbf16>, tensor<12xf32>, !tail, !jet.batch) -> (tensor<?x6xf32>, !tail)
  %q = jet.split_heads %p#0 : (tensor<?x10xf32>) -> tensor<?x2x5xf32>
  %g = jet.split_heads %p#2 : (tensor<?x6xf32>) -> tensor<?x2x3xf32>
  %v = jet.split_heads %c : (tensor<?x6xf32>) -> tensor<?x2x3xf32>
  %y, %state = jet.gated_delta_rule %q, %q, %v, %p#1, %p#1, %s, %batch norm %g, %n eps 1.0e-05
    on operand 0 {
    ^bb0(%a: f32):
      %e = math.exp %a : f32
      jet.yield %e : f32
    } : (tensor<?x2x5xf32>, tensor<?x2x5xf32>, tensor<?x2x3xf32>, tensor<?x2xf32>, tensor<?x2xf32>, !state, !jet.batch, tensor<?x2x3xf32>, tensor<3xbf16>) -> (tensor<?x2x3xf32>, !state)
  return %y, %tail, %state : tensor<?x2x3xf32>, !tail, !state
}

// q, which attention multiplies with keys in bf16; not where code on it or
// another reader sees it, nor of keys in f32.
// CHECK-LABEL: func.func @queries
// CHECK:       jet.qkv_linear {{.*}} -> (tensor<?x4x32xbf16>,
// CHECK:       jet.attention {{.*}}(tensor<?x4x32xbf16>,
// CHECK:       jet.rope {{.*}} -> tensor<?x4x32xbf16>
// CHECK:       jet.attention {{.*}}(tensor<?x4x32xbf16>,
// WIDE-LABEL:  func.func @queries
// WIDE-NOT:    tensor<?x4x32xbf16>
// WIDE:        return
func.func @queries(%x: tensor<?x64xf32>, %w: tensor<128x64xbf16>, %kv: tensor<64x64xbf16>, %positions: tensor<?xi32>, %c: !jet.kv_cache<2x32xbf16, page = 64>, %p: tensor<?x4x32xf32>, %batch: !jet.batch) -> (tensor<?x4x32xf32>, tensor<?x4x32xf32>, !jet.kv_cache<2x32xbf16, page = 64>) {
  %q, %next = jet.qkv_linear %x(%w, %kv, %kv) rope %positions theta 10000.0 append %c, %batch : (tensor<?x64xf32>, tensor<128x64xbf16>, tensor<64x64xbf16>, tensor<64x64xbf16>, tensor<?xi32>, !jet.kv_cache<2x32xbf16, page = 64>, !jet.batch) -> (tensor<?x4x32xf32>, !jet.kv_cache<2x32xbf16, page = 64>)
  %y = jet.attention %q, %next, %batch : (tensor<?x4x32xf32>, !jet.kv_cache<2x32xbf16, page = 64>, !jet.batch) -> tensor<?x4x32xf32>
  %r = jet.rope %p, %positions theta 10000.0 : (tensor<?x4x32xf32>, tensor<?xi32>) -> tensor<?x4x32xf32>
  %z = jet.attention %r, %next, %batch : (tensor<?x4x32xf32>, !jet.kv_cache<2x32xbf16, page = 64>, !jet.batch) -> tensor<?x4x32xf32>
  return %y, %z, %next : tensor<?x4x32xf32>, tensor<?x4x32xf32>, !jet.kv_cache<2x32xbf16, page = 64>
}

// CHECK-LABEL: func.func @wide_queries
// CHECK-NOT:   tensor<?x4x32xbf16>
// CHECK:       return
func.func @wide_queries(%p: tensor<?x4x32xf32>, %positions: tensor<?xi32>, %c: !jet.kv_cache<2x32xf32, page = 64>, %d: !jet.kv_cache<2x32xbf16, page = 64>, %batch: !jet.batch) -> (tensor<?x4x32xf32>, tensor<?x4x32xf32>, tensor<?x4x32xf32>) {
  %r = jet.rope %p, %positions theta 10000.0 : (tensor<?x4x32xf32>, tensor<?xi32>) -> tensor<?x4x32xf32>
  %y = jet.attention %r, %c, %batch : (tensor<?x4x32xf32>, !jet.kv_cache<2x32xf32, page = 64>, !jet.batch) -> tensor<?x4x32xf32>
  %s = jet.rope %p, %positions theta 10000.0 : (tensor<?x4x32xf32>, tensor<?xi32>) -> tensor<?x4x32xf32>
  %z = jet.attention %s, %d, %batch : (tensor<?x4x32xf32>, !jet.kv_cache<2x32xbf16, page = 64>, !jet.batch) -> tensor<?x4x32xf32>
  return %y, %z, %s : tensor<?x4x32xf32>, tensor<?x4x32xf32>, tensor<?x4x32xf32>
}

// Not of what makes it for others: attention.
// CHECK-LABEL: func.func @queries_of_another
// CHECK:       %[[Y:.*]] = jet.attention {{.*}} -> tensor<?x4x32xf32>
// CHECK:       jet.attention %[[Y]]
func.func @queries_of_another(%q: tensor<?x4x32xf32>, %c: !jet.kv_cache<2x32xbf16, page = 64>, %batch: !jet.batch) -> tensor<?x4x32xf32> {
  // expected-remark@+1 {{fusion 'round-activations' refused: an op that keeps q in f32 makes it}}
  %y = jet.attention %q, %c, %batch : (tensor<?x4x32xf32>, !jet.kv_cache<2x32xbf16, page = 64>, !jet.batch) -> tensor<?x4x32xf32>
  %z = jet.attention %y, %c, %batch : (tensor<?x4x32xf32>, !jet.kv_cache<2x32xbf16, page = 64>, !jet.batch) -> tensor<?x4x32xf32>
  return %z : tensor<?x4x32xf32>
}

// CHECK-LABEL: func.func @refused
// CHECK-NOT:   tensor<?x8xbf16>
// CHECK:       return
func.func @refused(%x: tensor<?x8xf32>, %w: tensor<8x8xbf16>, %f: tensor<8x8xf32>, %n: tensor<8xbf16>) -> (tensor<?x8xf32>, tensor<?x8xf32>, tensor<?x8xf32>, tensor<?x8xf32>, tensor<?x8xf32>) {
  // A norm reads it in f32.
  // expected-remark@+1 {{fusion 'round-activations' refused: result 0 has readers that do not round it}}
  %h = jet.grouped_linear %x(%w) products [1] : (tensor<?x8xf32>, tensor<8x8xbf16>) -> tensor<?x8xf32>
  %a = jet.grouped_linear %h(%w) norm %n eps 1.0e-06 products [1] : (tensor<?x8xf32>, tensor<8x8xbf16>, tensor<8xbf16>) -> tensor<?x8xf32>
  %b = jet.linear %h, %w : (tensor<?x8xf32>, tensor<8x8xbf16>) -> tensor<?x8xf32>
  // So does code.
  // expected-remark@+1 {{fusion 'round-activations' refused: result 0 has readers that do not round it}}
  %k = jet.grouped_linear %x(%w) products [1] : (tensor<?x8xf32>, tensor<8x8xbf16>) -> tensor<?x8xf32>
  %c = jet.grouped_linear %k(%w) products [1]
    on operand 0 {
    ^bb0(%e: f32):
      %s = arith.mulf %e, %e : f32
      jet.yield %s : f32
    } : (tensor<?x8xf32>, tensor<8x8xbf16>) -> tensor<?x8xf32>
  %c1 = jet.linear %k, %w : (tensor<?x8xf32>, tensor<8x8xbf16>) -> tensor<?x8xf32>
  // expected-remark@+1 {{fusion 'round-activations' refused: not all projections of result 0 round it}}
  %l = jet.grouped_linear %x(%w) products [1] : (tensor<?x8xf32>, tensor<8x8xbf16>) -> tensor<?x8xf32>
  %d:2 = jet.grouped_linear %l(%w, %f) products [1, 1] : (tensor<?x8xf32>, tensor<8x8xbf16>, tensor<8x8xf32>) -> (tensor<?x8xf32>, tensor<?x8xf32>)
  // expected-remark@+1 {{fusion 'round-activations' refused: the op keeps result 0 in f32}}
  %m = jet.rms_norm %x, %n eps 1.0e-06 : (tensor<?x8xf32>, tensor<8xbf16>) -> tensor<?x8xf32>
  %e = jet.linear %m, %w : (tensor<?x8xf32>, tensor<8x8xbf16>) -> tensor<?x8xf32>
  // Nothing rounds here: no remark.
  %o = jet.grouped_linear %x(%w) products [1] : (tensor<?x8xf32>, tensor<8x8xbf16>) -> tensor<?x8xf32>
  %p = jet.linear %o, %f : (tensor<?x8xf32>, tensor<8x8xf32>) -> tensor<?x8xf32>
  return %a, %b, %c, %e, %p : tensor<?x8xf32>, tensor<?x8xf32>, tensor<?x8xf32>, tensor<?x8xf32>, tensor<?x8xf32>
}
