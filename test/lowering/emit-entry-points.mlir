// Each kernel gets a function with the ABI of packages, which makes the memrefs
// from pointers and symbols.

// RUN: jet-opt %s -jet-emit-entry-points -canonicalize | FileCheck %s

module @kernels {
  // CHECK:      func.func @k(%[[OPERANDS:.*]]: !llvm.ptr, %[[SYMBOLS:.*]]: !llvm.ptr, %[[BEGIN:.*]]: i64, %[[END:.*]]: i64) {
  // R is symbol 0, C 3, S 4.
  // CHECK-DAG:    %[[R:.*]] = llvm.load %[[SYMBOLS]] : !llvm.ptr -> i64
  // CHECK-DAG:    %[[AT_C:.*]] = llvm.getelementptr %[[SYMBOLS]][3] : (!llvm.ptr) -> !llvm.ptr, i64
  // CHECK-DAG:    %[[C:.*]] = llvm.load %[[AT_C]]
  // CHECK-DAG:    %[[AT_S:.*]] = llvm.getelementptr %[[SYMBOLS]][4] : (!llvm.ptr) -> !llvm.ptr, i64
  // CHECK-DAG:    %[[S:.*]] = llvm.load %[[AT_S]]
  // Operand 0: sizes R, 3.
  // CHECK:        %[[P0:.*]] = llvm.load %[[OPERANDS]] : !llvm.ptr -> !llvm.ptr
  // CHECK:        llvm.insertvalue %[[P0]], %{{.*}}[0]
  // CHECK:        llvm.insertvalue %[[P0]], %{{.*}}[1]
  // CHECK:        llvm.insertvalue %[[R]], %{{.*}}[3, 0]
  // CHECK:        %[[X:.*]] = builtin.unrealized_conversion_cast %{{.*}} to memref<?x3xbf16>
  // Operand 1: sizes S, 2, C + 4; strides 2·(C + 4), C + 4, 1.
  // CHECK:        %[[COLUMNS:.*]] = llvm.add %[[C]], %{{.*}}
  // CHECK:        %[[AT_1:.*]] = llvm.getelementptr %[[OPERANDS]][1] : (!llvm.ptr) -> !llvm.ptr, !llvm.ptr
  // CHECK:        %[[P1:.*]] = llvm.load %[[AT_1]]
  // CHECK:        llvm.insertvalue %[[P1]], %{{.*}}[1]
  // CHECK:        llvm.insertvalue %[[COLUMNS]], %{{.*}}[3, 2]
  // CHECK:        %[[STRIDE1:.*]] = llvm.mul %[[COLUMNS]], %{{.*}}
  // CHECK:        llvm.insertvalue %[[STRIDE1]], %{{.*}}[4, 1]
  // CHECK:        %[[STRIDE0:.*]] = llvm.mul %[[STRIDE1]], %{{.*}}
  // CHECK:        llvm.insertvalue %[[S]], %{{.*}}[3, 0]
  // CHECK:        llvm.insertvalue %[[STRIDE0]], %{{.*}}[4, 0]
  // CHECK:        %[[STATE:.*]] = builtin.unrealized_conversion_cast %{{.*}} to memref<?x2x?xf32>
  // CHECK-DAG:    %[[FROM:.*]] = arith.index_cast %[[BEGIN]]
  // CHECK-DAG:    %[[TO:.*]] = arith.index_cast %[[END]]
  // CHECK:        call @k_body(%[[X]], %[[STATE]], %[[FROM]], %[[TO]])
  // CHECK-NEXT:   return

  // Operands do not overlap; nothing but the entry point is visible outside.
  // CHECK:      func.func private @k_body(%{{.*}}: memref<?x3xbf16> {llvm.noalias}, %{{.*}}: memref<?x2x?xf32> {llvm.noalias}, %{{.*}}: index, %{{.*}}: index)
  // CHECK-SAME:   llvm.linkage = #llvm.linkage<internal>
  func.func @k(
      %x: memref<?x3xbf16> {jet.shape = affine_map<()[R, B, T, C, S] -> (R, 3)>, jet.access = "read"},
      %s: memref<?x2x?xf32> {jet.shape = affine_map<()[R, B, T, C, S] -> (S, 2, C + 4)>, jet.access = "readwrite"},
      %begin: index, %end: index) {
    return
  }
}
