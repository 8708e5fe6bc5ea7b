// RUN: jet-ptx %s | FileCheck %s --check-prefix=PTX
// PTX: vote.sync.any.pred
// RUN: jet-opt %s -jet-interpret-tile -o /dev/null | FileCheck %s

// Row 13 is past its top in the first comparison, which all lanes learn; no row
// in the second.
tile.kernel @moved(%y: memref<64xi32> {tile.print}) block 32
    attributes {tile.grid = array<i64: 1>} {
  %c13 = arith.constant 13 : index
  %c32 = arith.constant 32 : index
  %zero = arith.constant 0.0 : f32
  %one = arith.constant 1.0 : f32
  %acc = tile.splat %zero : !tile.acc<16x8xf32>
  %peak = tile.map %acc : (!tile.acc<16x8xf32>) -> !tile.acc<16x8xf32> {
  ^bb0(%e: f32, %row: index, %column: index):
    %is = arith.cmpi eq, %row, %c13 : index
    %x = arith.select %is, %one, %e : f32
    tile.yield %x : f32
  }
  %before = tile.splat %zero : !tile.rows<16xf32>
  %top = tile.reduce max %peak : !tile.acc<16x8xf32> -> !tile.rows<16xf32>
  %moved = tile.any_less %before, %top : !tile.rows<16xf32>
  %fallen = tile.any_less %top, %before : !tile.rows<16xf32>
  %lane = tile.lane_id
  %a = arith.extui %moved : i1 to i32
  tile.store %a, %y[%lane] : i32, memref<64xi32>
  %b = arith.extui %fallen : i1 to i32
  %at = arith.addi %lane, %c32 : index
  tile.store %b, %y[%at] : i32, memref<64xi32>
  tile.return
}
// CHECK: 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0
