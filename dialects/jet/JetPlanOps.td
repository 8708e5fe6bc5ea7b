// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Level "plan": programs as the runtime executes them. Value semantics end
// here: what an op of this file returns is a place in memory.

#ifndef JET_PLAN_OPS_TD
#define JET_PLAN_OPS_TD

include "dialects/jet/JetDialect.td"
include "mlir/IR/BuiltinAttributes.td"
include "mlir/IR/OpAsmInterface.td"
include "mlir/IR/SymbolInterfaces.td"

/// A place: dense memory, or the batch or a state, whose types say how they are
/// laid out.
def Jet_Place : Type<
    CPred<"::llvm::isa<::mlir::MemRefType, ::jet::BatchType, "
          "::jet::StateTypeInterface>($_self)">,
    "memref, !jet.batch or state">;

def Jet_PlanOp : Op<Jet_Dialect, "plan",
    [Symbol, HasParent<"::mlir::ModuleOp">, IsolatedFromAbove, SingleBlock,
     NoTerminator, NoRegionArguments]> {
  let summary = "A program with all of its memory in place";
  let description = [{
    What the runtime does in a step: kernels run one after another, in the order
    of the body, on places that the body names. All activations lie in one arena
    of `T · arena` bytes for a step of `T` tokens. The plan serves every step of
    at most `max_batch` sequences of at most `max_context` tokens each, and is
    verified for those (`-jet-verify-plan`).

    Constraints:
    - (C1) `arena` is not negative, the limits are positive and below 2^31;
    - (C2) the body holds only `jet.input`, `jet.state`, `jet.weight`,
      `jet.weight_rows`, `jet.output`, `jet.buffer` and `jet.execute`.

    Example:
    ```mlir
    jet.plan @decode arena 1024 max_batch 16 max_context 4096 {
      %tokens = jet.input "tokens" : memref<?xi32>
      %table = jet.weight "model.embed_tokens.weight" : memref<512x128xf32>
      %x = jet.buffer at 0 bytes 512 : memref<?x128xf32>
      jet.execute @kernels::@embedding_128 reads(%tokens, %table : memref<?xi32>, memref<512x128xf32>) writes(%x : memref<?x128xf32>) rows tokens
    }
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, I64Attr:$arena,
                       I64Attr:$max_batch, I64Attr:$max_context);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = [{
    $sym_name `arena` $arena `max_batch` $max_batch `max_context` $max_context
    attr-dict-with-keyword $body
  }];
  let hasRegionVerifier = 1;
}

/// Names its result in printed IR. Without traits on effects on purpose: two
/// equal buffers are two buffers, which CSE must not merge.
class Jet_PlaceOp<string mnemonic> : Op<Jet_Dialect, mnemonic,
    [HasParent<"PlanOp">,
     DeclareOpInterfaceMethods<OpAsmOpInterface, ["getAsmResultNames"]>]> {
  let results = (outs Jet_Place:$place);
  let hasVerifier = 1;
}

def Jet_InputOp : Jet_PlaceOp<"input"> {
  let summary = "What the runtime prepares for a step";
  let description = [{
    `tokens` and `positions`, `[T]` i32, `batch`, or `sampling`, `[B, 4]` f32.

    Constraints: (C1) a memref is dense, of f32, bf16, f16, f8E4M3FN
    or i32.

    Examples:
    ```mlir
    %tokens = jet.input "tokens" : memref<?xi32>
    %batch = jet.input "batch" : !jet.batch
    ```
  }];
  let arguments = (ins StrAttr:$name);
  let assemblyFormat = "$name attr-dict `:` type($place)";
}

def Jet_StateOp : Jet_PlaceOp<"state"> {
  let summary = "What a layer keeps between steps";
  let description = [{
    The state with that number, counted over all layers of the `jet.model` in
    order: all of its slots. The type says how a slot is laid out.

    Constraints:
    - (C1) the place has a state type;
    - (C2) number and layer are not negative.

    Example:
    ```mlir
    %state3 = jet.state 3 layer 2 : !jet.recurrent_state<4x32x64xf32>
    ```
  }];
  let arguments = (ins I64Attr:$index, I64Attr:$layer);
  let assemblyFormat = "$index `layer` $layer attr-dict `:` type($place)";
}

def Jet_WeightOp : Jet_PlaceOp<"weight"> {
  let summary = "A checkpoint tensor in memory";
  let description = [{
    Mapped, never written. With `concat`, made when weights are bound from the
    rows of several tensors, one after another (`jet.packed_param`); with
    `column_scale`, its columns are multiplied by the vector of that name then.

    Constraints:
    - (C1) the place is such a memref of static shape;
    - (C2) `concat` names tensors, with a number of rows for each that is
      positive; these sum to the rows of the place;
    - (C3) with a column scale the place has 2 dimensions.

    Examples:
    ```mlir
    %norm = jet.weight "model.norm.weight" : memref<128xf32>
    %qk = jet.weight "q + k" concat ["q", "k"] rows [96, 32] column_scale "norm" : memref<128x64xf32>
    ```
  }];
  let arguments = (ins StrAttr:$name, OptionalAttr<StrArrayAttr>:$concat,
                       OptionalAttr<DenseI64ArrayAttr>:$concat_rows,
                       OptionalAttr<StrAttr>:$column_scale);
  let assemblyFormat = [{
    $name (`concat` $concat^ `rows` $concat_rows)?
    (`column_scale` $column_scale^)? attr-dict `:` type($place)
  }];
}

def Jet_WeightRowsOp : Jet_PlaceOp<"weight_rows"> {
  let summary = "Some rows of a weight";
  let description = [{
    The rows `[begin, end)` where they lie.

    Constraints: (C1) the place is a `jet.weight`'s with `end − begin` rows
    instead, and `0 <= begin < end <= rows`.

    Example:
    ```mlir
    %q = jet.weight_rows %qk [0, 96] : memref<128x64xf32> -> memref<96x64xf32>
    ```
  }];
  let arguments = (ins Jet_Place:$weight, I64Attr:$begin, I64Attr:$end);
  let assemblyFormat = [{
    $weight `[` $begin `,` $end `]` attr-dict `:`
    type($weight) `->` type($place)
  }];
}

def Jet_OutputOp : Jet_PlaceOp<"output"> {
  let summary = "Where the caller finds a result";
  let description = [{
    Memory of the caller with a row for each token or each sequence of the step.

    Constraints: (C1) the place is such a memref whose leading size alone is
    dynamic.

    Example:
    ```mlir
    %logits = jet.output "logits" rows sequences : memref<?x512xf32>
    ```
  }];
  let arguments = (ins StrAttr:$name, UnitAttr:$per_sequence);
  let assemblyFormat = [{
    $name `rows` custom<Rows>($per_sequence) attr-dict `:` type($place)
  }];
}

def Jet_BufferOp : Jet_PlaceOp<"buffer"> {
  let summary = "A slice of the arena";
  let description = [{
    In a step of `T` tokens the bytes `[T · offset, T · (offset + bytes))` of the
    arena, enough for a row of `bytes` bytes for each token. The type says what
    is kept there; nothing of it lasts longer than from the first execution that
    writes the buffer to the last that uses it, and outside of that other buffers
    may have the same bytes. Diagnostics and packages count the buffers of a
    plan in the order of these ops.

    Constraints:
    - (C1) the place is such a memref whose leading size alone is dynamic;
    - (C2) offset and bytes are not negative.

    Example:
    ```mlir
    %buffer0 = jet.buffer at 6144 bytes 3072 : memref<?x768xf32>
    ```
  }];
  let arguments = (ins I64Attr:$offset, I64Attr:$bytes);
  let assemblyFormat = "`at` $offset `bytes` $bytes attr-dict `:` type($place)";
}

def Jet_ExecuteOp : Op<Jet_Dialect, "execute",
    [HasParent<"PlanOp">, AttrSizedOperandSegments,
     DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "Run a kernel on places";
  let description = [{
    Runs a function of the module `@kernels` over all of its grid. It reads
    `reads`, advances the states `updates` in place and fills `writes`, each in
    the order of the kernel's arguments and results. `rows` says what the rows of
    the kernel's tensors are. A kernel may see a place in another shape with as
    many elements a row: views (split and merged heads) are gone at this level.

    Constraints:
    - (C1) the kernel exists and is a function;
    - (C2) there are as many reads, updates and writes as the kernel has
      arguments that it only reads, states that it also returns, and other
      results;
    - (C3) a place has the kernel's element type and as many elements a row, or
      its very type for the batch and states

    (C2 and C3 until `-jet-lower-kernels` gives the kernel buffers).

    Example:
    ```mlir
    jet.execute @kernels::@linear_64x128 reads(%x, %w : memref<?x128xf32>, memref<64x128xf32>) writes(%y : memref<?x64xf32>) rows tokens
    ```
  }];
  let arguments = (ins SymbolRefAttr:$kernel, Variadic<Jet_Place>:$reads,
                       Variadic<Jet_Place>:$updates,
                       Variadic<Jet_Place>:$writes, UnitAttr:$per_sequence);
  let assemblyFormat = [{
    $kernel (`reads` `(` $reads^ `:` type($reads) `)`)?
    (`updates` `(` $updates^ `:` type($updates) `)`)?
    (`writes` `(` $writes^ `:` type($writes) `)`)?
    `rows` custom<Rows>($per_sequence) attr-dict
  }];
}

#endif // JET_PLAN_OPS_TD
