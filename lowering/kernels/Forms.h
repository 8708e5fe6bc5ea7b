// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Forms of kernels for the GPU: for some sizes of a step a kernel is computed
// by stages, tile.kernels launched one after another with scratch memory
// between them (KernelForm in runtime/Package.h). One file here for a family of
// ops builds the stages; what each is launched with stands in attributes:
//
//   of a stage      jet.kernel = @name, the kernel it is a part of
//                   jet.form = i, the number of the form among the kernel's
//                   jet.max_rows = r, jet.max_sequences = b, jet.one_token:
//                   when the form is taken
//                   jet.grid: CTAs along x, y, z, as a map of the symbols
//                   jet.scratch: bytes of the form's scratch memory, likewise
//                   jet.overlaps: it may start before the stage before has
//                   ended
//                   jet.product, jet.tile: see LargeTiles.h
//   of an argument  jet.operand = i, the kernel's operand
//                   jet.scratch: bytes into the scratch memory
//                   jet.size: a number
//                   jet.map: sizes of the tensor behind a tensor map

#ifndef JET_LOWERING_KERNELS_FORMS_H
#define JET_LOWERING_KERNELS_FORMS_H

#include "lowering/LowerKernels.h"
#include "lowering/kernels/LargeTiles.h"
#include "lowering/kernels/TileBuilder.h"
#include "runtime/Package.h"

namespace jet {

inline constexpr llvm::StringLiteral kTileModule = "tile_kernels";
inline constexpr llvm::StringLiteral kKernelAttr = "jet.kernel";
inline constexpr llvm::StringLiteral kFormAttr = "jet.form";
inline constexpr llvm::StringLiteral kMaxRowsAttr = "jet.max_rows";
inline constexpr llvm::StringLiteral kMaxSequencesAttr = "jet.max_sequences";
inline constexpr llvm::StringLiteral kOneTokenAttr = "jet.one_token";
inline constexpr llvm::StringLiteral kOverlapsAttr = "jet.overlaps";
inline constexpr llvm::StringLiteral kProductAttr = "jet.product";
inline constexpr llvm::StringLiteral kTileAttr = "jet.tile";
inline constexpr llvm::StringLiteral kOperandAttr = "jet.operand";
inline constexpr llvm::StringLiteral kSizeAttr = "jet.size";
inline constexpr llvm::StringLiteral kMapAttr = "jet.map";

/// Streaming multiprocessors of the GPUs that forms are laid out for (H100 SXM,
/// H200). Others run them too.
inline constexpr int64_t kMultiprocessors = 132;

/// For which steps a form is taken.
struct FormFits {
  int64_t maxRows = 0; // R at most; 0: any
  bool oneToken = false;
  int64_t maxSequences = 0; // B at most; 0: any
};

/// One form of a kernel. Stages are launched in the order in which they are
/// made. Call finish() after the last.
class FormBuilder {
public:
  /// `kernel` is one jet op still; stages go to `module`.
  FormBuilder(tile::KernelsOp module, mlir::func::FuncOp kernel,
              llvm::ArrayRef<KernelArgument> arguments, int64_t number,
              FormFits fits)
      : module(module), kernel(kernel), arguments(arguments), number(number),
        fits(fits) {}

  mlir::AffineExpr symbol(Symbol symbol);
  mlir::AffineExpr constant(int64_t value);
  /// R, or the most rows that the form is for; use it for sizes of scratch.
  mlir::AffineExpr rows() { return symbol(Symbol::R); }
  /// Reserves `bytes` of scratch memory, aligned to 1024; returns the offset.
  mlir::AffineExpr reserve(mlir::AffineExpr bytes);
  const KernelArgument &argument(unsigned operand) const {
    return arguments[operand];
  }
  /// The number of operand of the kernel that result `index` of the op is
  /// written to, where it is not a state.
  unsigned resultOperand(unsigned index);
  /// The kernel's operand that operand `number` of `inner` is: the kernel's op,
  /// or one of its body that reads it from there.
  unsigned operandOf(mlir::Operation *inner, unsigned number);
  /// The kernel's one op.
  mlir::Operation *op() { return &kernel.getBody().front().front(); }
  /// Gives the stages what is known only at the end.
  void finish();

private:
  friend class Stage;
  tile::KernelsOp module;
  mlir::func::FuncOp kernel;
  llvm::ArrayRef<KernelArgument> arguments;
  int64_t number;
  FormFits fits;
  mlir::AffineExpr scratch;
  llvm::SmallVector<tile::KernelOp> stages;
};

/// What a stage's parameter points to: an operand, or scratch memory.
struct Place {
  std::optional<unsigned> operand;
  mlir::AffineExpr scratch; // offset

  static Place ofOperand(unsigned index) { return {index, {}}; }
  static Place ofScratch(mlir::AffineExpr offset) {
    return {std::nullopt, offset};
  }
};

/// One tile.kernel and its launch. `b` stands in its body; the same parameter
/// asked for twice is one. Call finish() at the end.
class Stage {
public:
  /// `what` tells it from the form's other stages, in its name. `grid` has 1 to
  /// 3 sizes; x is a multiple of `cluster`.
  Stage(FormBuilder &form, llvm::StringRef what, int64_t threads,
        llvm::ArrayRef<mlir::AffineExpr> grid, int64_t cluster = 1);

  /// A pointer, as memory of `type`; of an operand by default as the kernel's
  /// layout says.
  mlir::Value memory(Place place, mlir::MemRefType type = {});
  mlir::Value operand(unsigned index) {
    return memory(Place::ofOperand(index));
  }
  /// An index. Constants fold.
  mlir::Value size(mlir::AffineExpr value);
  /// A tensor map of dense row-major memory of sizes `shape`.
  mlir::Value map(Place place, llvm::ArrayRef<mlir::AffineExpr> shape,
                  llvm::ArrayRef<int64_t> box, mlir::Type element,
                  int64_t swizzle);
  /// Marks the stage as one that waits by tile.wait_dependencies for the launch
  /// before it: at first, or, where that signals what is there, before it ends.
  void setOverlaps();
  /// So many CTAs are to fit in an SM.
  void setResident(int64_t count);
  /// Names what StageInfo::product and tile are.
  void setTile(llvm::StringRef product, llvm::StringRef tile);
  void finish();

  FormBuilder &form;
  TileBuilder b;

private:
  mlir::Value parameter(mlir::Type type,
                        llvm::ArrayRef<mlir::NamedAttribute> attributes);
  mlir::NamedAttribute named(Place place);

  tile::KernelOp kernel;
  llvm::SmallVector<mlir::Attribute> attributes; // of the parameters
};

/// Builders add the forms of `kernel` (numbered from 0, the best first), or
/// none where it is not theirs.
struct FormContext {
  tile::KernelsOp module;
  mlir::func::FuncOp kernel;
  llvm::ArrayRef<KernelArgument> arguments;
  const TileChoice &tiles;
  int64_t forms = 0;

  FormBuilder begin(FormFits fits) {
    return FormBuilder(module, kernel, arguments, forms++, fits);
  }
};

// One family a file.
void buildForms(FormContext &context, AttentionOp op);
void buildForms(FormContext &context, DeltaStepOp op);
void buildForms(FormContext &context, EmbeddingOp op);
void buildForms(FormContext &context, GatedDeltaRuleOp op);
void buildForms(FormContext &context, GeneratedConvOp op);
void buildForms(FormContext &context, GroupedLinearOp op);
void buildForms(FormContext &context, KvAppendOp op);
void buildForms(FormContext &context, LastTokenOp op);
void buildForms(FormContext &context, LinearTopKOp op);
void buildForms(FormContext &context, MergeTopKOp op);
void buildForms(FormContext &context, QkvLinearOp op);
void buildForms(FormContext &context, SampleOp op);
void buildForms(FormContext &context, SampleLogitsOp op);

} // namespace jet

#endif // JET_LOWERING_KERNELS_FORMS_H
