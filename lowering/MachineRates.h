// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// From the dialect's description of a machine to what costs are evaluated with.

#ifndef JET_LOWERING_MACHINERATES_H
#define JET_LOWERING_MACHINERATES_H

#include "dialects/jet/Jet.h"
#include "runtime/CostReport.h"

namespace jet {

MachineRates getMachineRates(TargetAttr target);

} // namespace jet

#endif // JET_LOWERING_MACHINERATES_H
