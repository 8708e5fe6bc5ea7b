// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Where a step's keys and values go in a cache.

#ifndef JET_LOWERING_KERNELS_CACHEROWS_H
#define JET_LOWERING_KERNELS_CACHEROWS_H

#include "lowering/kernels/Forms.h"

namespace jet {

/// The place of a row's key: cache[unit, plane, head, at]; nowhere if not
/// isKept.
struct CacheRow {
  mlir::Value unit, at, isKept;
};

/// Finds it by all threads of a CTA, from the batch alone.
class RowFinder {
public:
  RowFinder(Stage &stage, KvCacheType type, unsigned batch, int64_t threads);
  /// Once; has barriers.
  CacheRow find(mlir::Value row);

private:
  mlir::Value loadBatch(mlir::Value sequence, mlir::Value column);

  Stage &stage;
  TileBuilder &b;
  KvCacheType type;
  unsigned batch; // operand
  int64_t threads;
  mlir::Value found; // shared
};

} // namespace jet

#endif // JET_LOWERING_KERNELS_CACHEROWS_H
