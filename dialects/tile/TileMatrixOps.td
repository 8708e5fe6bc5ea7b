// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Matrices in registers: wgmma, mma.sync, elementwise maps, reductions.

#ifndef JET_TILE_MATRIX_OPS_TD
#define JET_TILE_MATRIX_OPS_TD

include "dialects/tile/TileKernelOps.td"
include "mlir/Interfaces/InferTypeOpInterface.td"

def Tile_WgmmaOp : Tile_Op<"wgmma"> {
  let summary = "Start D = A·Bᵀ, or D = C + A·Bᵀ, of a warpgroup";
  let description = [{
    A is 64×K, in shared memory or in registers; B is N×K in shared memory, both
    bf16 with K contiguous. With `transposed`, B is stored as N/n tiles of K×n
    (N contiguous), n elements a swizzled row; with `turned`, A in shared memory is stored as K×64 (M
    contiguous). Whole tiles: K/16 instructions. Between `tile.wgmma_fence` and
    `tile.wgmma_commit`; the result may be used by other ops than `tile.wgmma`
    after a `tile.wgmma_wait` that names it.

    Constraints: (C1) A is 64×K (turned: K×64, in shared memory); (C2) B is N×K
    (transposed: N/n×K×n), the result 64×N; (C3) operands are bf16; (C4) tiles
    in shared memory are swizzled, with K (transposed: n, turned: 64) elements a
    row; (C5) K is a multiple of 16.

    Example: `%d = tile.wgmma %a, %b, %c : !tile.shared<64x64xbf16, swizzle 128>, !tile.shared<256x64xbf16, swizzle 128> -> !tile.acc<64x256xf32>`
  }];
  let arguments = (ins AnyTypeOf<[Tile_SharedType, Tile_FragType]>:$a,
                       Tile_SharedType:$b, Optional<Tile_AccType>:$c,
                       UnitAttr:$transposed, UnitAttr:$turned);
  let results = (outs Tile_AccType:$result);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
}
def Tile_WgmmaFenceOp : Tile_Op<"wgmma_fence"> {
  let summary = "Order register accesses before following wgmma";
  let assemblyFormat = "attr-dict";
}
def Tile_WgmmaCommitOp : Tile_Op<"wgmma_commit"> {
  let summary = "Close a group of wgmma";
  let assemblyFormat = "attr-dict";
}
def Tile_WgmmaWaitOp : Tile_Op<"wgmma_wait",
    [DeclareOpInterfaceMethods<InferTypeOpInterface>]> {
  let summary = "Wait until at most n groups are pending";
  let description = [{
    Returns the accumulators it is given, which can be read from then on; those
    of pending groups are not to be named.

    Constraints: (C1) pending is 0 to 7; (C2) results are of the operands' types.

    Example: `%d = tile.wgmma_wait 0, %c : !tile.acc<64x256xf32>`
  }];
  let arguments = (ins I32Attr:$pending, Variadic<Tile_AccType>:$accumulators);
  let results = (outs Variadic<Tile_AccType>:$results);
  let assemblyFormat = [{
    $pending (`,` $accumulators^ `:` type($accumulators))? attr-dict
  }];
  let hasVerifier = 1;
}
def Tile_LoadMatrixOp : Tile_Op<"load_matrix"> {
  let summary = "Fragments of mma.sync from shared memory (ldmatrix)";
  let description = [{
    The part of the tile's matrix (its last two sizes) whose first element is at
    `[row, column]`, as large as the fragment. With `transposed` the tile holds
    K×N, and the part is the fragment's transpose. The whole warp takes part.

    Constraints: (C1) the tile is a bf16 matrix; (C2) a fragment of kind a has
    16 rows; (C3) a transposed fragment is of kind b; (C4) rows of the tile are
    a multiple of 16 bytes, and the fragment is no larger than the tile.

    Example: `%a = tile.load_matrix %t[%i, %k] : !tile.shared<64x64xbf16, swizzle 128> -> !tile.frag<16x64xbf16, a>`
  }];
  let arguments = (ins Tile_SharedType:$source, Index:$row, Index:$column,
                       UnitAttr:$transposed);
  let results = (outs Tile_FragType:$result);
  let assemblyFormat = [{
    $source `[` $row `,` $column `]` (`transposed` $transposed^)? attr-dict
    `:` type($source) `->` type($result)
  }];
  let hasVerifier = 1;
}
def Tile_MmaOp : Tile_Op<"mma", [Pure, AllTypesMatch<["c", "result"]>]> {
  let summary = "D = C + A·Bᵀ of a warp (mma.sync m16n8k16)";
  let description = [{
    Constraints: (C1) A is a 16×K fragment of kind a, B N×K of kind b, C 16×N.

    Example: `%d = tile.mma %a, %b, %c : !tile.frag<16x64xbf16, a>, !tile.frag<8x64xbf16, b>, !tile.acc<16x8xf32>`
  }];
  let arguments = (ins Tile_FragType:$a, Tile_FragType:$b, Tile_AccType:$c);
  let results = (outs Tile_AccType:$result);
  let assemblyFormat = [{
    $a `,` $b `,` $c attr-dict `:` type($a) `,` type($b) `,` type($c)
  }];
  let hasVerifier = 1;
}
def Tile_SplatOp : Tile_Op<"splat", [Pure]> {
  let summary = "An accumulator, or rows, of one value";
  let arguments = (ins F32:$value);
  let results = (outs AnyTypeOf<[Tile_AccType, Tile_RowsType]>:$result);
  let assemblyFormat = "$value attr-dict `:` type($result)";
}
def Tile_PackOp : Tile_Op<"pack", [Pure]> {
  let summary = "An accumulator as the A operand of the next product, in bf16";
  let description = [{
    Constraints: (C1) same shape, kind a.

    Example: `%p = tile.pack %s : !tile.acc<64x64xf32> -> !tile.frag<64x64xbf16, a>`
  }];
  let arguments = (ins Tile_AccType:$source);
  let results = (outs Tile_FragType:$result);
  let assemblyFormat = "$source attr-dict `:` type($source) `->` type($result)";
  let hasVerifier = 1;
}
def Tile_ColumnsOp : Tile_Op<"columns", [Pure]> {
  let summary = "Some columns of an accumulator";
  let description = [{
    Columns `first` to `first + n`, n as of the result. Costs nothing: a thread
    has the elements already.

    Constraints: (C1) same rows; (C2) first is a multiple of 8, and first + n at
    most the source's columns.

    Example: `%d = tile.columns %c from 128 : !tile.acc<64x256xf32> -> !tile.acc<64x64xf32>`
  }];
  let arguments = (ins Tile_AccType:$source, I32Attr:$first);
  let results = (outs Tile_AccType:$result);
  let assemblyFormat = [{
    $source `from` $first attr-dict `:` type($source) `->` type($result)
  }];
  let hasVerifier = 1;
}
def Tile_ElementsOp : Tile_Op<"elements",
    [Pure, DeclareOpInterfaceMethods<InferTypeOpInterface>]> {
  let summary = "A thread's elements of an accumulator";
  let description = [{
    In the order that the type states. Costs nothing.

    Example: `%e:4 = tile.elements %c : !tile.acc<64x8xf32>`
  }];
  let arguments = (ins Tile_AccType:$source);
  let results = (outs Variadic<F32>:$elements);
  let assemblyFormat = "$source attr-dict `:` type($source)";
}
def Tile_MapOp : Tile_Op<"map", [SingleBlock]> {
  let summary = "An elementwise function of accumulators, operands and rows";
  let description = [{
    The region computes an element from the inputs' elements (`rows` give the
    element of the row, an operand of kind a its bf16 as f32), the element's row
    and its column in the matrix (`index`). All inputs are rows: the result is
    rows and there is no column. An operand of 16 rows has those of the calling
    warp, whatever its place in the warpgroup.

    Constraints: (C1) inputs and result have the same number of rows, the
    accumulators the same type, operands kind a and the same columns; (C2) the block takes an f32 for each input, then
    the row and, of an accumulator, the column; (C3) it yields one f32; (C4) the
    region is scalar code without control flow that at most loads.

    Example:
    ```mlir
    %y = tile.map %x, %max : (!tile.acc<64x64xf32>, !tile.rows<64xf32>) -> !tile.acc<64x64xf32> {
    ^bb0(%e: f32, %m: f32, %row: index, %column: index):
      %d = arith.subf %e, %m : f32
      tile.yield %d : f32
    }
    ```
  }];
  let arguments = (ins Variadic<AnyTypeOf<[Tile_AccType, Tile_FragType,
                                           Tile_RowsType]>>:$inputs);
  let results = (outs AnyTypeOf<[Tile_AccType, Tile_RowsType]>:$result);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "$inputs attr-dict `:` functional-type($inputs, $result) $body";
  let hasVerifier = 1;
}
def Tile_Reduction : I32EnumAttr<"Reduction", "a reduction", [
    I32EnumAttrCase<"add", 0>, I32EnumAttrCase<"max", 1>]> {
  let cppNamespace = "::jet::tile";
}
def Tile_ReduceOp : Tile_Op<"reduce", [Pure]> {
  let summary = "Reduce each row over its columns";
  let description = [{
    A thread reduces its elements in the order of columns, then lanes at
    distance 1 and 2 are added: the same order for every row.

    Constraints: (C1) as many rows in the result as in the source.

    Example: `%m = tile.reduce max %s : !tile.acc<64x64xf32> -> !tile.rows<64xf32>`
  }];
  let arguments = (ins Tile_Reduction:$kind, Tile_AccType:$source);
  let results = (outs Tile_RowsType:$result);
  let assemblyFormat = "$kind $source attr-dict `:` type($source) `->` type($result)";
  let hasVerifier = 1;
}
def Tile_AnyLessOp : Tile_Op<"any_less", [AllTypesMatch<["a", "b"]>]> {
  let summary = "Whether a is less than b for any of the warp's rows";
  let description = [{
    The same to all lanes of a warp. The whole warp takes part.

    Example: `%moved = tile.any_less %before, %max : !tile.rows<64xf32>`
  }];
  let arguments = (ins Tile_RowsType:$a, Tile_RowsType:$b);
  let results = (outs I1:$result);
  let assemblyFormat = "$a `,` $b attr-dict `:` type($a)";
}
def Tile_StoreAccOp : Tile_Op<"store_acc", [AttrSizedOperandSegments]> {
  let summary = "Store an accumulator to memory, element by element";
  let description = [{
    Element (i, j) goes to `[row + i, column + j]` where `row + i < rows` and
    `column + j < columns` (with `bounds`). Pairs of columns are stored at once:
    the column, `columns` and a row's size are even. Elements are rounded to the
    memory's type. With `transposed` element (i, j) goes to
    `[row + j, column + i]`, alone.

    Constraints: (C1) memory of two sizes, f32 or bf16; (C2) not swizzled;
    (C3) its last size is even; (C4) bounds are not for `transposed`.

    Example: `tile.store_acc %c to %y[%m, %n] bounds %M, %N : !tile.acc<64x256xf32>, memref<?x1536xbf16>`
  }];
  let arguments = (ins Tile_AccType:$source, AnyTypeOf<[AnyMemRef, Tile_SharedType]>:$memory,
                       Index:$row, Index:$column, Optional<Index>:$rows,
                       Optional<Index>:$columns, UnitAttr:$transposed);
  let assemblyFormat = [{
    $source `to` $memory `[` $row `,` $column `]` (`bounds` $rows^ `,` $columns)?
    (`transposed` $transposed^)? attr-dict `:` type($source) `,` type($memory)
  }];
  let hasVerifier = 1;
}
def Tile_StoreMatrixOp : Tile_Op<"store_matrix"> {
  let summary = "Columns of an accumulator to shared memory as bf16 (stmatrix)";
  let description = [{
    Stores columns `first` to `first + n` to a tile of n columns. A tile of 16
    rows takes the rows of the calling warp, whatever its place in the
    warpgroup; one of 64 takes all. With `transposed` those columns become the n
    rows of the tile.

    Constraints: (C1) a bf16 matrix of 16 rows (transposed: columns), or as many
    as the accumulator has; (C2) n is a multiple of 16 and first + n at most the
    accumulator's columns.

    Example: `tile.store_matrix %c columns 64 to %t : !tile.acc<64x256xf32>, !tile.shared<16x64xbf16, swizzle 128>`
  }];
  let arguments = (ins Tile_AccType:$source, I32Attr:$first,
                       Tile_SharedType:$destination, UnitAttr:$transposed);
  let assemblyFormat = [{
    $source `columns` $first `to` $destination (`transposed` $transposed^)? attr-dict
    `:` type($source) `,` type($destination)
  }];
  let hasVerifier = 1;
}

#endif // JET_TILE_MATRIX_OPS_TD
