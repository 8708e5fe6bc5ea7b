// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/jetc/InspectKernels.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/raw_ostream.h"

#include <algorithm>

using namespace jet;
using llvm::outs;

// One multiprocessor of sm_90; CUDA's occupancy calculator.
static constexpr int64_t kWarps = 64, kCtas = 32, kPartitions = 4;
static constexpr int64_t kRegistersOfPartition = 16384, kRegisterUnit = 256;
static constexpr int64_t kSharedBytes = 228 * 1024, kReservedBytes = 1024,
                         kSharedUnit = 128;

double jet::occupancyOf(const CodeInfo &code) {
  if (code.threads < 1)
    return 0;
  const int64_t warps = llvm::divideCeil(code.threads, 32);
  int64_t ctas = std::min(kCtas, kWarps / warps);
  if (code.registers > 0) {
    // Of a warp, which belongs to one partition.
    const int64_t registers = llvm::alignTo(code.registers * 32, kRegisterUnit);
    ctas =
        std::min(ctas, kRegistersOfPartition / registers * kPartitions / warps);
  }
  const int64_t shared =
      llvm::alignTo(code.sharedBytes + kReservedBytes, kSharedUnit);
  ctas = std::min(ctas, kSharedBytes / shared);
  return static_cast<double>(ctas * warps) / kWarps;
}

static const CodeInfo *findCode(const Package &package, llvm::StringRef name) {
  auto found = llvm::find_if(
      package.code, [&](const CodeInfo &code) { return code.name == name; });
  return found == package.code.end() ? nullptr : &*found;
}

static void addCode(nlohmann::ordered_json &json, const Package &package,
                    llvm::StringRef name) {
  const CodeInfo *code = findCode(package, name);
  if (!code)
    return;
  json["registers"] = code->registers;
  json["shared_memory_bytes"] = code->sharedBytes;
  json["spill_bytes"] = code->spillBytes;
  json["threads"] = code->threads;
  json["occupancy"] = occupancyOf(*code);
}

nlohmann::ordered_json jet::inspectKernels(const Package &package) {
  nlohmann::ordered_json kernels = nlohmann::ordered_json::array();
  for (const KernelInfo &kernel : package.kernels) {
    nlohmann::ordered_json general = {{"name", kernel.name},
                                      {"operands", kernel.operands.size()}};
    addCode(general, package, kernel.name);
    kernels.push_back(std::move(general));
    for (auto [index, form] : llvm::enumerate(kernel.forms))
      for (const StageInfo &info : form.stages) {
        nlohmann::ordered_json stage = {
            {"name", info.name}, {"kernel", kernel.name}, {"form", index}};
        if (form.maxRows)
          stage["max_rows"] = form.maxRows;
        if (form.maxSequences)
          stage["max_sequences"] = form.maxSequences;
        if (form.oneToken)
          stage["one_token"] = true;
        addCode(stage, package, info.name);
        kernels.push_back(std::move(stage));
      }
  }
  return kernels;
}

static void printCode(const Package &package, llvm::StringRef name) {
  if (const CodeInfo *code = findCode(package, name)) {
    outs() << llvm::format("%lld registers, %.1f KiB shared, occupancy %.0f %%",
                           static_cast<long long>(code->registers),
                           code->sharedBytes / 1024.0,
                           occupancyOf(*code) * 100);
    if (code->spillBytes)
      outs() << ", spills " << code->spillBytes << " bytes";
  }
  outs() << "\n";
}

/// "up to 64 rows, one token a sequence".
static std::string describeSizes(const KernelForm &form) {
  std::string text = form.maxRows
                         ? "up to " + std::to_string(form.maxRows) + " rows"
                         : "any rows";
  return form.oneToken ? text + ", one token a sequence" : text;
}

void jet::printKernels(const Package &package) {
  if (package.code.empty() &&
      llvm::all_of(package.kernels,
                   [](const auto &kernel) { return kernel.forms.empty(); }))
    return;
  outs() << "  kernels\n";
  for (const KernelInfo &kernel : package.kernels) {
    outs() << "    " << llvm::left_justify(kernel.name, 40) << " ";
    printCode(package, kernel.name);
    for (const KernelForm &form : kernel.forms) {
      outs() << "      " << describeSizes(form) << "\n";
      for (const StageInfo &stage : form.stages) {
        outs() << "        " << llvm::left_justify(stage.name, 36) << " ";
        printCode(package, stage.name);
      }
    }
  }
}
