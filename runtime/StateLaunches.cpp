// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "runtime/StateLaunches.h"

#include <algorithm>

namespace jet {

std::vector<size_t> findStateLaunches(const Package &package,
                                      const ProgramInfo &program) {
  std::vector<size_t> needed;
  std::vector<bool> isRead(program.buffers.size(), false); // by one of these
  for (size_t step = program.launches.size(); step-- > 0;) {
    const LaunchInfo &launch = program.launches[step];
    const KernelInfo &kernel = package.kernels[launch.kernel];
    const auto isNeeded = [&](size_t i) {
      const OperandRef &operand = launch.operands[i];
      if (kernel.operands[i].access == Access::Read)
        return false;
      return operand.kind == OperandRef::Kind::State ||
             (operand.kind == OperandRef::Kind::Buffer &&
              isRead[operand.index]);
    };
    bool any = false;
    for (size_t i = 0; i < launch.operands.size(); ++i)
      any |= isNeeded(i);
    if (!any)
      continue;
    needed.push_back(step);
    for (size_t i = 0; i < launch.operands.size(); ++i)
      if (launch.operands[i].kind == OperandRef::Kind::Buffer &&
          kernel.operands[i].access != Access::Write)
        isRead[launch.operands[i].index] = true;
  }
  std::ranges::reverse(needed);
  return needed;
}

} // namespace jet
