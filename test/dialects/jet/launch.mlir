// jet.launch: round trip, as text and as bytecode.

// RUN: jet-opt %s | jet-opt | FileCheck %s
// RUN: jet-opt %s -emit-bytecode | jet-opt | FileCheck %s

// CHECK-LABEL: @program
func.func @program(%x: tensor<?x128xf32>, %w: tensor<64x128xbf16>, %batch: !jet.batch) -> (tensor<?x64xf32>, tensor<?x128xf32>, tensor<?x64xf32>) {
  // CHECK: jet.launch @kernels::@linear_128x64(%{{.*}}, %{{.*}}) rows tokens : (tensor<?x128xf32>, tensor<64x128xbf16>) -> tensor<?x64xf32>
  %y = jet.launch @kernels::@linear_128x64(%x, %w) rows tokens : (tensor<?x128xf32>, tensor<64x128xbf16>) -> tensor<?x64xf32>
  // CHECK: %[[LAST:.*]] = jet.launch @kernels::@last_token_128
  %l = jet.launch @kernels::@last_token_128(%x, %batch) rows tokens : (tensor<?x128xf32>, !jet.batch) -> tensor<?x128xf32>
  // CHECK: jet.launch @kernels::@linear_128x64(%[[LAST]], %{{.*}}) rows sequences {jet.note = 1 : i64} : (tensor<?x128xf32>, tensor<64x128xbf16>) -> tensor<?x64xf32>
  %z = jet.launch @kernels::@linear_128x64(%l, %w) rows sequences {jet.note = 1} : (tensor<?x128xf32>, tensor<64x128xbf16>) -> tensor<?x64xf32>
  return %y, %l, %z : tensor<?x64xf32>, tensor<?x128xf32>, tensor<?x64xf32>
}

// A kernel that has buffers has other types than its launch.
// CHECK-LABEL: @lowered
func.func @lowered(%x: tensor<?x128xf32>) -> tensor<?x128xf32> {
  // CHECK: jet.launch @kernels::@buffers(%{{.*}}) rows tokens : (tensor<?x128xf32>) -> tensor<?x128xf32>
  %y = jet.launch @kernels::@buffers(%x) rows tokens : (tensor<?x128xf32>) -> tensor<?x128xf32>
  return %y : tensor<?x128xf32>
}

module @kernels {
  func.func @linear_128x64(%x: tensor<?x128xf32>, %w: tensor<64x128xbf16>) -> tensor<?x64xf32> {
    %y = jet.linear %x, %w : (tensor<?x128xf32>, tensor<64x128xbf16>) -> tensor<?x64xf32>
    return %y : tensor<?x64xf32>
  }
  func.func @last_token_128(%x: tensor<?x128xf32>, %batch: !jet.batch) -> tensor<?x128xf32> {
    %y = jet.last_token %x, %batch : (tensor<?x128xf32>, !jet.batch) -> tensor<?x128xf32>
    return %y : tensor<?x128xf32>
  }
  func.func @buffers(%x: memref<?x128xf32>, %y: memref<?x128xf32>) {
    return
  }
}
