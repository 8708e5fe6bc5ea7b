// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Everything in the dialect, in the order of its levels.

#ifndef JET_OPS_TD
#define JET_OPS_TD

include "dialects/jet/JetTarget.td"
include "dialects/jet/JetModelOps.td"
include "dialects/jet/JetSearchOps.td"
include "dialects/jet/JetTensorOps.td"
include "dialects/jet/JetSequenceOps.td"
include "dialects/jet/JetTopKOps.td"
include "dialects/jet/JetLaunchOps.td"
include "dialects/jet/JetPlanOps.td"

#endif // JET_OPS_TD
