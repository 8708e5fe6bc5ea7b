// One case per labelled constraint of the ops along a sequence.

// RUN: jet-opt %s -verify-diagnostics -split-input-file

// attention C1
func.func @f(%q: tensor<?x4x32xf32>, %k: tensor<?x2x32xf32>, %v: tensor<?x2x32xf32>, %cache: !jet.kv_cache<2x32xf32, page = 64>, %batch: !jet.batch) {
  // expected-error @+1 {{'jet.attention' op expected q and result of one shape, found 'tensor<?x4x32xf32>' and 'tensor<?x4x64xf32>'}}
  %y = jet.attention %q, %k, %v, %cache, %batch : (tensor<?x4x32xf32>, tensor<?x2x32xf32>, tensor<?x2x32xf32>, !jet.kv_cache<2x32xf32, page = 64>, !jet.batch) -> tensor<?x4x64xf32>
  return
}

// -----

// attention C2: heads
func.func @f(%q: tensor<?x4x32xf32>, %k: tensor<?x4x32xf32>, %v: tensor<?x2x32xf32>, %cache: !jet.kv_cache<2x32xf32, page = 64>, %batch: !jet.batch) {
  // expected-error @+1 {{'jet.attention' op expected k of shape [?, 2, 32], found 'tensor<?x4x32xf32>'}}
  %y = jet.attention %q, %k, %v, %cache, %batch : (tensor<?x4x32xf32>, tensor<?x4x32xf32>, tensor<?x2x32xf32>, !jet.kv_cache<2x32xf32, page = 64>, !jet.batch) -> tensor<?x4x32xf32>
  return
}

// -----

// attention C2: head size
func.func @f(%q: tensor<?x4x32xf32>, %k: tensor<?x2x32xf32>, %v: tensor<?x2x16xf32>, %cache: !jet.kv_cache<2x32xf32, page = 64>, %batch: !jet.batch) {
  // expected-error @+1 {{'jet.attention' op expected v of shape [?, 2, 32], found 'tensor<?x2x16xf32>'}}
  %y = jet.attention %q, %k, %v, %cache, %batch : (tensor<?x4x32xf32>, tensor<?x2x32xf32>, tensor<?x2x16xf32>, !jet.kv_cache<2x32xf32, page = 64>, !jet.batch) -> tensor<?x4x32xf32>
  return
}

// -----

// attention C2: rows
func.func @f(%q: tensor<?x4x32xf32>, %k: tensor<4x2x32xf32>, %v: tensor<?x2x32xf32>, %cache: !jet.kv_cache<2x32xf32, page = 64>, %batch: !jet.batch) {
  // expected-error @+1 {{'jet.attention' op expected k of shape [?, 2, 32], found 'tensor<4x2x32xf32>'}}
  %y = jet.attention %q, %k, %v, %cache, %batch : (tensor<?x4x32xf32>, tensor<4x2x32xf32>, tensor<?x2x32xf32>, !jet.kv_cache<2x32xf32, page = 64>, !jet.batch) -> tensor<?x4x32xf32>
  return
}

// -----

// attention C2: element
func.func @f(%q: tensor<?x4x32xf32>, %k: tensor<?x2x32xf32>, %v: tensor<?x2x32xbf16>, %cache: !jet.kv_cache<2x32xf32, page = 64>, %batch: !jet.batch) {
  // expected-error @+1 {{'jet.attention' op expected v with elements of type 'f32' as in the state, found 'tensor<?x2x32xbf16>'}}
  %y = jet.attention %q, %k, %v, %cache, %batch : (tensor<?x4x32xf32>, tensor<?x2x32xf32>, tensor<?x2x32xbf16>, !jet.kv_cache<2x32xf32, page = 64>, !jet.batch) -> tensor<?x4x32xf32>
  return
}

// -----

// attention C3: head size
func.func @f(%q: tensor<?x4x16xf32>, %k: tensor<?x2x32xf32>, %v: tensor<?x2x32xf32>, %cache: !jet.kv_cache<2x32xf32, page = 64>, %batch: !jet.batch) {
  // expected-error @+1 {{'jet.attention' op expected q of shape [?, a multiple of 2, 32], found 'tensor<?x4x16xf32>'}}
  %y = jet.attention %q, %k, %v, %cache, %batch : (tensor<?x4x16xf32>, tensor<?x2x32xf32>, tensor<?x2x32xf32>, !jet.kv_cache<2x32xf32, page = 64>, !jet.batch) -> tensor<?x4x16xf32>
  return
}

// -----

// attention C3: heads
func.func @f(%q: tensor<?x3x32xf32>, %k: tensor<?x2x32xf32>, %v: tensor<?x2x32xf32>, %cache: !jet.kv_cache<2x32xf32, page = 64>, %batch: !jet.batch) {
  // expected-error @+1 {{'jet.attention' op expected q of shape [?, a multiple of 2, 32], found 'tensor<?x3x32xf32>'}}
  %y = jet.attention %q, %k, %v, %cache, %batch : (tensor<?x3x32xf32>, tensor<?x2x32xf32>, tensor<?x2x32xf32>, !jet.kv_cache<2x32xf32, page = 64>, !jet.batch) -> tensor<?x3x32xf32>
  return
}

// -----

// attention C4
func.func @f(%q: tensor<?x4x32xf32>, %k: tensor<?x2x32xf32>, %cache: !jet.kv_cache<2x32xf32, page = 64>, %batch: !jet.batch) {
  // expected-error @+1 {{'jet.attention' op expected both k and v or none of them}}
  %y = "jet.attention"(%q, %k, %cache, %batch) <{operandSegmentSizes = array<i32: 1, 1, 0, 1, 1, 0>, ports = array<i64>}> : (tensor<?x4x32xf32>, tensor<?x2x32xf32>, !jet.kv_cache<2x32xf32, page = 64>, !jet.batch) -> tensor<?x4x32xf32>
  return
}

// -----

// attention C4: as text
func.func @f(%q: tensor<?x4x32xf32>, %k: tensor<?x2x32xf32>, %cache: !jet.kv_cache<2x32xf32, page = 64>, %batch: !jet.batch) {
  // expected-error @+1 {{expected q, cache and batch, or q, k, v, cache and batch, found 4 operands}}
  %y = jet.attention %q, %k, %cache, %batch : (tensor<?x4x32xf32>, tensor<?x2x32xf32>, !jet.kv_cache<2x32xf32, page = 64>, !jet.batch) -> tensor<?x4x32xf32>
  return
}

// -----

// qkv_linear C6: head size
func.func @f(%x: tensor<?x8xf32>, %wq: tensor<8x8xf32>, %wk: tensor<4x8xf32>, %wv: tensor<4x8xf32>, %p: tensor<?xi32>, %c: !jet.kv_cache<2x2xf32, page = 64>, %b: !jet.batch) {
  // expected-error @+1 {{'jet.qkv_linear' op expected a cache of 1 heads of 4, found '!jet.kv_cache<2x2xf32, page = 64>'}}
  %q, %next = jet.qkv_linear %x(%wq, %wk, %wv) rope %p theta 10000.0 append %c, %b : (tensor<?x8xf32>, tensor<8x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>, tensor<?xi32>, !jet.kv_cache<2x2xf32, page = 64>, !jet.batch) -> (tensor<?x2x4xf32>, !jet.kv_cache<2x2xf32, page = 64>)
  return
}

// -----

// qkv_linear C1: heads
func.func @f(%x: tensor<?x8xf32>, %wq: tensor<6x8xf32>, %wk: tensor<4x8xf32>, %wv: tensor<4x8xf32>, %p: tensor<?xi32>, %c: !jet.kv_cache<2x2xf32, page = 64>, %b: !jet.batch) {
  // expected-error @+1 {{'jet.qkv_linear' op expected q with the rows of x, of shape [?, a multiple of 2, 2], found 'tensor<?x3x2xf32>'}}
  %q, %next = jet.qkv_linear %x(%wq, %wk, %wv) rope %p theta 10000.0 append %c, %b : (tensor<?x8xf32>, tensor<6x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>, tensor<?xi32>, !jet.kv_cache<2x2xf32, page = 64>, !jet.batch) -> (tensor<?x3x2xf32>, !jet.kv_cache<2x2xf32, page = 64>)
  return
}

// -----

// qkv_linear C1: rows
func.func @f(%x: tensor<?x8xf32>, %wq: tensor<8x8xf32>, %wk: tensor<4x8xf32>, %wv: tensor<4x8xf32>, %p: tensor<?xi32>, %c: !jet.kv_cache<2x2xf32, page = 64>, %b: !jet.batch) {
  // expected-error @+1 {{'jet.qkv_linear' op expected q with the rows of x, of shape [?, a multiple of 2, 2], found 'tensor<5x4x2xf32>'}}
  %q, %next = jet.qkv_linear %x(%wq, %wk, %wv) rope %p theta 10000.0 append %c, %b : (tensor<?x8xf32>, tensor<8x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>, tensor<?xi32>, !jet.kv_cache<2x2xf32, page = 64>, !jet.batch) -> (tensor<5x4x2xf32>, !jet.kv_cache<2x2xf32, page = 64>)
  return
}

// -----

// qkv_linear C1: positions
func.func @f(%x: tensor<?x8xf32>, %wq: tensor<8x8xf32>, %wk: tensor<4x8xf32>, %wv: tensor<4x8xf32>, %p: tensor<5xi32>, %c: !jet.kv_cache<2x2xf32, page = 64>, %b: !jet.batch) {
  // expected-error @+1 {{'jet.qkv_linear' op expected positions of shape [?], found 'tensor<5xi32>'}}
  %q, %next = jet.qkv_linear %x(%wq, %wk, %wv) rope %p theta 10000.0 append %c, %b : (tensor<?x8xf32>, tensor<8x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>, tensor<5xi32>, !jet.kv_cache<2x2xf32, page = 64>, !jet.batch) -> (tensor<?x4x2xf32>, !jet.kv_cache<2x2xf32, page = 64>)
  return
}

// -----

// qkv_linear C2: columns
func.func @f(%x: tensor<?x8xf32>, %wq: tensor<8x8xf32>, %wk: tensor<4x9xf32>, %wv: tensor<4x8xf32>, %p: tensor<?xi32>, %c: !jet.kv_cache<2x2xf32, page = 64>, %b: !jet.batch) {
  // expected-error @+1 {{'jet.qkv_linear' op expected a weight of 2 heads of 2 and of 8 columns, found 'tensor<4x9xf32>'}}
  %q, %next = jet.qkv_linear %x(%wq, %wk, %wv) rope %p theta 10000.0 append %c, %b : (tensor<?x8xf32>, tensor<8x8xf32>, tensor<4x9xf32>, tensor<4x8xf32>, tensor<?xi32>, !jet.kv_cache<2x2xf32, page = 64>, !jet.batch) -> (tensor<?x4x2xf32>, !jet.kv_cache<2x2xf32, page = 64>)
  return
}

// -----

// qkv_linear C2: heads
func.func @f(%x: tensor<?x8xf32>, %wq: tensor<10x8xf32>, %wk: tensor<4x8xf32>, %wv: tensor<4x8xf32>, %p: tensor<?xi32>, %c: !jet.kv_cache<2x2xf32, page = 64>, %b: !jet.batch) {
  // expected-error @+1 {{'jet.qkv_linear' op expected a weight of 4 heads of 2 and of 8 columns, found 'tensor<10x8xf32>'}}
  %q, %next = jet.qkv_linear %x(%wq, %wk, %wv) rope %p theta 10000.0 append %c, %b : (tensor<?x8xf32>, tensor<10x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>, tensor<?xi32>, !jet.kv_cache<2x2xf32, page = 64>, !jet.batch) -> (tensor<?x4x2xf32>, !jet.kv_cache<2x2xf32, page = 64>)
  return
}

// -----

// qkv_linear C2: part of a head
func.func @f(%x: tensor<?x8xf32>, %wq: tensor<8x8xf32>, %wk: tensor<4x8xf32>, %wv: tensor<5x8xf32>, %p: tensor<?xi32>, %c: !jet.kv_cache<2x2xf32, page = 64>, %b: !jet.batch) {
  // expected-error @+1 {{'jet.qkv_linear' op expected a weight of 2 heads of 2 and of 8 columns, found 'tensor<5x8xf32>'}}
  %q, %next = jet.qkv_linear %x(%wq, %wk, %wv) rope %p theta 10000.0 append %c, %b : (tensor<?x8xf32>, tensor<8x8xf32>, tensor<4x8xf32>, tensor<5x8xf32>, tensor<?xi32>, !jet.kv_cache<2x2xf32, page = 64>, !jet.batch) -> (tensor<?x4x2xf32>, !jet.kv_cache<2x2xf32, page = 64>)
  return
}

// -----

// qkv_linear C3: number
func.func @f(%x: tensor<?x8xf32>, %wq: tensor<8x8xf32>, %wk: tensor<4x8xf32>, %wv: tensor<4x8xf32>, %b0: tensor<8xf32>, %b1: tensor<4xf32>, %p: tensor<?xi32>, %c: !jet.kv_cache<2x2xf32, page = 64>, %b: !jet.batch) {
  // expected-error @+1 {{'jet.qkv_linear' op expected no biases or three, found 2}}
  %q, %next = jet.qkv_linear %x(%wq, %wk, %wv) bias(%b0, %b1) rope %p theta 10000.0 append %c, %b : (tensor<?x8xf32>, tensor<8x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>, tensor<8xf32>, tensor<4xf32>, tensor<?xi32>, !jet.kv_cache<2x2xf32, page = 64>, !jet.batch) -> (tensor<?x4x2xf32>, !jet.kv_cache<2x2xf32, page = 64>)
  return
}

// -----

// qkv_linear C3: size
func.func @f(%x: tensor<?x8xf32>, %wq: tensor<8x8xf32>, %wk: tensor<4x8xf32>, %wv: tensor<4x8xf32>, %b0: tensor<8xf32>, %b1: tensor<4xf32>, %b2: tensor<8xf32>, %p: tensor<?xi32>, %c: !jet.kv_cache<2x2xf32, page = 64>, %b: !jet.batch) {
  // expected-error @+1 {{'jet.qkv_linear' op expected a bias of 4, found 'tensor<8xf32>'}}
  %q, %next = jet.qkv_linear %x(%wq, %wk, %wv) bias(%b0, %b1, %b2) rope %p theta 10000.0 append %c, %b : (tensor<?x8xf32>, tensor<8x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>, tensor<8xf32>, tensor<4xf32>, tensor<8xf32>, tensor<?xi32>, !jet.kv_cache<2x2xf32, page = 64>, !jet.batch) -> (tensor<?x4x2xf32>, !jet.kv_cache<2x2xf32, page = 64>)
  return
}

// -----

// qkv_linear C4: size
func.func @f(%x: tensor<?x8xf32>, %wq: tensor<8x8xf32>, %wk: tensor<4x8xf32>, %wv: tensor<4x8xf32>, %n: tensor<4xf32>, %p: tensor<?xi32>, %c: !jet.kv_cache<2x2xf32, page = 64>, %b: !jet.batch) {
  // expected-error @+1 {{'jet.qkv_linear' op expected a norm of 8, found 'tensor<4xf32>'}}
  %q, %next = jet.qkv_linear %x(%wq, %wk, %wv) norm %n eps 1.0e-06 rope %p theta 10000.0 append %c, %b : (tensor<?x8xf32>, tensor<8x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>, tensor<4xf32>, tensor<?xi32>, !jet.kv_cache<2x2xf32, page = 64>, !jet.batch) -> (tensor<?x4x2xf32>, !jet.kv_cache<2x2xf32, page = 64>)
  return
}

// -----

// qkv_linear C4: eps
func.func @f(%x: tensor<?x8xf32>, %wq: tensor<8x8xf32>, %wk: tensor<4x8xf32>, %wv: tensor<4x8xf32>, %n: tensor<8xf32>, %p: tensor<?xi32>, %c: !jet.kv_cache<2x2xf32, page = 64>, %b: !jet.batch) {
  // expected-error @+1 {{'jet.qkv_linear' op expected norm_eps > 0, found 0}}
  %q, %next = jet.qkv_linear %x(%wq, %wk, %wv) norm %n eps 0.0 rope %p theta 10000.0 append %c, %b : (tensor<?x8xf32>, tensor<8x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>, tensor<8xf32>, tensor<?xi32>, !jet.kv_cache<2x2xf32, page = 64>, !jet.batch) -> (tensor<?x4x2xf32>, !jet.kv_cache<2x2xf32, page = 64>)
  return
}

// -----

// qkv_linear C6: the cache's heads
func.func @f(%x: tensor<?x8xf32>, %wq: tensor<8x8xf32>, %wk: tensor<4x8xf32>, %wv: tensor<4x8xf32>, %p: tensor<?xi32>, %c: !jet.kv_cache<4x2xf32, page = 64>, %b: !jet.batch) {
  // expected-error @+1 {{'jet.qkv_linear' op expected a cache of 2 heads of 2, found '!jet.kv_cache<4x2xf32, page = 64>'}}
  %q, %next = jet.qkv_linear %x(%wq, %wk, %wv) rope %p theta 10000.0 append %c, %b : (tensor<?x8xf32>, tensor<8x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>, tensor<?xi32>, !jet.kv_cache<4x2xf32, page = 64>, !jet.batch) -> (tensor<?x4x2xf32>, !jet.kv_cache<4x2xf32, page = 64>)
  return
}

// -----

// qkv_linear C6: another cache
func.func @f(%x: tensor<?x8xf32>, %wq: tensor<8x8xf32>, %wk: tensor<4x8xf32>, %wv: tensor<4x8xf32>, %p: tensor<?xi32>, %c: !jet.kv_cache<2x2xf32, page = 64>, %b: !jet.batch) {
  // expected-error @+1 {{'jet.qkv_linear' op expected q and a result of '!jet.kv_cache<2x2xf32, page = 64>', found 'tensor<?x4x2xf32>', '!jet.kv_cache<2x2xf32, page = 32>'}}
  %q, %next = jet.qkv_linear %x(%wq, %wk, %wv) rope %p theta 10000.0 append %c, %b : (tensor<?x8xf32>, tensor<8x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>, tensor<?xi32>, !jet.kv_cache<2x2xf32, page = 64>, !jet.batch) -> (tensor<?x4x2xf32>, !jet.kv_cache<2x2xf32, page = 32>)
  return
}

// -----

// qkv_linear C6: a cache without a batch
func.func @f(%x: tensor<?x8xf32>, %wq: tensor<8x8xf32>, %wk: tensor<4x8xf32>, %wv: tensor<4x8xf32>, %p: tensor<?xi32>, %c: !jet.kv_cache<2x2xf32, page = 64>) {
  // expected-error @+1 {{'jet.qkv_linear' op expected a cache and a batch together}}
  %q, %next = "jet.qkv_linear"(%x, %wq, %wk, %wv, %p, %c) <{operandSegmentSizes = array<i32: 1, 1, 1, 1, 0, 0, 1, 1, 0>, theta = 1.0e+04 : f64}> : (tensor<?x8xf32>, tensor<8x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>, tensor<?xi32>, !jet.kv_cache<2x2xf32, page = 64>) -> (tensor<?x4x2xf32>, !jet.kv_cache<2x2xf32, page = 64>)
  return
}

// -----

// qkv_linear C6: k and v
func.func @f(%x: tensor<?x8xf32>, %wq: tensor<8x8xf32>, %wk: tensor<4x8xf32>, %wv: tensor<4x8xf32>, %p: tensor<?xi32>) {
  // expected-error @+1 {{'jet.qkv_linear' op expected q, k and v, the last two of one type with 2 heads of 2, found 'tensor<?x4x2xf32>', 'tensor<?x2x2xf32>', 'tensor<?x2x2xbf16>'}}
  %q, %k, %v = jet.qkv_linear %x(%wq, %wk, %wv) rope %p theta 10000.0 : (tensor<?x8xf32>, tensor<8x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>, tensor<?xi32>) -> (tensor<?x4x2xf32>, tensor<?x2x2xf32>, tensor<?x2x2xbf16>)
  return
}

// -----

// qkv_linear C6: no v
func.func @f(%x: tensor<?x8xf32>, %wq: tensor<8x8xf32>, %wk: tensor<4x8xf32>, %wv: tensor<4x8xf32>, %p: tensor<?xi32>) {
  // expected-error @+1 {{'jet.qkv_linear' op expected q, k and v, the last two of one type with 2 heads of 2, found 'tensor<?x4x2xf32>', 'tensor<?x2x2xf32>'}}
  %q, %k = jet.qkv_linear %x(%wq, %wk, %wv) rope %p theta 10000.0 : (tensor<?x8xf32>, tensor<8x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>, tensor<?xi32>) -> (tensor<?x4x2xf32>, tensor<?x2x2xf32>)
  return
}

// -----

// qkv_linear C5: head size
func.func @f(%x: tensor<?x8xf32>, %wq: tensor<12x8xf32>, %wk: tensor<6x8xf32>, %wv: tensor<6x8xf32>, %p: tensor<?xi32>, %c: !jet.kv_cache<2x3xf32, page = 64>, %b: !jet.batch) {
  // expected-error @+1 {{'jet.qkv_linear' op expected an even head size and a positive theta, found 3 and}}
  %q, %next = jet.qkv_linear %x(%wq, %wk, %wv) rope %p theta 10000.0 append %c, %b : (tensor<?x8xf32>, tensor<12x8xf32>, tensor<6x8xf32>, tensor<6x8xf32>, tensor<?xi32>, !jet.kv_cache<2x3xf32, page = 64>, !jet.batch) -> (tensor<?x4x3xf32>, !jet.kv_cache<2x3xf32, page = 64>)
  return
}

// -----

// qkv_linear C5: theta
func.func @f(%x: tensor<?x8xf32>, %wq: tensor<8x8xf32>, %wk: tensor<4x8xf32>, %wv: tensor<4x8xf32>, %p: tensor<?xi32>, %c: !jet.kv_cache<2x2xf32, page = 64>, %b: !jet.batch) {
  // expected-error @+1 {{'jet.qkv_linear' op expected an even head size and a positive theta, found 2 and}}
  %q, %next = jet.qkv_linear %x(%wq, %wk, %wv) rope %p theta 0.0 append %c, %b : (tensor<?x8xf32>, tensor<8x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>, tensor<?xi32>, !jet.kv_cache<2x2xf32, page = 64>, !jet.batch) -> (tensor<?x4x2xf32>, !jet.kv_cache<2x2xf32, page = 64>)
  return
}

// -----

// kv_append C1: heads
func.func @f(%cache: !jet.kv_cache<2x32xf32, page = 64>, %k: tensor<?x4x32xf32>, %v: tensor<?x2x32xf32>, %batch: !jet.batch) {
  // expected-error @+1 {{'jet.kv_append' op expected k of shape [?, 2, 32], found 'tensor<?x4x32xf32>'}}
  %y = jet.kv_append %cache, %k, %v, %batch : (!jet.kv_cache<2x32xf32, page = 64>, tensor<?x4x32xf32>, tensor<?x2x32xf32>, !jet.batch) -> !jet.kv_cache<2x32xf32, page = 64>
  return
}

// -----

// kv_append C1: rows
func.func @f(%cache: !jet.kv_cache<2x32xf32, page = 64>, %k: tensor<?x2x32xf32>, %v: tensor<4x2x32xf32>, %batch: !jet.batch) {
  // expected-error @+1 {{'jet.kv_append' op expected v of shape [?, 2, 32], found 'tensor<4x2x32xf32>'}}
  %y = jet.kv_append %cache, %k, %v, %batch : (!jet.kv_cache<2x32xf32, page = 64>, tensor<?x2x32xf32>, tensor<4x2x32xf32>, !jet.batch) -> !jet.kv_cache<2x32xf32, page = 64>
  return
}

// -----

// kv_append C1: element
func.func @f(%cache: !jet.kv_cache<2x32xf32, page = 64>, %k: tensor<?x2x32xbf16>, %v: tensor<?x2x32xf32>, %batch: !jet.batch) {
  // expected-error @+1 {{'jet.kv_append' op expected k with elements of type 'f32' as in the state, found 'tensor<?x2x32xbf16>'}}
  %y = jet.kv_append %cache, %k, %v, %batch : (!jet.kv_cache<2x32xf32, page = 64>, tensor<?x2x32xbf16>, tensor<?x2x32xf32>, !jet.batch) -> !jet.kv_cache<2x32xf32, page = 64>
  return
}

// -----

// kv_append: the cache keeps its type
func.func @f(%cache: !jet.kv_cache<2x32xf32, page = 64>, %k: tensor<?x2x32xf32>, %v: tensor<?x2x32xf32>, %batch: !jet.batch) {
  // expected-error @+1 {{'jet.kv_append' op failed to verify that all of {cache, result} have same type}}
  %y = jet.kv_append %cache, %k, %v, %batch : (!jet.kv_cache<2x32xf32, page = 64>, tensor<?x2x32xf32>, tensor<?x2x32xf32>, !jet.batch) -> !jet.kv_cache<2x32xf32, window = 8>
  return
}

// -----

// dynamic_conv C1: u
func.func @f(%u: tensor<?x128xf32>, %taps: tensor<?x1024xf32>, %tail: !jet.conv_tail<3x256xf32>, %batch: !jet.batch) {
  // expected-error @+1 {{'jet.dynamic_conv' op expected u of shape [?, 256], found 'tensor<?x128xf32>'}}
  %y, %next = jet.dynamic_conv %u, %taps, %tail, %batch : (tensor<?x128xf32>, tensor<?x1024xf32>, !jet.conv_tail<3x256xf32>, !jet.batch) -> (tensor<?x256xf32>, !jet.conv_tail<3x256xf32>)
  return
}

// -----

// dynamic_conv C1: result
func.func @f(%u: tensor<?x256xf32>, %taps: tensor<?x1024xf32>, %tail: !jet.conv_tail<3x256xf32>, %batch: !jet.batch) {
  // expected-error @+1 {{'jet.dynamic_conv' op expected result of shape [?, 256], found 'tensor<?x128xf32>'}}
  %y, %next = jet.dynamic_conv %u, %taps, %tail, %batch : (tensor<?x256xf32>, tensor<?x1024xf32>, !jet.conv_tail<3x256xf32>, !jet.batch) -> (tensor<?x128xf32>, !jet.conv_tail<3x256xf32>)
  return
}

// -----

// dynamic_conv C1: rows
func.func @f(%u: tensor<?x256xf32>, %taps: tensor<?x1024xf32>, %tail: !jet.conv_tail<3x256xf32>, %batch: !jet.batch) {
  // expected-error @+1 {{'jet.dynamic_conv' op expected result of shape [?, 256], found 'tensor<4x256xf32>'}}
  %y, %next = jet.dynamic_conv %u, %taps, %tail, %batch : (tensor<?x256xf32>, tensor<?x1024xf32>, !jet.conv_tail<3x256xf32>, !jet.batch) -> (tensor<4x256xf32>, !jet.conv_tail<3x256xf32>)
  return
}

// -----

// dynamic_conv C2: columns
func.func @f(%u: tensor<?x256xf32>, %taps: tensor<?x768xf32>, %tail: !jet.conv_tail<3x256xf32>, %batch: !jet.batch) {
  // expected-error @+1 {{'jet.dynamic_conv' op expected taps of shape [?, 1024], found 'tensor<?x768xf32>'}}
  %y, %next = jet.dynamic_conv %u, %taps, %tail, %batch : (tensor<?x256xf32>, tensor<?x768xf32>, !jet.conv_tail<3x256xf32>, !jet.batch) -> (tensor<?x256xf32>, !jet.conv_tail<3x256xf32>)
  return
}

// -----

// dynamic_conv C2: rows
func.func @f(%u: tensor<?x256xf32>, %taps: tensor<4x1024xf32>, %tail: !jet.conv_tail<3x256xf32>, %batch: !jet.batch) {
  // expected-error @+1 {{'jet.dynamic_conv' op expected taps of shape [?, 1024], found 'tensor<4x1024xf32>'}}
  %y, %next = jet.dynamic_conv %u, %taps, %tail, %batch : (tensor<?x256xf32>, tensor<4x1024xf32>, !jet.conv_tail<3x256xf32>, !jet.batch) -> (tensor<?x256xf32>, !jet.conv_tail<3x256xf32>)
  return
}

// -----

// dynamic_conv C3
func.func @f(%u: tensor<?x256xbf16>, %taps: tensor<?x1024xf32>, %tail: !jet.conv_tail<3x256xf32>, %batch: !jet.batch) {
  // expected-error @+1 {{'jet.dynamic_conv' op expected u with elements of type 'f32' as in the state, found 'tensor<?x256xbf16>'}}
  %y, %next = jet.dynamic_conv %u, %taps, %tail, %batch : (tensor<?x256xbf16>, tensor<?x1024xf32>, !jet.conv_tail<3x256xf32>, !jet.batch) -> (tensor<?x256xf32>, !jet.conv_tail<3x256xf32>)
  return
}

// -----

// dynamic_conv: the tail keeps its type
func.func @f(%u: tensor<?x256xf32>, %taps: tensor<?x1024xf32>, %tail: !jet.conv_tail<3x256xf32>, %batch: !jet.batch) {
  // expected-error @+1 {{'jet.dynamic_conv' op failed to verify that all of {tail, next_tail} have same type}}
  %y, %next = jet.dynamic_conv %u, %taps, %tail, %batch : (tensor<?x256xf32>, tensor<?x1024xf32>, !jet.conv_tail<3x256xf32>, !jet.batch) -> (tensor<?x256xf32>, !jet.conv_tail<2x256xf32>)
  return
}

// -----

// short_conv C1: u
func.func @f(%u: tensor<?x128xf32>, %w: tensor<256x4xf32>, %tail: !jet.conv_tail<3x256xf32>, %batch: !jet.batch) {
  // expected-error @+1 {{'jet.short_conv' op expected u of shape [?, 256], found 'tensor<?x128xf32>'}}
  %y, %next = jet.short_conv %u, %w, %tail, %batch : (tensor<?x128xf32>, tensor<256x4xf32>, !jet.conv_tail<3x256xf32>, !jet.batch) -> (tensor<?x256xf32>, !jet.conv_tail<3x256xf32>)
  return
}

// -----

// short_conv C1: result
func.func @f(%u: tensor<?x256xf32>, %w: tensor<256x4xf32>, %tail: !jet.conv_tail<3x256xf32>, %batch: !jet.batch) {
  // expected-error @+1 {{'jet.short_conv' op expected result of shape [?, 256], found 'tensor<?x128xf32>'}}
  %y, %next = jet.short_conv %u, %w, %tail, %batch : (tensor<?x256xf32>, tensor<256x4xf32>, !jet.conv_tail<3x256xf32>, !jet.batch) -> (tensor<?x128xf32>, !jet.conv_tail<3x256xf32>)
  return
}

// -----

// short_conv C1: rows
func.func @f(%u: tensor<?x256xf32>, %w: tensor<256x4xf32>, %tail: !jet.conv_tail<3x256xf32>, %batch: !jet.batch) {
  // expected-error @+1 {{'jet.short_conv' op expected result of shape [?, 256], found 'tensor<4x256xf32>'}}
  %y, %next = jet.short_conv %u, %w, %tail, %batch : (tensor<?x256xf32>, tensor<256x4xf32>, !jet.conv_tail<3x256xf32>, !jet.batch) -> (tensor<4x256xf32>, !jet.conv_tail<3x256xf32>)
  return
}

// -----

// short_conv C2: taps
func.func @f(%u: tensor<?x256xf32>, %w: tensor<256x3xf32>, %tail: !jet.conv_tail<3x256xf32>, %batch: !jet.batch) {
  // expected-error @+1 {{'jet.short_conv' op expected a weight of shape [256, 4], found 'tensor<256x3xf32>'}}
  %y, %next = jet.short_conv %u, %w, %tail, %batch : (tensor<?x256xf32>, tensor<256x3xf32>, !jet.conv_tail<3x256xf32>, !jet.batch) -> (tensor<?x256xf32>, !jet.conv_tail<3x256xf32>)
  return
}

// -----

// short_conv C2: channels
func.func @f(%u: tensor<?x256xf32>, %w: tensor<?x4xf32>, %tail: !jet.conv_tail<3x256xf32>, %batch: !jet.batch) {
  // expected-error @+1 {{'jet.short_conv' op expected a weight of shape [256, 4], found 'tensor<?x4xf32>'}}
  %y, %next = jet.short_conv %u, %w, %tail, %batch : (tensor<?x256xf32>, tensor<?x4xf32>, !jet.conv_tail<3x256xf32>, !jet.batch) -> (tensor<?x256xf32>, !jet.conv_tail<3x256xf32>)
  return
}

// -----

// short_conv C3
func.func @f(%u: tensor<?x256xbf16>, %w: tensor<256x4xf32>, %tail: !jet.conv_tail<3x256xf32>, %batch: !jet.batch) {
  // expected-error @+1 {{'jet.short_conv' op expected u with elements of type 'f32' as in the state, found 'tensor<?x256xbf16>'}}
  %y, %next = jet.short_conv %u, %w, %tail, %batch : (tensor<?x256xbf16>, tensor<256x4xf32>, !jet.conv_tail<3x256xf32>, !jet.batch) -> (tensor<?x256xf32>, !jet.conv_tail<3x256xf32>)
  return
}

// -----

// gated_delta_rule C2: heads of q
func.func @f(%q: tensor<?x3x32xf32>, %v: tensor<?x4x64xf32>, %g: tensor<?x4xf32>, %state: !jet.recurrent_state<4x32x64xf32>, %batch: !jet.batch) {
  // expected-error @+1 {{'jet.gated_delta_rule' op expected q of shape [?, a divisor of 4, 32], found 'tensor<?x3x32xf32>'}}
  %y, %next = jet.gated_delta_rule %q, %q, %v, %g, %g, %state, %batch : (tensor<?x3x32xf32>, tensor<?x3x32xf32>, tensor<?x4x64xf32>, tensor<?x4xf32>, tensor<?x4xf32>, !jet.recurrent_state<4x32x64xf32>, !jet.batch) -> (tensor<?x4x64xf32>, !jet.recurrent_state<4x32x64xf32>)
  return
}

// -----

// gated_delta_rule C2: more heads of q than of v
func.func @f(%q: tensor<?x8x32xf32>, %v: tensor<?x4x64xf32>, %g: tensor<?x4xf32>, %state: !jet.recurrent_state<4x32x64xf32>, %batch: !jet.batch) {
  // expected-error @+1 {{'jet.gated_delta_rule' op expected q of shape [?, a divisor of 4, 32], found 'tensor<?x8x32xf32>'}}
  %y, %next = jet.gated_delta_rule %q, %q, %v, %g, %g, %state, %batch additive : (tensor<?x8x32xf32>, tensor<?x8x32xf32>, tensor<?x4x64xf32>, tensor<?x4xf32>, tensor<?x4xf32>, !jet.recurrent_state<4x32x64xf32>, !jet.batch) -> (tensor<?x4x64xf32>, !jet.recurrent_state<4x32x64xf32>)
  return
}

// -----

// gated_delta_rule C1: k
func.func @f(%q: tensor<?x4x32xf32>, %k: tensor<?x4x64xf32>, %v: tensor<?x4x64xf32>, %g: tensor<?x4xf32>, %beta: tensor<?x4xf32>, %state: !jet.recurrent_state<4x32x64xf32>, %batch: !jet.batch) {
  // expected-error @+1 {{'jet.gated_delta_rule' op expected k of shape [?, 4, 32], found 'tensor<?x4x64xf32>'}}
  %y, %next = jet.gated_delta_rule %q, %k, %v, %g, %beta, %state, %batch : (tensor<?x4x32xf32>, tensor<?x4x64xf32>, tensor<?x4x64xf32>, tensor<?x4xf32>, tensor<?x4xf32>, !jet.recurrent_state<4x32x64xf32>, !jet.batch) -> (tensor<?x4x64xf32>, !jet.recurrent_state<4x32x64xf32>)
  return
}

// -----

// gated_delta_rule C1: result
func.func @f(%q: tensor<?x4x32xf32>, %k: tensor<?x4x32xf32>, %v: tensor<?x4x64xf32>, %g: tensor<?x4xf32>, %beta: tensor<?x4xf32>, %state: !jet.recurrent_state<4x32x64xf32>, %batch: !jet.batch) {
  // expected-error @+1 {{'jet.gated_delta_rule' op expected result of shape [?, 4, 64], found 'tensor<?x4x32xf32>'}}
  %y, %next = jet.gated_delta_rule %q, %k, %v, %g, %beta, %state, %batch : (tensor<?x4x32xf32>, tensor<?x4x32xf32>, tensor<?x4x64xf32>, tensor<?x4xf32>, tensor<?x4xf32>, !jet.recurrent_state<4x32x64xf32>, !jet.batch) -> (tensor<?x4x32xf32>, !jet.recurrent_state<4x32x64xf32>)
  return
}

// -----

// gated_delta_rule C1: heads of q and k
func.func @f(%q: tensor<?x2x32xf32>, %k: tensor<?x4x32xf32>, %v: tensor<?x4x64xf32>, %g: tensor<?x4xf32>, %beta: tensor<?x4xf32>, %state: !jet.recurrent_state<4x32x64xf32>, %batch: !jet.batch) {
  // expected-error @+1 {{'jet.gated_delta_rule' op expected k of shape [?, 2, 32], found 'tensor<?x4x32xf32>'}}
  %y, %next = jet.gated_delta_rule %q, %k, %v, %g, %beta, %state, %batch : (tensor<?x2x32xf32>, tensor<?x4x32xf32>, tensor<?x4x64xf32>, tensor<?x4xf32>, tensor<?x4xf32>, !jet.recurrent_state<4x32x64xf32>, !jet.batch) -> (tensor<?x4x64xf32>, !jet.recurrent_state<4x32x64xf32>)
  return
}

// -----

// gated_delta_rule C2: value size
func.func @f(%q: tensor<?x4x32xf32>, %k: tensor<?x4x32xf32>, %v: tensor<?x4x32xf32>, %g: tensor<?x4xf32>, %beta: tensor<?x4xf32>, %state: !jet.recurrent_state<4x32x64xf32>, %batch: !jet.batch) {
  // expected-error @+1 {{'jet.gated_delta_rule' op expected v of shape [?, 4, 64], found 'tensor<?x4x32xf32>'}}
  %y, %next = jet.gated_delta_rule %q, %k, %v, %g, %beta, %state, %batch : (tensor<?x4x32xf32>, tensor<?x4x32xf32>, tensor<?x4x32xf32>, tensor<?x4xf32>, tensor<?x4xf32>, !jet.recurrent_state<4x32x64xf32>, !jet.batch) -> (tensor<?x4x64xf32>, !jet.recurrent_state<4x32x64xf32>)
  return
}

// -----

// gated_delta_rule C2: heads of g
func.func @f(%q: tensor<?x4x32xf32>, %k: tensor<?x4x32xf32>, %v: tensor<?x4x64xf32>, %g: tensor<?x2xf32>, %beta: tensor<?x4xf32>, %state: !jet.recurrent_state<4x32x64xf32>, %batch: !jet.batch) {
  // expected-error @+1 {{'jet.gated_delta_rule' op expected g of shape [?, 4], found 'tensor<?x2xf32>'}}
  %y, %next = jet.gated_delta_rule %q, %k, %v, %g, %beta, %state, %batch : (tensor<?x4x32xf32>, tensor<?x4x32xf32>, tensor<?x4x64xf32>, tensor<?x2xf32>, tensor<?x4xf32>, !jet.recurrent_state<4x32x64xf32>, !jet.batch) -> (tensor<?x4x64xf32>, !jet.recurrent_state<4x32x64xf32>)
  return
}

// -----

// gated_delta_rule C2: rows of beta
func.func @f(%q: tensor<?x4x32xf32>, %k: tensor<?x4x32xf32>, %v: tensor<?x4x64xf32>, %g: tensor<?x4xf32>, %beta: tensor<4x4xf32>, %state: !jet.recurrent_state<4x32x64xf32>, %batch: !jet.batch) {
  // expected-error @+1 {{'jet.gated_delta_rule' op expected beta of shape [?, 4], found 'tensor<4x4xf32>'}}
  %y, %next = jet.gated_delta_rule %q, %k, %v, %g, %beta, %state, %batch : (tensor<?x4x32xf32>, tensor<?x4x32xf32>, tensor<?x4x64xf32>, tensor<?x4xf32>, tensor<4x4xf32>, !jet.recurrent_state<4x32x64xf32>, !jet.batch) -> (tensor<?x4x64xf32>, !jet.recurrent_state<4x32x64xf32>)
  return
}

// -----

// gated_delta_rule: the state keeps its type
func.func @f(%q: tensor<?x4x32xf32>, %k: tensor<?x4x32xf32>, %v: tensor<?x4x64xf32>, %g: tensor<?x4xf32>, %beta: tensor<?x4xf32>, %state: !jet.recurrent_state<4x32x64xf32>, %batch: !jet.batch) {
  // expected-error @+1 {{'jet.gated_delta_rule' op failed to verify that all of {state, next_state} have same type}}
  %y, %next = jet.gated_delta_rule %q, %k, %v, %g, %beta, %state, %batch : (tensor<?x4x32xf32>, tensor<?x4x32xf32>, tensor<?x4x64xf32>, tensor<?x4xf32>, tensor<?x4xf32>, !jet.recurrent_state<4x32x64xf32>, !jet.batch) -> (tensor<?x4x64xf32>, !jet.recurrent_state<4x32x64xbf16>)
  return
}

// -----

// last_token C1: columns
func.func @f(%x: tensor<?x128xf32>, %batch: !jet.batch) {
  // expected-error @+1 {{'jet.last_token' op expected result of shape [?, 128], found 'tensor<?x64xf32>'}}
  %y = jet.last_token %x, %batch : (tensor<?x128xf32>, !jet.batch) -> tensor<?x64xf32>
  return
}

// -----

// last_token C1: element
func.func @f(%x: tensor<?x128xf32>, %batch: !jet.batch) {
  // expected-error @+1 {{'jet.last_token' op expected one element type, found 'tensor<?x128xf32>' and 'tensor<?x128xbf16>'}}
  %y = jet.last_token %x, %batch : (tensor<?x128xf32>, !jet.batch) -> tensor<?x128xbf16>
  return
}
