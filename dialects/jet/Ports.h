// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Elementwise code on the operands and results of heavy ops; see
// PortOpInterface for what a port is.

#ifndef JET_DIALECTS_JET_PORTS_H
#define JET_DIALECTS_JET_PORTS_H

#include "dialects/jet/Jet.h"
#include "mlir/IR/PatternMatch.h"

namespace jet {

/// The port of result `index`.
inline int64_t resultPort(int64_t index) { return -1 - index; }

/// Code on an operand or result. Refers into the op.
struct Port {
  int64_t number; // an operand's number, or −1 − a result's
  mlir::OperandRange extras;
  unsigned firstExtra; // operand number of the first extra
  mlir::Region *region;
};

/// All ports of `op` that carry code.
llvm::SmallVector<Port> getPorts(PortOpInterface op);
std::optional<Port> findPort(PortOpInterface op, int64_t number);

/// Type of the operand or result; null if it is not a tensor.
mlir::RankedTensorType getPortType(mlir::Operation *op, int64_t port);

/// Whether a tensor of shape `from` can stand beside one of shape `to`: the
/// trailing sizes are equal, or 1.
bool broadcastsTo(llvm::ArrayRef<int64_t> from, llvm::ArrayRef<int64_t> to);

/// Replaces `op` by one that carries a copy of `body` on the port, in place of
/// what was there. On a result, `resultType` is its new type, if it changes.
mlir::Operation *setPort(mlir::RewriterBase &rewriter, PortOpInterface op,
                         int64_t number, mlir::ValueRange extras,
                         mlir::Region &body, mlir::Type resultType = {});

/// Reports at `op` a norm of its input, of `columns` columns, without a
/// positive `eps`, or one that does not fit; `norm` is null where there is
/// none.
mlir::LogicalResult verifyNorm(mlir::Operation *op, mlir::Value norm,
                               std::optional<llvm::APFloat> eps,
                               int64_t columns);

mlir::ParseResult
parseAttentionOperands(mlir::OpAsmParser &parser,
                       mlir::OpAsmParser::UnresolvedOperand &q,
                       std::optional<mlir::OpAsmParser::UnresolvedOperand> &k,
                       std::optional<mlir::OpAsmParser::UnresolvedOperand> &v,
                       mlir::OpAsmParser::UnresolvedOperand &cache,
                       mlir::OpAsmParser::UnresolvedOperand &batch);
void printAttentionOperands(mlir::OpAsmPrinter &printer, mlir::Operation *op,
                            mlir::Value q, mlir::Value k, mlir::Value v,
                            mlir::Value cache, mlir::Value batch);

mlir::ParseResult
parsePorts(mlir::OpAsmParser &parser,
           llvm::SmallVectorImpl<mlir::OpAsmParser::UnresolvedOperand> &extras,
           mlir::DenseI64ArrayAttr &ports,
           llvm::SmallVectorImpl<std::unique_ptr<mlir::Region>> &regions);
void printPorts(mlir::OpAsmPrinter &printer, mlir::Operation *op,
                mlir::OperandRange extras, mlir::DenseI64ArrayAttr ports,
                mlir::RegionRange regions);

} // namespace jet

#endif // JET_DIALECTS_JET_PORTS_H
