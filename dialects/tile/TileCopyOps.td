// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Moving data: scalars and vectors, TMA, bulk and cp.async copies, shuffles.

#ifndef JET_TILE_COPY_OPS_TD
#define JET_TILE_COPY_OPS_TD

include "dialects/tile/TileKernelOps.td"

def Tile_Evict : I32EnumAttr<"Evict", "how long L2 should keep a line", [
    I32EnumAttrCase<"first", 0>, I32EnumAttrCase<"last", 1>]> {
  let cppNamespace = "::jet::tile";
}
def Tile_Memory : AnyTypeOf<[AnyMemRef, Tile_SharedType]>;

def Tile_LoadOp : Tile_Op<"load", [AttrSizedOperandSegments]> {
  let summary = "Load a scalar or a vector, or a default under a false mask";
  let description = [{
    Reads consecutive elements from the index on. Constraints: (C1) as many
    indices as sizes; (C2) the result is the element type or a vector of it, of
    at most 16 bytes and a power of two; (C3) mask and default come together and
    the default has the result's type; (C4) a vector in a swizzled tile is at
    most 16 bytes. The address is aligned to the vector's bytes.

    Example: `%v = tile.load %x[%row, %i] : memref<?x64xbf16>, vector<8xbf16>`
  }];
  let arguments = (ins Tile_Memory:$memory, Variadic<Index>:$indices,
                       Optional<I1>:$mask, Optional<AnyType>:$other);
  let results = (outs AnyType:$result);
  let assemblyFormat = [{
    $memory `[` $indices `]` (`if` $mask^ `else` $other)? attr-dict
    `:` type($memory) `,` custom<LoadTypes>(ref($other), type($other), type($result))
  }];
  let hasVerifier = 1;
}
def Tile_StoreOp : Tile_Op<"store", [AttrSizedOperandSegments]> {
  let summary = "Store a scalar or a vector, under an optional mask";
  let description = [{
    Constraints: (C1), (C2) as of `tile.load`.

    Example: `tile.store %v, %y[%row, %i] : vector<8xbf16>, memref<?x64xbf16>`
  }];
  let arguments = (ins AnyType:$value, Tile_Memory:$memory,
                       Variadic<Index>:$indices, Optional<I1>:$mask);
  let assemblyFormat = [{
    $value `,` $memory `[` $indices `]` (`if` $mask^)? attr-dict
    `:` type($value) `,` type($memory)
  }];
  let hasVerifier = 1;
}
def Tile_LoadRemoteOp : Tile_Op<"load_remote"> {
  let summary = "Load from the same tile of a CTA of the cluster";
  let description = [{
    Distributed shared memory: the element at the same place in the shared memory
    of CTA `rank`. A `tile.cluster_sync` stands between the write there and the
    read, and another before that CTA ends.

    Constraints: (C1), (C2), (C4) as of `tile.load`.

    Example: `%v = tile.load_remote %p[%i, %j] of %rank : !tile.shared<64x68xf32>, vector<4xf32>`
  }];
  let arguments = (ins Tile_SharedType:$memory, Variadic<Index>:$indices,
                       Index:$rank);
  let results = (outs AnyType:$result);
  let assemblyFormat = [{
    $memory `[` $indices `]` `of` $rank attr-dict `:` type($memory) `,` type($result)
  }];
  let hasVerifier = 1;
}
def Tile_StoreRemoteOp : Tile_Op<"store_remote"> {
  let summary = "Store to the same tile of a CTA of the cluster";
  let description = [{
    Distributed shared memory: to the same place in the shared memory of CTA
    `rank`. That CTA runs, which a `tile.cluster_sync` before ensures, and reads
    it after another.

    Constraints: (C1), (C2), (C4) as of `tile.load`.

    Example: `tile.store_remote %v, %p[%i, %j] of %rank : vector<4xf32>, !tile.shared<64x68xf32>`
  }];
  let arguments = (ins AnyType:$value, Tile_SharedType:$memory,
                       Variadic<Index>:$indices, Index:$rank);
  let assemblyFormat = [{
    $value `,` $memory `[` $indices `]` `of` $rank attr-dict
    `:` type($value) `,` type($memory)
  }];
  let hasVerifier = 1;
}
def Tile_TmaLoadOp : Tile_Op<"tma_load", [AttrSizedOperandSegments]> {
  let summary = "Start a TMA copy of a box into shared memory";
  let description = [{
    One thread starts it; the box's bytes complete at the mbarrier. Coordinates
    are elements, outermost first. With `multicast`, the copy lands at the same
    offset, and at the same barrier, of each CTA of the mask.

    Constraints: (C1) as many coordinates as sizes of the box; (C2) the tile
    has the box's element type, element count and swizzle.

    Example: `tile.tma_load %map[%m, %k] to %a, %full[%slot] : !tile.tensor_map<128x64xbf16, swizzle 128>, !tile.shared<128x64xbf16, swizzle 128>, !tile.barriers<4>`
  }];
  let arguments = (ins Tile_TensorMapType:$map, Variadic<Index>:$coordinates,
                       Tile_SharedType:$destination, Tile_BarriersType:$barriers,
                       Index:$slot, Optional<I16>:$multicast,
                       OptionalAttr<Tile_Evict>:$evict);
  let assemblyFormat = [{
    $map `[` $coordinates `]` `to` $destination `,` $barriers `[` $slot `]`
    (`multicast` $multicast^)? (`evict` $evict^)? attr-dict
    `:` type($map) `,` type($destination) `,` type($barriers)
  }];
  let hasVerifier = 1;
}
def Tile_TmaStoreOp : Tile_Op<"tma_store"> {
  let summary = "Start a TMA copy of a tile to global memory";
  let description = [{
    One thread starts it, after a `tile.fence_async` of the writers; it belongs
    to the thread's next `tile.bulk_commit`. Constraints as of `tile.tma_load`.

    Example: `tile.tma_store %c to %map[%m, %n] : !tile.shared<16x64xbf16, swizzle 128>, !tile.tensor_map<16x64xbf16, swizzle 128>`
  }];
  let arguments = (ins Tile_SharedType:$source, Tile_TensorMapType:$map,
                       Variadic<Index>:$coordinates);
  let assemblyFormat = [{
    $source `to` $map `[` $coordinates `]` attr-dict `:` type($source) `,` type($map)
  }];
  let hasVerifier = 1;
}
def Tile_TmaPrefetchOp : Tile_Op<"tma_prefetch"> {
  let summary = "Start a TMA copy of a box into L2 alone";
  let description = [{
    One thread starts it, and nobody can wait for it: it changes when later
    copies arrive, never what they bring.

    Constraints: (C1) as many coordinates as sizes of the box.

    Example: `tile.tma_prefetch %map[%m, %k] : !tile.tensor_map<128x64xbf16, swizzle 128>`
  }];
  let arguments = (ins Tile_TensorMapType:$map, Variadic<Index>:$coordinates);
  let assemblyFormat = [{
    $map `[` $coordinates `]` attr-dict `:` type($map)
  }];
  let hasVerifier = 1;
}
def Tile_PrefetchMapOp : Tile_Op<"prefetch_map"> {
  let summary = "Bring a descriptor into the cache";
  let arguments = (ins Tile_TensorMapType:$map);
  let assemblyFormat = "$map attr-dict `:` type($map)";
}
def Tile_BulkLoadOp : Tile_Op<"bulk_load"> {
  let summary = "Start a copy of contiguous bytes into shared memory";
  let description = [{
    Fills the whole tile from consecutive elements from the index on; one thread
    starts it, the bytes complete at the mbarrier.

    Constraints: (C1) as many indices as sizes of the memory; (C2) same element
    type; (C3) no swizzle; (C4) a multiple of 16 bytes.

    Example: `tile.bulk_load %s[%i, %j] to %t, %full[%slot] : memref<?x256xf32>, !tile.shared<256xf32>, !tile.barriers<2>`
  }];
  let arguments = (ins AnyMemRef:$memory, Variadic<Index>:$indices,
                       Tile_SharedType:$destination, Tile_BarriersType:$barriers,
                       Index:$slot);
  let assemblyFormat = [{
    $memory `[` $indices `]` `to` $destination `,` $barriers `[` $slot `]` attr-dict
    `:` type($memory) `,` type($destination) `,` type($barriers)
  }];
  let hasVerifier = 1;
}
def Tile_BulkStoreOp : Tile_Op<"bulk_store"> {
  let summary = "Start a copy of a tile to contiguous global memory";
  let description = "As `tile.bulk_load` and `tile.tma_store`.";
  let arguments = (ins Tile_SharedType:$source, AnyMemRef:$memory,
                       Variadic<Index>:$indices);
  let assemblyFormat = [{
    $source `to` $memory `[` $indices `]` attr-dict `:` type($source) `,` type($memory)
  }];
  let hasVerifier = 1;
}
def Tile_BulkCommitOp : Tile_Op<"bulk_commit"> {
  let summary = "Close a group of this thread's asynchronous stores";
  let assemblyFormat = "attr-dict";
}
def Tile_BulkWaitOp : Tile_Op<"bulk_wait"> {
  let summary = "Wait until at most n groups of stores are pending";
  let description = [{
    With `read` until their sources have been read, and may be overwritten.

    Example: `tile.bulk_wait 0 read`
  }];
  let arguments = (ins I32Attr:$pending, UnitAttr:$read);
  let assemblyFormat = "$pending (`read` $read^)? attr-dict";
}
def Tile_CpAsyncOp : Tile_Op<"cp_async", [AttrSizedOperandSegments]> {
  let summary = "Start this thread's copy of 4, 8 or 16 bytes to shared memory";
  let description = [{
    With a false mask zeros are written and nothing is read.

    Constraints: (C1) as many indices as sizes on both sides; (C2) same element
    type; (C3) count × element is 4, 8 or 16 bytes.

    Example: `tile.cp_async %x[%r, %c] to %t[%i, %j] count 8 if %ok : memref<?x64xbf16>, !tile.shared<64x64xbf16, swizzle 128>`
  }];
  let arguments = (ins AnyMemRef:$memory, Variadic<Index>:$indices,
                       Tile_SharedType:$destination, Variadic<Index>:$at,
                       I32Attr:$count, Optional<I1>:$mask);
  let assemblyFormat = [{
    $memory `[` $indices `]` `to` $destination `[` $at `]` `count` $count
    (`if` $mask^)? attr-dict `:` type($memory) `,` type($destination)
  }];
  let hasVerifier = 1;
}
def Tile_CpAsyncCommitOp : Tile_Op<"cp_async_commit"> {
  let summary = "Close a group of this thread's cp_async";
  let assemblyFormat = "attr-dict";
}
def Tile_CpAsyncWaitOp : Tile_Op<"cp_async_wait"> {
  let summary = "Wait until at most n groups of cp_async are pending";
  let arguments = (ins I32Attr:$pending);
  let assemblyFormat = "$pending attr-dict";
}
def Tile_ShuffleXorOp : Tile_Op<"shuffle_xor", [AllTypesMatch<["value", "result"]>]> {
  let summary = "The value of the lane at distance xor; the whole warp takes part";
  let description = [{
    Constraints: (C1) offset is 1 to 31.

    Example: `%y = tile.shuffle_xor %x, 16 : f32`
  }];
  let arguments = (ins AnyTypeOf<[F32, I32]>:$value, I32Attr:$offset);
  let results = (outs AnyTypeOf<[F32, I32]>:$result);
  let assemblyFormat = "$value `,` $offset attr-dict `:` type($value)";
  let hasVerifier = 1;
}
def Tile_Exp2Op : Tile_Op<"exp2", [Pure]> {
  let summary = "2^x, approximate (ex2.approx.ftz)";
  let arguments = (ins F32:$value);
  let results = (outs F32:$result);
  let assemblyFormat = "$value attr-dict";
}
def Tile_RcpOp : Tile_Op<"rcp", [Pure]> {
  let summary = "1/x, approximate (rcp.approx.ftz)";
  let arguments = (ins F32:$value);
  let results = (outs F32:$result);
  let assemblyFormat = "$value attr-dict";
}

#endif // JET_TILE_COPY_OPS_TD
