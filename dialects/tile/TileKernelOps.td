// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Kernels, their memory, their roles, and who a thread is.

#ifndef JET_TILE_KERNEL_OPS_TD
#define JET_TILE_KERNEL_OPS_TD

include "dialects/tile/TileTypes.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/FunctionInterfaces.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "mlir/IR/BuiltinAttributes.td"
include "mlir/IR/EnumAttr.td"

def Tile_KernelOp : Tile_Op<"kernel", [FunctionOpInterface, IsolatedFromAbove]> {
  let summary = "A kernel: what one thread of the grid does";
  let description = [{
    `block` threads a CTA, `cluster` CTAs a cluster (default 1, along x). The
    grid is the launch's. Arguments are global memory (`memref`; only the
    leading size may be dynamic; passed as a bare pointer), tensor maps (passed
    by value), and scalars.

    Constraints: (C1) block is a multiple of 32, 32 to 1024; (C2) cluster is 1
    to 8; (C3) an argument is of one of the types above; (C4) no results;
    (C5) what the kernel allocates fits in 227 KB.

    Example:
    ```mlir
    tile.kernel @zero(%y: memref<?xf32>) block 32 {
      %i = tile.thread_id
      %f0 = arith.constant 0.0 : f32
      tile.store %f0, %y[%i] : f32, memref<?xf32>
      tile.return
    }
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name,
                       TypeAttrOf<FunctionType>:$function_type,
                       I32Attr:$block, DefaultValuedAttr<I32Attr, "1">:$cluster,
                       OptionalAttr<DictArrayAttr>:$arg_attrs,
                       OptionalAttr<DictArrayAttr>:$res_attrs);
  let regions = (region AnyRegion:$body);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
  let hasRegionVerifier = 1;
  let extraClassDeclaration = [{
    llvm::ArrayRef<mlir::Type> getArgumentTypes() {
      return getFunctionType().getInputs();
    }
    llvm::ArrayRef<mlir::Type> getResultTypes() {
      return getFunctionType().getResults();
    }
    mlir::Region *getCallableRegion() { return &getBody(); }
    /// Byte offset of each allocation in the order of the body, and their end.
    llvm::SmallVector<int64_t> assignOffsets();
  }];
}

def Tile_KernelsOp : Tile_Op<"kernels", [SymbolTable, Symbol, NoTerminator,
                                       SingleBlock, NoRegionArguments,
                                       IsolatedFromAbove]> {
  let summary = "Kernels that are compiled together";
  let description = [{
    Passes over the kernels of other dialects, which lie in a module beside it,
    leave these alone.

    Constraints: (C1) it holds kernels only.

    Example:
    ```mlir
    tile.kernels @tile_kernels {
      tile.kernel @nothing() block 32 { tile.return }
    }
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "$sym_name attr-dict-with-keyword $body";
  let hasVerifier = 1;
}

def Tile_ReturnOp : Tile_Op<"return", [Terminator, Pure]> {
  let summary = "End of a kernel or a role";
  let assemblyFormat = "attr-dict";
}

def Tile_YieldOp : Tile_Op<"yield", [Terminator, Pure]> {
  let summary = "The value of a region";
  let arguments = (ins Variadic<AnyType>:$values);
  let assemblyFormat = "($values^ `:` type($values))? attr-dict";
}

def Tile_AllocOp : Tile_Op<"alloc", [MemoryEffects<[MemAlloc]>]> {
  let summary = "Shared memory for the kernel's life";
  let description = [{
    Tiles and barriers are laid out in the order of the kernel's text, each at
    its alignment (`8 swizzle` bytes, 128 without swizzle, 8 for barriers).

    Constraints: (C1) in the kernel's entry block.

    Example: `%a = tile.alloc : !tile.shared<4x128x64xbf16, swizzle 128>`
  }];
  let results = (outs AnyTypeOf<[Tile_SharedType, Tile_BarriersType]>:$result);
  let assemblyFormat = "attr-dict `:` type($result)";
  let hasVerifier = 1;
}

def Tile_SliceOp : Tile_Op<"slice", [Pure]> {
  let summary = "Select a tile by leading indices";
  let description = [{
    Constraints: (C1) the result's shape is the source's without as many leading
    sizes as there are indices, same element type and swizzle; at least one size
    remains; (C2) a swizzled result is a multiple of `8 swizzle` bytes.

    Example: `%s = tile.slice %a[%stage] : !tile.shared<4x128x64xbf16, swizzle 128> -> !tile.shared<128x64xbf16, swizzle 128>`
  }];
  let arguments = (ins Tile_SharedType:$source, Variadic<Index>:$indices);
  let results = (outs Tile_SharedType:$result);
  let assemblyFormat = [{
    $source `[` $indices `]` attr-dict `:` type($source) `->` type($result)
  }];
  let hasVerifier = 1;
}

def Tile_ViewOp : Tile_Op<"view", [Pure]> {
  let summary = "The same bytes under another shape";
  let description = [{
    Constraints: (C1) same element type, element count and swizzle, and the same
    last size if swizzled.

    Example: `%v = tile.view %a : !tile.shared<2x64x64xbf16, swizzle 128> -> !tile.shared<128x64xbf16, swizzle 128>`
  }];
  let arguments = (ins Tile_SharedType:$source);
  let results = (outs Tile_SharedType:$result);
  let assemblyFormat = "$source attr-dict `:` type($source) `->` type($result)";
  let hasVerifier = 1;
}

def Tile_ReuseOp : Tile_Op<"reuse", [Pure]> {
  let summary = "A tile in the bytes of another";
  let description = [{
    Starts `offset` bytes into the source. What it holds at first has no meaning,
    and what the source held there is gone once it is written: all threads are
    done with the source before any writes.

    Constraints: (C1) it lies in the source's bytes; (C2) no larger an alignment
    than the source's, which divides the offset.

    Example: `%p = tile.reuse %ring at 1024 : !tile.shared<4x64x64xbf16, swizzle 128> -> !tile.shared<64x68xf32>`
  }];
  let arguments = (ins Tile_SharedType:$source,
                       DefaultValuedAttr<I64Attr, "0">:$offset);
  let results = (outs Tile_SharedType:$result);
  let assemblyFormat = [{
    $source (`at` $offset^)? attr-dict `:` type($source) `->` type($result)
  }];
  let hasVerifier = 1;
}

def Tile_RolesOp : Tile_Op<"roles", [NoTerminator, SingleBlock]> {
  let summary = "Warp-specialised roles";
  let description = [{
    Threads are dealt to the `tile.role` ops of the body in order; a thread does
    its role and goes on behind the op.

    Constraints: (C1) the body holds roles only; (C2) their threads sum up to
    the block; (C3) with register budgets, the registers of all roles are at
    most those that the block begins with, 65,536 / threads for each thread,
    rounded down to eights: a role that wants more waits forever; (C4) all roles
    have a register budget, or none.

    Example:
    ```mlir
    tile.roles {
      tile.role @producer threads 128 registers 40 { tile.return }
      tile.role @consumer threads 256 registers 232 { tile.return }
    }
    ```
  }];
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "$body attr-dict";
  let hasVerifier = 1;
}

def Tile_RoleOp : Tile_Op<"role", [HasParent<"RolesOp">]> {
  let summary = "What some warps of the block do";
  let description = [{
    Constraints: (C1) threads are a multiple of 32, of 128 with a register
    budget; (C2) registers are a multiple of 8, 24 to 240.
  }];
  let arguments = (ins SymbolNameAttr:$role, I32Attr:$threads,
                       OptionalAttr<I32Attr>:$registers);
  let regions = (region AnyRegion:$body);
  let assemblyFormat = [{
    $role `threads` $threads (`registers` $registers^)? attr-dict-with-keyword
    $body
  }];
  let hasVerifier = 1;
}

class Tile_IdOp<string mnemonic, string what> : Tile_Op<mnemonic, [Pure]> {
  let summary = what;
  let results = (outs Index:$result);
  let assemblyFormat = "attr-dict";
}
def Tile_ThreadIdOp : Tile_IdOp<"thread_id", "The thread's index in its CTA">;
def Tile_LaneIdOp : Tile_IdOp<"lane_id", "The thread's index in its warp">;
def Tile_WarpIdOp : Tile_IdOp<"warp_id",
    "The warp's index in its CTA, known to be the same in the warp; all of it takes part">;
def Tile_WarpgroupIdOp : Tile_IdOp<"warpgroup_id",
    "The warpgroup's index in its CTA, known to be the same in the warp; all of it takes part">;
def Tile_ClusterRankOp : Tile_IdOp<"cluster_rank", "The CTA's index in its cluster">;

def Tile_Axis : I32EnumAttr<"Axis", "an axis of the grid", [
    I32EnumAttrCase<"x", 0>, I32EnumAttrCase<"y", 1>, I32EnumAttrCase<"z", 2>]> {
  let cppNamespace = "::jet::tile";
}
class Tile_GridOp<string mnemonic, string what> : Tile_Op<mnemonic, [Pure]> {
  let summary = what;
  let arguments = (ins Tile_Axis:$axis);
  let results = (outs Index:$result);
  let assemblyFormat = "$axis attr-dict";
}
def Tile_BlockIdOp : Tile_GridOp<"block_id", "The CTA's index in the grid">;
def Tile_GridDimOp : Tile_GridOp<"grid_dim", "The number of CTAs along an axis">;

def Tile_ElectOp : Tile_Op<"elect", []> {
  let summary = "True in one lane of the warp";
  let description = [{
    The whole warp must arrive here. Use it and not `lane == 0` around TMA and
    barriers: the assembler then knows that one thread runs what follows.
  }];
  let results = (outs I1:$result);
  let assemblyFormat = "attr-dict";
}

#endif // JET_TILE_KERNEL_OPS_TD
