// Level plan: round trip, as text and as bytecode.

// RUN: jet-opt %s | jet-opt | FileCheck %s
// RUN: jet-opt %s -emit-bytecode | jet-opt | FileCheck %s

// Places keep their names, and equal buffers are not merged.
// RUN: jet-opt %s -canonicalize -cse | FileCheck %s

// CHECK: jet.plan @decode arena 1024 max_batch 16 max_context 4096 {
jet.plan @decode arena 1024 max_batch 16 max_context 4096 {
  // CHECK: %tokens = jet.input "tokens" : memref<?xi32>
  %tokens = jet.input "tokens" : memref<?xi32>
  // CHECK: %batch = jet.input "batch" : !jet.batch
  %batch = jet.input "batch" : !jet.batch
  // CHECK: %state0 = jet.state 0 layer 2 : !jet.kv_cache<2x32xf32, page = 64>
  %s = jet.state 0 layer 2 : !jet.kv_cache<2x32xf32, page = 64>
  // CHECK: %logits = jet.output "logits" rows sequences : memref<?x64xf32>
  %logits = jet.output "logits" rows sequences : memref<?x64xf32>
  // CHECK: %embed_tokens = jet.weight "model.embed_tokens.weight" : memref<64x64xf32>
  %table = jet.weight "model.embed_tokens.weight" : memref<64x64xf32>
  // CHECK: %[[PACKED:.*]] = jet.weight "q + k" concat ["q", "k"] rows [48, 16] : memref<64x64xf32>
  %packed = jet.weight "q + k" concat ["q", "k"] rows [48, 16] : memref<64x64xf32>
  // CHECK: jet.weight "v" column_scale "n" : memref<64x64xf32>
  %scaled = jet.weight "v" column_scale "n" : memref<64x64xf32>
  // CHECK: jet.weight "r + s" concat ["r", "s"] rows [48, 16] column_scale "n" : memref<64x64xf32>
  %both = jet.weight "r + s" concat ["r", "s"] rows [48, 16] column_scale "n" : memref<64x64xf32>
  // CHECK: %rows = jet.weight_rows %[[PACKED]][48, 64] : memref<64x64xf32> -> memref<16x64xf32>
  %k = jet.weight_rows %packed[48, 64] : memref<64x64xf32> -> memref<16x64xf32>
  // CHECK: %buffer0 = jet.buffer at 0 bytes 256 : memref<?x64xf32>
  %x = jet.buffer at 0 bytes 256 : memref<?x64xf32>
  // CHECK: %buffer1 = jet.buffer at 0 bytes 256 : memref<?x64xf32>
  %y = jet.buffer at 0 bytes 256 : memref<?x64xf32>
  // CHECK: jet.execute @kernels::@embedding reads(%tokens, %embed_tokens : memref<?xi32>, memref<64x64xf32>) writes(%buffer0 : memref<?x64xf32>) rows tokens
  jet.execute @kernels::@embedding reads(%tokens, %table : memref<?xi32>, memref<64x64xf32>) writes(%x : memref<?x64xf32>) rows tokens
  // Heads, of as many elements.
  // CHECK: jet.execute @kernels::@append reads(%buffer0, %buffer1, %batch : memref<?x64xf32>, memref<?x64xf32>, !jet.batch) updates(%state0 : !jet.kv_cache<2x32xf32, page = 64>) rows tokens
  jet.execute @kernels::@append reads(%x, %y, %batch : memref<?x64xf32>, memref<?x64xf32>, !jet.batch) updates(%s : !jet.kv_cache<2x32xf32, page = 64>) rows tokens
  // CHECK: jet.execute @kernels::@linear reads(%buffer0, %embed_tokens : memref<?x64xf32>, memref<64x64xf32>) writes(%logits : memref<?x64xf32>) rows sequences {jet.note = 1 : i64}
  jet.execute @kernels::@linear reads(%x, %table : memref<?x64xf32>, memref<64x64xf32>) writes(%logits : memref<?x64xf32>) rows sequences {jet.note = 1}
  // A kernel that has buffers has other types.
  jet.execute @kernels::@buffers reads(%x : memref<?x64xf32>) rows tokens
}

module @kernels {
  func.func @embedding(%tokens: tensor<?xi32>, %table: tensor<64x64xf32>) -> tensor<?x64xf32> {
    %y = jet.embedding %tokens, %table : (tensor<?xi32>, tensor<64x64xf32>) -> tensor<?x64xf32>
    return %y : tensor<?x64xf32>
  }
  func.func private @append(tensor<?x2x32xf32>, tensor<?x2x32xf32>, !jet.kv_cache<2x32xf32, page = 64>, !jet.batch) -> !jet.kv_cache<2x32xf32, page = 64>
  func.func @linear(%x: tensor<?x64xf32>, %w: tensor<64x64xf32>) -> tensor<?x64xf32> {
    %y = jet.linear %x, %w : (tensor<?x64xf32>, tensor<64x64xf32>) -> tensor<?x64xf32>
    return %y : tensor<?x64xf32>
  }
  func.func @buffers(%x: memref<?x32xf32>, %y: memref<?x32xf32>) {
    return
  }
}
