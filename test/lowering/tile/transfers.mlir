// RUN: jet-opt %s -jet-tile-to-nvvm | FileCheck %s
// RUN: jet-ptx %s | FileCheck %s --check-prefix=PTX
// PTX: .visible .entry transfers(

// Each op's instruction, in a cluster of two.
!t = !tile.shared<64x64xbf16, swizzle 128>
!s = !tile.shared<256xf32>
!map = !tile.tensor_map<64x64xbf16, swizzle 128>
// CHECK: llvm.mlir.global external @tile_shared() {addr_space = 3 : i32, alignment = 1024 : i64}
// CHECK-LABEL: llvm.func @transfers
// CHECK-SAME: llvm.byval = !llvm.array<16 x i64>
// CHECK-SAME: nvvm.cluster_dim = array<i32: 2, 1, 1>
// CHECK-SAME: nvvm.reqntid = array<i32: 128, 1, 1>
// CHECK-SAME: tile.shared_bytes = 9232
tile.kernel @transfers(%map: !map, %x: memref<?x256xf32>, %n: memref<?xi32>, %i: index) block 128 cluster 2 {
  %c0 = arith.constant 0 : index
  %p = arith.constant 0 : i32
  %bytes = arith.constant 9216 : i32
  %both = arith.constant 3 : i16
  %t = tile.alloc : !t
  %s = tile.alloc : !s
  %bars = tile.alloc : !tile.barriers<2>
  // CHECK-COUNT-2: mbarrier.init
  tile.init_barriers %bars count 1 : !tile.barriers<2>
  // CHECK: nvvm.fence.mbarrier.init
  tile.fence_barriers
  // CHECK: nvvm.cluster.arrive
  // CHECK: nvvm.cluster.wait
  tile.cluster_sync
  // CHECK: nvvm.griddepcontrol wait
  tile.wait_dependencies
  // CHECK: mbarrier.arrive.expect_tx
  tile.arrive_expect %bars[%c0], %bytes : !tile.barriers<2>
  // CHECK: nvvm.cp.async.bulk.tensor.prefetch
  tile.tma_prefetch %map[%i, %c0] : !map
  // CHECK: nvvm.cp.async.bulk.tensor.shared.cluster.global {{.*}} multicast_mask
  tile.tma_load %map[%i, %c0] to %t, %bars[%c0] multicast %both : !map, !t, !tile.barriers<2>
  // CHECK: nvvm.cp.async.bulk.shared.cluster.global
  tile.bulk_load %x[%i, %c0] to %s, %bars[%c0] : memref<?x256xf32>, !s, !tile.barriers<2>
  // CHECK: mbarrier.try_wait.parity
  tile.wait %bars[%c0] parity %p : !tile.barriers<2>
  // CHECK: nvvm.fence.proxy
  tile.fence_async
  // CHECK: nvvm.barrier id = {{.*}} number_of_threads
  tile.sync id 1 threads 128
  // CHECK: nvvm.cp.async.bulk.tensor.global.shared.cta
  tile.tma_store %t to %map[%i, %c0] : !t, !map
  // CHECK: nvvm.cp.async.bulk.global.shared.cta
  tile.bulk_store %s to %x[%i, %c0] : !s, memref<?x256xf32>
  // CHECK: nvvm.cp.async.bulk.commit.group
  tile.bulk_commit
  // CHECK: nvvm.cp.async.bulk.wait_group 0 {read}
  tile.bulk_wait 0 read
  // CHECK: nvvm.cp.async.bulk.wait_group 1
  // CHECK-NOT: read
  tile.bulk_wait 1
  // CHECK: red.relaxed.gpu.global.add.u32
  tile.add_signal %n[%i] : memref<?xi32>
  // CHECK: ld.acquire.gpu.global.u32
  // CHECK-SAME: nanosleep
  tile.wait_signal %n[%i], %p : memref<?xi32>
  %rank = tile.cluster_rank
  // CHECK: mapa.shared::cluster
  tile.arrive_remote %bars[%c0] of %rank : !tile.barriers<2>
  // CHECK: nvvm.griddepcontrol launch_dependents
  tile.launch_dependents
  tile.return
}
