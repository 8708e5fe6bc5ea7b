// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A package against itself: after these checks the runtime can index, multiply
// and add what the package says without looking again.

#include "runtime/PackageVerifier.h"

#include "runtime/PlanVerifier.h"
#include "support/CheckedMath.h"

#include <algorithm>
#include <set>

namespace jet {

// Positions are int32.
static constexpr int64_t kMaxContext = INT32_MAX;
static constexpr int64_t kMaxBatch = 1 << 20;
static constexpr int64_t kMaxVocab = INT32_MAX;
// Deeper size expressions could be written but not read back.
static constexpr int kMaxSizeDepth = 24;

std::optional<PackageFault>
PackageVerifier::verifyDepth(const SizeExpr &size, const std::string &place,
                             int depth) {
  if (depth > kMaxSizeDepth)
    return mismatch(place, "a size nested at most 24 deep", "a deeper one");
  for (const SizeExpr &arg : size.args)
    if (auto fault = verifyDepth(arg, place, depth + 1))
      return fault;
  return {};
}

std::optional<PackageFault> PackageVerifier::verifyModel() {
  const ModelInfo &model = package.model;
  const struct {
    const char *name;
    int64_t value, minimum, maximum;
  } ranges[] = {
      {"parameters", model.parameters, 0, INT64_MAX},
      {"hidden_size", model.hiddenSize, 1, INT32_MAX},
      {"vocab_size", model.vocabSize, 1, kMaxVocab},
      {"max_batch", model.maxBatch, 1, kMaxBatch},
      {"max_context", model.maxContext, 1, kMaxContext},
      {"page_size", model.pageSize, 1, kMaxContext},
      {"bos_token_id", model.bosTokenId, -1, model.vocabSize - 1},
  };
  for (const auto &range : ranges)
    if (range.value < range.minimum || range.value > range.maximum)
      return mismatch(std::string("$.model.") + range.name,
                      "an integer from " + std::to_string(range.minimum) +
                          " to " + std::to_string(range.maximum),
                      std::to_string(range.value));
  // The largest logits: fp32, a row for every token of every sequence.
  if (!checkedProduct(std::vector<int64_t>{4, model.vocabSize, model.maxBatch,
                                           model.maxContext}))
    return makeFault("$.model",
                     "the size of the logits of max_batch x max_context tokens "
                     "does not fit 64 bits");
  if (model.dtype != "BF16" && model.dtype != "F32")
    return mismatch("$.model.dtype", "BF16 or F32", inQuotes(model.dtype));
  for (int64_t id : model.eosTokenIds)
    if (id < 0 || id >= model.vocabSize)
      return mismatch("$.model.eos_token_ids",
                      "ids below " + std::to_string(model.vocabSize),
                      std::to_string(id));
  return {};
}

/// "[2, 3]".
static std::string shapeText(const std::vector<int64_t> &shape) {
  std::string text;
  for (int64_t dim : shape)
    text += (text.empty() ? "" : ", ") + std::to_string(dim);
  return "[" + text + "]";
}

std::optional<PackageFault> PackageVerifier::verifyParameters() {
  std::set<std::string_view> seen;
  for (size_t i = 0; i < package.parameters.size(); ++i) {
    const ParameterInfo &parameter = package.parameters[i];
    const std::string place = "$.parameters[" + std::to_string(i) + "]";
    if (!seen.insert(parameter.name).second)
      return mismatch(place + ".name", "a name of its own",
                      inQuotes(parameter.name) + " again");
    for (int64_t dim : parameter.shape)
      if (dim < 0)
        return mismatch(place + ".shape", "sizes >= 0", std::to_string(dim));
    std::optional<int64_t> bytes = checkedProduct(parameter.shape);
    if (bytes)
      bytes = checkedMul(*bytes, dtypeBytes(parameter.dtype));
    if (!bytes)
      return makeFault(place + ".shape", "the size does not fit 64 bits");
    if (!parameter.concat.empty())
      if (auto fault = verifyRecipe(parameter, place + ".recipe.concat"))
        return fault;
    if (auto fault = verifyColumnScale(parameter, place))
      return fault;
    for (const SourceTensor &source : parameter.concat)
      if (!seen.insert(source.name).second)
        return mismatch(place + ".recipe", "tensors that nothing else reads",
                        inQuotes(source.name) + " again");
  }
  return {};
}

/// The sources fill the parameter, whose shape is right by itself.
std::optional<PackageFault>
PackageVerifier::verifyRecipe(const ParameterInfo &parameter,
                              const std::string &place) {
  if (parameter.concat.size() < 2)
    return mismatch(place, "at least two tensors",
                    std::to_string(parameter.concat.size()));
  if (parameter.shape.empty())
    return mismatch(place, "a parameter with rows", "a scalar");
  int64_t left = parameter.shape[0];
  for (size_t i = 0; i < parameter.concat.size(); ++i) {
    const std::vector<int64_t> &shape = parameter.concat[i].shape;
    const std::string at = place + "[" + std::to_string(i) + "].shape";
    const std::vector<int64_t> &whole = parameter.shape;
    if (shape.size() != whole.size() ||
        !std::equal(shape.begin() + 1, shape.end(), whole.begin() + 1))
      return mismatch(at,
                      "the sizes of " + shapeText(whole) + " after the first",
                      shapeText(shape));
    if (shape[0] < 1 || shape[0] > left)
      return mismatch(at, "1 to " + std::to_string(left) + " rows",
                      std::to_string(shape[0]));
    left -= shape[0];
  }
  if (left != 0)
    return mismatch(place,
                    "sources of " + std::to_string(parameter.shape[0]) +
                        " rows in all",
                    std::to_string(parameter.shape[0] - left));
  return {};
}

/// A parameter with a column scale is a matrix of numbers that can be scaled.
std::optional<PackageFault>
PackageVerifier::verifyColumnScale(const ParameterInfo &parameter,
                                   const std::string &place) {
  if (!parameter.columnScale)
    return {};
  if (parameter.shape.size() != 2)
    return mismatch(place + ".shape", "a matrix, with a column scale",
                    shapeText(parameter.shape));
  if (parameter.dtype != DType::F32 && parameter.dtype != DType::BF16)
    return mismatch(place + ".dtype", "F32 or BF16, with a column scale",
                    std::string(dtypeName(parameter.dtype)));
  const std::vector<int64_t> columns = {parameter.shape[1]};
  if (parameter.columnScale->shape != columns)
    return mismatch(place + ".recipe.column_scale.shape", shapeText(columns),
                    shapeText(parameter.columnScale->shape));
  return {};
}

std::optional<PackageFault> PackageVerifier::verifyStates() {
  for (size_t i = 0; i < package.states.size(); ++i) {
    const StateInfo &state = package.states[i];
    const std::string place = "$.states[" + std::to_string(i) + "]";
    if (auto fault = checkIndex(state.layer, package.model.layers.size(),
                                place + ".layer"))
      return fault;
    const bool isCache = state.kind == StateKind::AttentionKv ||
                         state.kind == StateKind::WindowKv;
    if (state.dtype != DType::F32 && state.dtype != DType::BF16 &&
        !(isCache && state.dtype == DType::F8E4M3))
      return mismatch(place + ".dtype",
                      isCache ? "F32, BF16 or F8_E4M3" : "F32 or BF16",
                      std::string(dtypeName(state.dtype)));
    const size_t rank =
        isCache ? 4 : (state.kind == StateKind::Recurrent ? 3 : 2);
    if (state.shape.size() != rank)
      return mismatch(place + ".shape", std::to_string(rank) + " dimensions",
                      std::to_string(state.shape.size()));
    for (size_t d = 0; d < rank; ++d)
      if (state.shape[d] < 0)
        return mismatch(place + ".shape[" + std::to_string(d) + "]",
                        "a size >= 0", std::to_string(state.shape[d]));
    if (state.isPaged() && state.shape[2] != package.model.pageSize)
      return mismatch(place + ".shape[2]",
                      "the page_size " + std::to_string(package.model.pageSize),
                      std::to_string(state.shape[2]));
  }
  // All sequences at their longest together fit 64 bits, and pages are int32.
  Result<StateBytes> bytes =
      stateBytesPerSequence(package, package.model.maxContext);
  if (!bytes)
    return makeFault("$.states", bytes.error().message);
  if (!checkedMul(bytes->total(), package.model.maxBatch))
    return makeFault("$.states", "the size does not fit 64 bits");
  const int64_t pages =
      pagesFor(package.model.maxContext, package.model.pageSize) *
      package.model.maxBatch;
  if (pages > INT32_MAX)
    return mismatch("$.model.page_size",
                    "at most 2147483647 pages of max_batch x max_context",
                    std::to_string(pages));
  return {};
}

std::optional<PackageFault> PackageVerifier::verifyKernels() {
  std::set<std::string_view> seen;
  for (size_t i = 0; i < package.kernels.size(); ++i) {
    const KernelInfo &kernel = package.kernels[i];
    const std::string place = "$.kernels[" + std::to_string(i) + "]";
    if (kernel.name.empty() || !seen.insert(kernel.name).second)
      return mismatch(place + ".name", "a name of its own",
                      inQuotes(kernel.name));
    if (auto fault = verifyDepth(kernel.grid, place + ".grid"))
      return fault;
    if (auto fault = verifyDepth(kernel.scratch, place + ".scratch"))
      return fault;
    for (const KernelOperand &operand : kernel.operands)
      for (const SizeExpr &dim : operand.shape)
        if (auto fault = verifyDepth(dim, place + ".operands"))
          return fault;
    if (auto fault = verifyForms(kernel, place))
      return fault;
  }
  return verifyCode();
}

std::optional<PackageFault> PackageVerifier::verifyCode() {
  std::set<std::string_view> seen;
  for (size_t i = 0; i < package.code.size(); ++i) {
    const CodeInfo &code = package.code[i];
    const std::string place = "$.code[" + std::to_string(i) + "]";
    if (code.name.empty() || !seen.insert(code.name).second)
      return mismatch(place + ".name", "a name of its own",
                      inQuotes(code.name));
    for (int64_t value :
         {code.registers, code.sharedBytes, code.spillBytes, code.threads})
      if (value < 0 || value > INT32_MAX)
        return mismatch(place, "numbers from 0 to 2147483647",
                        std::to_string(value));
  }
  return {};
}

std::optional<PackageFault> PackageVerifier::verifyPrograms() {
  int64_t candidates = 0;
  for (size_t i = 0; i < package.programs.size(); ++i) {
    const ProgramInfo &program = package.programs[i];
    std::optional<PackageFault> fault = verifyProgram(program);
    if (!fault && program.candidates && candidates &&
        program.candidates != candidates)
      fault = mismatch("$.programs['" + program.name + "'].candidates",
                       std::to_string(candidates) + " as in the other program",
                       std::to_string(program.candidates));
    if (fault) {
      fault->program = i;
      return fault;
    }
    if (program.candidates)
      candidates = program.candidates;
  }
  return {};
}

std::optional<PackageFault> PackageVerifier::verifyParts() {
  for (auto part :
       {&PackageVerifier::verifyModel, &PackageVerifier::verifyParameters,
        &PackageVerifier::verifyStates, &PackageVerifier::verifyKernels,
        &PackageVerifier::verifyPrograms})
    if (auto fault = (this->*part)())
      return fault;
  return verifyPlans(package);
}

std::optional<PackageFault> PackageVerifier::verifyWhole() {
  std::multiset<std::string> found;
  for (const ProgramInfo &program : package.programs)
    found.insert(program.name);
  std::multiset<std::string> expected = {"decode", "forward", "prefill"};
  if (found != expected) {
    expected.insert({"decode_sample", "prefill_sample"});
    if (found != expected)
      return makeFault(
          "$.programs",
          "expected prefill, decode and forward, and both or none of "
          "prefill_sample and decode_sample, found " +
              std::to_string(found.size()) + " programs");
  }
  std::set<std::string_view> blobs;
  for (const Blob &blob : package.blobs)
    if (!blobs.insert(blob.name).second)
      return mismatch("$.blobs", "names of their own",
                      inQuotes(blob.name) + " again");
  if (package.target.kind == "cpu" && !blobs.count("host_code"))
    return makeFault("$.blobs", "expected a blob 'host_code', found none");
  if (package.target.kind != "cuda")
    return {};
  if (!blobs.count("ptx"))
    return makeFault("$.blobs", "expected a blob 'ptx', found none");
  for (size_t i = 0; i < package.kernels.size(); ++i)
    if (!package.kernels[i].threads)
      return makeFault("$.kernels[" + std::to_string(i) + "].threads",
                       "expected the threads of a block, found none");
  return {};
}

std::optional<PackageFault> findFault(const Package &package) {
  return PackageVerifier(package).verifyParts();
}

Result<void> verifyPackage(const Package &package, const std::string &path) {
  PackageVerifier verifier(package);
  std::optional<PackageFault> fault = verifier.verifyParts();
  if (!fault)
    fault = verifier.verifyWhole();
  if (fault)
    return Error{path + ": " + fault->place + ": " + fault->text};
  return {};
}

} // namespace jet
