// Four neighbouring columns of an accumulator add up.
// RUN: jet-ptx %s | FileCheck %s
// RUN: jet-opt %s -jet-interpret-tile -o /dev/null | FileCheck %s --check-prefix=VALUES

// CHECK-COUNT-6: shfl.sync.bfly

// c[i, j] = 32 i + j
// VALUES:      @fold argument 0:
// VALUES-NEXT: 6 22 38 54 70 86 102 118
// VALUES-NEXT: 134 150 166 182 198 214 230 246
tile.kernel @fold(%y: memref<16x8xf32> {tile.print}) block 32
    attributes {tile.grid = array<i64: 1>} {
  %c0 = arith.constant 0 : index
  %f0 = arith.constant 0.0 : f32
  %c32 = arith.constant 32 : index
  %zero = tile.splat %f0 : !tile.acc<16x32xf32>
  %c = tile.map %zero : (!tile.acc<16x32xf32>) -> !tile.acc<16x32xf32> {
  ^bb0(%x: f32, %i: index, %j: index):
    %row = arith.muli %i, %c32 : index
    %at = arith.addi %row, %j : index
    %at32 = arith.index_cast %at : index to i32
    %v = arith.sitofp %at32 : i32 to f32
    tile.yield %v : f32
  }
  %d = tile.fold %c : !tile.acc<16x32xf32> -> !tile.acc<16x8xf32>
  tile.store_acc %d to %y[%c0, %c0] : !tile.acc<16x8xf32>, memref<16x8xf32>
  tile.return
}
