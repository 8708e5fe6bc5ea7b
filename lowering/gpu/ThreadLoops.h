// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// How the threads of a block share the work of one linalg.generic on buffers:
//
//   a thread a point                       a warp a point
//     for p in points, from the thread's     for p in points, from the warp's
//         number in steps of the block:          number in steps of the warps:
//       acc = out[p]                           acc = neutral element
//       for r in reduction:                    for r in reduction, from the
//       lane
//         acc = body(p, r, acc)                    in steps of 32:
//       out[p] = acc                             acc = body(p, r, acc)
//                                              acc = all lanes' acc combined
//                                              out[p] = out[p] combined with
//                                              acc
//
// Points are those of the parallel loops. Neighbouring threads have
// neighbouring points, or, in a warp, neighbouring elements of the reduction:
// whichever lies in neighbouring places of memory.

#ifndef JET_LOWERING_GPU_THREADLOOPS_H
#define JET_LOWERING_GPU_THREADLOOPS_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace jet {

/// Threads of a block in kernels that -jet-distribute-threads made.
inline constexpr int64_t kBlockThreads = 256;
inline constexpr int64_t kWarpThreads = 32;

/// The threads of a block that run one kernel.
class BlockThreads {
public:
  /// Computes who a thread is at the begin of `kernel`, which has a body.
  explicit BlockThreads(mlir::func::FuncOp kernel);

  /// Replaces `op`, on buffers, by loops of the threads. Results are complete
  /// after the next barrier.
  void replace(mlir::linalg::GenericOp op) const;

  /// Whether the thread is the block's first: i1.
  mlir::Value isFirst() const { return first; }

private:
  mlir::Value thread, warp, lane, first;
};

} // namespace jet

#endif // JET_LOWERING_GPU_THREADLOOPS_H
