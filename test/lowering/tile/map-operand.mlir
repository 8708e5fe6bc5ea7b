// An operand of 16 rows goes into a map as f32, in the places of an
// accumulator.
// RUN: jet-ptx %s | FileCheck %s
// RUN: jet-opt %s -jet-interpret-tile -o /dev/null | FileCheck %s --check-prefix=VALUES

// CHECK: ldmatrix

// d[i, j] = 16 i + j + 100 j
// VALUES:      @map_operand argument 0:
// VALUES-NEXT: 0 101 202 303 404 505 606 707 808 909 1010 1111 1212 1313 1414 1515
// VALUES-NEXT: 16 117 218
tile.kernel @map_operand(%y: memref<16x16xf32> {tile.print}) block 32
    attributes {tile.grid = array<i64: 1>} {
  %c0 = arith.constant 0 : index
  %c16 = arith.constant 16 : index
  %c100 = arith.constant 100 : index
  %f0 = arith.constant 0.0 : f32
  %t = tile.alloc : !tile.shared<16x16xbf16>
  %zero = tile.splat %f0 : !tile.acc<16x16xf32>
  %c = tile.map %zero : (!tile.acc<16x16xf32>) -> !tile.acc<16x16xf32> {
  ^bb0(%x: f32, %i: index, %j: index):
    %row = arith.muli %i, %c16 : index
    %at = arith.addi %row, %j : index
    %at32 = arith.index_cast %at : index to i32
    %v = arith.sitofp %at32 : i32 to f32
    tile.yield %v : f32
  }
  tile.store_acc %c to %t[%c0, %c0] : !tile.acc<16x16xf32>, !tile.shared<16x16xbf16>
  tile.sync_warp
  %a = tile.load_matrix %t[%c0, %c0] : !tile.shared<16x16xbf16> -> !tile.frag<16x16xbf16, a>
  %d = tile.map %a : (!tile.frag<16x16xbf16, a>) -> !tile.acc<16x16xf32> {
  ^bb0(%x: f32, %i: index, %j: index):
    %add = arith.muli %j, %c100 : index
    %add32 = arith.index_cast %add : index to i32
    %v = arith.sitofp %add32 : i32 to f32
    %s = arith.addf %x, %v : f32
    tile.yield %s : f32
  }
  tile.store_acc %d to %y[%c0, %c0] : !tile.acc<16x16xf32>, memref<16x16xf32>
  tile.return
}
