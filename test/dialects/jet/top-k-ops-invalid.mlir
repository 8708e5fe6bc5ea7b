// One case per labelled constraint of the ops of candidates.

// RUN: jet-opt %s -verify-diagnostics -split-input-file

// top_k C1: none
func.func @f(%l: tensor<?x8xf32>) {
  // expected-error @+1 {{'jet.top_k' op expected k from 1 to 8, the columns, found 0}}
  %v, %i = jet.top_k %l k 0 : (tensor<?x8xf32>) -> (tensor<?x1xf32>, tensor<?x1xi32>)
  return
}

// -----

// top_k C1: more than there are
func.func @f(%l: tensor<?x8xf32>) {
  // expected-error @+1 {{'jet.top_k' op expected k from 1 to 8, the columns, found 9}}
  %v, %i = jet.top_k %l k 9 : (tensor<?x8xf32>) -> (tensor<?x9xf32>, tensor<?x9xi32>)
  return
}

// -----

// top_k C2: values
func.func @f(%l: tensor<?x8xf32>) {
  // expected-error @+1 {{'jet.top_k' op expected results of shape [?, 2], found 'tensor<?x3xf32>'}}
  %v, %i = jet.top_k %l k 2 : (tensor<?x8xf32>) -> (tensor<?x3xf32>, tensor<?x2xi32>)
  return
}

// -----

// top_k C2: rows of the ids
func.func @f(%l: tensor<?x8xf32>) {
  // expected-error @+1 {{'jet.top_k' op expected results of shape [?, 2], found 'tensor<5x2xi32>'}}
  %v, %i = jet.top_k %l k 2 : (tensor<?x8xf32>) -> (tensor<?x2xf32>, tensor<5x2xi32>)
  return
}

// -----

// linear_top_k C1
func.func @f(%x: tensor<?x8xf32>, %w: tensor<64x9xf32>) {
  // expected-error @+1 {{'jet.linear_top_k' op expected x with 9 columns as the weight, found 'tensor<?x8xf32>'}}
  %v, %i = jet.linear_top_k %x, %w k 2 block 64 : (tensor<?x8xf32>, tensor<64x9xf32>) -> (tensor<?x2xf32>, tensor<?x2xi32>)
  return
}

// -----

// linear_top_k C4: another size
func.func @f(%x: tensor<?x8xf32>, %w: tensor<64x8xf32>, %n: tensor<64xf32>) {
  // expected-error @+1 {{'jet.linear_top_k' op expected a norm of 8, found 'tensor<64xf32>'}}
  %v, %i = jet.linear_top_k %x, %w norm %n eps 1.0e-06 k 2 block 64 : (tensor<?x8xf32>, tensor<64x8xf32>, tensor<64xf32>) -> (tensor<?x2xf32>, tensor<?x2xi32>)
  return
}

// -----

// linear_top_k C4: eps
func.func @f(%x: tensor<?x8xf32>, %w: tensor<64x8xf32>, %n: tensor<8xf32>) {
  // expected-error @+1 {{'jet.linear_top_k' op expected norm_eps > 0, found 0}}
  %v, %i = jet.linear_top_k %x, %w norm %n eps 0.0 k 2 block 64 : (tensor<?x8xf32>, tensor<64x8xf32>, tensor<8xf32>) -> (tensor<?x2xf32>, tensor<?x2xi32>)
  return
}

// -----

// linear_top_k C2: more than the vocabulary
func.func @f(%x: tensor<?x8xf32>, %w: tensor<3x8xf32>) {
  // expected-error @+1 {{'jet.linear_top_k' op expected k from 1 to 3, the rows of the weight, found 4}}
  %v, %i = jet.linear_top_k %x, %w k 4 block 64 : (tensor<?x8xf32>, tensor<3x8xf32>) -> (tensor<?x4xf32>, tensor<?x4xi32>)
  return
}

// -----

// linear_top_k C2: more than a block
func.func @f(%x: tensor<?x8xf32>, %w: tensor<64x8xf32>) {
  // expected-error @+1 {{'jet.linear_top_k' op expected k from 1 to 2, the columns of a block, found 4}}
  %v, %i = jet.linear_top_k %x, %w k 4 block 2 : (tensor<?x8xf32>, tensor<64x8xf32>) -> (tensor<?x4xf32>, tensor<?x4xi32>)
  return
}

// -----

// linear_top_k C2: no block
func.func @f(%x: tensor<?x8xf32>, %w: tensor<64x8xf32>) {
  // expected-error @+1 {{'jet.linear_top_k' op expected k from 1 to 0, the columns of a block, found 4}}
  %v, %i = jet.linear_top_k %x, %w k 4 block 0 : (tensor<?x8xf32>, tensor<64x8xf32>) -> (tensor<?x4xf32>, tensor<?x4xi32>)
  return
}

// -----

// linear_top_k C2: a block beyond any size
func.func @f(%x: tensor<?x8xf32>, %w: tensor<64x8xf32>) {
  // expected-error @+1 {{'jet.linear_top_k' op expected a weight of known rows and a block of at most 2147483647 columns}}
  %v, %i = jet.linear_top_k %x, %w k 4 block 9000000000000000000 : (tensor<?x8xf32>, tensor<64x8xf32>) -> (tensor<?x4xf32>, tensor<?x4xi32>)
  return
}

// -----

// linear_top_k C2: a weight of unknown rows
func.func @f(%x: tensor<?x8xf32>, %w: tensor<?x8xf32>) {
  // expected-error @+1 {{'jet.linear_top_k' op expected a weight of known rows and a block of at most 2147483647 columns}}
  %v, %i = jet.linear_top_k %x, %w k 4 block 64 : (tensor<?x8xf32>, tensor<?x8xf32>) -> (tensor<?x4xf32>, tensor<?x4xi32>)
  return
}

// -----

// linear_top_k C3
func.func @f(%x: tensor<?x8xf32>, %w: tensor<65x8xf32>) {
  // expected-error @+1 {{'jet.linear_top_k' op expected results of shape [?, 8], found 'tensor<?x4xf32>'}}
  %v, %i = jet.linear_top_k %x, %w k 4 block 64 : (tensor<?x8xf32>, tensor<65x8xf32>) -> (tensor<?x4xf32>, tensor<?x4xi32>)
  return
}

// -----

// merge_top_k C1
func.func @f(%v: tensor<?x8xf32>, %i: tensor<?x9xi32>) {
  // expected-error @+1 {{'jet.merge_top_k' op expected values and ids of one shape, found 'tensor<?x8xf32>' and 'tensor<?x9xi32>'}}
  %a, %b = jet.merge_top_k %v, %i k 2 : (tensor<?x8xf32>, tensor<?x9xi32>) -> (tensor<?x2xf32>, tensor<?x2xi32>)
  return
}

// -----

// merge_top_k C2
func.func @f(%v: tensor<?x8xf32>, %i: tensor<?x8xi32>) {
  // expected-error @+1 {{'jet.merge_top_k' op expected k from 1 to 8, the candidates, found 9}}
  %a, %b = jet.merge_top_k %v, %i k 9 : (tensor<?x8xf32>, tensor<?x8xi32>) -> (tensor<?x9xf32>, tensor<?x9xi32>)
  return
}

// -----

// merge_top_k C3
func.func @f(%v: tensor<?x8xf32>, %i: tensor<?x8xi32>) {
  // expected-error @+1 {{'jet.merge_top_k' op expected results of shape [?, 2], found 'tensor<?x3xi32>'}}
  %a, %b = jet.merge_top_k %v, %i k 2 : (tensor<?x8xf32>, tensor<?x8xi32>) -> (tensor<?x2xf32>, tensor<?x3xi32>)
  return
}

// -----

// merge_top_k C4: a next token without sampling
func.func @f(%v: tensor<?x8xf32>, %i: tensor<?x8xi32>) {
  // expected-error @+1 {{'jet.merge_top_k' op expected a next token with sampling alone}}
  %a, %b, %n = jet.merge_top_k %v, %i k 2 : (tensor<?x8xf32>, tensor<?x8xi32>) -> (tensor<?x2xf32>, tensor<?x2xi32>, tensor<?xi32>)
  return
}

// -----

// merge_top_k C4: sampling without a next token
func.func @f(%v: tensor<?x8xf32>, %i: tensor<?x8xi32>, %s: tensor<?x4xf32>) {
  // expected-error @+1 {{'jet.merge_top_k' op expected a next token with sampling alone}}
  %a, %b = jet.merge_top_k %v, %i k 2 sample %s : (tensor<?x8xf32>, tensor<?x8xi32>, tensor<?x4xf32>) -> (tensor<?x2xf32>, tensor<?x2xi32>)
  return
}

// -----

// merge_top_k C4: sampling of another size
func.func @f(%v: tensor<?x8xf32>, %i: tensor<?x8xi32>, %s: tensor<?x3xf32>) {
  // expected-error @+1 {{'jet.merge_top_k' op expected sampling of shape [?, 4], found 'tensor<?x3xf32>'}}
  %a, %b, %n = jet.merge_top_k %v, %i k 2 sample %s : (tensor<?x8xf32>, tensor<?x8xi32>, tensor<?x3xf32>) -> (tensor<?x2xf32>, tensor<?x2xi32>, tensor<?xi32>)
  return
}

// -----

// sample C1
func.func @f(%v: tensor<?x8xf32>, %i: tensor<?x9xi32>, %s: tensor<?x4xf32>) {
  // expected-error @+1 {{'jet.sample' op expected values and ids of one shape, found 'tensor<?x8xf32>' and 'tensor<?x9xi32>'}}
  %n = jet.sample %v, %i by %s : (tensor<?x8xf32>, tensor<?x9xi32>, tensor<?x4xf32>) -> tensor<?xi32>
  return
}

// -----

// sample C2
func.func @f(%v: tensor<3x8xf32>, %i: tensor<3x8xi32>, %s: tensor<2x4xf32>) {
  // expected-error @+1 {{'jet.sample' op expected sampling of shape [3, 4], found 'tensor<2x4xf32>'}}
  %n = jet.sample %v, %i by %s : (tensor<3x8xf32>, tensor<3x8xi32>, tensor<2x4xf32>) -> tensor<3xi32>
  return
}

// -----

// sample C3
func.func @f(%v: tensor<?x8xf32>, %i: tensor<?x8xi32>, %s: tensor<?x4xf32>) {
  // expected-error @+1 {{'jet.sample' op expected next of shape [?], found 'tensor<3xi32>'}}
  %n = jet.sample %v, %i by %s : (tensor<?x8xf32>, tensor<?x8xi32>, tensor<?x4xf32>) -> tensor<3xi32>
  return
}

// -----

// linear_top_k: no code on a result, which is no element of the projection
func.func @f(%x: tensor<?x8xf32>, %w: tensor<64x8xf32>) {
  // expected-error @+1 {{'jet.linear_top_k' op cannot carry code on result 0}}
  %v, %i = jet.linear_top_k %x, %w k 2 block 64
    on result 0 {
    ^bb0(%a: f32):
      jet.yield %a : f32
    } : (tensor<?x8xf32>, tensor<64x8xf32>) -> (tensor<?x2xf32>, tensor<?x2xi32>)
  return
}

// -----

// sample_logits C1
func.func @f(%l: tensor<?x8xf32>, %s: tensor<?x3xf32>) {
  // expected-error @+1 {{'jet.sample_logits' op expected sampling of shape [?, 4], found 'tensor<?x3xf32>'}}
  %n = jet.sample_logits %l by %s : (tensor<?x8xf32>, tensor<?x3xf32>) -> tensor<?xi32>
  return
}

// -----

// sample_logits C2
func.func @f(%l: tensor<3x8xf32>, %s: tensor<3x4xf32>) {
  // expected-error @+1 {{'jet.sample_logits' op expected next of shape [3], found 'tensor<2xi32>'}}
  %n = jet.sample_logits %l by %s : (tensor<3x8xf32>, tensor<3x4xf32>) -> tensor<2xi32>
  return
}

// -----

// sample_logits C3
func.func @f(%l: tensor<?x16777217xf32>, %s: tensor<?x4xf32>) {
  // expected-error @+1 {{'jet.sample_logits' op expected logits of 1 to 16777216 columns, found 'tensor<?x16777217xf32>'}}
  %n = jet.sample_logits %l by %s : (tensor<?x16777217xf32>, tensor<?x4xf32>) -> tensor<?xi32>
  return
}
