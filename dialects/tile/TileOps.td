// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Everything in the dialect.

#ifndef JET_TILE_OPS_TD
#define JET_TILE_OPS_TD

include "dialects/tile/TileKernelOps.td"
include "dialects/tile/TileSyncOps.td"
include "dialects/tile/TileCopyOps.td"
include "dialects/tile/TileMatrixOps.td"

#endif // JET_TILE_OPS_TD
