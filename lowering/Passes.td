// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Passes that lower the kernels of a module at level "launch".

#ifndef JET_LOWERING_PASSES_TD
#define JET_LOWERING_PASSES_TD

include "mlir/Pass/PassBase.td"

def PlanMemoryPass : Pass<"jet-plan-memory", "::mlir::ModuleOp"> {
  let summary = "Give every value of a program a place in memory";
  let description = [{
    Turns each function of launches into a `jet.plan` for steps of at most
    `max-batch` sequences of `max-context` tokens (0: the `max_position` of the
    `jet.model`). A launch becomes a `jet.execute` on places: states are updated
    in place, a result that the function returns is an output, any other result a
    buffer, which lives from its launch to the last that reads it. Buffers that
    are alive in the same launch do not overlap in the arena
    (`lowering/PackActivations.h`). Views vanish. Numbers do not change.

    Errors, at the op: an op that does not belong to level `launch`; a module
    without one `jet.model`; limits beyond the model's; a state read after its
    update; an argument or a result that the runtime does not know.
  }];
  let options = [
    Option<"maxBatch", "max-batch", "int64_t", "16", "sequences of a step">,
    Option<"maxContext", "max-context", "int64_t", "0",
           "tokens of a sequence; 0: the model's">,
  ];
  let dependentDialects = ["::jet::JetDialect"];
}

def VerifyPlanPass : Pass<"jet-verify-plan", "::mlir::ModuleOp"> {
  let summary = "Prove the plans of a module for every step within their limits";
  let description = [{
    Closes the plan pipeline, and is independent of what made the plan: the
    module is translated to what a package says of it, and judged by the verifier
    of packages (`runtime/PlanVerifier.h`), for every `B` and `T` that
    `max_batch` and `max_context` allow. Nothing is changed.

    Errors, at the op: buffers that overlap while both are alive, that are
    misaligned or outside of the arena; a buffer read before it is written, or
    further than it is written; a place that an execution writes and uses a
    second time; an operand larger than its buffer; a state that is written
    twice, or by a program and not by another, or never; an output that is read
    before it is written, or not written once; sizes that do not fit 64 bits; a state, weight, input
    or output that is not what the `jet.model` and the runtime say.
  }];
}

def LowerKernelsPass : Pass<"jet-lower-kernels", "::mlir::ModuleOp"> {
  let summary = "Write the kernels as linalg on tensors";
  let description = [{
    Gives each function of the module `@kernels` buffers for arguments (its
    operands, states included, then its other results) and a body of linalg on
    tensors under one `scf.forall`. Every argument tells its shape in the
    symbols `R, B, T, C, S` (`jet.shape`) and its use (`jet.access`). This is the
    executable definition of the ops.
  }];
  let dependentDialects = [
    "::mlir::affine::AffineDialect", "::mlir::arith::ArithDialect",
    "::mlir::bufferization::BufferizationDialect",
    "::mlir::linalg::LinalgDialect", "::mlir::math::MathDialect",
    "::mlir::memref::MemRefDialect", "::mlir::scf::SCFDialect",
    "::mlir::tensor::TensorDialect"];
}

def BuildTileKernelsPass
    : Pass<"jet-build-tile-kernels", "::mlir::ModuleOp"> {
  let summary = "Build kernels of the tile dialect for the GPU";
  let description = [{
    Kernels of `@kernels`, which are jet ops still, get other forms besides the
    general one: stages in a `tile.kernels @tile_kernels`, each with what it is
    launched with in its attributes (`lowering/kernels/Forms.h`). A kernel that
    no file of `lowering/kernels` knows, or of sizes or types that none takes,
    gets none. Changes rounding: products of bf16 matrices by the tensor cores.

    Tiles of products of many rows are chosen by a table of times, which does
    not change what they compute, to the bit.
  }];
  let options = [
    Option<"tiles", "tiles", "std::string", /*default=*/"\"none\"",
           "table of tiles: the name of one in targets/tiles, none, or a file "
           "by jet-run tune">,
    Option<"alternatives", "alternatives", "bool", /*default=*/"false",
           "also build products in the tiles that are not chosen">];
  let dependentDialects = [
    "::jet::tile::TileDialect", "::mlir::arith::ArithDialect",
    "::mlir::math::MathDialect", "::mlir::scf::SCFDialect",
    "::mlir::vector::VectorDialect"];
}

def LinkTileKernelsPass
    : Pass<"jet-link-tile-kernels", "::mlir::ModuleOp"> {
  let summary = "Lower @tile_kernels and put its kernels beside the others";
  let description = [{
    Runs `jet-tile-to-nvvm` on the stages and moves them to `@kernels`, whose
    kernels are LLVM and NVVM by then. Bit-exact.
  }];
}

def MapGridPass : Pass<"jet-map-grid", "::mlir::func::FuncOp"> {
  let summary = "Turn a kernel's scf.forall into a loop over grid points";
  let description = [{
    The kernel gets two more arguments, `begin` and `end`, and computes those
    points of its grid, in row-major order of the `scf.forall`. The number of
    points is recorded as `jet.grid`, in the symbols `R, B, T, C, S`. Numbers do
    not change: grid points are independent.
  }];
  let dependentDialects = ["::mlir::affine::AffineDialect",
                           "::mlir::arith::ArithDialect",
                           "::mlir::scf::SCFDialect"];
}

def VectorizeContractionsPass
    : Pass<"jet-vectorize-contractions", "::mlir::func::FuncOp"> {
  let summary = "Register-blocked loops for x·Wᵀ";
  let description = [{
    Replaces a `linalg.generic` that adds `x[r, k] · w[n, k]` to `y[r, n]`, on
    buffers contiguous in k, by loops over tiles of `rows` × `columns` outputs
    that are accumulated in vectors along k. The order of additions for an
    output depends on k alone, not on the tile, so a row gives the same bits
    whatever rows come with it. Changes rounding (sums are reassociated).
  }];
  let options = [
    Option<"vectorWidth", "vector-width", "int64_t", "16", "f32 lanes">,
    Option<"rows", "rows", "int64_t", "4", "rows of a tile">,
    Option<"columns", "columns", "int64_t", "4", "columns of a tile">,
  ];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::memref::MemRefDialect",
                           "::mlir::scf::SCFDialect",
                           "::mlir::vector::VectorDialect"];
}

def ExpandCopiesPass : Pass<"jet-expand-copies", "::mlir::func::FuncOp"> {
  let summary = "Copies of strided buffers as linalg";
  let description = [{
    Turns `memref.copy` into an elementwise `linalg.generic`, so that copies of
    strided buffers become loops and not calls of a support library, which a
    package does not bring. Bit-exact.
  }];
  let dependentDialects = ["::mlir::linalg::LinalgDialect"];
}

def AnnotateLoopsPass : Pass<"jet-annotate-loops", "::mlir::func::FuncOp"> {
  let summary = "Only innermost loops may be vectorised";
  let description = [{
    Marks every `scf.for` with a loop in it as one that LLVM must not vectorise.
    LLVM unrolls short inner loops and would then vectorise the outer one, over
    rows or grid points; as sums may be reassociated, those in the remainder of
    the vectorised loop would round differently from the others. So the bits of a
    row do not depend on the rows beside it. Bit-exact by itself.
  }];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect"];
}

def MoveLoopAnnotationsPass : Pass<"jet-move-loop-annotations"> {
  let summary = "Loop annotations where the translation to LLVM IR reads them";
  let description = [{
    Conversions carry `llvm.loop_annotation` of a loop to the branch that closes
    it, as an attribute of that name; what becomes metadata is the branch's own
    `loop_annotation`. Bit-exact by itself.
  }];
}

def ExpandF8Pass : Pass<"jet-expand-f8", "::mlir::func::FuncOp"> {
  let summary = "Conversions of f8E4M3FN as arithmetic on bits";
  let description = [{
    Replaces `arith.extf` from and `arith.truncf` to f8E4M3FN, of scalars and
    vectors, by integer and f32 arithmetic without branches: LLVM has no such
    type, buffers of it become buffers of i8 on the way there. Bit-exact: rounds
    to nearest, ties to even; what would round beyond 448, the largest number,
    becomes NaN, as the type has it (`buildConvert()` of
    `dialects/jet/ScalarMath.h` clamps first). NaN keeps its sign.

    Errors: other arithmetic on f8E4M3FN, at the op.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect"];
}

def ApproximateMathPass : Pass<"jet-approximate-math"> {
  let summary = "Polynomials for exp, log and log1p";
  let description = [{
    Replaces `math.exp`, `math.log` and `math.log1p` on f32 by polynomials that
    vectorise (a few units in the last place). Other functions stay calls of
    libm, which reduces large angles exactly. Changes rounding.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::math::MathDialect",
                           "::mlir::vector::VectorDialect"];
}

def EmitEntryPointsPass : Pass<"jet-emit-entry-points", "::mlir::ModuleOp"> {
  let summary = "Give each kernel the ABI of packages";
  let description = [{
    For each kernel emits `void kernel(void *const *operands, const int64_t
    symbols[5], int64_t begin, int64_t end)`, which builds the memref arguments
    from the pointers and the shapes in the symbols; the kernel itself becomes
    private.
  }];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect",
                           "::mlir::arith::ArithDialect",
                           "::mlir::affine::AffineDialect"];
}

def DistributeThreadsPass
    : Pass<"jet-distribute-threads", "::mlir::func::FuncOp"> {
  let summary = "Divide a kernel's work among the threads of a block";
  let description = [{
    All threads walk through the kernel; each `linalg.generic` on buffers becomes
    loops in which every thread, or for long contiguous reductions every warp,
    computes some of the points; other stores, and loops of nothing but scalar
    loads and stores, are left to the first thread. `nvvm.barrier`s stand between
    what depends on each other. The kernel tells its threads as `jet.threads`.
    Changes rounding (a warp's sums are reassociated, in an order that depends on
    the reduction's length alone).

    Errors, at the op: an op that touches memory and is none of `linalg.generic`,
    `memref.load`, `memref.store`, `scf.for` and `scf.if`.
  }];
  let dependentDialects = ["::mlir::NVVM::NVVMDialect",
                           "::mlir::arith::ArithDialect",
                           "::mlir::memref::MemRefDialect",
                           "::mlir::scf::SCFDialect"];
}

def AllocateScratchPass : Pass<"jet-allocate-scratch", "::mlir::ModuleOp"> {
  let summary = "Give temporaries of GPU kernels a place";
  let description = [{
    Each kernel gets the symbols and a slice of scratch memory, the block's own,
    as more arguments. A `memref.alloc` of known size becomes a view of the
    kernel's shared memory as long as that has room, any other one a view of the
    slice, large enough for the symbols' values whatever the data. The bytes of
    the slice are recorded as `jet.scratch`, in the symbols. Numbers do not
    change.

    Errors, at the op: sizes without a bound in the symbols; a buffer that a loop
    or branch yields.
  }];
  let options = [
    Option<"sharedBytes", "shared-bytes", "int64_t", "32768",
           "shared memory of a kernel, at most">,
  ];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::memref::MemRefDialect"];
}

def ExpandTrigonometryPass : Pass<"jet-expand-trigonometry"> {
  let summary = "Sine and cosine as f64 polynomials";
  let description = [{
    Replaces `math.sin` and `math.cos` on f32 by an exact range reduction and
    polynomials in f64: a GPU has no libm to call, and angles, which grow with
    the position, need more than f32. Changes rounding (in the last place, and
    rarely).
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::math::MathDialect"];
}

def EmitDeviceEntryPointsPass
    : Pass<"jet-emit-device-entry-points", "::mlir::ModuleOp"> {
  let summary = "Give each kernel the ABI of CUDA packages";
  let description = [{
    Turns each kernel into an `nvvm.kernel` whose parameters are the pointers of
    its operands, the symbols, the scratch memory, its bytes for each block and
    the number of grid points (see `runtime/Package.h`). Block `i` of `n` computes
    the points from `points · i / n` to `points · (i + 1) / n`.

    Errors, at the kernel: not the form that `-jet-map-grid`,
    `-jet-distribute-threads` and `-jet-allocate-scratch` make.
  }];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect",
                           "::mlir::NVVM::NVVMDialect",
                           "::mlir::arith::ArithDialect"];
}

def LowerTilePass : Pass<"jet-lower-tile", "::mlir::ModuleOp"> {
  let summary = "Write kernels of the tile dialect in LLVM and NVVM";
  let description = [{
    Gives each allocation its offset in dynamic shared memory and each op of the
    tile dialect its fixed sequence of instructions, and lowers the scalar code
    around them (`arith`, `cf`, `index`, `math`, `vector`); `scf` is to be lowered
    before (`-convert-scf-to-cf`). `index` becomes i32. A lowered kernel tells its
    dynamic shared memory as `tile.shared_bytes`. Pipeline `jet-tile-to-nvvm` is
    this pass with those around it.
  }];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect",
                           "::mlir::NVVM::NVVMDialect"];
}

def InterpretTilePass : Pass<"jet-interpret-tile", "::mlir::ModuleOp"> {
  let summary = "Run kernels of the tile dialect on the CPU and check them";
  let description = [{
    Runs each `tile.kernel` that has a grid, with the asynchrony of a GPU, and
    reports races, deadlocks and accesses out of bounds at the op
    (docs/tile.md, "Interpreter"). Nothing is changed. Attributes say what a
    launch passes:

    | attribute | of | meaning |
    |---|---|---|
    | `tile.grid = array<i64: x, y, z>` | the kernel | CTAs along x, y, z (the rest 1) |
    | `tile.rows = n` | memory | the leading size, if dynamic |
    | `tile.sizes = array<i64: …>` | a tensor map | the tensor's sizes |
    | `tile.of = i` | memory, a tensor map | it is over the memory of argument i |
    | `tile.fill = "zero"`, `"iota"`, `"random"` | memory, a tensor map | what is there; NaN without |
    | `tile.print` | memory, a tensor map | print it afterwards, a row a line |
    | `tile.value = v` | a scalar | its value |
  }];
  let options = [
    Option<"seed", "seed", "uint64_t", "0",
           "0: copies land as late as they can; others: a random order">,
    Option<"maxSteps", "max-steps", "int64_t", "1000000000",
           "instructions after which a kernel counts as endless">,
  ];
}

#endif // JET_LOWERING_PASSES_TD
