// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Package to bytes. The layout is described in Package.h.

#include "runtime/PackageNames.h"
#include "support/File.h"
#include "support/Json.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <bit>

namespace jet {

// The format is little-endian and written from memory.
static_assert(std::endian::native == std::endian::little);

using Json = nlohmann::json;

template <typename Table, typename Value>
static const char *nameOf(const Table &table, Value value) {
  for (const auto &[name, entry] : table)
    if (entry == value)
      return name;
  return "unknown";
}

static Json sizeToJson(const SizeExpr &size) {
  if (size.kind == SizeExpr::Kind::Constant)
    return size.constant;
  if (size.kind == SizeExpr::Kind::Symbol)
    return std::string(1, names::kSymbols[static_cast<int>(size.symbol)]);
  return Json::array({nameOf(names::kSizeOps, size.kind),
                      sizeToJson(size.args[0]), sizeToJson(size.args[1])});
}

static Json shapeToJson(const std::vector<SizeExpr> &shape) {
  Json result = Json::array();
  for (const SizeExpr &size : shape)
    result.push_back(sizeToJson(size));
  return result;
}

static Json modelToJson(const ModelInfo &model) {
  return {{"name", model.name},
          {"layers", model.layers},
          {"dtype", model.dtype},
          {"parameters", model.parameters},
          {"hidden_size", model.hiddenSize},
          {"vocab_size", model.vocabSize},
          {"max_batch", model.maxBatch},
          {"max_context", model.maxContext},
          {"page_size", model.pageSize},
          {"bos_token_id", model.bosTokenId},
          {"eos_token_ids", model.eosTokenIds}};
}

static Json costToJson(const OpCost &cost) {
  Json result = Json::object();
  for (const CostPart &part : kCostParts)
    if (const CostExpr &value = cost.*part.member; !value.isZero())
      result[part.name] = value.toString();
  return result;
}

static Json argumentToJson(const StageArgument &argument) {
  Json result;
  const char *name = nameOf(names::kArguments, argument.kind);
  if (argument.kind == StageArgument::Kind::Operand)
    result[name] = argument.operand;
  else
    result[name] = sizeToJson(argument.value);
  if (const std::optional<TensorMapInfo> &map = argument.map)
    result["map"] = {{"dtype", dtypeName(map->dtype)},
                     {"shape", shapeToJson(map->shape)},
                     {"box", map->box},
                     {"swizzle", map->swizzle}};
  return result;
}

static Json formToJson(const KernelForm &form) {
  Json stages = Json::array();
  for (const StageInfo &stage : form.stages) {
    Json arguments = Json::array();
    for (const StageArgument &argument : stage.arguments)
      arguments.push_back(argumentToJson(argument));
    stages.push_back({{"name", stage.name},
                      {"grid", shapeToJson(stage.grid)},
                      {"threads", stage.threads},
                      {"cluster", stage.cluster},
                      {"shared_bytes", stage.sharedBytes},
                      {"overlaps", stage.overlaps},
                      {"arguments", std::move(arguments)}});
    if (!stage.product.empty())
      stages.back()["product"] = stage.product;
    if (!stage.tile.empty())
      stages.back()["tile"] = stage.tile;
  }
  Json result = {{"max_rows", form.maxRows},
                 {"one_token", form.oneToken},
                 {"scratch", sizeToJson(form.scratch)},
                 {"stages", std::move(stages)}};
  if (form.maxSequences)
    result["max_sequences"] = form.maxSequences;
  return result;
}

static Json kernelToJson(const KernelInfo &kernel) {
  Json operands = Json::array();
  for (const KernelOperand &operand : kernel.operands)
    operands.push_back({{"dtype", dtypeName(operand.dtype)},
                        {"shape", shapeToJson(operand.shape)},
                        {"access", nameOf(names::kAccesses, operand.access)}});
  Json result = {{"name", kernel.name},
                 {"grid", sizeToJson(kernel.grid)},
                 {"operands", std::move(operands)},
                 {"op", kernel.op},
                 {"cost", costToJson(kernel.cost)}};
  if (kernel.threads)
    result["threads"] = kernel.threads;
  if (kernel.scratch.kind != SizeExpr::Kind::Constant ||
      kernel.scratch.constant)
    result["scratch"] = sizeToJson(kernel.scratch);
  for (const KernelForm &form : kernel.forms)
    result["forms"].push_back(formToJson(form));
  return result;
}

static Json operandToJson(const OperandRef &operand) {
  for (const auto &[name, kind] : names::kOutputs)
    if (kind == operand.kind)
      return {{"output", name}};
  if (operand.rows)
    return {{"parameter", operand.index},
            {"rows", {operand.rows->begin, operand.rows->end}}};
  for (const auto &[name, kind] : names::kIndexedOperands)
    if (kind == operand.kind)
      return {{name, operand.index}};
  return {{"input", nameOf(names::kInputs, operand.kind)}};
}

static Json programToJson(const ProgramInfo &program) {
  Json buffers = Json::array(), launches = Json::array();
  for (const BufferInfo &buffer : program.buffers)
    buffers.push_back({{"offset", buffer.offset}, {"bytes", buffer.bytes}});
  for (const LaunchInfo &launch : program.launches) {
    Json operands = Json::array();
    for (const OperandRef &operand : launch.operands)
      operands.push_back(operandToJson(operand));
    launches.push_back({{"kernel", launch.kernel},
                        {"rows", nameOf(names::kRows, launch.rowsAreSequences)},
                        {"operands", std::move(operands)}});
  }
  return {{"name", program.name},
          {"arena_bytes_per_row", program.arenaBytesPerRow},
          {"logits", nameOf(names::kRows, program.logitsPerSequence)},
          {"candidates", program.candidates},
          {"buffers", std::move(buffers)},
          {"launches", std::move(launches)}};
}

static Json sourceToJson(const SourceTensor &source) {
  return {{"name", source.name}, {"shape", source.shape}};
}

static Json parameterToJson(const ParameterInfo &parameter) {
  Json result = {{"name", parameter.name},
                 {"dtype", dtypeName(parameter.dtype)},
                 {"shape", parameter.shape}};
  for (const SourceTensor &source : parameter.concat)
    result["recipe"]["concat"].push_back(sourceToJson(source));
  if (parameter.columnScale)
    result["recipe"]["column_scale"] = sourceToJson(*parameter.columnScale);
  return result;
}

static Json headerToJson(const Package &package) {
  Json header = {{"format", names::kFormat},
                 {"version", kPackageVersion},
                 {"producer", package.producer},
                 {"target",
                  {{"kind", package.target.kind},
                   {"arch", package.target.arch},
                   {"cpu_level", package.target.cpuLevel}}},
                 {"model", modelToJson(package.model)}};
  for (const char *key :
       {"parameters", "states", "kernels", "programs", "code", "blobs"})
    header[key] = Json::array();
  for (const ParameterInfo &parameter : package.parameters)
    header["parameters"].push_back(parameterToJson(parameter));
  for (const StateInfo &state : package.states)
    header["states"].push_back({{"layer", state.layer},
                                {"kind", stateKindName(state.kind)},
                                {"dtype", dtypeName(state.dtype)},
                                {"shape", state.shape}});
  for (const KernelInfo &kernel : package.kernels)
    header["kernels"].push_back(kernelToJson(kernel));
  for (const ProgramInfo &program : package.programs)
    header["programs"].push_back(programToJson(program));
  for (const CodeInfo &code : package.code)
    header["code"].push_back({{"name", code.name},
                              {"registers", code.registers},
                              {"shared_bytes", code.sharedBytes},
                              {"spill_bytes", code.spillBytes},
                              {"threads", code.threads}});
  int64_t offset = 0;
  for (const Blob &blob : package.blobs) {
    const auto bytes = static_cast<int64_t>(blob.bytes.size());
    header["blobs"].push_back(
        {{"name", blob.name}, {"offset", offset}, {"bytes", bytes}});
    offset += names::alignBlob(bytes);
  }
  return header;
}

namespace {
/// Writes and hashes at once.
class HashingWriter {
public:
  explicit HashingWriter(AtomicFile &file) : file(file) {
    XXH3_64bits_reset(&state);
  }

  Result<void> write(const void *data, size_t size) {
    XXH3_64bits_update(&state, data, size);
    return file.write(data, size);
  }
  uint64_t hash() const { return XXH3_64bits_digest(&state); }

private:
  AtomicFile &file;
  XXH3_state_t state;
};
} // namespace

static Result<void> writeBytes(const Package &package, const std::string &text,
                               AtomicFile &file) {
  HashingWriter writer(file);
  const uint64_t length = text.size();
  if (auto done = writer.write(&length, sizeof(length)); !done)
    return done;
  if (auto done = writer.write(text.data(), text.size()); !done)
    return done;
  const char zeros[names::kBlobAlignment] = {};
  for (const Blob &blob : package.blobs) {
    const auto size = static_cast<int64_t>(blob.bytes.size());
    if (auto done = writer.write(blob.bytes.data(), blob.bytes.size()); !done)
      return done;
    if (auto done = writer.write(zeros, names::alignBlob(size) - size); !done)
      return done;
  }
  const uint64_t hash = writer.hash();
  return file.write(&hash, sizeof(hash));
}

Result<void> writePackage(const Package &package, const std::string &path) {
  // What cannot be read back is not written.
  if (Result<void> valid = verifyPackage(package, path); !valid)
    return valid;
  // "replace": names are the user's, and need not be UTF-8.
  std::string text = headerToJson(package).dump(-1, ' ', false,
                                                Json::error_handler_t::replace);
  const auto size = static_cast<int64_t>(sizeof(uint64_t) + text.size());
  text.append(names::alignBlob(size) - size, ' ');

  Result<AtomicFile> file = AtomicFile::create(path);
  if (!file)
    return file.error();
  if (Result<void> written = writeBytes(package, text, *file); !written)
    return written;
  return file->commit();
}

} // namespace jet
