// RUN: jet-opt %s -jet-interpret-tile -split-input-file -verify-diagnostics -o /dev/null

tile.kernel @loads(%x: memref<?x8xf32> {tile.rows = 4 : i64}) block 32 attributes {tile.grid = array<i64: 1>} {
  %c0 = arith.constant 0 : index
  %c4 = arith.constant 4 : index
  %c6 = arith.constant 6 : index
  %c8 = arith.constant 8 : index
  // expected-error @+1 {{'tile.load' op expected index 0 below 4, found 4 (thread 0 of CTA 0,0,0)}}
  %a = tile.load %x[%c4, %c0] : memref<?x8xf32>, f32
  // expected-error @+1 {{expected index 1 below 8, found 8}}
  %b = tile.load %x[%c0, %c8] : memref<?x8xf32>, f32
  // expected-error @+1 {{expected an address of a multiple of 16 bytes, found an offset of 24}}
  %c = tile.load %x[%c0, %c6] : memref<?x8xf32>, vector<4xf32>
  tile.return
}

// -----

tile.kernel @stores(%y: memref<6xf32>) block 32 attributes {tile.grid = array<i64: 1>} {
  %c4 = arith.constant 4 : index
  %minus = arith.constant -1 : index
  %v = arith.constant dense<1.0> : vector<4xf32>
  %s = tile.alloc : !tile.shared<64xf32>
  // expected-error @+1 {{expected the last of 4 elements within 6, found a start at 4}}
  tile.store %v, %y[%c4] : vector<4xf32>, memref<6xf32>
  %f = arith.constant 1.0 : f32
  // expected-error @+1 {{expected index 0 below 64, found -1}}
  tile.store %f, %s[%minus] : f32, !tile.shared<64xf32>
  tile.return
}

// -----

tile.kernel @slices() block 32 attributes {tile.grid = array<i64: 1>} {
  %c4 = arith.constant 4 : index
  %f = arith.constant 1.0 : f32
  %s = tile.alloc : !tile.shared<4x64xf32>
  %more = tile.alloc : !tile.shared<64xf32>
  %lane = tile.lane_id
  %slot = tile.slice %s[%c4] : !tile.shared<4x64xf32> -> !tile.shared<64xf32>
  // expected-error @+1 {{uses a tile that tile.slice selects outside of its source's sizes}}
  tile.store %f, %slot[%lane] : f32, !tile.shared<64xf32>
  tile.return
}

// -----

!map = !tile.tensor_map<16x64xbf16, swizzle 128>
tile.kernel @boxes(%x: !map {tile.sizes = array<i64: 20, 64>}) block 32 attributes {tile.grid = array<i64: 1>} {
  %c0 = arith.constant 0 : index
  %c16 = arith.constant 16 : index
  %c36 = arith.constant 36 : index
  %p = arith.constant 0 : i32
  %bytes = arith.constant 4096 : i32
  %t = tile.alloc : !tile.shared<2x16x64xbf16, swizzle 128>
  %bars = tile.alloc : !tile.barriers<1>
  %t0 = tile.slice %t[%c0] : !tile.shared<2x16x64xbf16, swizzle 128> -> !tile.shared<16x64xbf16, swizzle 128>
  %c1 = arith.constant 1 : index
  %t1 = tile.slice %t[%c1] : !tile.shared<2x16x64xbf16, swizzle 128> -> !tile.shared<16x64xbf16, swizzle 128>
  %lead = tile.elect
  scf.if %lead {
    tile.init_barriers %bars count 1 : !tile.barriers<1>
    tile.fence_barriers
    tile.arrive_expect %bars[%c0], %bytes : !tile.barriers<1>
    // The last rows are outside: zeros.
    tile.tma_load %x[%c16, %c0] to %t0, %bars[%c0] : !map, !tile.shared<16x64xbf16, swizzle 128>, !tile.barriers<1>
    // expected-error @+1 {{expected a box in or beside the tensor's size 20 of dimension 0, found a start at 36}}
    tile.tma_load %x[%c36, %c0] to %t1, %bars[%c0] : !map, !tile.shared<16x64xbf16, swizzle 128>, !tile.barriers<1>
    tile.wait %bars[%c0] parity %p : !tile.barriers<1>
  }
  tile.return
}

// -----

!acc = !tile.acc<16x16xf32>
tile.kernel @accumulators(%y: memref<?x16xf32> {tile.rows = 10}) block 32 attributes {tile.grid = array<i64: 1>} {
  %c0 = arith.constant 0 : index
  %c10 = arith.constant 10 : index
  %c16 = arith.constant 16 : index
  %f = arith.constant 1.0 : f32
  %acc = tile.splat %f : !acc
  tile.store_acc %acc to %y[%c0, %c0] bounds %c10, %c16 : !acc, memref<?x16xf32>
  // expected-error @+1 {{'tile.store_acc' op expected index 0 below 10, found 10}}
  tile.store_acc %acc to %y[%c0, %c0] : !acc, memref<?x16xf32>
  tile.return
}

// -----

!t = !tile.shared<64x64xbf16, swizzle 128>
tile.kernel @fragments() block 32 attributes {tile.grid = array<i64: 1>} {
  %c0 = arith.constant 0 : index
  %c56 = arith.constant 56 : index
  %t = tile.alloc : !t
  // expected-error @+1 {{expected a part of 16x64 within 64x64 from a multiple of 8 columns, found it at [56, 0]}}
  %a = tile.load_matrix %t[%c56, %c0] : !t -> !tile.frag<16x64xbf16, a>
  tile.return
}

// -----

tile.kernel @vectors() block 32 attributes {tile.grid = array<i64: 1>} {
  %v = arith.constant dense<1.0> : vector<16xf32>
  %lane = tile.lane_id
  // expected-error @+1 {{expected an element below 16, found 16 (thread 16 of CTA 0,0,0)}}
  %e = vector.extract %v[%lane] : f32 from vector<16xf32>
  tile.return
}

// -----

// expected-error @+1 {{'tile.kernel' op expected a grid of whole clusters, found 3}}
tile.kernel @grid() block 32 cluster 2 attributes {tile.grid = array<i64: 3>} {
  tile.return
}

// -----

// expected-error @+1 {{argument 0: expected tile.rows}}
tile.kernel @rows(%x: memref<?xf32>) block 32 attributes {tile.grid = array<i64: 3>} {
  tile.return
}

// -----

// expected-error @+1 {{argument 1: expected 65536 bytes, found 16384}}
tile.kernel @bytes(%x: memref<64x64xf32>, %map: !tile.tensor_map<16x32xf32, swizzle 128> {tile.of = 0, tile.sizes = array<i64: 256, 64>}) block 32 attributes {tile.grid = array<i64: 3>} {
  tile.return
}

// -----

!map = !tile.tensor_map<1x8xf32>
tile.kernel @alignment(%x: !map {tile.sizes = array<i64: 4, 8>}) block 32 attributes {tile.grid = array<i64: 1>} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %p = arith.constant 0 : i32
  %bytes = arith.constant 32 : i32
  %t = tile.alloc : !tile.shared<2x1x8xf32>
  %bars = tile.alloc : !tile.barriers<1>
  %part = tile.slice %t[%c1] : !tile.shared<2x1x8xf32> -> !tile.shared<1x8xf32>
  %lead = tile.elect
  scf.if %lead {
    tile.init_barriers %bars count 1 : !tile.barriers<1>
    tile.fence_barriers
    tile.arrive_expect %bars[%c0], %bytes : !tile.barriers<1>
    // expected-error @+1 {{expected a tile at a multiple of 128 bytes, found it at 32}}
    tile.tma_load %x[%c0, %c0] to %part, %bars[%c0] : !map, !tile.shared<1x8xf32>, !tile.barriers<1>
    tile.wait %bars[%c0] parity %p : !tile.barriers<1>
  }
  tile.return
}
