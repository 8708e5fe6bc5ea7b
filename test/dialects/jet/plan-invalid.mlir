// Each constraint of the ops of level plan, broken.

// RUN: jet-opt %s -verify-diagnostics -split-input-file

// jet.plan C1: arena
// expected-error @+1 {{'jet.plan' op expected arena >= 0, found -1}}
jet.plan @p arena -1 max_batch 16 max_context 4096 {
}

// -----

// jet.plan C1: max_batch
// expected-error @+1 {{'jet.plan' op expected max_batch > 0, found 0}}
jet.plan @p arena 0 max_batch 0 max_context 4096 {
}

// -----

// jet.plan C1: max_context
// expected-error @+1 {{'jet.plan' op expected max_context <= 2147483647, found 2147483648}}
jet.plan @p arena 0 max_batch 1 max_context 2147483648 {
}

// -----

// jet.plan C2
jet.plan @p arena 256 max_batch 16 max_context 4096 {
  // expected-error @+1 {{'jet.param' op is neither a place nor a jet.execute, which is all that a jet.plan holds}}
  %w = jet.param "w" : tensor<64xf32>
}

// -----

// A place elsewhere
func.func @f() {
  // expected-error @+1 {{'jet.buffer' op expects parent op 'jet.plan'}}
  %x = jet.buffer at 0 bytes 256 : memref<?x64xf32>
  return
}

// -----

// A plan elsewhere
func.func @f() {
  // expected-error @+1 {{'jet.plan' op expects parent op 'builtin.module'}}
  jet.plan @p arena 0 max_batch 1 max_context 1 {
  }
  return
}

// -----

// jet.input: a value instead of a place
jet.plan @p arena 256 max_batch 16 max_context 4096 {
  // expected-error @+1 {{'jet.input' op result #0 must be memref, !jet.batch or state, but got 'tensor<?xi32>'}}
  %x = jet.input "tokens" : tensor<?xi32>
}

// -----

// jet.input C1
jet.plan @p arena 256 max_batch 16 max_context 4096 {
  // expected-error @+1 {{'jet.input' op expected a dense memref of f32, bf16, f16, f8E4M3FN or i32, found 'memref<?xi32, strided<[2]>>'}}
  %x = jet.input "tokens" : memref<?xi32, strided<[2]>>
}

// -----

// jet.state C1
jet.plan @p arena 256 max_batch 16 max_context 4096 {
  // expected-error @+1 {{'jet.state' op expected a state type, found 'memref<?x64xf32>'}}
  %x = jet.state 0 layer 0 : memref<?x64xf32>
}

// -----

// jet.state C2
jet.plan @p arena 256 max_batch 16 max_context 4096 {
  // expected-error @+1 {{'jet.state' op expected a layer >= 0, found -2}}
  %x = jet.state 0 layer -2 : !jet.kv_cache<2x32xf32, page = 64>
}

// -----

// jet.weight C1
jet.plan @p arena 256 max_batch 16 max_context 4096 {
  // expected-error @+1 {{'jet.weight' op expected a memref of static shape, found 'memref<?x64xf32>'}}
  %x = jet.weight "w" : memref<?x64xf32>
}

// -----

// jet.output C1
jet.plan @p arena 256 max_batch 16 max_context 4096 {
  // expected-error @+1 {{'jet.output' op expected a memref whose leading size alone is dynamic, found 'memref<64xf32>'}}
  %x = jet.output "logits" rows tokens : memref<64xf32>
}

// -----

// jet.buffer C1: no rows
jet.plan @p arena 256 max_batch 16 max_context 4096 {
  // expected-error @+1 {{'jet.buffer' op expected a memref whose leading size alone is dynamic, found 'memref<?x?xf32>'}}
  %x = jet.buffer at 0 bytes 256 : memref<?x?xf32>
}

// -----

// jet.buffer C1: no numbers
jet.plan @p arena 256 max_batch 16 max_context 4096 {
  // expected-error @+1 {{'jet.buffer' op expected a dense memref of f32, bf16, f16, f8E4M3FN or i32, found 'memref<?x4xindex>'}}
  %x = jet.buffer at 0 bytes 256 : memref<?x4xindex>
}

// -----

// jet.buffer C2
jet.plan @p arena 256 max_batch 16 max_context 4096 {
  // expected-error @+1 {{'jet.buffer' op expected an offset >= 0, found -64}}
  %x = jet.buffer at -64 bytes 256 : memref<?x64xf32>
}

// -----

// jet.execute C1: no such kernel
jet.plan @p arena 256 max_batch 16 max_context 4096 {
  // expected-error @+1 {{'jet.execute' op refers to a kernel that does not exist: @kernels::@missing}}
  jet.execute @kernels::@missing rows tokens
}
module @kernels {}

// -----

// jet.execute C1: not a function
jet.plan @p arena 256 max_batch 16 max_context 4096 {
  // expected-error @+1 {{'jet.execute' op refers to a kernel that is not a function: @kernels::@k}}
  jet.execute @kernels::@k rows tokens
}
module @kernels {
  module @k {}
}

// -----

// jet.execute C2
jet.plan @p arena 256 max_batch 16 max_context 4096 {
  %x = jet.buffer at 0 bytes 256 : memref<?x64xf32>
  // expected-error @+1 {{'jet.execute' op expected to read 2 places as @kernels::@k does, found 1}}
  jet.execute @kernels::@k reads(%x : memref<?x64xf32>) writes(%x : memref<?x64xf32>) rows tokens
}
module @kernels {
  func.func private @k(tensor<?x64xf32>, tensor<?x64xf32>) -> tensor<?x64xf32>
}

// -----

// jet.execute C2: a state that is updated, only read
jet.plan @p arena 256 max_batch 16 max_context 4096 {
  %x = jet.state 0 layer 0 : !jet.kv_cache<2x32xf32, page = 64>
  // expected-error @+1 {{'jet.execute' op expected to read 0 places as @kernels::@k does, found 1}}
  jet.execute @kernels::@k reads(%x : !jet.kv_cache<2x32xf32, page = 64>) rows tokens
}
module @kernels {
  func.func private @k(!jet.kv_cache<2x32xf32, page = 64>) -> !jet.kv_cache<2x32xf32, page = 64>
}

// -----

// jet.execute C3: elements a row
jet.plan @p arena 256 max_batch 16 max_context 4096 {
  %x = jet.buffer at 0 bytes 256 : memref<?x64xf32>
  // expected-error @+1 {{'jet.execute' op expected to write a place of 'tensor<?x2x16xf32>' as @kernels::@k does, found 'memref<?x64xf32>'}}
  jet.execute @kernels::@k reads(%x : memref<?x64xf32>) writes(%x : memref<?x64xf32>) rows tokens
}
module @kernels {
  func.func private @k(tensor<?x64xf32>) -> tensor<?x2x16xf32>
}

// -----

// jet.execute C3: element type
jet.plan @p arena 256 max_batch 16 max_context 4096 {
  %x = jet.buffer at 0 bytes 256 : memref<?x64xf32>
  // expected-error @+1 {{'jet.execute' op expected to read a place of 'tensor<?x64xbf16>' as @kernels::@k does, found 'memref<?x64xf32>'}}
  jet.execute @kernels::@k reads(%x : memref<?x64xf32>) writes(%x : memref<?x64xf32>) rows tokens
}
module @kernels {
  func.func private @k(tensor<?x64xbf16>) -> tensor<?x64xf32>
}

// -----

// jet.execute C3: another state
jet.plan @p arena 256 max_batch 16 max_context 4096 {
  %x = jet.state 0 layer 0 : !jet.kv_cache<2x32xf32, page = 64>
  // expected-error @+1 {{'jet.execute' op expected to update a place of '!jet.kv_cache<2x64xf32, page = 64>' as @kernels::@k does, found '!jet.kv_cache<2x32xf32, page = 64>'}}
  jet.execute @kernels::@k updates(%x : !jet.kv_cache<2x32xf32, page = 64>) rows tokens
}
module @kernels {
  func.func private @k(!jet.kv_cache<2x64xf32, page = 64>) -> !jet.kv_cache<2x64xf32, page = 64>
}

// -----

// jet.weight C2: rows
jet.plan @p arena 0 max_batch 16 max_context 4096 {
  // expected-error @+1 {{'jet.weight' op expected tensors of 64 rows in all}}
  %w = jet.weight "q + k" concat ["q", "k"] rows [48, 8] : memref<64x64xf32>
}

// -----

// jet.weight C2: more rows than there are
jet.plan @p arena 0 max_batch 16 max_context 4096 {
  // expected-error @+1 {{'jet.weight' op expected tensors of 64 rows in all}}
  %w = jet.weight "q + k" concat ["q", "k"] rows [48, 24] : memref<64x64xf32>
}

// -----

// jet.weight C2: a number for each tensor
jet.plan @p arena 0 max_batch 16 max_context 4096 {
  // expected-error @+1 {{'jet.weight' op expected a number of rows for each tensor}}
  %w = jet.weight "q + k" concat ["q", "k"] rows [64] : memref<64x64xf32>
}

// -----

// jet.weight C3
jet.plan @p arena 0 max_batch 16 max_context 4096 {
  // expected-error @+1 {{'jet.weight' op expected 2 dimensions with a column scale, found 'memref<64xf32>'}}
  %w = jet.weight "w" column_scale "n" : memref<64xf32>
}

// -----

// jet.weight_rows C1: range
jet.plan @p arena 0 max_batch 16 max_context 4096 {
  %w = jet.weight "w" : memref<64x64xf32>
  // expected-error @+1 {{'jet.weight_rows' op expected a jet.weight and rows of it, found [32, 65] of 'memref<64x64xf32>'}}
  %r = jet.weight_rows %w[32, 65] : memref<64x64xf32> -> memref<33x64xf32>
}

// -----

// jet.weight_rows C1: the place
jet.plan @p arena 0 max_batch 16 max_context 4096 {
  %w = jet.weight "w" : memref<64x64xf32>
  // expected-error @+1 {{'jet.weight_rows' op expected a place of 'memref<32x64xf32>', found 'memref<32x32xf32>'}}
  %r = jet.weight_rows %w[32, 64] : memref<64x64xf32> -> memref<32x32xf32>
}
