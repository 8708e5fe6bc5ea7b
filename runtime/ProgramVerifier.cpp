// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The programs of a package: buffers, launches, operands.

#include "runtime/PackageNames.h"
#include "runtime/PackageVerifier.h"
#include "support/CheckedMath.h"

namespace jet {

/// The number of elements of `shape`.
static Result<SizePolynomial> countElements(const std::vector<SizeExpr> &shape,
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

std::optional<PackageFault>
PackageVerifier::verifyBuffers(const ProgramInfo &program,
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
    std::optional<PackageFault> fault;
    if (buffer.offset < 0 || buffer.offset % names::kBlobAlignment != 0)
      fault = mismatch(at + ".offset", "a multiple of 64",
                       std::to_string(buffer.offset));
    else if (buffer.bytes < 0 || buffer.offset > program.arenaBytesPerRow ||
             buffer.bytes > program.arenaBytesPerRow - buffer.offset)
      fault = mismatch(at,
                       "a slice of the arena's " +
                           std::to_string(program.arenaBytesPerRow) + " bytes",
                       std::to_string(buffer.bytes) + " bytes at " +
                           std::to_string(buffer.offset));
    if (fault) {
      fault->buffer = i;
      return fault;
    }
  }
  return {};
}

SizeContext PackageVerifier::contextOf(const ProgramInfo &program,
                                       const LaunchInfo &launch) const {
  return {launch.rowsAreSequences, isDecodeProgram(program.name),
          package.model.maxBatch,
          pagesFor(package.model.maxContext, package.model.pageSize)};
}

Result<PackageVerifier::Actual>
PackageVerifier::describe(const ProgramInfo &program, const OperandRef &ref,
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
    actual.name = "parameter " + inQuotes(parameter.name);
    actual.dtype = parameter.dtype;
    for (int64_t dim : parameter.shape)
      shape.push_back(SizeExpr::makeConstant(dim));
    if (ref.rows) {
      const int64_t rows = parameter.shape.empty() ? 0 : parameter.shape[0];
      if (ref.rows->begin < 0 || ref.rows->begin >= ref.rows->end ||
          ref.rows->end > rows)
        return Error{"expected rows inside [0, " + std::to_string(rows) +
                     "), found [" + std::to_string(ref.rows->begin) + ", " +
                     std::to_string(ref.rows->end) + ") of " + actual.name};
      shape[0] = SizeExpr::makeConstant(ref.rows->end - ref.rows->begin);
    }
    break;
  }
  case Kind::State: {
    const StateInfo &state = package.states[ref.index];
    actual.name = "state " + std::to_string(ref.index);
    actual.dtype = state.dtype;
    actual.writable = true;
    shape = {SizeExpr::makeSymbol(state.isPaged() ? Symbol::P : Symbol::S)};
    for (int64_t dim : state.shape)
      shape.push_back(SizeExpr::makeConstant(dim));
    break;
  }
  case Kind::Tokens:
  case Kind::Positions:
    actual.name = ref.kind == Kind::Tokens ? "tokens" : "positions";
    shape = {tokens};
    break;
  case Kind::Batch:
    actual.name = "batch";
    shape = {sequences, SizeExpr::make(SizeExpr::Kind::Add,
                                       SizeExpr::makeConstant(kBatchColumns),
                                       SizeExpr::makeSymbol(Symbol::C))};
    break;
  case Kind::Sampling:
    actual.name = "sampling";
    actual.dtype = DType::F32;
    shape = {sequences, SizeExpr::makeConstant(kSamplingColumns)};
    break;
  case Kind::Next:
    actual.name = "next";
    actual.writable = true;
    shape = {sequences};
    break;
  case Kind::Logits:
  case Kind::Values:
  case Kind::Ids: {
    const bool isLogits = ref.kind == Kind::Logits;
    actual.name = isLogits                   ? "logits"
                  : ref.kind == Kind::Values ? "values"
                                             : "ids";
    if (ref.kind != Kind::Ids)
      actual.dtype = DType::F32;
    actual.writable = true;
    shape = {program.logitsPerSequence ? sequences : tokens,
             SizeExpr::makeConstant(isLogits ? package.model.vocabSize
                                             : program.candidates)};
    break;
  }
  case Kind::Buffer:
    break;
  }
  Result<SizePolynomial> elements = countElements(shape, context);
  if (!elements)
    return elements.error();
  actual.elements = std::move(*elements);
  return actual;
}

std::optional<PackageFault> PackageVerifier::verifyOperand(
    const ProgramInfo &program, const LaunchInfo &launch, const OperandRef &ref,
    const KernelOperand &operand, const std::string &place) {
  const SizeContext context = contextOf(program, launch);
  Result<SizePolynomial> needed = countElements(operand.shape, context);
  if (!needed)
    return makeFault(place, needed.error().message);
  // The largest step must not overflow; every smaller one then fits as well.
  Result<SizePolynomial> bytes =
      needed->multiply(SizePolynomial::makeConstant(dtypeBytes(operand.dtype)));
  if (!bytes)
    return makeFault(place, bytes.error().message);

  if (ref.rows && ref.kind != OperandRef::Kind::Parameter)
    return mismatch(place, "rows of a parameter", "rows of something else");
  if (ref.kind == OperandRef::Kind::Buffer) {
    if (auto fault = checkIndex(ref.index, program.buffers.size(), place))
      return fault;
    Result<SizePolynomial::Bound> bound = bytes->bound(context);
    if (!bound)
      return makeFault(place, bound.error().message);
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
  if (auto fault = checkIndex(ref.index, count, place))
    return fault;
  Result<Actual> actual = describe(program, ref, context);
  if (!actual)
    return makeFault(place, actual.error().message);
  if (isOutput(ref.kind) && !mayOutput(program, ref.kind))
    return mismatch(place,
                    program.candidates ? "an output values, ids or next"
                    : program.logitsPerSequence ? "an output logits or next"
                                                : "an output logits",
                    actual->name);
  if (ref.kind == OperandRef::Kind::Sampling && !program.logitsPerSequence)
    return mismatch(place, "an input of a program that picks no tokens",
                    actual->name);
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

std::optional<PackageFault>
PackageVerifier::verifyLaunch(const ProgramInfo &program,
                              const LaunchInfo &launch,
                              const std::string &place) {
  if (auto fault =
          checkIndex(launch.kernel, package.kernels.size(), place + ".kernel"))
    return fault;
  const KernelInfo &kernel = package.kernels[launch.kernel];
  if (launch.operands.size() != kernel.operands.size())
    return mismatch(place,
                    std::to_string(kernel.operands.size()) +
                        " operands of kernel " + inQuotes(kernel.name),
                    std::to_string(launch.operands.size()));
  const int64_t batch = package.model.maxBatch;
  const int64_t tokens = batch * package.model.maxContext;
  const SizeContext context = contextOf(program, launch);
  const SymbolValues largest = {launch.rowsAreSequences ? batch : tokens,
                                batch,
                                tokens,
                                context.maxPages,
                                batch,
                                batch * context.maxPages};
  if (auto grid = SizePolynomial::expand(kernel.grid, context); !grid)
    return makeFault(place + ": grid of " + inQuotes(kernel.name),
                     grid.error().message);
  if (auto grid = kernel.grid.evaluate(largest); !grid)
    return makeFault(place + ": grid of " + inQuotes(kernel.name),
                     grid.error().message);
  if (auto scratch = kernel.scratch.evaluate(largest); !scratch)
    return makeFault(place + ": scratch of " + inQuotes(kernel.name),
                     scratch.error().message);
  if (auto fault = verifyFormSizes(program, launch, place))
    return fault;
  for (size_t i = 0; i < launch.operands.size(); ++i) {
    const std::string at = place + ".operands[" + std::to_string(i) + "] of " +
                           inQuotes(kernel.name);
    if (auto fault = verifyOperand(program, launch, launch.operands[i],
                                   kernel.operands[i], at)) {
      fault->operand = i;
      if (launch.operands[i].kind == OperandRef::Kind::Buffer &&
          static_cast<uint64_t>(launch.operands[i].index) <
              program.buffers.size())
        fault->buffer = launch.operands[i].index;
      return fault;
    }
  }
  return {};
}

std::optional<PackageFault>
PackageVerifier::verifyProgram(const ProgramInfo &program) {
  const std::string place = "$.programs['" + program.name + "']";
  const bool perSequence = program.name != "forward";
  if (program.logitsPerSequence != perSequence)
    return mismatch(place + ".logits", perSequence ? "sequences" : "tokens",
                    perSequence ? "tokens" : "sequences");
  const bool samples =
      program.name == "prefill_sample" || program.name == "decode_sample";
  const int64_t most = samples ? package.model.vocabSize : 0;
  if (program.candidates < (samples ? 1 : 0) || program.candidates > most)
    return mismatch(place + ".candidates",
                    samples ? "1 to " + std::to_string(most) : "0",
                    std::to_string(program.candidates));
  if (auto fault = verifyBuffers(program, place))
    return fault;
  for (size_t i = 0; i < program.launches.size(); ++i)
    if (auto fault =
            verifyLaunch(program, program.launches[i],
                         place + ".launches[" + std::to_string(i) + "]")) {
      fault->launch = i;
      return fault;
    }
  return {};
}

} // namespace jet
