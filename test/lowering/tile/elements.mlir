// RUN: jet-ptx %s | FileCheck %s --check-prefix=PTX
// PTX-LABEL: .entry own(
// PTX-NOT: shfl
// PTX-COUNT-2: st.global.v2.b32
// RUN: jet-opt %s -jet-interpret-tile -o /dev/null | FileCheck %s

// Lane l stores what it has of columns 8 to 15: 10 · row + column of row l / 4,
// columns 8 + 2 (l mod 4) and the next, and of the row 8 below.
tile.kernel @own(%y: memref<32x4xf32> {tile.print}) block 32
    attributes {tile.grid = array<i64: 1>} {
  %c0 = arith.constant 0 : index
  %c2 = arith.constant 2 : index
  %zero = arith.constant 0.0 : f32
  %ten = arith.constant 10.0 : f32
  %acc = tile.splat %zero : !tile.acc<16x16xf32>
  %named = tile.map %acc : (!tile.acc<16x16xf32>) -> !tile.acc<16x16xf32> {
  ^bb0(%e: f32, %row: index, %column: index):
    %r = arith.index_cast %row : index to i32
    %c = arith.index_cast %column : index to i32
    %rf = arith.sitofp %r : i32 to f32
    %cf = arith.sitofp %c : i32 to f32
    %tens = arith.mulf %rf, %ten : f32
    %x = arith.addf %tens, %cf : f32
    tile.yield %x : f32
  }
  %e:8 = tile.elements %named : !tile.acc<16x16xf32>
  %lane = tile.lane_id
  %above = vector.from_elements %e#4, %e#5 : vector<2xf32>
  %below = vector.from_elements %e#6, %e#7 : vector<2xf32>
  tile.store %above, %y[%lane, %c0] : vector<2xf32>, memref<32x4xf32>
  tile.store %below, %y[%lane, %c2] : vector<2xf32>, memref<32x4xf32>
  tile.return
}
// CHECK: 8 9 88 89
// CHECK-NEXT: 10 11 90 91
// CHECK: 20 21 100 101
