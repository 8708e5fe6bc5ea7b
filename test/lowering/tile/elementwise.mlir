// RUN: jet-ptx %s | FileCheck %s
// CHECK: .visible .entry silu(
// CHECK: ld.global.v4.b32
// CHECK: st.global.v4.b32

// y = x · σ(x), 8 elements a thread.
tile.kernel @silu(%x: memref<?xbf16>, %y: memref<?xbf16>, %n: index) block 256 {
  %c8 = arith.constant 8 : index
  %c256 = arith.constant 256 : index
  %block = tile.block_id x
  %thread = tile.thread_id
  %base = arith.muli %block, %c256 : index
  %i = arith.addi %base, %thread : index
  %at = arith.muli %i, %c8 : index
  %ok = arith.cmpi slt, %at, %n : index
  %zero = arith.constant dense<0.0> : vector<8xbf16>
  %v = tile.load %x[%at] if %ok else %zero : memref<?xbf16>, vector<8xbf16>
  %f = arith.extf %v : vector<8xbf16> to vector<8xf32>
  %scale = arith.constant -1.44269504 : f32
  %one = arith.constant 1.0 : f32
  %r = arith.constant dense<0.0> : vector<8xf32>
  %cl0 = arith.constant 0 : index
  %cl1 = arith.constant 1 : index
  %s = scf.for %j = %cl0 to %c8 step %cl1 iter_args(%acc = %r) -> vector<8xf32> {
    %e = vector.extract %f[%j] : f32 from vector<8xf32>
    %m = arith.mulf %e, %scale : f32
    %p = tile.exp2 %m
    %d = arith.addf %p, %one : f32
    %q = tile.rcp %d
    %z = arith.mulf %e, %q : f32
    %next = vector.insert %z, %acc[%j] : f32 into vector<8xf32>
    scf.yield %next : vector<8xf32>
  }
  %b = arith.truncf %s : vector<8xf32> to vector<8xbf16>
  tile.store %b, %y[%at] if %ok : vector<8xbf16>, memref<?xbf16>
  tile.return
}
