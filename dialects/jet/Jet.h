// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The jet dialect: include this to use any of its ops, types and attributes.

#ifndef JET_DIALECTS_JET_JET_H
#define JET_DIALECTS_JET_JET_H

#include "dialects/jet/Cost.h"

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include <cstdint>

namespace jet {
/// How a model stores what its layers carry from step to step: element types,
/// and positions of a page; see ModelOp::getStateStorage().
struct StateStorage {
  mlir::Type kv;                       // keys and values
  mlir::Type recurrent;                // the matrix S of linear attention
  mlir::Type convTail;                 // rows of a convolution's input
  int64_t page = 1;                    // of full-attention caches
  double keyScale = 1, valueScale = 1; // of K and V, if they are f8E4M3FN
};
} // namespace jet

// clang-format off: the order matters.
#include "dialects/jet/JetDialect.h.inc"
#include "dialects/jet/JetCostInterface.h.inc"
#include "dialects/jet/JetAttrInterfaces.h.inc"
#include "dialects/jet/JetTypeInterfaces.h.inc"
#define GET_ATTRDEF_CLASSES
#include "dialects/jet/JetAttrs.h.inc"
#define GET_TYPEDEF_CLASSES
#include "dialects/jet/JetTypes.h.inc"
namespace jet {
class LayerOp;
/// The rules of PortOpInterface (below).
llvm::LogicalResult verifyPorts(mlir::Operation *op);
} // namespace jet
#include "dialects/jet/JetOpInterfaces.h.inc"
#define GET_OP_CLASSES
#include "dialects/jet/JetOps.h.inc"
// clang-format on

namespace jet {
/// Prints the shortest decimal that reads back as the same double.
void printDouble(mlir::AsmPrinter &printer, double value);
/// Name of the module that holds the kernels of a program.
inline constexpr llvm::StringLiteral kKernelsModule = "kernels";
/// The type of the kernel `name` that `op` runs, for its verifier: an error at
/// the op if there is no such function; null once the kernel has buffers.
mlir::FailureOr<mlir::FunctionType>
lookupKernelType(mlir::Operation *op, mlir::SymbolRefAttr name,
                 mlir::SymbolTableCollection &symbols);
/// Whether an op or kernel with `results` advances, in place, an operand of
/// type `operand`: a state that it also returns.
bool isUpdated(mlir::Type operand, mlir::TypeRange results);
/// Largest size in attributes and state types, and of the row of a weight. A
/// product of two still fits in 64 bits.
inline constexpr int64_t kMaxSize = INT32_MAX;
/// What jet.sample goes by, of each row: temperature, top-p, top-k, u.
inline constexpr int64_t kSamplingSize = 4;
/// Whether a tensor op only names data: parameters and views. Such ops are in
/// no kernel; a launch gets what they stand for.
bool isView(mlir::Operation *op);
/// Reports unless `scale` is positive and a normal number of f32.
llvm::LogicalResult
verifyScale(llvm::function_ref<mlir::InFlightDiagnostic()> emitError,
            llvm::StringRef name, double scale);
/// Reports unless 0 < `size` <= kMaxSize.
llvm::LogicalResult
verifySize(llvm::function_ref<mlir::InFlightDiagnostic()> emitError,
           llvm::StringRef name, int64_t size);
/// Reports at `op` a column scale of a weight that has no columns.
llvm::LogicalResult verifyColumnScale(mlir::Operation *op,
                                      std::optional<llvm::StringRef> scale,
                                      mlir::ShapedType type);
} // namespace jet

#endif // JET_DIALECTS_JET_JET_H
