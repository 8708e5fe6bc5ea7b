// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A package against itself: after these checks the runtime can index, multiply
// and add what the package says without looking again.

#include "runtime/PackageNames.h"
#include "runtime/SizePolynomial.h"
#include "support/CheckedMath.h"

#include <algorithm>
#include <set>

namespace jet {

namespace {

// Positions are int32.
constexpr int64_t kMaxContext = INT32_MAX;
constexpr int64_t kMaxBatch = 1 << 20;
constexpr int64_t kMaxVocab = INT32_MAX;
// Deeper size expressions could be written but not read back.
constexpr int kMaxSizeDepth = 24;

class Verifier {
public:
  Verifier(const Package &package, const std::string &path)
      : package(package), path(path) {}

  Result<void> verify();

private:
  Result<void> verifyModel();
  Result<void> verifyParameters();
  Result<void> verifyStates();
  Result<void> verifyKernels();
  Result<void> verifyProgram(const ProgramInfo &program);
  Result<void> verifyBuffers(const ProgramInfo &program,
                             const std::string &place);
  Result<void> verifyLaunch(const ProgramInfo &program,
                            const LaunchInfo &launch, const std::string &place);
  Result<void> verifyOperand(const ProgramInfo &program,
                             const LaunchInfo &launch, const OperandRef &ref,
                             const KernelOperand &operand,
                             const std::string &place);
  Result<void> verifyDepth(const SizeExpr &size, const std::string &place,
                           int depth = 0);

  /// What an operand other than a buffer is, for comparison.
  struct Actual {
    std::string name;
    DType dtype = DType::F32;
    SizePolynomial elements = SizePolynomial::makeConstant(1);
    bool writable = false;
  };
  Result<Actual> describe(const ProgramInfo &program, const OperandRef &ref,
                          const SizeContext &context);

  Error error(const std::string &place, const std::string &text) const {
    return {path + ": " + place + ": " + text};
  }
  Error mismatch(const std::string &place, const std::string &expected,
                 const std::string &found) const {
    return error(place, "expected " + expected + ", found " + found);
  }
  Result<void> checkIndex(int64_t index, size_t size,
                          const std::string &place) const {
    if (index >= 0 && static_cast<uint64_t>(index) < size)
      return {};
    return mismatch(place, "an index below " + std::to_string(size),
                    std::to_string(index));
  }

  const Package &package;
  const std::string &path;
};

/// The number of elements of `shape`.
Result<SizePolynomial> countElements(const std::vector<SizeExpr> &shape,
                                     const SizeContext &context) {
  SizePolynomial count = SizePolynomial::makeConstant(1);
  for (const SizeExpr &dim : shape) {
    Result<SizePolynomial> extent = SizePolynomial::expand(dim, context);
    if (!extent)
      return extent;
    Result<SizePolynomial> product = count.multiply(*extent);
    if (!product)
      return product;
    count = std::move(*product);
  }
  return count;
}

std::string quoted(std::string_view text) {
  return "'" + std::string(text) + "'";
}

} // namespace

Result<void> Verifier::verifyDepth(const SizeExpr &size,
                                   const std::string &place, int depth) {
  if (depth > kMaxSizeDepth)
    return mismatch(place, "a size nested at most 24 deep", "a deeper one");
  for (const SizeExpr &arg : size.args)
    if (auto valid = verifyDepth(arg, place, depth + 1); !valid)
      return valid;
  return {};
}

Result<void> Verifier::verifyModel() {
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
    return error("$.model",
                 "the size of the logits of max_batch x max_context tokens "
                 "does not fit 64 bits");
  if (model.dtype != "BF16" && model.dtype != "F32")
    return mismatch("$.model.dtype", "BF16 or F32", quoted(model.dtype));
  for (int64_t id : model.eosTokenIds)
    if (id < 0 || id >= model.vocabSize)
      return mismatch("$.model.eos_token_ids",
                      "ids below " + std::to_string(model.vocabSize),
                      std::to_string(id));
  return {};
}

Result<void> Verifier::verifyParameters() {
  std::set<std::string_view> seen;
  for (size_t i = 0; i < package.parameters.size(); ++i) {
    const ParameterInfo &parameter = package.parameters[i];
    const std::string place = "$.parameters[" + std::to_string(i) + "]";
    if (!seen.insert(parameter.name).second)
      return mismatch(place + ".name", "a name of its own",
                      quoted(parameter.name) + " again");
    for (int64_t dim : parameter.shape)
      if (dim < 0)
        return mismatch(place + ".shape", "sizes >= 0", std::to_string(dim));
    std::optional<int64_t> bytes = checkedProduct(parameter.shape);
    if (bytes)
      bytes = checkedMul(*bytes, dtypeBytes(parameter.dtype));
    if (!bytes)
      return error(place + ".shape", "the size does not fit 64 bits");
  }
  return {};
}

Result<void> Verifier::verifyStates() {
  for (size_t i = 0; i < package.states.size(); ++i) {
    const StateInfo &state = package.states[i];
    const std::string place = "$.states[" + std::to_string(i) + "]";
    if (auto valid = checkIndex(state.layer, package.model.layers.size(),
                                place + ".layer");
        !valid)
      return valid;
    const bool isCache = state.kind == StateKind::AttentionKv ||
                         state.kind == StateKind::WindowKv;
    const size_t rank =
        isCache ? 4 : (state.kind == StateKind::Recurrent ? 3 : 2);
    if (state.shape.size() != rank)
      return mismatch(place + ".shape", std::to_string(rank) + " dimensions",
                      std::to_string(state.shape.size()));
    for (size_t d = 0; d < rank; ++d) {
      const SizeExpr &dim = state.shape[d];
      const bool isCapacity = state.kind == StateKind::AttentionKv && d == 2;
      const bool matches =
          isCapacity
              ? dim.kind == SizeExpr::Kind::Symbol && dim.symbol == Symbol::C
              : dim.kind == SizeExpr::Kind::Constant && dim.constant >= 0;
      if (!matches)
        return error(place + ".shape[" + std::to_string(d) + "]",
                     isCapacity ? "expected C" : "expected a constant >= 0");
    }
  }
  // All slots at the largest capacity together fit 64 bits.
  Result<StateBytes> bytes =
      stateBytesPerSequence(package, package.model.maxContext);
  if (!bytes)
    return error("$.states", bytes.error().message);
  if (!checkedMul(bytes->total(), package.model.maxBatch))
    return error("$.states", "the size does not fit 64 bits");
  return {};
}

Result<void> Verifier::verifyKernels() {
  std::set<std::string_view> seen;
  for (size_t i = 0; i < package.kernels.size(); ++i) {
    const KernelInfo &kernel = package.kernels[i];
    const std::string place = "$.kernels[" + std::to_string(i) + "]";
    if (kernel.name.empty() || !seen.insert(kernel.name).second)
      return mismatch(place + ".name", "a name of its own",
                      quoted(kernel.name));
    if (auto valid = verifyDepth(kernel.grid, place + ".grid"); !valid)
      return valid;
    for (const KernelOperand &operand : kernel.operands)
      for (const SizeExpr &dim : operand.shape)
        if (auto valid = verifyDepth(dim, place + ".operands"); !valid)
          return valid;
  }
  return {};
}

Result<void> Verifier::verifyBuffers(const ProgramInfo &program,
                                     const std::string &place) {
  if (program.arenaBytesPerRow < 0 ||
      !checkedMul(program.arenaBytesPerRow,
                  package.model.maxBatch * package.model.maxContext))
    return mismatch(place + ".arena_bytes_per_row",
                    "a size that fits 64 bits for every step",
                    std::to_string(program.arenaBytesPerRow));
  for (size_t i = 0; i < program.buffers.size(); ++i) {
    const BufferInfo &buffer = program.buffers[i];
    const std::string at = place + ".buffers[" + std::to_string(i) + "]";
    if (buffer.offset < 0 || buffer.offset % names::kBlobAlignment != 0)
      return mismatch(at + ".offset", "a multiple of 64",
                      std::to_string(buffer.offset));
    if (buffer.bytes < 0 || buffer.offset > program.arenaBytesPerRow ||
        buffer.bytes > program.arenaBytesPerRow - buffer.offset)
      return mismatch(at,
                      "a slice of the arena's " +
                          std::to_string(program.arenaBytesPerRow) + " bytes",
                      std::to_string(buffer.bytes) + " bytes at " +
                          std::to_string(buffer.offset));
  }
  return {};
}

Result<Verifier::Actual> Verifier::describe(const ProgramInfo &program,
                                            const OperandRef &ref,
                                            const SizeContext &context) {
  using Kind = OperandRef::Kind;
  Actual actual;
  std::vector<SizeExpr> shape;
  const SizeExpr sequences = SizeExpr::makeSymbol(Symbol::B);
  const SizeExpr tokens = SizeExpr::makeSymbol(Symbol::T);
  actual.dtype = DType::I32;
  switch (ref.kind) {
  case Kind::Parameter: {
    const ParameterInfo &parameter = package.parameters[ref.index];
    actual.name = "parameter " + quoted(parameter.name);
    actual.dtype = parameter.dtype;
    for (int64_t dim : parameter.shape)
      shape.push_back(SizeExpr::makeConstant(dim));
    break;
  }
  case Kind::State: {
    const StateInfo &state = package.states[ref.index];
    actual.name = "state " + std::to_string(ref.index);
    actual.dtype = state.dtype;
    actual.writable = true;
    shape = state.shape;
    shape.insert(shape.begin(), SizeExpr::makeSymbol(Symbol::S));
    break;
  }
  case Kind::Tokens:
  case Kind::Positions:
    actual.name = ref.kind == Kind::Tokens ? "tokens" : "positions";
    shape = {tokens};
    break;
  case Kind::Batch:
    actual.name = "batch";
    shape = {sequences, SizeExpr::makeConstant(4)};
    break;
  case Kind::Logits:
    actual.name = "logits";
    actual.dtype = DType::F32;
    actual.writable = true;
    shape = {program.logitsPerSequence ? sequences : tokens,
             SizeExpr::makeConstant(package.model.vocabSize)};
    break;
  case Kind::Buffer:
    break;
  }
  Result<SizePolynomial> elements = countElements(shape, context);
  if (!elements)
    return elements.error();
  actual.elements = std::move(*elements);
  return actual;
}

Result<void> Verifier::verifyOperand(const ProgramInfo &program,
                                     const LaunchInfo &launch,
                                     const OperandRef &ref,
                                     const KernelOperand &operand,
                                     const std::string &place) {
  const SizeContext context = {launch.rowsAreSequences,
                               program.name == "decode", package.model.maxBatch,
                               package.model.maxContext};
  Result<SizePolynomial> needed = countElements(operand.shape, context);
  if (!needed)
    return error(place, needed.error().message);
  // The largest step must not overflow; every smaller one then fits as well.
  Result<SizePolynomial> bytes =
      needed->multiply(SizePolynomial::makeConstant(dtypeBytes(operand.dtype)));
  if (!bytes)
    return error(place, bytes.error().message);

  if (ref.kind == OperandRef::Kind::Buffer) {
    if (auto valid = checkIndex(ref.index, program.buffers.size(), place);
        !valid)
      return valid;
    Result<SizePolynomial::Bound> bound = bytes->bound(context);
    if (!bound)
      return error(place, bound.error().message);
    const int64_t available = program.buffers[ref.index].bytes;
    if (bound->factor > available)
      return mismatch(place,
                      "a buffer of at least " + std::to_string(bound->factor) +
                          " bytes a row",
                      std::to_string(available) + " (buffer " +
                          std::to_string(ref.index) + ")");
    return {};
  }

  size_t count = 1;
  if (ref.kind == OperandRef::Kind::Parameter)
    count = package.parameters.size();
  else if (ref.kind == OperandRef::Kind::State)
    count = package.states.size();
  if (auto valid = checkIndex(ref.index, count, place); !valid)
    return valid;
  Result<Actual> actual = describe(program, ref, context);
  if (!actual)
    return error(place, actual.error().message);
  if (actual->dtype != operand.dtype)
    return mismatch(place, std::string(dtypeName(operand.dtype)) + " elements",
                    std::string(dtypeName(actual->dtype)) + " (" +
                        actual->name + ")");
  if (!needed->equals(actual->elements))
    return mismatch(place, needed->toString() + " elements",
                    actual->elements.toString() + " (" + actual->name + ")");
  if (operand.access != Access::Read && !actual->writable)
    return mismatch(place, "something writable", actual->name);
  return {};
}

Result<void> Verifier::verifyLaunch(const ProgramInfo &program,
                                    const LaunchInfo &launch,
                                    const std::string &place) {
  if (auto valid =
          checkIndex(launch.kernel, package.kernels.size(), place + ".kernel");
      !valid)
    return valid;
  const KernelInfo &kernel = package.kernels[launch.kernel];
  if (launch.operands.size() != kernel.operands.size())
    return mismatch(place,
                    std::to_string(kernel.operands.size()) +
                        " operands of kernel " + quoted(kernel.name),
                    std::to_string(launch.operands.size()));
  const int64_t batch = package.model.maxBatch;
  const int64_t tokens = batch * package.model.maxContext;
  const SymbolValues largest = {launch.rowsAreSequences ? batch : tokens, batch,
                                tokens, package.model.maxContext, batch};
  const SizeContext context = {launch.rowsAreSequences,
                               program.name == "decode", batch,
                               package.model.maxContext};
  if (auto grid = SizePolynomial::expand(kernel.grid, context); !grid)
    return error(place + ": grid of " + quoted(kernel.name),
                 grid.error().message);
  if (auto grid = kernel.grid.evaluate(largest); !grid)
    return error(place + ": grid of " + quoted(kernel.name),
                 grid.error().message);
  for (size_t i = 0; i < launch.operands.size(); ++i) {
    const std::string at = place + ".operands[" + std::to_string(i) + "] of " +
                           quoted(kernel.name);
    if (auto valid = verifyOperand(program, launch, launch.operands[i],
                                   kernel.operands[i], at);
        !valid)
      return valid;
  }
  return {};
}

Result<void> Verifier::verifyProgram(const ProgramInfo &program) {
  const std::string place = "$.programs['" + program.name + "']";
  const bool perSequence = program.name != "forward";
  if (program.logitsPerSequence != perSequence)
    return mismatch(place + ".logits", perSequence ? "sequences" : "tokens",
                    perSequence ? "tokens" : "sequences");
  if (auto valid = verifyBuffers(program, place); !valid)
    return valid;
  for (size_t i = 0; i < program.launches.size(); ++i)
    if (auto valid =
            verifyLaunch(program, program.launches[i],
                         place + ".launches[" + std::to_string(i) + "]");
        !valid)
      return valid;
  return {};
}

Result<void> Verifier::verify() {
  for (auto part : {&Verifier::verifyModel, &Verifier::verifyParameters,
                    &Verifier::verifyStates, &Verifier::verifyKernels})
    if (auto valid = (this->*part)(); !valid)
      return valid;
  std::multiset<std::string> found;
  for (const ProgramInfo &program : package.programs)
    found.insert(program.name);
  if (found != std::multiset<std::string>{"decode", "forward", "prefill"})
    return error("$.programs", "expected prefill, decode and forward, found " +
                                   std::to_string(found.size()) + " programs");
  for (const ProgramInfo &program : package.programs)
    if (auto valid = verifyProgram(program); !valid)
      return valid;
  std::set<std::string_view> blobs;
  for (const Blob &blob : package.blobs)
    if (!blobs.insert(blob.name).second)
      return mismatch("$.blobs", "names of their own",
                      quoted(blob.name) + " again");
  if (package.target.kind == "cpu" && !blobs.count("host_code"))
    return error("$.blobs", "expected a blob 'host_code', found none");
  return {};
}

Result<void> verifyPackage(const Package &package, const std::string &path) {
  return Verifier(package, path).verify();
}

} // namespace jet
