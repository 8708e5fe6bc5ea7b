// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The forms of a package's kernels: by themselves, and in the launches.

#include "runtime/FormSizes.h"
#include "runtime/PackageVerifier.h"

#include <algorithm>

namespace jet {

static constexpr int64_t kMaxThreads = 1024;
static constexpr int64_t kMaxCluster = 8; // of any GPU
static constexpr int64_t kMaxSharedBytes = 232448;
static constexpr int64_t kMaxBox = 256;
static constexpr size_t kMaxRank = 5;
// A launch takes 4 KiB of parameters; a tensor map is 128 bytes of them.
static constexpr size_t kMaxArguments = 64;
static constexpr size_t kMaxMaps = 24;

/// What a tensor map's hardware knows.
static bool isMapType(DType type) {
  return type == DType::BF16 || type == DType::F32 || type == DType::F8E4M3 ||
         type == DType::I32;
}

std::optional<PackageFault>
PackageVerifier::verifyMap(const TensorMapInfo &map, const std::string &place) {
  if (!isMapType(map.dtype))
    return mismatch(place + ".dtype", "BF16, F32, F8_E4M3 or I32",
                    std::string(dtypeName(map.dtype)));
  if (map.shape.empty() || map.shape.size() > kMaxRank)
    return mismatch(place + ".shape", "1 to 5 sizes",
                    std::to_string(map.shape.size()));
  for (const SizeExpr &dim : map.shape)
    if (auto fault = verifyDepth(dim, place + ".shape"))
      return fault;
  if (map.box.size() != map.shape.size())
    return mismatch(place + ".box",
                    std::to_string(map.shape.size()) + " sizes as of the shape",
                    std::to_string(map.box.size()));
  for (int64_t size : map.box)
    if (size < 1 || size > kMaxBox)
      return mismatch(place + ".box", "sizes from 1 to 256",
                      std::to_string(size));
  if (map.swizzle != 0 && map.swizzle != 32 && map.swizzle != 64 &&
      map.swizzle != 128)
    return mismatch(place + ".swizzle", "0, 32, 64 or 128",
                    std::to_string(map.swizzle));
  const int64_t rowBytes = map.box.back() * dtypeBytes(map.dtype);
  if (rowBytes % 16 || (map.swizzle && rowBytes > map.swizzle))
    return mismatch(place + ".box",
                    "rows of a multiple of 16 bytes" +
                        (map.swizzle ? ", at most the swizzle's " +
                                           std::to_string(map.swizzle)
                                     : std::string()),
                    std::to_string(rowBytes) + " bytes");
  return {};
}

std::optional<PackageFault>
PackageVerifier::verifyStage(const KernelInfo &kernel, const StageInfo &stage,
                             const std::string &place) {
  if (stage.name.empty())
    return mismatch(place + ".name", "the name of a kernel", "none");
  if (stage.grid.empty() || stage.grid.size() > 3)
    return mismatch(place + ".grid", "1 to 3 sizes",
                    std::to_string(stage.grid.size()));
  for (const SizeExpr &size : stage.grid)
    if (auto fault = verifyDepth(size, place + ".grid"))
      return fault;
  if (stage.threads < 32 || stage.threads > kMaxThreads || stage.threads % 32)
    return mismatch(place + ".threads", "a multiple of 32 from 32 to 1024",
                    std::to_string(stage.threads));
  if (stage.cluster < 1 || stage.cluster > kMaxCluster)
    return mismatch(place + ".cluster", "1 to 8",
                    std::to_string(stage.cluster));
  if (stage.sharedBytes < 0 || stage.sharedBytes > kMaxSharedBytes)
    return mismatch(place + ".shared_bytes", "0 to 232448",
                    std::to_string(stage.sharedBytes));
  const auto maps = std::ranges::count_if(
      stage.arguments, [](const auto &it) { return it.map.has_value(); });
  if (stage.arguments.size() > kMaxArguments ||
      static_cast<size_t>(maps) > kMaxMaps)
    return mismatch(place + ".arguments",
                    "at most 64 arguments, 24 of them tensor maps",
                    std::to_string(stage.arguments.size()) + " with " +
                        std::to_string(maps));
  for (size_t i = 0; i < stage.arguments.size(); ++i) {
    const StageArgument &argument = stage.arguments[i];
    const std::string at = place + ".arguments[" + std::to_string(i) + "]";
    if (argument.kind == StageArgument::Kind::Operand)
      if (auto fault = checkIndex(argument.operand, kernel.operands.size(),
                                  at + ".operand"))
        return fault;
    if (auto fault = verifyDepth(argument.value, at))
      return fault;
    if (!argument.map)
      continue;
    if (argument.kind == StageArgument::Kind::Size)
      return mismatch(at, "a tensor map of an operand or of scratch memory",
                      "one of a size");
    if (auto fault = verifyMap(*argument.map, at + ".map"))
      return fault;
  }
  return {};
}

std::optional<PackageFault>
PackageVerifier::verifyForms(const KernelInfo &kernel,
                             const std::string &place) {
  if (!kernel.forms.empty() && package.target.kind != "cuda")
    return mismatch(place + ".forms", "none but for the target cuda",
                    std::to_string(kernel.forms.size()) + " for " +
                        inQuotes(package.target.kind));
  for (size_t i = 0; i < kernel.forms.size(); ++i) {
    const KernelForm &form = kernel.forms[i];
    const std::string at = place + ".forms[" + std::to_string(i) + "]";
    if (form.maxRows < 0)
      return mismatch(at + ".max_rows", "an integer >= 0",
                      std::to_string(form.maxRows));
    if (form.maxSequences < 0)
      return mismatch(at + ".max_sequences", "an integer >= 0",
                      std::to_string(form.maxSequences));
    if (auto fault = verifyDepth(form.scratch, at + ".scratch"))
      return fault;
    if (form.stages.empty())
      return mismatch(at + ".stages", "at least one stage", "none");
    for (size_t s = 0; s < form.stages.size(); ++s)
      if (auto fault = verifyStage(kernel, form.stages[s],
                                   at + "." + stagePlace(form, s)))
        return fault;
  }
  return {};
}

/// Evaluates every form for the smallest and the largest step that it can see.
/// What lies between is evaluated again before its launch, as a tensor map may
/// fit both and not fit that; only ranges must hold in between, and do, since
/// sizes grow with the symbols.
std::optional<PackageFault>
PackageVerifier::verifyFormSizes(const ProgramInfo &program,
                                 const LaunchInfo &launch,
                                 const std::string &place) {
  const KernelInfo &kernel = package.kernels[launch.kernel];
  const SizeContext context = contextOf(program, launch);
  const int64_t maxBatch = package.model.maxBatch;
  for (size_t i = 0; i < kernel.forms.size(); ++i) {
    const KernelForm &form = kernel.forms[i];
    int64_t batch = maxBatch;
    if (form.maxSequences)
      batch = std::min(batch, form.maxSequences);
    int64_t tokens = batch * package.model.maxContext;
    int64_t &rows = launch.rowsAreSequences ? batch : tokens;
    if (form.maxRows)
      rows = std::min(rows, form.maxRows);
    if (form.oneToken || context.oneRowPerSequence)
      tokens = batch = std::min(tokens, batch);
    batch = std::min(batch, tokens);
    const SymbolValues smallest = {1, 1, 1, 1, 1, 1};
    const SymbolValues largest = {rows,     batch,
                                  tokens,   context.maxPages,
                                  maxBatch, maxBatch * context.maxPages};
    for (const SymbolValues *symbols : {&smallest, &largest})
      if (auto sizes = evaluateForm(kernel, form, *symbols); !sizes)
        return makeFault(place + ": forms[" + std::to_string(i) + "] of " +
                             inQuotes(kernel.name),
                         sizes.error().message);
  }
  return {};
}

} // namespace jet
