// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Where a program goes from one layer to the next: between two launches with
// one buffer alive, the residual stream. What runs between two cuts is a layer
// by itself, so that layers of several packages of a supernet can be combined.

#ifndef JET_RUNTIME_LAYERCUTS_H
#define JET_RUNTIME_LAYERCUTS_H

#include "runtime/Package.h"

#include <vector>

namespace jet {

struct LayerCut {
  size_t launch = 0;  // the first one after it
  int64_t buffer = 0; // all that later launches read of earlier ones
};

/// One before each layer and one after the last. Errors: a layer has no
/// launches of its own, layers are mixed, something else than the residual
/// stream is alive between two (as without fusion).
Result<std::vector<LayerCut>> findLayerCuts(const Package &package,
                                            const ProgramInfo &program);

} // namespace jet

#endif // JET_RUNTIME_LAYERCUTS_H
