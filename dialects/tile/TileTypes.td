// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Types: shared memory, barriers, tensor maps, and what a warp or a warpgroup
// holds in registers.

#ifndef JET_TILE_TYPES_TD
#define JET_TILE_TYPES_TD

include "dialects/tile/TileDialect.td"

class Tile_Type<string name, string typeMnemonic> : TypeDef<Tile_Dialect, name> {
  let mnemonic = typeMnemonic;
  let genVerifyDecl = 1;
}

def Tile_SharedType : Tile_Type<"Shared", "shared"> {
  let summary = "A tile in shared memory";
  let description = [{
    A row-major array in the shared memory of a CTA. Leading dimensions select a
    tile (`tile.slice`). With `swizzle = s` the 16-byte chunks of each
    row are permuted within groups of 8 rows as TMA and wgmma do it: chunk `c`
    of row `r` is at chunk `c xor (r mod 8)` (s = 128), `c xor (r / 2 mod 4)`
    (64), `c xor (r / 4 mod 2)` (32). A swizzled tile starts at a multiple of
    `8 s` bytes.

    Constraints: (C1) sizes are positive, and the whole is at most 227 KB;
    (C2) the element type is an integer or float of 8, 16, 32 or 64 bits;
    (C3) swizzle is 0, 32, 64 or 128, and a swizzled row is that many bytes.

    Example: `!tile.shared<4x128x64xbf16, swizzle 128>`
  }];
  let parameters = (ins ArrayRefParameter<"int64_t">:$shape,
                        "::mlir::Type":$elementType,
                        DefaultValuedParameter<"int64_t", "0">:$swizzle);
  let assemblyFormat = [{
    `<` custom<Shape>($shape, $elementType) (`,` `swizzle` $swizzle^)? `>`
  }];
  let extraClassDeclaration = [{
    int64_t getNumElements() const;
    int64_t getNumBytes() const;
    /// Bytes from which an allocation starts at a multiple.
    int64_t getAlignment() const;
    /// The type after `n` leading dimensions are selected.
    SharedType dropLeading(int64_t n) const;
  }];
}

def Tile_TensorMapType : Tile_Type<"TensorMap", "tensor_map"> {
  let summary = "A TMA descriptor of a tensor in global memory";
  let description = [{
    The sizes are those of the box that one copy moves, outermost first; the
    tensor's own sizes and strides are known to the host that encodes the
    descriptor. Out-of-bounds elements read as zero and are not written.

    Constraints: (C1) 1 to 5 sizes, each 1 to 256; (C2) as of `shared`;
    (C3) as of `shared`; (C4) a row of the box is a multiple of 16 bytes.

    Example: `!tile.tensor_map<128x64xbf16, swizzle 128>`
  }];
  let parameters = (ins ArrayRefParameter<"int64_t">:$shape,
                        "::mlir::Type":$elementType,
                        DefaultValuedParameter<"int64_t", "0">:$swizzle);
  let assemblyFormat = [{
    `<` custom<Shape>($shape, $elementType) (`,` `swizzle` $swizzle^)? `>`
  }];
}

def Tile_BarriersType : Tile_Type<"Barriers", "barriers"> {
  let summary = "An array of mbarriers in shared memory";
  let description = [{
    Constraints: (C1) 1 to 1024 barriers.

    Example: `!tile.barriers<4>`
  }];
  let parameters = (ins "int64_t":$count);
  let assemblyFormat = "`<` $count `>`";
}

def Tile_AccType : Tile_Type<"Acc", "acc"> {
  let summary = "An fp32 matrix held by a warp (16 rows) or a warpgroup (64)";
  let description = [{
    The accumulator of `wgmma` (64 rows) and of `mma.sync` (16 rows). A thread
    holds `columns / 2` values. With lane `l`, element `4 j + 2 h + e` is at row
    `16 w + l / 4 + 8 h` and column `8 j + 2 (l mod 4) + e`, where `w` is the
    warp's index in its warpgroup (0 with 16 rows).

    Constraints: (C1) 16 or 64 rows; (C2) columns are a multiple of 8, 8 to
    256.

    Example: `!tile.acc<64x256xf32>`
  }];
  let parameters = (ins "int64_t":$rows, "int64_t":$columns);
  let assemblyFormat = "`<` custom<F32Matrix>($rows, $columns) `>`";
  let extraClassDeclaration = [{
    /// Values that one thread holds.
    int64_t getNumElements() const { return getColumns() / 2; }
  }];
}

def Tile_RowsType : Tile_Type<"Rows", "rows"> {
  let summary = "One fp32 value for each row of an accumulator";
  let description = [{
    A thread holds two: those of rows `16 w + l / 4 + 8 h`, h = 0, 1; the four
    lanes of a row hold the same.

    Constraints: (C1) 16 or 64 rows.

    Example: `!tile.rows<64xf32>`
  }];
  let parameters = (ins "int64_t":$rows);
  let assemblyFormat = "`<` custom<F32Rows>($rows) `>`";
}

def Tile_FragType : Tile_Type<"Frag", "frag"> {
  let summary = "An operand of mma.sync or wgmma in registers";
  let description = [{
    A bf16 matrix with its columns along K. Of kind `a`: 16 rows (a warp) or 64
    (a warpgroup); a thread holds, for each 16 columns, 4 registers of 2 values
    at rows `l / 4 + 8 (i mod 2)`, columns `8 (i / 2) + 2 (l mod 4) + {0, 1}`.
    Of kind `b` (Bᵀ: rows are columns of the product): for each 8 rows and
    16 columns 2 registers at row `l / 4`, columns `8 i + 2 (l mod 4) + {0, 1}`;
    groups of 8 rows vary fastest.

    Constraints: (C1) columns are a multiple of 16, 16 to 256; (C2) 16 or 64
    rows of kind a, a multiple of 8 up to 256 of kind b.

    Example: `!tile.frag<16x64xbf16, a>`
  }];
  let parameters = (ins "int64_t":$rows, "int64_t":$columns,
                        StringRefParameter<"a or b">:$kind);
  let assemblyFormat = "`<` custom<Bf16Matrix>($rows, $columns) `,` custom<Kind>($kind) `>`";
  let extraClassDeclaration = [{
    bool isA() const { return getKind() == "a"; }
    /// Registers of two values that one thread holds.
    int64_t getNumRegisters() const {
      return getColumns() / 16 * (isA() ? 4 : getRows() / 8 * 2);
    }
  }];
}

#endif // JET_TILE_TYPES_TD
