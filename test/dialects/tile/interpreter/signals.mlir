// RUN: jet-opt %s -jet-interpret-tile -split-input-file -verify-diagnostics -o /dev/null

// Each lane adds.
tile.kernel @counts(%n: memref<3xi32> {tile.fill = "iota"}) block 32 attributes {tile.grid = array<i64: 1>} {
  %c1 = arith.constant 1 : index
  %expected = arith.constant 33 : i32
  %more = arith.constant 34 : i32
  tile.add_signal %n[%c1] : memref<3xi32>
  tile.sync
  tile.wait_signal %n[%c1], %expected : memref<3xi32>
  // expected-error @+1 {{'tile.wait_signal' op expected 34 signals of earlier launches, found 33 (thread 0 of CTA 0,0,0)}}
  tile.wait_signal %n[%c1], %more : memref<3xi32>
  tile.return
}

// -----

tile.kernel @bounds(%n: memref<?xi32> {tile.rows = 2 : i64, tile.fill = "iota"}) block 32 attributes {tile.grid = array<i64: 1>} {
  %c2 = arith.constant 2 : index
  %zero = arith.constant 0 : i32
  // expected-error @+1 {{'tile.add_signal' op expected index 0 below 2, found 2}}
  tile.add_signal %n[%c2] : memref<?xi32>
  // expected-error @+1 {{'tile.wait_signal' op expected index 0 below 2, found 2}}
  tile.wait_signal %n[%c2], %zero : memref<?xi32>
  tile.return
}
