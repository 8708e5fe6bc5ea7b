// RUN: jet-opt %s -jet-interpret-tile -o /dev/null | FileCheck %s

// Scalar code, vectors and control flow, a number each.
tile.kernel @integers(%y: memref<16xi32> {tile.print}, %a: i32 {tile.value = -7 : i32},
                      %b: i32 {tile.value = 2 : i32}) block 32
    attributes {tile.grid = array<i64: 1>} {
  %c0 = arith.constant 0 : index
  %0 = arith.divsi %a, %b : i32
  %1 = arith.remsi %a, %b : i32
  %2 = arith.floordivsi %a, %b : i32
  %3 = arith.ceildivsi %a, %b : i32
  %4 = arith.divui %a, %b : i32
  %5 = arith.shrui %a, %b : i32
  %6 = arith.shrsi %a, %b : i32
  %7 = arith.shli %a, %b : i32
  %least = arith.constant -2147483648 : i32
  %one = arith.constant 1 : i32
  %8 = arith.subi %least, %one : i32
  %9 = arith.minui %a, %b : i32
  %byte = arith.trunci %a : i32 to i8
  %10 = arith.extui %byte : i8 to i32
  %11 = arith.extsi %byte : i8 to i32
  %less = arith.cmpi ult, %a, %b : i32
  %12 = arith.extsi %less : i1 to i32
  %f = arith.constant -2.75 : f32
  %13 = arith.fptosi %f : f32 to i32
  %14 = arith.bitcast %f : f32 to i32
  %15 = arith.xori %a, %b : i32
  %v = vector.from_elements %0, %1, %2, %3 : vector<4xi32>
  tile.store %v, %y[%c0] : vector<4xi32>, memref<16xi32>
  %c4 = arith.constant 4 : index
  %w = vector.from_elements %4, %5, %6, %7 : vector<4xi32>
  tile.store %w, %y[%c4] : vector<4xi32>, memref<16xi32>
  %c8 = arith.constant 8 : index
  %x = vector.from_elements %8, %9, %10, %11 : vector<4xi32>
  tile.store %x, %y[%c8] : vector<4xi32>, memref<16xi32>
  %c12 = arith.constant 12 : index
  %z = vector.from_elements %12, %13, %14, %15 : vector<4xi32>
  tile.store %z, %y[%c12] : vector<4xi32>, memref<16xi32>
  tile.return
}
// CHECK-LABEL: @integers argument 0:
// CHECK-NEXT: -3 -1 -4 -3 2147483644 1073741822 -2 -28 2147483647 2 249 -7 0 -2 -1070596096 -5

tile.kernel @floats(%y: memref<8xf32> {tile.print}, %a: f32 {tile.value = 1.00390625 : f32}) block 32
    attributes {tile.grid = array<i64: 1>} {
  %c0 = arith.constant 0 : index
  %c4 = arith.constant 4 : index
  // A tie: to the even one.
  %b = arith.truncf %a : f32 to bf16
  %0 = arith.extf %b : bf16 to f32
  %big = arith.constant 300.0 : f32
  %f8 = arith.truncf %big : f32 to f8E4M3FN
  %1 = arith.extf %f8 : f8E4M3FN to f32
  %nan = arith.constant 0x7FC00000 : f32
  %2 = arith.maxnumf %a, %nan : f32
  %3 = arith.maximumf %a, %nan : f32
  %zero = arith.constant 0.0 : f32
  %4 = math.exp2 %zero : f32
  %5 = math.fma %big, %big, %a : f32
  %bits = vector.from_elements %b, %b : vector<2xbf16>
  %pair = vector.bitcast %bits : vector<2xbf16> to vector<1xi32>
  %i = vector.extract %pair[0] : i32 from vector<1xi32>
  %6 = arith.sitofp %i : i32 to f32
  %v = vector.from_elements %0, %1, %2, %3 : vector<4xf32>
  %7 = vector.reduction <add>, %v, %zero : vector<4xf32> into f32
  tile.store %v, %y[%c0] : vector<4xf32>, memref<8xf32>
  %w = vector.from_elements %4, %5, %6, %7 : vector<4xf32>
  tile.store %w, %y[%c4] : vector<4xf32>, memref<8xf32>
  tile.return
}
// CHECK-LABEL: @floats argument 0:
// CHECK-NEXT: 1 288 1.00391 nan 1 90001 1.06537e+09 nan

// Lanes leave the loops at different times; two values swap places.
tile.kernel @control(%y: memref<4x3xi32> {tile.print}) block 32 attributes {tile.grid = array<i64: 1>} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c4 = arith.constant 4 : index
  %one = arith.constant 1 : i32
  %ten = arith.constant 10 : i32
  %lane = tile.lane_id
  %in = arith.cmpi ult, %lane, %c4 : index
  scf.if %in {
    %a, %b = scf.for %i = %c0 to %lane step %c1 iter_args(%p = %one, %q = %ten) -> (i32, i32) {
      scf.yield %q, %p : i32, i32
    }
    tile.store %a, %y[%lane, %c0] : i32, memref<4x3xi32>
    %n = scf.while (%k = %lane) : (index) -> index {
      %more = arith.cmpi ult, %k, %c2 : index
      scf.condition(%more) %k : index
    } do {
    ^bb0(%k: index):
      %next = arith.addi %k, %c2 : index
      scf.yield %next : index
    }
    %n32 = arith.index_cast %n : index to i32
    tile.store %n32, %y[%lane, %c1] : i32, memref<4x3xi32>
    %s = scf.index_switch %lane -> i32
    case 1 {
      scf.yield %ten : i32
    }
    case 3 {
      scf.yield %one : i32
    }
    default {
      %d = arith.constant -5 : i32
      scf.yield %d : i32
    }
    tile.store %s, %y[%lane, %c2] : i32, memref<4x3xi32>
  }
  tile.return
}
// CHECK-LABEL: @control argument 0:
// CHECK-NEXT: 1 2 -5
// CHECK-NEXT: 10 3 10
// CHECK-NEXT: 1 2 -5
// CHECK-NEXT: 10 3 1
