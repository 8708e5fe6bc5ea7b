// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "lowering/MachineRates.h"

using namespace jet;

MachineRates jet::getMachineRates(TargetAttr target) {
  MachineRates machine;
  machine.name = target.getName().str();
  machine.memoryBandwidth = target.getMemoryBandwidth().getValueAsDouble();
  machine.tensorFlops = target.getTensorFlops().getValueAsDouble();
  machine.vectorFlops = target.getVectorFlops().getValueAsDouble();
  if (mlir::FloatAttr seconds = target.getLaunchSeconds())
    machine.launchSeconds = seconds.getValueAsDouble();
  return machine;
}
