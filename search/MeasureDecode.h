// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// How long a step takes, by taking it.

#ifndef JET_SEARCH_MEASUREDECODE_H
#define JET_SEARCH_MEASUREDECODE_H

#include "search/CompileModel.h"

namespace jet {

/// Seconds of a decode step to logits, the median of a few: `batch` sequences
/// with `context` positions each, weights and states made up. The model in
/// `module` is placed; it is used up. Errors: compilation, no such device, no
/// room there.
Result<double> measureDecode(mlir::ModuleOp module, int64_t batch,
                             int64_t context, const RunTarget &target);

} // namespace jet

#endif // JET_SEARCH_MEASUREDECODE_H
