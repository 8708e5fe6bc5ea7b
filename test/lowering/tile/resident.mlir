// RUN: jet-opt %s -jet-tile-to-nvvm | FileCheck %s
// RUN: jet-ptx %s | FileCheck %s --check-prefix=PTX

// So many CTAs are to fit in an SM.
// CHECK-LABEL: llvm.func @zero
// CHECK-SAME: nvvm.minctasm = 4
// PTX: .visible .entry zero(
// PTX: .minnctapersm 4
tile.kernel @zero(%y: memref<?xf32>) block 256 attributes {tile.resident = 4 : i32} {
  %i = tile.thread_id
  %f0 = arith.constant 0.0 : f32
  tile.store %f0, %y[%i] : f32, memref<?xf32>
  tile.return
}
