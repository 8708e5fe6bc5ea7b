// A kernel gets the parameters of the CUDA target: pointers, symbols, scratch
// memory, its bytes for a block, points.

// RUN: jet-opt %s -jet-emit-device-entry-points | FileCheck %s

module @kernels {
  // CHECK:      llvm.func @k(%[[X:.*]]: !llvm.ptr {llvm.noalias}, %[[R:.*]]: i64, %{{.*}}: i64, %{{.*}}: i64, %{{.*}}: i64, %{{.*}}: i64, %{{.*}}: i64, %[[SCRATCH:.*]]: !llvm.ptr, %[[BYTES:.*]]: i64, %[[POINTS:.*]]: i64)
  // CHECK-SAME:   nvvm.kernel, nvvm.minctasm = 1 : i32, nvvm.reqntid = array<i32: 256>
  // The operand: sizes R, 3.
  // CHECK:        llvm.insertvalue %[[X]], %{{.*}}[1]
  // CHECK:        llvm.insertvalue %[[R]], %{{.*}}[3, 0]
  // CHECK:        %[[OPERAND:.*]] = builtin.unrealized_conversion_cast %{{.*}} to memref<?x3xf32>
  // Block i of n: from points · i / n to points · (i + 1) / n.
  // CHECK:        %[[CTAID:.*]] = nvvm.read.ptx.sreg.ctaid.x
  // CHECK:        %[[BLOCK:.*]] = llvm.zext %[[CTAID]] : i32 to i64
  // CHECK:        %[[NCTAID:.*]] = nvvm.read.ptx.sreg.nctaid.x
  // CHECK:        %[[BLOCKS:.*]] = llvm.zext %[[NCTAID]] : i32 to i64
  // CHECK:        %[[NEXT:.*]] = llvm.add %[[BLOCK]], %{{.*}}
  // CHECK:        %[[LOW:.*]] = llvm.mul %[[POINTS]], %[[BLOCK]]
  // CHECK:        %[[FIRST:.*]] = llvm.udiv %[[LOW]], %[[BLOCKS]]
  // CHECK:        %[[HIGH:.*]] = llvm.mul %[[POINTS]], %[[NEXT]]
  // CHECK:        %[[LAST:.*]] = llvm.udiv %[[HIGH]], %[[BLOCKS]]
  // CHECK:        %[[BEGIN:.*]] = arith.index_cast %[[FIRST]]
  // CHECK:        %[[END:.*]] = arith.index_cast %[[LAST]]
  // The block's own scratch memory.
  // CHECK:        %[[OFFSET:.*]] = llvm.mul %[[BLOCK]], %[[BYTES]]
  // CHECK:        %[[OWN:.*]] = llvm.getelementptr %[[SCRATCH]][%[[OFFSET]]] : (!llvm.ptr, i64) -> !llvm.ptr, i8
  // CHECK:        llvm.insertvalue %[[OWN]], %{{.*}}[1]
  // CHECK:        llvm.insertvalue %[[BYTES]], %{{.*}}[3, 0]
  // CHECK:        scf.for %{{.*}} = %[[BEGIN]] to %[[END]]
  // CHECK:          memref.store %{{.*}}, %[[OPERAND]]
  // CHECK:        llvm.return
  func.func @k(
      %x: memref<?x3xf32> {jet.shape = affine_map<()[R, B, T, C, S, P] -> (R, 3)>, jet.access = "write"},
      %begin: index, %end: index,
      %R: index, %B: index, %T: index, %C: index, %S: index, %P: index,
      %scratch: memref<?xi8>)
      attributes {jet.threads = 256 : i64} {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %zero = arith.constant 0.0 : f32
    scf.for %i = %begin to %end step %c1 {
      memref.store %zero, %x[%i, %c0] : memref<?x3xf32>
    }
    return
  }
}
