// RUN: jet-opt %s -split-input-file -verify-diagnostics

// Constraints of types, then of ops, by their labels in the reference.

// shared C1
// expected-error @+1 {{expected at most 232448 bytes in shared memory}}
func.func private @shared_c1(!tile.shared<1024x1024xf32>)

// -----

// shared C2
// expected-error @+1 {{expected elements of 8, 16, 32 or 64 bits, found 'i4'}}
func.func private @shared_c2(!tile.shared<64xi4>)

// -----

// shared C3
// expected-error @+1 {{expected a swizzle of 0, 32, 64 or 128, found 96}}
func.func private @shared_c3(!tile.shared<8x48xbf16, swizzle 96>)

// -----

// shared C3
// expected-error @+1 {{expected rows of 128 bytes under swizzle 128, found 64}}
func.func private @shared_c3_row(!tile.shared<8x32xbf16, swizzle 128>)

// -----

// tensor_map C1
// expected-error @+1 {{expected sizes of a box of 1 to 256, found 512}}
func.func private @map_c1(!tile.tensor_map<512x8xbf16>)

// -----

// tensor_map C4
// expected-error @+1 {{expected rows of a box of a multiple of 16 bytes, found 8}}
func.func private @map_c4(!tile.tensor_map<8x4xbf16>)

// -----

// barriers C1
// expected-error @+1 {{expected 1 to 1024 barriers, found 0}}
func.func private @barriers_c1(!tile.barriers<0>)

// -----

// acc C1
// expected-error @+1 {{expected 16 rows (a warp) or 64 (a warpgroup), found 32}}
func.func private @acc_c1(!tile.acc<32x8xf32>)

// -----

// acc C2
// expected-error @+1 {{expected a multiple of 8 columns, 8 to 256, found 264}}
func.func private @acc_c2(!tile.acc<64x264xf32>)

// -----

// rows C1
// expected-error @+1 {{expected 16 rows (a warp) or 64 (a warpgroup), found 8}}
func.func private @rows_c1(!tile.rows<8xf32>)

// -----

// frag C1
// expected-error @+1 {{expected a multiple of 16 columns, 16 to 256, found 8}}
func.func private @frag_c1(!tile.frag<16x8xbf16, a>)

// -----

// frag C2
// expected-error @+1 {{expected a multiple of 8 rows, 8 to 256, found 4}}
func.func private @frag_c2(!tile.frag<4x16xbf16, b>)

// -----

// expected-error @+1 {{expected kind a or b, found c}}
func.func private @frag_kind(!tile.frag<16x16xbf16, c>)

// -----

// kernel C1
// expected-error @+1 {{expected a multiple of 32 threads, 32 to 1024, found 33}}
tile.kernel @kernel_c1() block 33 {
  tile.return
}

// -----

// kernel C2
// expected-error @+1 {{expected a cluster of 1 to 8, found 16}}
tile.kernel @kernel_c2() block 32 cluster 16 {
  tile.return
}

// -----

// kernel C3
// expected-error @+1 {{expected row-major memory whose leading size alone may be dynamic}}
tile.kernel @kernel_c3(%x: memref<?x?xf32>) block 32 {
  tile.return
}

// -----

// kernel C3
// expected-error @+1 {{expected memory, a tensor map or a scalar}}
tile.kernel @kernel_c3_type(%x: !tile.acc<16x8xf32>) block 32 {
  tile.return
}

// -----

// kernel C5
// expected-error @+1 {{expected at most 232448 bytes of shared memory, found 262144}}
tile.kernel @kernel_c5() block 32 {
  %a = tile.alloc : !tile.shared<131072xi8>
  %b = tile.alloc : !tile.shared<131072xi8>
  tile.return
}

// -----

// alloc C1
tile.kernel @alloc_c1(%p: i1) block 32 {
  scf.if %p {
    // expected-error @+1 {{expected a place in the kernel's entry block}}
    %a = tile.alloc : !tile.barriers<1>
  }
  tile.return
}

// -----

// slice C1
tile.kernel @slice_c1(%i: index) block 32 {
  %a = tile.alloc : !tile.shared<4x64xf32>
  // expected-error @+1 {{expected a result of '!tile.shared<64xf32>'}}
  %b = tile.slice %a[%i] : !tile.shared<4x64xf32> -> !tile.shared<32xf32>
  tile.return
}

// -----

// slice C2
tile.kernel @slice_c2(%i: index) block 32 {
  %a = tile.alloc : !tile.shared<4x4x64xbf16, swizzle 128>
  // expected-error @+1 {{expected a swizzled tile of a multiple of 1024 bytes, found 512}}
  %b = tile.slice %a[%i] : !tile.shared<4x4x64xbf16, swizzle 128> -> !tile.shared<4x64xbf16, swizzle 128>
  tile.return
}

// -----

// view C1
tile.kernel @view_c1() block 32 {
  %a = tile.alloc : !tile.shared<16x64xbf16, swizzle 128>
  // expected-error @+1 {{expected the same elements, swizzle}}
  %b = tile.view %a : !tile.shared<16x64xbf16, swizzle 128> -> !tile.shared<16x64xbf16>
  tile.return
}

// -----

// roles C2
tile.kernel @roles_c2() block 128 {
  // expected-error @+1 {{expected roles of 128 threads together, found 96}}
  tile.roles {
    tile.role @a threads 96 { tile.return }
  }
  tile.return
}

// -----

// roles C3
tile.kernel @roles_c3() block 384 {
  // expected-error @+1 {{expected at most 64512 registers in all roles, found 92160}}
  tile.roles {
    tile.role @a threads 384 registers 240 { tile.return }
  }
  tile.return
}

// -----

// roles C4
tile.kernel @roles_c4() block 256 {
  // expected-error @+1 {{expected registers of all roles or of none}}
  tile.roles {
    tile.role @a threads 128 registers 40 { tile.return }
    tile.role @b threads 128 { tile.return }
  }
  tile.return
}

// -----

// role C1
tile.kernel @role_c1() block 64 {
  tile.roles {
    // expected-error @+1 {{expected a multiple of 128 threads, found 64}}
    tile.role @a threads 64 registers 40 { tile.return }
  }
  tile.return
}

// -----

// role C2
tile.kernel @role_c2() block 128 {
  tile.roles {
    // expected-error @+1 {{expected a multiple of 8 registers, 24 to 240, found 41}}
    tile.role @a threads 128 registers 41 { tile.return }
  }
  tile.return
}

// -----

// init_barriers C1
tile.kernel @init_c1() block 32 {
  %b = tile.alloc : !tile.barriers<1>
  // expected-error @+1 {{expected a count of 1 to 1048575, found 0}}
  tile.init_barriers %b count 0 : !tile.barriers<1>
  tile.return
}

// -----

// sync C1
tile.kernel @sync_c1() block 32 {
  // expected-error @+1 {{expected an id of 1 to 15, found 16}}
  tile.sync id 16 threads 32
  tile.return
}

// -----

// sync C2
tile.kernel @sync_c2() block 32 {
  // expected-error @+1 {{expected a multiple of 32 threads up to 32, found 64}}
  tile.sync id 1 threads 64
  tile.return
}

// -----

// load C1
tile.kernel @load_c1(%x: memref<?x8xf32>, %i: index) block 32 {
  // expected-error @+1 {{expected 2 indices, found 1}}
  %v = tile.load %x[%i] : memref<?x8xf32>, f32
  tile.return
}

// -----

// load C2
tile.kernel @load_c2(%x: memref<?xf32>, %i: index) block 32 {
  // expected-error @+1 {{expected 1, 2, 4, 8 or 16 bytes, found 'vector<8xf32>'}}
  %v = tile.load %x[%i] : memref<?xf32>, vector<8xf32>
  tile.return
}

// -----

// store C2
tile.kernel @store_c2(%x: memref<?xf32>, %i: index) block 32 {
  // expected-error @+1 {{expected 'f32' or a vector of it, found 'index'}}
  tile.store %i, %x[%i] : index, memref<?xf32>
  tile.return
}

// -----

// tma_load C1
tile.kernel @tma_c1(%m: !tile.tensor_map<8x64xbf16>, %i: index) block 32 {
  %t = tile.alloc : !tile.shared<8x64xbf16>
  %b = tile.alloc : !tile.barriers<1>
  // expected-error @+1 {{expected 2 coordinates, found 1}}
  tile.tma_load %m[%i] to %t, %b[%i] : !tile.tensor_map<8x64xbf16>, !tile.shared<8x64xbf16>, !tile.barriers<1>
  tile.return
}

// -----

// tma_prefetch C1
tile.kernel @prefetch_c1(%m: !tile.tensor_map<8x64xbf16>, %i: index) block 32 {
  // expected-error @+1 {{expected 2 coordinates, found 3}}
  tile.tma_prefetch %m[%i, %i, %i] : !tile.tensor_map<8x64xbf16>
  tile.return
}

// -----

// tma_store C2
tile.kernel @tma_c2(%m: !tile.tensor_map<8x64xbf16, swizzle 128>, %i: index) block 32 {
  %t = tile.alloc : !tile.shared<8x64xbf16>
  // expected-error @+1 {{expected a tile of the elements and swizzle of}}
  tile.tma_store %t to %m[%i, %i] : !tile.shared<8x64xbf16>, !tile.tensor_map<8x64xbf16, swizzle 128>
  tile.return
}

// -----

// bulk_load C4
tile.kernel @bulk_c4(%x: memref<?xf32>, %i: index) block 32 {
  %t = tile.alloc : !tile.shared<3xf32>
  %b = tile.alloc : !tile.barriers<1>
  // expected-error @+1 {{expected a multiple of 16 bytes, found 12}}
  tile.bulk_load %x[%i] to %t, %b[%i] : memref<?xf32>, !tile.shared<3xf32>, !tile.barriers<1>
  tile.return
}

// -----

// bulk_store C3
tile.kernel @bulk_c3(%x: memref<?xbf16>, %i: index) block 32 {
  %t = tile.alloc : !tile.shared<8x64xbf16, swizzle 128>
  // expected-error @+1 {{expected a tile without swizzle}}
  tile.bulk_store %t to %x[%i] : !tile.shared<8x64xbf16, swizzle 128>, memref<?xbf16>
  tile.return
}

// -----

// cp_async C3
tile.kernel @cp_c3(%x: memref<?xbf16>, %i: index) block 32 {
  %t = tile.alloc : !tile.shared<64xbf16>
  // expected-error @+1 {{expected 4, 8 or 16 bytes, found 2}}
  tile.cp_async %x[%i] to %t[%i] count 1 : memref<?xbf16>, !tile.shared<64xbf16>
  tile.return
}

// -----

// shuffle_xor C1
tile.kernel @shuffle_c1(%x: f32) block 32 {
  // expected-error @+1 {{expected an offset of 1 to 31, found 32}}
  %y = tile.shuffle_xor %x, 32 : f32
  tile.return
}

// -----

// wgmma C1
tile.kernel @wgmma_c1() block 128 {
  %a = tile.alloc : !tile.shared<128x64xbf16, swizzle 128>
  // expected-error @+1 {{expected A of 64xK}}
  %d = tile.wgmma %a, %a : !tile.shared<128x64xbf16, swizzle 128>, !tile.shared<128x64xbf16, swizzle 128> -> !tile.acc<64x128xf32>
  tile.return
}

// -----

// wgmma C1, turned
tile.kernel @wgmma_c1_turned() block 128 {
  %a = tile.alloc : !tile.shared<64x32xbf16, swizzle 64>
  %b = tile.alloc : !tile.shared<64x64xbf16, swizzle 128>
  tile.wgmma_fence
  // expected-error @+1 {{expected A of Kx64, found '!tile.shared<64x32xbf16, swizzle 64>'}}
  %d = tile.wgmma %a, %b turned : !tile.shared<64x32xbf16, swizzle 64>, !tile.shared<64x64xbf16, swizzle 128> -> !tile.acc<64x64xf32>
  tile.return
}

// -----

// wgmma C2
tile.kernel @wgmma_c2() block 128 {
  %a = tile.alloc : !tile.shared<64x64xbf16, swizzle 128>
  // expected-error @+1 {{expected B and the result to agree with A's K = 64}}
  %d = tile.wgmma %a, %a : !tile.shared<64x64xbf16, swizzle 128>, !tile.shared<64x64xbf16, swizzle 128> -> !tile.acc<64x128xf32>
  tile.return
}

// -----

// wgmma C3, C4
tile.kernel @wgmma_c4() block 128 {
  %a = tile.alloc : !tile.shared<64x64xbf16, swizzle 128>
  %b = tile.alloc : !tile.shared<64x64xbf16>
  // expected-error @+1 {{expected B of swizzled bf16}}
  %d = tile.wgmma %a, %b : !tile.shared<64x64xbf16, swizzle 128>, !tile.shared<64x64xbf16> -> !tile.acc<64x64xf32>
  tile.return
}

// -----

// wgmma_wait C1
tile.kernel @wait_c1() block 128 {
  // expected-error @+1 {{expected 0 to 7 pending groups, found 8}}
  tile.wgmma_wait 8
  tile.return
}

// -----

// load_matrix C3
tile.kernel @ldmatrix_c3(%i: index) block 32 {
  %a = tile.alloc : !tile.shared<64x64xbf16, swizzle 128>
  // expected-error @+1 {{expected kind b if transposed}}
  %d = tile.load_matrix %a[%i, %i] transposed : !tile.shared<64x64xbf16, swizzle 128> -> !tile.frag<16x16xbf16, a>
  tile.return
}

// -----

// mma C1
tile.kernel @mma_c1(%f: f32, %i: index) block 32 {
  %t = tile.alloc : !tile.shared<64x64xbf16, swizzle 128>
  %a = tile.load_matrix %t[%i, %i] : !tile.shared<64x64xbf16, swizzle 128> -> !tile.frag<16x16xbf16, a>
  %c = tile.splat %f : !tile.acc<16x8xf32>
  // expected-error @+1 {{expected 16xK (a), NxK (b) and 16xN}}
  %d = tile.mma %a, %a, %c : !tile.frag<16x16xbf16, a>, !tile.frag<16x16xbf16, a>, !tile.acc<16x8xf32>
  tile.return
}

// -----

// pack C1
tile.kernel @pack_c1(%f: f32) block 32 {
  %c = tile.splat %f : !tile.acc<16x16xf32>
  // expected-error @+1 {{expected kind a of the shape of}}
  %d = tile.pack %c : !tile.acc<16x16xf32> -> !tile.frag<16x32xbf16, a>
  tile.return
}

// -----

// map C2
tile.kernel @map_c2(%f: f32) block 32 {
  %c = tile.splat %f : !tile.acc<16x16xf32>
  // expected-error @+1 {{expected a region of an f32 for each input}}
  %d = tile.map %c : (!tile.acc<16x16xf32>) -> !tile.acc<16x16xf32> {
  ^bb0(%x: f32):
    tile.yield %x : f32
  }
  tile.return
}

// -----

// columns C1
tile.kernel @columns_c1(%f: f32) block 128 {
  %c = tile.splat %f : !tile.acc<64x32xf32>
  // expected-error @+1 {{expected 64 rows, found '!tile.acc<16x32xf32>'}}
  %d = tile.columns %c from 0 : !tile.acc<64x32xf32> -> !tile.acc<16x32xf32>
  tile.return
}

// -----

// columns C2
tile.kernel @columns_c2(%f: f32) block 128 {
  %c = tile.splat %f : !tile.acc<64x32xf32>
  // expected-error @+1 {{expected columns from a multiple of 8 within}}
  %d = tile.columns %c from 24 : !tile.acc<64x32xf32> -> !tile.acc<64x16xf32>
  tile.return
}

// -----

// map C4
tile.kernel @map_c4(%f: f32) block 32 {
  %c = tile.splat %f : !tile.acc<16x16xf32>
  %d = tile.map %c : (!tile.acc<16x16xf32>) -> !tile.acc<16x16xf32> {
  ^bb0(%x: f32, %r: index, %k: index):
    // expected-error @+1 {{expected scalar code that at most loads}}
    tile.sync_warp
    tile.yield %x : f32
  }
  tile.return
}

// -----

// reduce C1
tile.kernel @reduce_c1(%f: f32) block 128 {
  %c = tile.splat %f : !tile.acc<16x16xf32>
  // expected-error @+1 {{expected 16 rows}}
  %d = tile.reduce add %c : !tile.acc<16x16xf32> -> !tile.rows<64xf32>
  tile.return
}

// -----

// store_acc C3
tile.kernel @store_acc_c3(%f: f32, %y: memref<?x15xf32>, %i: index) block 32 {
  %c = tile.splat %f : !tile.acc<16x8xf32>
  // expected-error @+1 {{expected an even row size}}
  tile.store_acc %c to %y[%i, %i] : !tile.acc<16x8xf32>, memref<?x15xf32>
  tile.return
}

// -----

// store_matrix C2
tile.kernel @store_matrix_c2(%f: f32) block 32 {
  %c = tile.splat %f : !tile.acc<16x16xf32>
  %t = tile.alloc : !tile.shared<16x16xbf16>
  // expected-error @+1 {{expected a multiple of 16 columns within 16, found 8 to 24}}
  tile.store_matrix %c columns 8 to %t : !tile.acc<16x16xf32>, !tile.shared<16x16xbf16>
  tile.return
}

// -----

// map C1
tile.kernel @map_operand_c1(%i: index) block 32 {
  %t = tile.alloc : !tile.shared<16x32xbf16>
  %a = tile.load_matrix %t[%i, %i] : !tile.shared<16x32xbf16> -> !tile.frag<16x32xbf16, a>
  // expected-error @+1 {{expected inputs that agree with '!tile.acc<16x16xf32>', found '!tile.frag<16x32xbf16, a>'}}
  %d = tile.map %a : (!tile.frag<16x32xbf16, a>) -> !tile.acc<16x16xf32> {
  ^bb0(%x: f32, %r: index, %c: index):
    tile.yield %x : f32
  }
  tile.return
}

// -----

// store_matrix C1, transposed
tile.kernel @store_matrix_c1(%f: f32) block 32 {
  %c = tile.splat %f : !tile.acc<16x16xf32>
  %t = tile.alloc : !tile.shared<16x32xbf16>
  // expected-error @+1 {{expected a bf16 matrix of 16 or 16 columns, found '!tile.shared<16x32xbf16>'}}
  tile.store_matrix %c columns 0 to %t transposed : !tile.acc<16x16xf32>, !tile.shared<16x32xbf16>
  tile.return
}

// -----

// store_acc C4
tile.kernel @store_acc_c4(%f: f32, %y: memref<?x16xf32>, %i: index) block 32 {
  %c = tile.splat %f : !tile.acc<16x8xf32>
  // expected-error @+1 {{expected no bounds of a transposed store}}
  tile.store_acc %c to %y[%i, %i] bounds %i, %i transposed : !tile.acc<16x8xf32>, memref<?x16xf32>
  tile.return
}

// -----

// kernels C1
tile.kernels @k {
  // expected-error @+1 {{expected a tile.kernel in tile.kernels}}
  func.func private @f()
}

// -----

// reuse C1
tile.kernel @reuse_c1() block 32 {
  %a = tile.alloc : !tile.shared<64x64xbf16, swizzle 128>
  // expected-error @+1 {{expected a tile in the 8192 bytes of '!tile.shared<64x64xbf16, swizzle 128>', found '!tile.shared<64x32xf32>' at 1024}}
  %b = tile.reuse %a at 1024 : !tile.shared<64x64xbf16, swizzle 128> -> !tile.shared<64x32xf32>
  tile.return
}

// -----

// reuse C2
tile.kernel @reuse_c2() block 32 {
  %a = tile.alloc : !tile.shared<64x32xf32>
  // expected-error @+1 {{expected an alignment of at most 128, and a multiple of it, found '!tile.shared<8x64xbf16, swizzle 128>' at 0}}
  %b = tile.reuse %a : !tile.shared<64x32xf32> -> !tile.shared<8x64xbf16, swizzle 128>
  tile.return
}

// -----

// load_remote C1
tile.kernel @load_remote_c1(%i: index) block 32 cluster 2 {
  %a = tile.alloc : !tile.shared<64x32xf32>
  // expected-error @+1 {{expected 2 indices}}
  %v = tile.load_remote %a[%i] of %i : !tile.shared<64x32xf32>, f32
  tile.return
}

// -----

// store_remote C1
tile.kernel @store_remote_c1(%i: index, %v: f32) block 32 cluster 2 {
  %a = tile.alloc : !tile.shared<64x32xf32>
  // expected-error @+1 {{expected 2 indices, found 1}}
  tile.store_remote %v, %a[%i] of %i : f32, !tile.shared<64x32xf32>
  tile.return
}

// -----

// wgmma C2, of B in slabs that are a swizzled row
tile.kernel @wgmma_slabs() block 128 {
  %a = tile.alloc : !tile.shared<64x64xbf16, swizzle 128>
  %b = tile.alloc : !tile.shared<2x64x32xbf16, swizzle 64>
  // expected-error @+1 {{expected B and the result to agree with A's K = 64}}
  %c = tile.wgmma %a, %b transposed : !tile.shared<64x64xbf16, swizzle 128>, !tile.shared<2x64x32xbf16, swizzle 64> -> !tile.acc<64x96xf32>
  tile.return
}

// -----

// add_signal C1
tile.kernel @add_signal_c1(%x: memref<?xf32>, %i: index) block 32 {
  // expected-error @+1 {{expected ranked memory of i32, found 'memref<?xf32>'}}
  tile.add_signal %x[%i] : memref<?xf32>
  tile.return
}

// -----

// add_signal C2
tile.kernel @add_signal_c2(%x: memref<?x4xi32>, %i: index) block 32 {
  // expected-error @+1 {{expected 2 indices, found 1}}
  tile.add_signal %x[%i] : memref<?x4xi32>
  tile.return
}

// -----

// wait_signal C1
tile.kernel @wait_signal_c1(%x: memref<?xi64>, %i: index, %n: i32) block 32 {
  // expected-error @+1 {{expected ranked memory of i32, found 'memref<?xi64>'}}
  tile.wait_signal %x[%i], %n : memref<?xi64>
  tile.return
}

// -----

// wait_signal C2
tile.kernel @wait_signal_c2(%x: memref<?xi32>, %n: i32) block 32 {
  // expected-error @+1 {{expected 1 indices, found 0}}
  tile.wait_signal %x[], %n : memref<?xi32>
  tile.return
}
