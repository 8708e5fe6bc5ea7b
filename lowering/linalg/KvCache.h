// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Where keys and values lie in a cache, for the kernels that store them.

#ifndef JET_LOWERING_LINALG_KVCACHE_H
#define JET_LOWERING_LINALG_KVCACHE_H

#include "lowering/linalg/KernelBuilder.h"

namespace jet {

/// Stores the step's rows of one KV head, [D] each as `rowOf` makes them from
/// their number in the step, as plane `plane` (0: keys, 1: values) of `into`:
/// that head of all pages or slots, [units, planes, rows, D].
mlir::Value appendRows(KernelBuilder &b, KvCacheType type, mlir::Value batch,
                       int64_t plane, mlir::Value into,
                       llvm::function_ref<mlir::Value(mlir::Value row)> rowOf);

} // namespace jet

#endif // JET_LOWERING_LINALG_KVCACHE_H
