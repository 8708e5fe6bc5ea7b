// q, k, v, the rotary embedding and the append become one op, and the attention
// reads all keys from the cache.
// RUN: jet-opt %s --pass-pipeline="builtin.module(func.func(jet-fuse-kv-append))" | FileCheck %s
// RUN: jet-opt %s --pass-pipeline="builtin.module(func.func(jet-fuse-kv-append{remarks=true}))" 2>&1 | FileCheck %s --check-prefix=REMARK

!x = tensor<?x8xf32>
!wq = tensor<8x8xbf16>
!wkv = tensor<4x8xbf16>
!cache = !jet.kv_cache<2x2xbf16, page = 64>
!ring = !jet.kv_cache<2x2xbf16, window = 3>
!q2 = tensor<?x8xf32>
!k2 = tensor<?x4xf32>
!v2 = tensor<?x4xbf16>
!q = tensor<?x4x2xf32>
!k = tensor<?x2x2xf32>
!kv = tensor<?x2x2xbf16>

// The norm, the biases and the code on the attention go along.
// CHECK-LABEL: func.func @all
// CHECK-NEXT: %[[Q:.*]], %[[NEXT:.*]] = jet.qkv_linear %arg0(%arg1, %arg2, %arg3) bias(%arg4, %arg5, %arg6) norm %arg7 eps 1.0e-06 rope %arg8 theta 10000.0 append %arg9, %arg10
// CHECK-NEXT: %[[Y:.*]] = jet.attention %[[Q]], %[[NEXT]], %arg10
// CHECK-NEXT: on result 0 {
// CHECK: arith.negf
// CHECK: return %[[Y]], %[[NEXT]]
func.func @all(%x: !x, %wq: !wq, %wk: !wkv, %wv: !wkv, %bq: tensor<8xbf16>, %bk: tensor<4xbf16>, %bv: tensor<4xbf16>, %n: tensor<8xbf16>, %p: tensor<?xi32>, %c: !cache, %b: !jet.batch) -> (!q, !cache) {
  %g:3 = jet.grouped_linear %x(%wq, %wk, %wv) norm %n eps 1.0e-06 products [1, 1, 1]
    on result 0 with(%bq) {
    ^bb0(%acc: f32, %e: bf16):
      %w = arith.extf %e : bf16 to f32
      %s = arith.addf %acc, %w : f32
      jet.yield %s : f32
    }
    on result 1 with(%bk) {
    ^bb0(%acc: f32, %e: bf16):
      %w = arith.extf %e : bf16 to f32
      %s = arith.addf %acc, %w : f32
      jet.yield %s : f32
    }
    on result 2 with(%bv) {
    ^bb0(%acc: f32, %e: bf16):
      %w = arith.extf %e : bf16 to f32
      %s = arith.addf %acc, %w : f32
      %t = arith.truncf %s : f32 to bf16
      jet.yield %t : bf16
    } : (!x, !wq, !wkv, !wkv, tensor<8xbf16>, tensor<8xbf16>, tensor<4xbf16>, tensor<4xbf16>) -> (!q2, !k2, !v2)
  %qh = jet.split_heads %g#0 : (!q2) -> !q
  %kh = jet.split_heads %g#1 : (!k2) -> !k
  %v = jet.split_heads %g#2 : (!v2) -> !kv
  %q = jet.rope %qh, %p theta 10000.0 : (!q, tensor<?xi32>) -> !q
  %k = jet.rope %kh, %p theta 10000.0 : (!k, tensor<?xi32>) -> !kv
  %y = jet.attention %q, %k, %v, %c, %b
    on result 0 {
    ^bb0(%e: f32):
      %m = arith.negf %e : f32
      jet.yield %m : f32
    } : (!q, !kv, !kv, !cache, !jet.batch) -> !q
  %next = jet.kv_append %c, %k, %v, %b : (!cache, !kv, !kv, !jet.batch) -> !cache
  return %y, %next : !q, !cache
}

// A step of one token each may write into the ring before it is read.
// CHECK-LABEL: func.func @decode
// CHECK: %[[Q:.*]], %[[NEXT:.*]] = jet.qkv_linear %arg0(%arg1, %arg2, %arg3) rope %arg4 theta 10000.0 append %arg5, %arg6
// CHECK: jet.attention %[[Q]], %[[NEXT]], %arg6
func.func @decode(%x: !x, %wq: !wq, %wk: !wkv, %wv: !wkv, %p: tensor<?xi32>, %c: !ring, %b: !jet.batch) -> (!q, !ring) {
  // The order of the projections does not matter.
  %g:3 = jet.grouped_linear %x(%wv, %wk, %wq) products [1, 1, 1] : (!x, !wkv, !wkv, !wq) -> (!v2, !k2, !q2)
  %qh = jet.split_heads %g#2 : (!q2) -> !q
  %kh = jet.split_heads %g#1 : (!k2) -> !k
  %v = jet.split_heads %g#0 : (!v2) -> !kv
  %q = jet.rope %qh, %p theta 10000.0 : (!q, tensor<?xi32>) -> !q
  %k = jet.rope %kh, %p theta 10000.0 : (!k, tensor<?xi32>) -> !kv
  %y = jet.attention %q, %k, %v, %c, %b : (!q, !kv, !kv, !ring, !jet.batch) -> !q
  %next = jet.kv_append %c, %k, %v, %b : (!ring, !kv, !kv, !jet.batch) -> !ring
  return %y, %next : !q, !ring
}

// Many tokens may not: the projections rotate, the append comes later.
// CHECK-LABEL: func.func @prefill
// CHECK-NEXT: %[[Q:.*]], %[[KV:.*]]:2 = jet.qkv_linear %arg0(%arg1, %arg2, %arg3) rope %arg4 theta 10000.0 :
// CHECK-NEXT: %[[Y:.*]] = jet.attention %[[Q]], %[[KV]]#0, %[[KV]]#1, %arg5, %arg6
// CHECK-NEXT: %[[NEXT:.*]] = jet.kv_append %arg5, %[[KV]]#0, %[[KV]]#1, %arg6
// CHECK-NEXT: return %[[Y]], %[[NEXT]]
func.func @prefill(%x: !x, %wq: !wq, %wk: !wkv, %wv: !wkv, %p: tensor<?xi32>, %c: !ring, %b: !jet.batch) -> (!q, !ring) {
  %g:3 = jet.grouped_linear %x(%wq, %wk, %wv) products [1, 1, 1] : (!x, !wq, !wkv, !wkv) -> (!q2, !k2, !v2)
  %qh = jet.split_heads %g#0 : (!q2) -> !q
  %kh = jet.split_heads %g#1 : (!k2) -> !k
  %v = jet.split_heads %g#2 : (!v2) -> !kv
  %q = jet.rope %qh, %p theta 10000.0 : (!q, tensor<?xi32>) -> !q
  %k = jet.rope %kh, %p theta 10000.0 : (!k, tensor<?xi32>) -> !kv
  %y = jet.attention %q, %k, %v, %c, %b : (!q, !kv, !kv, !ring, !jet.batch) -> !q
  %next = jet.kv_append %c, %k, %v, %b : (!ring, !kv, !kv, !jet.batch) -> !ring
  return %y, %next : !q, !ring
}

// REMARK: remark: fusion 'kv-append' refused: no attention reads the same keys and values
// CHECK-LABEL: func.func @no_attention
// CHECK: jet.kv_append
func.func @no_attention(%k: !kv, %v: !kv, %c: !cache, %b: !jet.batch) -> !cache {
  %next = jet.kv_append %c, %k, %v, %b : (!cache, !kv, !kv, !jet.batch) -> !cache
  return %next : !cache
}

// REMARK: remark: fusion 'kv-append' refused: its cache, keys or values have other readers
// CHECK-LABEL: func.func @readers
// CHECK: jet.kv_append
func.func @readers(%q: !q, %k: !kv, %v: !kv, %c: !cache, %b: !jet.batch) -> (!q, !cache, !kv) {
  %y = jet.attention %q, %k, %v, %c, %b : (!q, !kv, !kv, !cache, !jet.batch) -> !q
  %next = jet.kv_append %c, %k, %v, %b : (!cache, !kv, !kv, !jet.batch) -> !cache
  return %y, %next, %v : !q, !cache, !kv
}

// REMARK: remark: fusion 'kv-append' refused: the attention is of another cache or batch
// CHECK-LABEL: func.func @other_cache
// CHECK: jet.kv_append
func.func @other_cache(%q: !q, %k: !kv, %v: !kv, %c: !cache, %d: !cache, %b: !jet.batch) -> (!q, !cache) {
  %y = jet.attention %q, %k, %v, %d, %b : (!q, !kv, !kv, !cache, !jet.batch) -> !q
  %next = jet.kv_append %c, %k, %v, %b : (!cache, !kv, !kv, !jet.batch) -> !cache
  return %y, %next : !q, !cache
}

// REMARK: remark: fusion 'kv-append' refused: the attention is of another cache or batch
// CHECK-LABEL: func.func @other_batch
// CHECK: jet.kv_append
func.func @other_batch(%q: !q, %k: !kv, %v: !kv, %c: !cache, %b: !jet.batch, %d: !jet.batch) -> (!q, !cache) {
  %y = jet.attention %q, %k, %v, %c, %d : (!q, !kv, !kv, !cache, !jet.batch) -> !q
  %next = jet.kv_append %c, %k, %v, %b : (!cache, !kv, !kv, !jet.batch) -> !cache
  return %y, %next : !q, !cache
}

// REMARK: remark: fusion 'kv-append' refused: the attention comes after it
// CHECK-LABEL: func.func @after
// CHECK: jet.kv_append
func.func @after(%q: !q, %k: !kv, %v: !kv, %c: !cache, %b: !jet.batch) -> (!q, !cache) {
  %next = jet.kv_append %c, %k, %v, %b : (!cache, !kv, !kv, !jet.batch) -> !cache
  %y = jet.attention %q, %k, %v, %c, %b : (!q, !kv, !kv, !cache, !jet.batch) -> !q
  return %y, %next : !q, !cache
}

// REMARK: remark: fusion 'kv-append' refused: q and k are not made by jet.rope
// CHECK-LABEL: func.func @not_rotated
// CHECK: jet.kv_append
func.func @not_rotated(%q: !q, %k: !kv, %v: !kv, %c: !cache, %b: !jet.batch) -> (!q, !cache) {
  %y = jet.attention %q, %k, %v, %c, %b : (!q, !kv, !kv, !cache, !jet.batch) -> !q
  %next = jet.kv_append %c, %k, %v, %b : (!cache, !kv, !kv, !jet.batch) -> !cache
  return %y, %next : !q, !cache
}

// REMARK: remark: fusion 'kv-append' refused: q and k are rotated by different angles
// CHECK-LABEL: func.func @angles
// CHECK: jet.kv_append
func.func @angles(%qh: !q, %kh: !k, %v: !kv, %p: tensor<?xi32>, %c: !cache, %b: !jet.batch) -> (!q, !cache) {
  %q = jet.rope %qh, %p theta 10000.0 : (!q, tensor<?xi32>) -> !q
  %k = jet.rope %kh, %p theta 100.0 : (!k, tensor<?xi32>) -> !kv
  %y = jet.attention %q, %k, %v, %c, %b : (!q, !kv, !kv, !cache, !jet.batch) -> !q
  %next = jet.kv_append %c, %k, %v, %b : (!cache, !kv, !kv, !jet.batch) -> !cache
  return %y, %next : !q, !cache
}

// REMARK: remark: fusion 'kv-append' refused: q, k or v have other readers
// CHECK-LABEL: func.func @q_returned
// CHECK: jet.kv_append
func.func @q_returned(%qh: !q, %kh: !k, %v: !kv, %p: tensor<?xi32>, %c: !cache, %b: !jet.batch) -> (!q, !q, !cache) {
  %q = jet.rope %qh, %p theta 10000.0 : (!q, tensor<?xi32>) -> !q
  %k = jet.rope %kh, %p theta 10000.0 : (!k, tensor<?xi32>) -> !kv
  %y = jet.attention %q, %k, %v, %c, %b : (!q, !kv, !kv, !cache, !jet.batch) -> !q
  %next = jet.kv_append %c, %k, %v, %b : (!cache, !kv, !kv, !jet.batch) -> !cache
  return %y, %q, %next : !q, !q, !cache
}

// REMARK: remark: fusion 'kv-append' refused: q, k and v are not projections of one group
// CHECK-LABEL: func.func @apart
// CHECK: jet.kv_append
func.func @apart(%x: !x, %wq: !wq, %wk: !wkv, %wv: !wkv, %p: tensor<?xi32>, %c: !cache, %b: !jet.batch) -> (!q, !cache) {
  %g = jet.grouped_linear %x(%wq) products [1] : (!x, !wq) -> !q2
  %h:2 = jet.grouped_linear %x(%wk, %wv) products [1, 1] : (!x, !wkv, !wkv) -> (!k2, !v2)
  %qh = jet.split_heads %g : (!q2) -> !q
  %kh = jet.split_heads %h#0 : (!k2) -> !k
  %v = jet.split_heads %h#1 : (!v2) -> !kv
  %q = jet.rope %qh, %p theta 10000.0 : (!q, tensor<?xi32>) -> !q
  %k = jet.rope %kh, %p theta 10000.0 : (!k, tensor<?xi32>) -> !kv
  %y = jet.attention %q, %k, %v, %c, %b : (!q, !kv, !kv, !cache, !jet.batch) -> !q
  %next = jet.kv_append %c, %k, %v, %b : (!cache, !kv, !kv, !jet.batch) -> !cache
  return %y, %next : !q, !cache
}

// REMARK: remark: fusion 'kv-append' refused: the group has other projections
// CHECK-LABEL: func.func @fourth
// CHECK: jet.kv_append
func.func @fourth(%x: !x, %wq: !wq, %wk: !wkv, %wv: !wkv, %p: tensor<?xi32>, %c: !cache, %b: !jet.batch) -> (!q, !cache, !q2) {
  %g:4 = jet.grouped_linear %x(%wq, %wk, %wv, %wq) products [1, 1, 1, 1] : (!x, !wq, !wkv, !wkv, !wq) -> (!q2, !k2, !v2, !q2)
  %qh = jet.split_heads %g#0 : (!q2) -> !q
  %kh = jet.split_heads %g#1 : (!k2) -> !k
  %v = jet.split_heads %g#2 : (!v2) -> !kv
  %q = jet.rope %qh, %p theta 10000.0 : (!q, tensor<?xi32>) -> !q
  %k = jet.rope %kh, %p theta 10000.0 : (!k, tensor<?xi32>) -> !kv
  %y = jet.attention %q, %k, %v, %c, %b : (!q, !kv, !kv, !cache, !jet.batch) -> !q
  %next = jet.kv_append %c, %k, %v, %b : (!cache, !kv, !kv, !jet.batch) -> !cache
  return %y, %next, %g#3 : !q, !cache, !q2
}

// REMARK: remark: fusion 'kv-append' refused: the group carries code on its input
// CHECK-LABEL: func.func @code_on_input
// CHECK: jet.kv_append
func.func @code_on_input(%x: !x, %wq: !wq, %wk: !wkv, %wv: !wkv, %p: tensor<?xi32>, %c: !cache, %b: !jet.batch) -> (!q, !cache) {
  %g:3 = jet.grouped_linear %x(%wq, %wk, %wv) products [1, 1, 1]
    on operand 0 {
    ^bb0(%e: f32):
      %m = arith.negf %e : f32
      jet.yield %m : f32
    } : (!x, !wq, !wkv, !wkv) -> (!q2, !k2, !v2)
  %qh = jet.split_heads %g#0 : (!q2) -> !q
  %kh = jet.split_heads %g#1 : (!k2) -> !k
  %v = jet.split_heads %g#2 : (!v2) -> !kv
  %q = jet.rope %qh, %p theta 10000.0 : (!q, tensor<?xi32>) -> !q
  %k = jet.rope %kh, %p theta 10000.0 : (!k, tensor<?xi32>) -> !kv
  %y = jet.attention %q, %k, %v, %c, %b : (!q, !kv, !kv, !cache, !jet.batch) -> !q
  %next = jet.kv_append %c, %k, %v, %b : (!cache, !kv, !kv, !jet.batch) -> !cache
  return %y, %next : !q, !cache
}

// REMARK: remark: fusion 'kv-append' refused: a projection carries code other than a bias
// CHECK-LABEL: func.func @code
// CHECK: jet.kv_append
func.func @code(%x: !x, %wq: !wq, %wk: !wkv, %wv: !wkv, %p: tensor<?xi32>, %c: !cache, %b: !jet.batch) -> (!q, !cache) {
  %g:3 = jet.grouped_linear %x(%wq, %wk, %wv) products [1, 1, 1]
    on result 1 {
    ^bb0(%e: f32):
      %m = arith.negf %e : f32
      jet.yield %m : f32
    } : (!x, !wq, !wkv, !wkv) -> (!q2, !k2, !v2)
  %qh = jet.split_heads %g#0 : (!q2) -> !q
  %kh = jet.split_heads %g#1 : (!k2) -> !k
  %v = jet.split_heads %g#2 : (!v2) -> !kv
  %q = jet.rope %qh, %p theta 10000.0 : (!q, tensor<?xi32>) -> !q
  %k = jet.rope %kh, %p theta 10000.0 : (!k, tensor<?xi32>) -> !kv
  %y = jet.attention %q, %k, %v, %c, %b : (!q, !kv, !kv, !cache, !jet.batch) -> !q
  %next = jet.kv_append %c, %k, %v, %b : (!cache, !kv, !kv, !jet.batch) -> !cache
  return %y, %next : !q, !cache
}

// REMARK: remark: fusion 'kv-append' refused: only some of q, k and v have a bias
// CHECK-LABEL: func.func @one_bias
// CHECK: jet.kv_append
func.func @one_bias(%x: !x, %wq: !wq, %wk: !wkv, %wv: !wkv, %bk: tensor<4xf32>, %p: tensor<?xi32>, %c: !cache, %b: !jet.batch) -> (!q, !cache) {
  %g:3 = jet.grouped_linear %x(%wq, %wk, %wv) products [1, 1, 1]
    on result 1 with(%bk) {
    ^bb0(%e: f32, %f: f32):
      %m = arith.addf %e, %f : f32
      jet.yield %m : f32
    } : (!x, !wq, !wkv, !wkv, tensor<4xf32>) -> (!q2, !k2, !v2)
  %qh = jet.split_heads %g#0 : (!q2) -> !q
  %kh = jet.split_heads %g#1 : (!k2) -> !k
  %v = jet.split_heads %g#2 : (!v2) -> !kv
  %q = jet.rope %qh, %p theta 10000.0 : (!q, tensor<?xi32>) -> !q
  %k = jet.rope %kh, %p theta 10000.0 : (!k, tensor<?xi32>) -> !kv
  %y = jet.attention %q, %k, %v, %c, %b : (!q, !kv, !kv, !cache, !jet.batch) -> !q
  %next = jet.kv_append %c, %k, %v, %b : (!cache, !kv, !kv, !jet.batch) -> !cache
  return %y, %next : !q, !cache
}

// REMARK: remark: fusion 'kv-append' refused: q or k is rounded before the rotary embedding
// CHECK-LABEL: func.func @rounded
// CHECK: jet.kv_append
func.func @rounded(%x: !x, %wq: !wq, %wk: !wkv, %wv: !wkv, %p: tensor<?xi32>, %c: !cache, %b: !jet.batch) -> (!q, !cache) {
  %g:3 = jet.grouped_linear %x(%wq, %wk, %wv) products [1, 1, 1] : (!x, !wq, !wkv, !wkv) -> (!q2, !v2, !v2)
  %qh = jet.split_heads %g#0 : (!q2) -> !q
  %kh = jet.split_heads %g#1 : (!v2) -> !kv
  %v = jet.split_heads %g#2 : (!v2) -> !kv
  %q = jet.rope %qh, %p theta 10000.0 : (!q, tensor<?xi32>) -> !q
  %k = jet.rope %kh, %p theta 10000.0 : (!kv, tensor<?xi32>) -> !kv
  %y = jet.attention %q, %k, %v, %c, %b : (!q, !kv, !kv, !cache, !jet.batch) -> !q
  %next = jet.kv_append %c, %k, %v, %b : (!cache, !kv, !kv, !jet.batch) -> !cache
  return %y, %next : !q, !cache
}

// REMARK: remark: fusion 'kv-append' refused: q, k or v have other readers
// CHECK-LABEL: func.func @projection_returned
// CHECK: jet.kv_append
func.func @projection_returned(%x: !x, %wq: !wq, %wk: !wkv, %wv: !wkv, %p: tensor<?xi32>, %c: !cache, %b: !jet.batch) -> (!q, !cache, !k2) {
  %g:3 = jet.grouped_linear %x(%wq, %wk, %wv) products [1, 1, 1] : (!x, !wq, !wkv, !wkv) -> (!q2, !k2, !v2)
  %qh = jet.split_heads %g#0 : (!q2) -> !q
  %kh = jet.split_heads %g#1 : (!k2) -> !k
  %v = jet.split_heads %g#2 : (!v2) -> !kv
  %q = jet.rope %qh, %p theta 10000.0 : (!q, tensor<?xi32>) -> !q
  %k = jet.rope %kh, %p theta 10000.0 : (!k, tensor<?xi32>) -> !kv
  %y = jet.attention %q, %k, %v, %c, %b : (!q, !kv, !kv, !cache, !jet.batch) -> !q
  %next = jet.kv_append %c, %k, %v, %b : (!cache, !kv, !kv, !jet.batch) -> !cache
  return %y, %next, %g#1 : !q, !cache, !k2
}
