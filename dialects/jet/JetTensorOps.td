// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Level "tensor", row-wise ops: parameters, projections, norms, elementwise.
// R stands for the number of rows (tokens) of an activation.

#ifndef JET_TENSOR_OPS_TD
#define JET_TENSOR_OPS_TD

include "dialects/jet/JetAttrs.td"
include "dialects/jet/JetCost.td"
include "dialects/jet/JetTypes.td"
include "mlir/IR/BuiltinAttributes.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

class Jet_TensorOp<string opMnemonic, list<Trait> traits = []>
    : Op<Jet_Dialect, opMnemonic,
         !listconcat([Pure, Jet_CostOpInterface], traits)>;

// For ops whose cost is not that of a row-wise op; defined in Cost.cpp.
defvar Jet_DeclareCost = "::jet::OpCost getCost();";

// Activations and parameters of the given rank with float elements. Only the
// number of rows may be unknown: kernels are compiled for the other sizes.
def Jet_KnownRowSizePred : CPred<[{::llvm::all_of(
    ::llvm::cast<::mlir::ShapedType>($_self).getShape().drop_front(),
    [](int64_t size) { return size > 0; })}]>;
class Jet_RowsOf<int rank> : RankedTensorOf<[AnyFloat],
    [HasAnyRankOfPred<[rank]>, Jet_KnownRowSizePred],
    rank # "D tensor with rows of a positive, known size">;
def Jet_F1 : 1DTensorOf<[AnyFloat]>;
def Jet_F2 : Jet_RowsOf<2>;
def Jet_F3 : Jet_RowsOf<3>;
def Jet_I1 : 1DTensorOf<[I32]>;

def Jet_ParamOp : Jet_TensorOp<"param"> {
  let summary = "A checkpoint tensor";
  let description = [{
    The tensor of that name in the checkpoint, in its stored type. With
    `column_scale`, the vector of that name, of the same type, is multiplied into
    its columns: `w[n, k] = tensor[n, k] · scale[k]`, in f32 and rounded once, a
    recipe that is executed when weights are loaded.

    Constraints:
    - (C1) the shape is static and not empty;
    - (C2) with a column scale it has 2 dimensions.

    Examples:
    ```mlir
    %w = jet.param "model.norm.weight" : tensor<128xf32>
    %h = jet.param "lm_head.weight" column_scale "model.norm.weight" : tensor<512x128xbf16>
    ```
  }];
  let arguments = (ins StrAttr:$name, OptionalAttr<StrAttr>:$column_scale);
  let results = (outs RankedTensorOf<[AnyFloat]>:$result);
  let assemblyFormat = [{
    $name (`column_scale` $column_scale^)? attr-dict `:` type($result)
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = Jet_DeclareCost;
}

def Jet_PackedParamOp : Jet_TensorOp<"packed_param"> {
  let summary = "A weight made of several checkpoint tensors";
  let description = [{
    The rows of the tensors of those names, one tensor after another: a recipe
    that is executed once, when weights are loaded. `rows` says how many rows
    each tensor has; in all other sizes they agree with the result. With
    `column_scale` all of them are scaled as by `jet.param`.

    Constraints:
    - (C1) the shape is static and not empty, of 1 or 2 dimensions;
    - (C2) at least two names, all different;
    - (C3) one positive number of rows per name; their sum is the result's;
    - (C4) with a column scale it has 2 dimensions.

    Example:
    ```mlir
    %w = jet.packed_param ["q_proj.weight", "k_proj.weight"] rows [1536, 128] column_scale "norm.weight" : tensor<1664x1536xbf16>
    ```
  }];
  let arguments = (ins StrArrayAttr:$names, DenseI64ArrayAttr:$rows,
                       OptionalAttr<StrAttr>:$column_scale);
  let results = (outs RankedTensorOf<[AnyFloat]>:$result);
  let assemblyFormat = [{
    $names `rows` $rows (`column_scale` $column_scale^)? attr-dict `:`
    type($result)
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = Jet_DeclareCost # [{
    /// The names as one, "q + k", by which programs share the weight.
    std::string getJoinedName();
  }];
}

def Jet_ParamRowsOp : Jet_TensorOp<"param_rows"> {
  let summary = "View some rows of a parameter";
  let description = [{
    `y[r, …] = x[begin + r, …]` for the rows `[begin, end)`, which may be of
    another shape with as many elements: `[H]` as `[H, 1]`, to be broadcast over
    columns. A view: it costs nothing.

    Constraints:
    - (C1) x is a `jet.param` or a `jet.packed_param` of at least 1 dimension;
    - (C2) `0 <= begin < end`, and x has at least `end` rows;
    - (C3) the result has `end − begin` rows, each of as many elements as those
      of x, and x's element type.

    Example:
    ```mlir
    %w = jet.packed_param ["q_proj.weight", "k_proj.weight"] rows [1536, 128] : tensor<1664x1536xbf16>
    %k = jet.param_rows %w [1536, 1664) : (tensor<1664x1536xbf16>) -> tensor<128x1536xbf16>
    ```
  }];
  let arguments = (ins RankedTensorOf<[AnyFloat]>:$x, I64Attr:$begin,
                       I64Attr:$end);
  let results = (outs RankedTensorOf<[AnyFloat]>:$result);
  let assemblyFormat = [{
    $x `[` $begin `,` $end `)` attr-dict `:` functional-type(operands, results)
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = Jet_DeclareCost;
}

def Jet_EmbeddingOp : Jet_TensorOp<"embedding"> {
  let summary = "Rows of a table";
  let description = [{
    `y[r, c] = table[tokens[r], c]`

    Shapes: tokens `[R]` i32, table `[V, C]`, y `[R, C]`. Tokens lie in `[0, V)`
    (the runtime checks them).

    Constraints:
    - (C1) table and result have the same number of columns;
    - (C2) tokens and result agree in R.

    Example:
    ```mlir
    %x = jet.embedding %tokens, %table : (tensor<?xi32>, tensor<512x128xf32>) -> tensor<?x128xf32>
    ```
  }];
  let arguments = (ins Jet_I1:$tokens, Jet_F2:$table);
  let results = (outs Jet_F2:$result);
  let assemblyFormat = [{
    $tokens `,` $table attr-dict `:` functional-type(operands, results)
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = Jet_DeclareCost;
}

def Jet_LinearOp : Jet_TensorOp<"linear"> {
  let summary = "Linear projection";
  let description = [{
    `y[r, n] = Σ_k x[r, k] · weight[n, k] (+ bias[n])`, accumulated in f32.

    Shapes: x `[R, K]`, weight `[N, K]`, bias `[N]`, y `[R, N]`.

    Constraints:
    - (C1) x and weight agree in K;
    - (C2) weight, bias and result agree in N;
    - (C3) x and result agree in R.

    Example:
    ```mlir
    %y = jet.linear %x, %w bias %b : (tensor<?x128xf32>, tensor<64x128xbf16>, tensor<64xbf16>) -> tensor<?x64xf32>
    ```
  }];
  let arguments = (ins Jet_F2:$x, Jet_F2:$weight, Optional<Jet_F1>:$bias);
  let results = (outs Jet_F2:$result);
  let assemblyFormat = [{
    $x `,` $weight (`bias` $bias^)? attr-dict `:`
    functional-type(operands, results)
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = Jet_DeclareCost;
}

def Jet_RmsNormOp : Jet_TensorOp<"rms_norm"> {
  let summary = "Root-mean-square norm of each row";
  let description = [{
    `y[r, c] = weight[c] · x[r, c] / sqrt(mean_c(x[r, c]²) + eps)`, in f32.

    Shapes: x, y `[R, C]`, weight `[C]`.

    Constraints:
    - (C1) x, weight and result agree in C;
    - (C2) eps is positive.

    Example:
    ```mlir
    %y = jet.rms_norm %x, %w eps 1.0e-06 : (tensor<?x128xf32>, tensor<128xf32>) -> tensor<?x128xf32>
    ```
  }];
  let arguments = (ins Jet_F2:$x, Jet_F1:$weight, F64Attr:$eps);
  let results = (outs Jet_F2:$result);
  let assemblyFormat = [{
    $x `,` $weight `eps` custom<DoubleAttr>($eps) attr-dict `:`
    functional-type(operands, results)
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = Jet_DeclareCost;
}

def Jet_GatedRmsNormOp : Jet_TensorOp<"gated_rms_norm"> {
  let summary = "Root-mean-square norm of each head, gated by SiLU";
  let description = [{
    `y[r, h, d] = weight[d] · x[r, h, d] / sqrt(mean_d(x[r, h, d]²) + eps) ·
    silu(gate[r, h, d])`, in f32.

    Shapes: x, gate, y `[R, H, D]`, weight `[D]`.

    Constraints:
    - (C1) x, gate and result have the same shape, weight agrees in D;
    - (C2) eps is positive.

    Example:
    ```mlir
    %y = jet.gated_rms_norm %o, %gate, %w eps 1.0e-05 : (tensor<?x4x64xf32>, tensor<?x4x64xf32>, tensor<64xf32>) -> tensor<?x4x64xf32>
    ```
  }];
  let arguments = (ins Jet_F3:$x, Jet_F3:$gate, Jet_F1:$weight, F64Attr:$eps);
  let results = (outs Jet_F3:$result);
  let assemblyFormat = [{
    $x `,` $gate `,` $weight `eps` custom<DoubleAttr>($eps) attr-dict `:`
    functional-type(operands, results)
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = Jet_DeclareCost;
}

def Jet_L2NormOp : Jet_TensorOp<"l2_norm"> {
  let summary = "Scale each head's vector to a given length";
  let description = [{
    `y[r, h, d] = scale · x[r, h, d] / sqrt(Σ_d x[r, h, d]² + eps)`, in f32.

    Shapes: x, y `[R, H, D]`.

    Constraints:
    - (C1) x and result have the same shape;
    - (C2) eps is positive.

    Example:
    ```mlir
    %k = jet.l2_norm %x eps 1.0e-06 scale 1.0 : (tensor<?x4x32xf32>) -> tensor<?x4x32xf32>
    ```
  }];
  let arguments = (ins Jet_F3:$x, F64Attr:$eps, F64Attr:$scale);
  let results = (outs Jet_F3:$result);
  let assemblyFormat = [{
    $x `eps` custom<DoubleAttr>($eps) `scale` custom<DoubleAttr>($scale)
    attr-dict `:` functional-type(operands, results)
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = Jet_DeclareCost;
}

def Jet_RopeOp : Jet_TensorOp<"rope"> {
  let summary = "Rotary position embedding (rotate-half form)";
  let description = [{
    With `φ = positions[r] · theta^(−2i/D)`, for every `i < D/2`:
    ```
    y[r, h, i]       = x[r, h, i] · cos φ − x[r, h, i + D/2] · sin φ
    y[r, h, i + D/2] = x[r, h, i + D/2] · cos φ + x[r, h, i] · sin φ
    ```
    Shapes: x, y `[R, H, D]`, positions `[R]` i32. The frequencies are f32, as is
    the arithmetic; the result may be narrower (the cache's type).

    Constraints:
    - (C1) x and result have the same shape, positions agree in R;
    - (C2) D is even and theta positive.

    Example:
    ```mlir
    %k = jet.rope %x, %positions theta 10000.0 : (tensor<?x2x32xf32>, tensor<?xi32>) -> tensor<?x2x32xbf16>
    ```
  }];
  let arguments = (ins Jet_F3:$x, Jet_I1:$positions, F64Attr:$theta);
  let results = (outs Jet_F3:$result);
  let assemblyFormat = [{
    $x `,` $positions `theta` custom<DoubleAttr>($theta) attr-dict `:`
    functional-type(operands, results)
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = Jet_DeclareCost;
}

def Jet_SwigluOp : Jet_TensorOp<"swiglu"> {
  let summary = "SiLU-gated product of the MLP";
  let description = [{
    `y[r, c] = silu(gate[r, c]) · up[r, c]` with `silu(x) = x / (1 + e^−x)`.

    Shapes: gate, up, y `[R, C]`.

    Constraints: (C1) gate, up and result have the same shape.

    Example:
    ```mlir
    %h = jet.swiglu %gate, %up : (tensor<?x320xf32>, tensor<?x320xf32>) -> tensor<?x320xf32>
    ```
  }];
  let arguments = (ins Jet_F2:$gate, Jet_F2:$up);
  let results = (outs Jet_F2:$result);
  let assemblyFormat = [{
    $gate `,` $up attr-dict `:` functional-type(operands, results)
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = Jet_DeclareCost;
}

def Jet_MapOp : Jet_TensorOp<"map", [
    SingleBlock, IsolatedFromAbove]> {
  let summary = "Elementwise scalar code over tensors";
  let description = [{
    Computes every element of the result by the region, from the elements of the
    inputs at the same place. An input that lacks leading dimensions (a
    parameter `[C]` beside activations `[R, C]`) is broadcast along them.
    Elementwise work is carried by this op's region so that passes can move it
    into other ops and compose it by cloning.

    Constraints:
    - (C1) each input's shape is a suffix of the result's, whose row size is
      known, and that of at least one is all of it;
    - (C2) the region takes one scalar per input, of its element type;
    - (C3) `jet.yield` returns one scalar of the result's element type.

    Example:
    ```mlir
    %y = jet.map(%a, %bias) : (tensor<?x4xf32>, tensor<4xf32>) -> tensor<?x4xf32> {
    ^bb0(%x: f32, %b: f32):
      %s = arith.addf %x, %b : f32
      jet.yield %s : f32
    }
    ```
  }];
  let arguments = (ins Variadic<RankedTensorOf<[AnyFloat]>>:$inputs);
  let results = (outs RankedTensorOf<[AnyFloat]>:$result);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = [{
    `(` $inputs `)` attr-dict `:` functional-type($inputs, results) $body
  }];
  let hasRegionVerifier = 1;
  let hasFolder = 1;
  let builders = [OpBuilder<(ins "::mlir::Type":$result,
      "::mlir::ValueRange":$inputs,
      "::llvm::function_ref<::mlir::Value(::mlir::OpBuilder &, "
      "::mlir::Location, ::mlir::ValueRange)>":$body)>];
}

def Jet_YieldOp : Op<Jet_Dialect, "yield",
    [Pure, Terminator,
     ParentOneOf<["MapOp", "GroupedLinearOp", "AttentionOp", "DynamicConvOp",
                  "ShortConvOp", "GeneratedConvOp", "GatedDeltaRuleOp",
                  "LinearTopKOp"]>]> {
  let summary = "Result of a scalar region";
  let description = [{
    Example: `jet.yield %s : f32`
  }];
  let arguments = (ins AnyFloat:$value);
  let assemblyFormat = "$value attr-dict `:` type($value)";
}

class Jet_HeadsOp<string opMnemonic> : Jet_TensorOp<opMnemonic> {
  let assemblyFormat = "$x attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
  let hasFolder = 1;
  let extraClassDeclaration = Jet_DeclareCost;
}

def Jet_SplitHeadsOp : Jet_HeadsOp<"split_heads"> {
  let summary = "View columns as heads";
  let description = [{
    `y[r, h, d] = x[r, h·D + d]`. A view: it costs nothing.

    Constraints: (C1) the result is `[R, H, D]` with `H·D` columns of x.

    Example:
    ```mlir
    %h = jet.split_heads %x : (tensor<?x128xf32>) -> tensor<?x4x32xf32>
    ```
  }];
  let arguments = (ins Jet_F2:$x);
  let results = (outs Jet_F3:$result);
}

def Jet_MergeHeadsOp : Jet_HeadsOp<"merge_heads"> {
  let summary = "View heads as columns";
  let description = [{
    `y[r, h·D + d] = x[r, h, d]`. A view: it costs nothing.

    Constraints: (C1) the result is `[R, H·D]`.

    Example:
    ```mlir
    %x = jet.merge_heads %h : (tensor<?x4x32xf32>) -> tensor<?x128xf32>
    ```
  }];
  let arguments = (ins Jet_F3:$x);
  let results = (outs Jet_F2:$result);
}

#endif // JET_TENSOR_OPS_TD
