// Temporaries get places: in shared memory as long as there is room, else in the
// block's slice of scratch memory.

// RUN: jet-opt %s -jet-allocate-scratch=shared-bytes=512 -canonicalize -allow-unregistered-dialect | FileCheck %s

#x = affine_map<()[R, B, T, C, S, P] -> (R, 8)>
#batch = affine_map<()[R, B, T, C, S, P] -> (B, C + 4)>

// CHECK-DAG: #[[BYTES:.*]] = affine_map<()[s0, s1, s2, s3, s4, s5] -> ({{.*}}s0 * 32{{.*}}ceildiv 64{{.*}}s2{{.*}} + 1024)>
// CHECK-DAG: #[[NONE:.*]] = affine_map<()[s0, s1, s2, s3, s4, s5] -> (0)>

// CHECK-DAG: memref.global "private" @sizes_shared : memref<320xi8, 3> = uninitialized {alignment = 64 : i64}
// CHECK-LABEL: func.func @sizes
// CHECK-SAME:    %[[SCRATCH:[^:]*]]: memref<?xi8>) attributes {jet.scratch = #[[BYTES]]}
// CHECK:         %[[GLOBAL:.*]] = memref.get_global @sizes_shared
// CHECK:         %[[SHARED:.*]] = memref.memory_space_cast %[[GLOBAL]] : memref<320xi8, 3> to memref<320xi8>
func.func @sizes(%x: memref<?x8xf32> {jet.shape = #x, jet.access = "read"},
                 %batch: memref<?x?xi32> {jet.shape = #batch, jet.access = "read"},
                 %begin: index, %end: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c3 = arith.constant 3 : index
  %c64 = arith.constant 64 : index
  %r = memref.dim %x, %c0 : memref<?x8xf32>
  // Of the rows of the launch.
  // CHECK: %[[ROWS:.*]] = memref.dim
  // CHECK: memref.view %[[SCRATCH]][%{{.*}}][%[[ROWS]]] : memref<?xi8> to memref<?x8xf32>
  %rows = memref.alloc(%r) : memref<?x8xf32>
  scf.for %i = %begin to %end step %c1 {
    // 4 bytes, of which every allocation is made 64.
    // CHECK: memref.view %[[SHARED]][%{{.*}}][] : memref<320xi8> to memref<f32>
    %scalar = memref.alloc() : memref<f32>
    // The rows of a sequence are tokens; 64 at most of them.
    // CHECK: %[[COUNT:.*]] = arith.minsi
    // CHECK: memref.view %[[SHARED]][%{{.*}}][%[[COUNT]]] : memref<320xi8> to memref<?xf32>
    %i32 = memref.load %batch[%i, %c3] : memref<?x?xi32>
    %count = arith.index_cast %i32 : i32 to index
    %few = arith.minsi %c64, %count : index
    %some = memref.alloc(%few) : memref<?xf32>
    // CHECK: memref.view %[[SCRATCH]]{{.*}} : memref<?xi8> to memref<?xbf16>
    %more = arith.addi %count, %c3 : index
    %tokens = memref.alloc(%more) : memref<?xbf16>
    // No room left.
    // CHECK: memref.view %[[SCRATCH]]{{.*}} : memref<?xi8> to memref<256xf32>
    %large = memref.alloc() : memref<256xf32>
    "test.use"(%rows, %scalar, %some, %tokens, %large) : (memref<?x8xf32>, memref<f32>, memref<?xf32>, memref<?xbf16>, memref<256xf32>) -> ()
  }
  return
}

// CHECK-LABEL: func.func @nothing
// CHECK-SAME:    jet.scratch = #[[NONE]]
func.func @nothing(%x: memref<?x8xf32> {jet.shape = #x, jet.access = "read"}, %begin: index, %end: index) {
  return
}
