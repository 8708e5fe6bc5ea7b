// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "runtime/FormSizes.h"

#include "support/CheckedMath.h"

#include <algorithm>

namespace jet {

// Of every GPU and driver: the CUDA programming guide, cuTensorMapEncodeTiled.
static constexpr int64_t kMaxGrid[] = {INT32_MAX, 65535, 65535};
static constexpr int64_t kMaxMapSize = int64_t(1) << 32;
static constexpr int64_t kMaxMapStride = (int64_t(1) << 40) - 1;
static constexpr int64_t kMapAlignment = 16;

const KernelForm *chooseForm(std::span<const KernelForm> forms,
                             const SymbolValues &symbols) {
  const auto value = [&](Symbol symbol) {
    return symbols[static_cast<int>(symbol)];
  };
  const auto form = std::ranges::find_if(forms, [&](const KernelForm &form) {
    return (!form.maxRows || value(Symbol::R) <= form.maxRows) &&
           (!form.maxSequences || value(Symbol::B) <= form.maxSequences) &&
           (!form.oneToken || value(Symbol::T) == value(Symbol::B));
  });
  return form == forms.end() ? nullptr : &*form;
}

std::string stagePlace(const KernelForm &form, size_t stage) {
  return "stages[" + std::to_string(stage) + "] '" + form.stages[stage].name +
         "'";
}

/// `size`, which must be from `minimum` to `maximum`.
static Result<int64_t> evaluate(const SizeExpr &size,
                                const SymbolValues &symbols,
                                const std::string &place, int64_t minimum,
                                int64_t maximum) {
  Result<int64_t> value = size.evaluate(symbols);
  if (!value)
    return Error{place + ": " + value.error().message};
  if (*value < minimum || *value > maximum)
    return Error{place + ": expected " + std::to_string(minimum) + " to " +
                 std::to_string(maximum) + ", found " + std::to_string(*value)};
  return value;
}

/// Bytes of a dense tensor.
static Result<int64_t> bytesOf(const KernelOperand &operand,
                               const SymbolValues &symbols) {
  std::optional<int64_t> bytes = dtypeBytes(operand.dtype);
  for (const SizeExpr &dim : operand.shape) {
    Result<int64_t> size = dim.evaluate(symbols);
    if (!size)
      return size;
    bytes = bytes ? checkedMul(*bytes, *size) : std::nullopt;
  }
  if (!bytes)
    return Error{"the size of the operand does not fit 64 bits"};
  return *bytes;
}

/// The sizes of `map`, which has `room` bytes from its address on.
static Result<std::vector<int64_t>> evaluateMap(const TensorMapInfo &map,
                                                int64_t room,
                                                const SymbolValues &symbols,
                                                const std::string &place) {
  std::vector<int64_t> shape;
  for (size_t i = 0; i < map.shape.size(); ++i) {
    Result<int64_t> size =
        evaluate(map.shape[i], symbols,
                 place + ".shape[" + std::to_string(i) + "]", 1, kMaxMapSize);
    if (!size)
      return size.error();
    shape.push_back(*size);
  }
  // From the row on, the bytes of what is inside a dimension are its stride.
  std::optional<int64_t> bytes = dtypeBytes(map.dtype);
  for (size_t i = shape.size(); i-- > 0;) {
    bytes = checkedMul(*bytes, shape[i]);
    if (!bytes)
      return Error{place + ": the size does not fit 64 bits"};
    if (i > 0 && (*bytes % kMapAlignment || *bytes > kMaxMapStride))
      return Error{place +
                   ": expected a stride that is a multiple of 16 and "
                   "below 2^40 bytes, found " +
                   std::to_string(*bytes)};
  }
  if (*bytes > room)
    return Error{place + ": expected at most the " + std::to_string(room) +
                 " bytes that are there, found " + std::to_string(*bytes)};
  return shape;
}

static Result<ArgumentSizes> evaluateArgument(const KernelInfo &kernel,
                                              const StageArgument &argument,
                                              int64_t scratchBytes,
                                              const SymbolValues &symbols,
                                              const std::string &place) {
  ArgumentSizes sizes;
  if (argument.kind != StageArgument::Kind::Operand) {
    const bool isSize = argument.kind == StageArgument::Kind::Size;
    Result<int64_t> value = evaluate(argument.value, symbols, place, 0,
                                     isSize ? INT32_MAX : scratchBytes);
    if (!value)
      return value.error();
    sizes.value = *value;
  }
  if (!argument.map)
    return sizes;
  int64_t room = scratchBytes - sizes.value;
  if (argument.kind == StageArgument::Kind::Operand) {
    Result<int64_t> bytes = bytesOf(kernel.operands[argument.operand], symbols);
    if (!bytes)
      return Error{place + ": " + bytes.error().message};
    room = *bytes;
  } else if (sizes.value % kMapAlignment) {
    return Error{place +
                 ": expected a multiple of 16 for a tensor map, found " +
                 std::to_string(sizes.value)};
  }
  Result<std::vector<int64_t>> shape =
      evaluateMap(*argument.map, room, symbols, place + ".map");
  if (!shape)
    return shape.error();
  sizes.shape = std::move(*shape);
  return sizes;
}

static Result<StageSizes> evaluateStage(const KernelInfo &kernel,
                                        const StageInfo &stage,
                                        int64_t scratchBytes,
                                        const SymbolValues &symbols,
                                        const std::string &place) {
  StageSizes sizes;
  for (size_t i = 0; i < stage.grid.size(); ++i) {
    const std::string at = place + ".grid[" + std::to_string(i) + "]";
    Result<int64_t> size = evaluate(stage.grid[i], symbols, at, 1, kMaxGrid[i]);
    if (!size)
      return size.error();
    sizes.grid[i] = *size;
  }
  if (sizes.grid[0] % stage.cluster)
    return Error{place + ".grid[0]: expected a multiple of the " +
                 std::to_string(stage.cluster) + " CTAs of a cluster, found " +
                 std::to_string(sizes.grid[0])};
  for (size_t i = 0; i < stage.arguments.size(); ++i) {
    Result<ArgumentSizes> argument =
        evaluateArgument(kernel, stage.arguments[i], scratchBytes, symbols,
                         place + ".arguments[" + std::to_string(i) + "]");
    if (!argument)
      return argument.error();
    sizes.arguments.push_back(std::move(*argument));
  }
  return sizes;
}

Result<FormSizes> evaluateForm(const KernelInfo &kernel, const KernelForm &form,
                               const SymbolValues &symbols) {
  FormSizes sizes;
  Result<int64_t> scratch =
      evaluate(form.scratch, symbols, "scratch", 0, INT64_MAX);
  if (!scratch)
    return scratch.error();
  sizes.scratchBytes = *scratch;
  for (size_t i = 0; i < form.stages.size(); ++i) {
    Result<StageSizes> stage = evaluateStage(kernel, form.stages[i], *scratch,
                                             symbols, stagePlace(form, i));
    if (!stage)
      return stage.error();
    sizes.stages.push_back(std::move(*stage));
  }
  return sizes;
}

} // namespace jet
