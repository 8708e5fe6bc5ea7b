// The threads of a block divide linalg ops; everything else they all do, but
// for stores, which are the first thread's.

// RUN: jet-opt %s -jet-distribute-threads -canonicalize | FileCheck %s

#all = affine_map<(i, j) -> (i, j)>
#rows = affine_map<(i, k) -> (i, k)>
#first = affine_map<(i, k) -> (i)>
#scalar = affine_map<(k) -> ()>
#one = affine_map<(k) -> (k)>

// A thread a point: from its number on, in steps of the block; the inner loop's
// index is the fastest.
// CHECK-LABEL: func.func @elementwise
// CHECK-SAME:    %[[X:[^:]*]]: memref<?x6xf32>, %[[Y:[^:]*]]: memref<?x6xf32>) attributes {jet.threads = 256 : i64}
// CHECK-DAG:     %[[STEP:.*]] = arith.constant 256 : index
// CHECK-DAG:     %[[SIX:.*]] = arith.constant 6 : index
// CHECK:         %[[ID:.*]] = nvvm.read.ptx.sreg.tid.x : i32
// CHECK:         %[[THREAD:.*]] = arith.index_castui %[[ID]] : i32 to index
// CHECK:         nvvm.barrier
// CHECK:         %[[POINTS:.*]] = arith.muli %{{.*}}, %[[SIX]]
// CHECK:         scf.for %[[P:.*]] = %[[THREAD]] to %[[POINTS]] step %[[STEP]]
// CHECK-DAG:       %[[J:.*]] = arith.remui %[[P]], %[[SIX]]
// CHECK-DAG:       %[[I:.*]] = arith.divui %[[P]], %[[SIX]]
// CHECK:           %[[IN:.*]] = memref.load %[[X]][%[[I]], %[[J]]]
// CHECK:           %[[SUM:.*]] = arith.addf %[[IN]], %[[IN]]
// CHECK:           memref.store %[[SUM]], %[[Y]][%[[I]], %[[J]]]
// CHECK:         nvvm.barrier
// CHECK-NEXT:    return
func.func @elementwise(%x: memref<?x6xf32>, %y: memref<?x6xf32>) {
  linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel"]}
      ins(%x : memref<?x6xf32>) outs(%y : memref<?x6xf32>) {
  ^bb0(%in: f32, %out: f32):
    %sum = arith.addf %in, %in : f32
    linalg.yield %sum : f32
  }
  return
}

// A warp a point where the reduction runs along contiguous elements: each lane
// sums every 32nd, the first one on top of the result's old value.
// CHECK-LABEL: func.func @warp
// CHECK-SAME:    %[[X:[^:]*]]: memref<3x100xf32>, %[[Y:[^:]*]]: memref<3xf32>)
// CHECK-DAG:     %[[ZERO:.*]] = arith.constant 0.000000e+00 : f32
// CHECK-DAG:     %[[WARPS:.*]] = arith.constant 8 : index
// CHECK-DAG:     %[[LANES:.*]] = arith.constant 32 : index
// CHECK-DAG:     %[[WARP:.*]] = arith.divui %[[THREAD:.*]], %[[LANES]]
// CHECK-DAG:     %[[LANE:.*]] = arith.remui %[[THREAD]], %[[LANES]]
// CHECK:         scf.for %[[I:.*]] = %[[WARP]] to %{{.*}} step %[[WARPS]]
// CHECK:           %[[OLD:.*]] = memref.load %[[Y]][%[[I]]]
// CHECK:           %[[START:.*]] = arith.select %[[IS_FIRST:.*]], %[[OLD]], %{{.*}} : f32
// Eight iterations side by side, and one after the other where fewer are left.
// CHECK:           %[[EIGHTS:.*]] = scf.for %[[AT:.*]] = %[[LANE]] to %[[END:.*]] step %{{.*}} iter_args(%[[ACC:.*]] = %[[START]])
// CHECK-COUNT-8:     memref.load %[[X]]
// CHECK:             scf.yield
// CHECK:           %[[PART:.*]] = scf.for %[[AT:.*]] = %[[END]] to %{{.*}} step %[[LANES]] iter_args(%[[ACC:.*]] = %[[EIGHTS]])
// CHECK:             %[[IN:.*]] = memref.load %[[X]][%[[I]], %[[AT]]]
// CHECK:             %[[NEXT:.*]] = arith.addf %[[ACC]], %[[IN]] fastmath<contract> : f32
// CHECK:             scf.yield %[[NEXT]]
// CHECK:           %[[OTHER:.*]] = nvvm.shfl.sync bfly %{{.*}}, %[[PART]], %{{.*}}, %{{.*}} : f32 -> f32
// CHECK:           arith.addf %[[PART]], %[[OTHER]]
// CHECK-COUNT-4:   nvvm.shfl.sync bfly
// CHECK:           %[[TOTAL:.*]] = arith.addf
// CHECK:           nvvm.bar.warp.sync
// CHECK:           scf.if %[[IS_FIRST]]
// CHECK-NEXT:        memref.store %[[TOTAL]], %[[Y]][%[[I]]]
func.func @warp(%x: memref<3x100xf32>, %y: memref<3xf32>) {
  linalg.generic {indexing_maps = [#rows, #first], iterator_types = ["parallel", "reduction"]}
      ins(%x : memref<3x100xf32>) outs(%y : memref<3xf32>) {
  ^bb0(%in: f32, %out: f32):
    %sum = arith.addf %out, %in fastmath<reassoc,contract> : f32
    linalg.yield %sum : f32
  }
  return
}

// Rows in eights, which share what they load, and the others one by one: in the
// same order of additions, which nothing may change any more.
// CHECK-LABEL: func.func @rows
// CHECK-SAME:    %[[X:[^:]*]]: memref<?x64xf32>, %[[W:[^:]*]]: memref<5x64xf32>, %[[Y:[^:]*]]: memref<?x5xf32>)
// CHECK:         %[[R:.*]] = memref.dim %[[X]]
// CHECK-DAG:     %[[TILES:.*]] = arith.divui %[[R]], %[[EIGHT:.*]] : index
// CHECK-DAG:     %[[REST:.*]] = arith.remui %[[R]], %[[EIGHT]] : index
// CHECK:         arith.muli %[[TILES]], %{{.*}}
// CHECK:         scf.for
// CHECK:           scf.for {{.*}} -> (f32, f32, f32, f32, f32, f32, f32, f32)
// CHECK-NOT:         reassoc
// CHECK-COUNT-8:   memref.store %{{.*}}, %[[Y]]
// CHECK:         %[[BEGIN:.*]] = arith.muli %[[TILES]], %{{.*}}
// CHECK:         arith.muli %[[REST]], %{{.*}}
// CHECK:         scf.for
// CHECK:           arith.addi %[[BEGIN]], %{{.*}}
// CHECK:           scf.for {{.*}} -> (f32)
// CHECK:           memref.store %{{.*}}, %[[Y]]
func.func @rows(%x: memref<?x64xf32>, %w: memref<5x64xf32>, %y: memref<?x5xf32>) {
  linalg.generic {indexing_maps = [affine_map<(r, n, k) -> (r, k)>, affine_map<(r, n, k) -> (n, k)>, affine_map<(r, n, k) -> (r, n)>],
                  iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %w : memref<?x64xf32>, memref<5x64xf32>) outs(%y : memref<?x5xf32>) {
  ^bb0(%a: f32, %b: f32, %out: f32):
    %product = arith.mulf %a, %b fastmath<reassoc,contract> : f32
    %sum = arith.addf %out, %product fastmath<reassoc,contract> : f32
    linalg.yield %sum : f32
  }
  return
}

// A thread a point where the elements of the reduction lie apart, and where they
// are too few.
// CHECK-LABEL: func.func @columns
// CHECK-NOT:     nvvm.shfl.sync
// CHECK:         return
func.func @columns(%x: memref<100x?xf32>, %y: memref<?xf32>, %z: memref<?x31xf32>) {
  linalg.generic {indexing_maps = [affine_map<(i, k) -> (k, i)>, #first], iterator_types = ["parallel", "reduction"]}
      ins(%x : memref<100x?xf32>) outs(%y : memref<?xf32>) {
  ^bb0(%in: f32, %out: f32):
    %sum = arith.addf %out, %in : f32
    linalg.yield %sum : f32
  }
  linalg.generic {indexing_maps = [#rows, #first], iterator_types = ["parallel", "reduction"]}
      ins(%z : memref<?x31xf32>) outs(%y : memref<?xf32>) {
  ^bb0(%in: f32, %out: f32):
    %sum = arith.addf %out, %in : f32
    linalg.yield %sum : f32
  }
  return
}

// A value that all threads read is not written over before all have: a barrier
// between. No second one where nothing was read.
// CHECK-LABEL: func.func @barriers
// CHECK:         nvvm.barrier
// CHECK:         scf.for
// CHECK:         nvvm.barrier
// CHECK-NEXT:    %[[V:.*]] = memref.load
// CHECK-NEXT:    nvvm.barrier
// CHECK-NEXT:    scf.if
// CHECK-NEXT:      memref.store %[[V]]
// CHECK:         nvvm.barrier
// CHECK-NEXT:    scf.if
// CHECK-NEXT:      memref.store
// CHECK:         nvvm.barrier
// CHECK-NEXT:    return
func.func @barriers(%x: memref<64xf32>, %s: memref<f32>, %t: memref<f32>) {
  linalg.generic {indexing_maps = [#one, #scalar], iterator_types = ["reduction"]}
      ins(%x : memref<64xf32>) outs(%s : memref<f32>) {
  ^bb0(%in: f32, %out: f32):
    %max = arith.maximumf %out, %in : f32
    linalg.yield %max : f32
  }
  %v = memref.load %s[] : memref<f32>
  memref.store %v, %s[] : memref<f32>
  memref.store %v, %t[] : memref<f32>
  return
}

// What moves single elements about is one thread's, whole; loops with linalg
// inside are everyone's.
// CHECK-LABEL: func.func @sequential
// CHECK:         scf.for
// CHECK:           scf.for
// CHECK:           nvvm.barrier
// CHECK-NEXT:      scf.if
// CHECK-NEXT:        scf.for
// CHECK-NEXT:          memref.load
// CHECK-NEXT:          memref.store
// CHECK-NOT:       nvvm.barrier
// CHECK:           }
// CHECK:           nvvm.barrier
func.func @sequential(%x: memref<64xf32>, %n: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  scf.for %i = %c0 to %n step %c1 {
    linalg.generic {indexing_maps = [#one], iterator_types = ["parallel"]} outs(%x : memref<64xf32>) {
    ^bb0(%out: f32):
      %sum = arith.addf %out, %out : f32
      linalg.yield %sum : f32
    }
    scf.for %j = %c1 to %n step %c1 {
      %v = memref.load %x[%j] : memref<64xf32>
      memref.store %v, %x[%i] : memref<64xf32>
    }
  }
  return
}
