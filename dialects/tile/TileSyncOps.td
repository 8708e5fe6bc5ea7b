// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Synchronisation: mbarriers, named barriers, fences, clusters, dependent
// launches.

#ifndef JET_TILE_SYNC_OPS_TD
#define JET_TILE_SYNC_OPS_TD

include "dialects/tile/TileKernelOps.td"

class Tile_BarrierOp<string mnemonic, dag more, string format>
    : Tile_Op<mnemonic> {
  let arguments = !con((ins Tile_BarriersType:$barriers, Index:$slot), more);
  let assemblyFormat = "$barriers `[` $slot `]` " # format #
                       " attr-dict `:` type($barriers)";
}

def Tile_InitBarriersOp : Tile_Op<"init_barriers"> {
  let summary = "Set up mbarriers; one thread does it";
  let description = [{
    Each phase completes after `count` arrivals and all expected bytes. Follow
    with `tile.fence_barriers` and a `tile.sync` (or a cluster's).

    Constraints: (C1) count is 1 to 1,048,575.

    Example: `tile.init_barriers %full count 1 : !tile.barriers<4>`
  }];
  let arguments = (ins Tile_BarriersType:$barriers, I32Attr:$count);
  let assemblyFormat = "$barriers `count` $count attr-dict `:` type($barriers)";
  let hasVerifier = 1;
}
def Tile_FenceBarriersOp : Tile_Op<"fence_barriers"> {
  let summary = "Make new mbarriers visible to the cluster and to TMA";
  let assemblyFormat = "attr-dict";
}
def Tile_ArriveOp : Tile_BarrierOp<"arrive", (ins), ""> {
  let summary = "Arrive once at an mbarrier";
  let description = "Example: `tile.arrive %empty[%slot] : !tile.barriers<4>`";
}
def Tile_ArriveRemoteOp : Tile_BarrierOp<"arrive_remote", (ins Index:$rank), "`of` $rank"> {
  let summary = "Arrive once at an mbarrier of a CTA of the cluster";
  let description = [{
    Orders nothing but the arrival (no cluster-wide release, which costs a
    device-wide memory barrier): right for freeing a slot that was only read.

    Example: `tile.arrive_remote %empty[%slot] of %rank : !tile.barriers<4>`
  }];
}
def Tile_ArriveExpectOp : Tile_BarrierOp<"arrive_expect", (ins I32:$bytes), "`,` $bytes"> {
  let summary = "Arrive, and expect bytes of asynchronous copies";
  let description = "Example: `tile.arrive_expect %full[%slot], %bytes : !tile.barriers<4>`";
}
def Tile_WaitOp : Tile_BarrierOp<"wait", (ins I32:$parity), "`parity` $parity"> {
  let summary = "Wait until the phase of a parity has completed";
  let description = [{
    The first phase has parity 0. A wait for parity 1 of a new barrier passes.

    Example: `tile.wait %full[%slot] parity %p : !tile.barriers<4>`
  }];
}
def Tile_SyncOp : Tile_Op<"sync"> {
  let summary = "Named barrier of a number of threads";
  let description = [{
    Without an id all threads of the CTA.

    Constraints: (C1) id is 1 to 15; (C2) threads is a multiple of 32, at most
    the block; (C3) an id has threads.

    Example: `tile.sync id 1 threads 128`
  }];
  let arguments = (ins OptionalAttr<I32Attr>:$id, OptionalAttr<I32Attr>:$threads);
  let assemblyFormat = "(`id` $id^ `threads` $threads)? attr-dict";
  let hasVerifier = 1;
}
def Tile_SyncWarpOp : Tile_Op<"sync_warp"> {
  let summary = "Barrier and memory order among the lanes of a warp";
  let assemblyFormat = "attr-dict";
}
def Tile_FenceAsyncOp : Tile_Op<"fence_async"> {
  let summary = "Order this thread's accesses to shared memory before later TMA or wgmma";
  let assemblyFormat = "attr-dict";
}
def Tile_ClusterSyncOp : Tile_Op<"cluster_sync"> {
  let summary = "Barrier of all threads of the cluster";
  let assemblyFormat = "attr-dict";
}
class Tile_SignalOp<string mnemonic, dag more, string format>
    : Tile_Op<mnemonic> {
  let arguments = !con((ins AnyMemRef:$signals, Variadic<Index>:$indices), more);
  let assemblyFormat = "$signals `[` $indices `]` " # format #
                       " attr-dict `:` type($signals)";
  let hasVerifier = 1;
}
def Tile_AddSignalOp : Tile_SignalOp<"add_signal", (ins), ""> {
  let summary = "Add 1 to a counter in global memory, for CTAs of other launches";
  let description = [{
    Tells that this thread's copies to global memory by TMA, for which it has
    passed a `tile.bulk_wait` without `read`, are there for the whole device: who
    has waited for the signal by `tile.wait_signal` sees them. Their writes have
    been acknowledged by L2 then, where the add goes as well. Orders nothing else,
    no stores: no release, which costs a device-wide memory barrier (a
    microsecond). Each executing thread adds.

    Constraints: (C1) elements in i32; (C2) as many indices as sizes.

    Example: `tile.add_signal %signals[%unit] : memref<?xi32>`
  }];
}
def Tile_WaitSignalOp : Tile_SignalOp<"wait_signal", (ins I32:$count), "`,` $count"> {
  let summary = "Wait until a counter in global memory is at least `count`";
  let description = [{
    Acquire, of the device, by the thread alone: others of its CTA see what it
    sees behind a barrier. The threads that add run for sure: of launches whose
    CTAs all have begun. An add by the launch that waits may never come; the
    interpreter, which runs one CTA or cluster after another and one launch after
    another, reports a wait for what has not been added yet.

    Constraints: (C1) elements in i32; (C2) as many indices as sizes.

    Example: `tile.wait_signal %signals[%unit], %count : memref<?xi32>`
  }];
}
def Tile_WaitDependenciesOp : Tile_Op<"wait_dependencies"> {
  let summary = "Wait for the kernels that this launch depends on";
  let assemblyFormat = "attr-dict";
}
def Tile_LaunchDependentsOp : Tile_Op<"launch_dependents"> {
  let summary = "Let dependent launches start";
  let assemblyFormat = "attr-dict";
}

#endif // JET_TILE_SYNC_OPS_TD
