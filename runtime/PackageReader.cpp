// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Bytes to package, in the order that gives the most useful message: length,
// version, checksum, structure. The layout is described in Package.h.

#include "runtime/JsonReader.h"
#include "runtime/PackageNames.h"
#include "support/File.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <bit>
#include <cstring>

namespace jet {

static_assert(std::endian::native == std::endian::little);

static constexpr int64_t kMaxHeaderBytes = int64_t(64) << 20;

//===----------------------------------------------------------------------===//
// Header
//===----------------------------------------------------------------------===//

// The recursion is bounded by the depth that parseJson accepts.
static SizeExpr readSize(const JsonNode &node) {
  if (node.failed())
    return {};
  if (node.json()->is_string()) {
    const std::string letter = node.string();
    for (int i = 0; i < kNumSymbols; ++i)
      if (letter == std::string_view(&names::kSymbols[i], 1))
        return SizeExpr::makeSymbol(static_cast<Symbol>(i));
    node.fail("one of R B T C S P");
    return {};
  }
  if (!node.json()->is_array())
    return SizeExpr::makeConstant(node.integer());
  const std::vector<JsonNode> parts = node.elements();
  if (parts.size() != 3) {
    node.fail("[operation, lhs, rhs]");
    return {};
  }
  const SizeExpr::Kind kind = parts[0].lookup(names::kSizeOps);
  return SizeExpr::make(kind, readSize(parts[1]), readSize(parts[2]));
}

static std::vector<SizeExpr> readShape(const JsonNode &node) {
  std::vector<SizeExpr> shape;
  for (const JsonNode &dim : node.elements())
    shape.push_back(readSize(dim));
  return shape;
}

static DType readDType(const JsonNode &node) {
  if (std::optional<DType> type = parseDType(node.string()))
    return *type;
  node.fail("an element type such as F32 or BF16");
  return DType::F32;
}

static ModelInfo readModel(const JsonNode &node) {
  node.allowOnly({"name", "layers", "dtype", "parameters", "hidden_size",
                  "vocab_size", "max_batch", "max_context", "page_size",
                  "bos_token_id", "eos_token_ids"});
  ModelInfo model;
  model.name = node["name"].string();
  for (const JsonNode &layer : node["layers"].elements())
    model.layers.push_back(layer.string());
  model.dtype = node["dtype"].string();
  model.parameters = node["parameters"].integer();
  model.hiddenSize = node["hidden_size"].integer();
  model.vocabSize = node["vocab_size"].integer();
  model.maxBatch = node["max_batch"].integer();
  model.maxContext = node["max_context"].integer();
  model.pageSize = node["page_size"].integer();
  model.bosTokenId = node["bos_token_id"].integer(-1);
  for (const JsonNode &id : node["eos_token_ids"].elements())
    model.eosTokenIds.push_back(id.integer());
  return model;
}

static std::vector<int64_t> readSizes(const JsonNode &node) {
  std::vector<int64_t> sizes;
  for (const JsonNode &size : node.elements())
    sizes.push_back(size.integer());
  return sizes;
}

static SourceTensor readSource(const JsonNode &node) {
  node.allowOnly({"name", "shape"});
  return {node["name"].string(), readSizes(node["shape"])};
}

static ParameterInfo readParameter(const JsonNode &node) {
  node.allowOnly({"name", "dtype", "shape", "recipe"});
  ParameterInfo parameter;
  parameter.name = node["name"].string();
  parameter.dtype = readDType(node["dtype"]);
  parameter.shape = readSizes(node["shape"]);
  if (!node.contains("recipe"))
    return parameter;
  const JsonNode recipe = node["recipe"];
  recipe.allowOnly({"concat", "column_scale"});
  if (recipe.contains("column_scale"))
    parameter.columnScale = readSource(recipe["column_scale"]);
  if (parameter.columnScale && !recipe.contains("concat"))
    return parameter;
  for (const JsonNode &source : recipe["concat"].elements())
    parameter.concat.push_back(readSource(source));
  // Without sources it would pass for a checkpoint tensor.
  if (parameter.concat.empty())
    recipe["concat"].fail("at least two tensors", "none");
  return parameter;
}

static StateInfo readState(const JsonNode &node) {
  node.allowOnly({"layer", "kind", "dtype", "shape"});
  StateInfo state;
  state.layer = node["layer"].integer();
  state.kind = node["kind"].lookup(names::kStateKinds);
  state.dtype = readDType(node["dtype"]);
  state.shape = readSizes(node["shape"]);
  return state;
}

static OpCost readCost(const JsonNode &node) {
  OpCost cost;
  if (node.failed())
    return cost;
  if (!node.json()->is_object()) {
    node.fail("an object");
    return cost;
  }
  for (const auto &[key, text] : node.json()->items()) {
    const auto *part =
        std::find_if(std::begin(kCostParts), std::end(kCostParts),
                     [&](const CostPart &part) { return key == part.name; });
    if (part == std::end(kCostParts)) {
      node.fail("the parts of a cost", "'" + key.substr(0, 60) + "'");
      return cost;
    }
    const JsonNode value = node[part->name];
    Result<CostExpr> parsed = CostExpr::parse(value.string());
    if (!parsed) {
      value.fail("a cost", "an error: " + parsed.error().message);
      return cost;
    }
    cost.*part->member = *parsed;
  }
  return cost;
}

/// Threads of a block, on any GPU.
static constexpr int64_t kMaxThreads = 1024;

static TensorMapInfo readMap(const JsonNode &node) {
  node.allowOnly({"dtype", "shape", "box", "swizzle"});
  return {readDType(node["dtype"]), readShape(node["shape"]),
          readSizes(node["box"]), node["swizzle"].integer()};
}

static StageArgument readArgument(const JsonNode &node) {
  StageArgument argument;
  for (const auto &[name, kind] : names::kArguments) {
    if (!node.contains(name))
      continue;
    argument.kind = kind;
    if (kind == StageArgument::Kind::Operand)
      argument.operand = node[name].integer();
    else
      argument.value = readSize(node[name]);
    if (kind == StageArgument::Kind::Size || !node.contains("map")) {
      node.allowOnly({name});
      return argument;
    }
    node.allowOnly({name, "map"});
    argument.map = readMap(node["map"]);
    return argument;
  }
  node.fail("an operand, scratch or size");
  return argument;
}

static StageInfo readStage(const JsonNode &node) {
  node.allowOnly({"name", "grid", "threads", "cluster", "shared_bytes",
                  "overlaps", "arguments", "product", "tile"});
  StageInfo stage;
  stage.name = node["name"].string();
  stage.grid = readShape(node["grid"]);
  stage.threads = node["threads"].integer();
  stage.cluster = node["cluster"].integer();
  stage.sharedBytes = node["shared_bytes"].integer();
  stage.overlaps = node["overlaps"].boolean();
  for (const JsonNode &argument : node["arguments"].elements())
    stage.arguments.push_back(readArgument(argument));
  if (node.contains("product"))
    stage.product = node["product"].string();
  if (node.contains("tile"))
    stage.tile = node["tile"].string();
  return stage;
}

static KernelForm readForm(const JsonNode &node) {
  node.allowOnly(
      {"max_rows", "one_token", "max_sequences", "scratch", "stages"});
  KernelForm form;
  form.maxRows = node["max_rows"].integer();
  form.oneToken = node["one_token"].boolean();
  if (node.contains("max_sequences"))
    form.maxSequences = node["max_sequences"].integer();
  form.scratch = readSize(node["scratch"]);
  for (const JsonNode &stage : node["stages"].elements())
    form.stages.push_back(readStage(stage));
  return form;
}

static KernelInfo readKernel(const JsonNode &node) {
  node.allowOnly({"name", "grid", "operands", "threads", "scratch", "op",
                  "cost", "forms"});
  KernelInfo kernel;
  kernel.name = node["name"].string();
  kernel.grid = readSize(node["grid"]);
  for (const JsonNode &operand : node["operands"].elements()) {
    operand.allowOnly({"dtype", "shape", "access"});
    kernel.operands.push_back({readDType(operand["dtype"]),
                               readShape(operand["shape"]),
                               operand["access"].lookup(names::kAccesses)});
  }
  if (node.contains("threads"))
    kernel.threads = node["threads"].integer(1, kMaxThreads);
  if (node.contains("scratch"))
    kernel.scratch = readSize(node["scratch"]);
  kernel.op = node["op"].string();
  kernel.cost = readCost(node["cost"]);
  if (node.contains("forms"))
    for (const JsonNode &form : node["forms"].elements())
      kernel.forms.push_back(readForm(form));
  return kernel;
}

static CodeInfo readCode(const JsonNode &node) {
  node.allowOnly(
      {"name", "registers", "shared_bytes", "spill_bytes", "threads"});
  return {node["name"].string(), node["registers"].integer(),
          node["shared_bytes"].integer(), node["spill_bytes"].integer(),
          node["threads"].integer()};
}

static OperandRef readOperand(const JsonNode &node) {
  if (node.contains("rows")) {
    node.allowOnly({"parameter", "rows"});
    const std::vector<int64_t> range = readSizes(node["rows"]);
    if (range.size() != 2) {
      node["rows"].fail("[begin, end]");
      return {};
    }
    return {OperandRef::Kind::Parameter, node["parameter"].integer(),
            RowRange{range[0], range[1]}};
  }
  for (const auto &[name, kind] : names::kIndexedOperands)
    if (node.contains(name)) {
      node.allowOnly({name});
      return {kind, node[name].integer()};
    }
  if (node.contains("output")) {
    node.allowOnly({"output"});
    return {node["output"].lookup(names::kOutputs), 0};
  }
  node.allowOnly({"input"});
  return {node["input"].lookup(names::kInputs), 0};
}

static ProgramInfo readProgram(const JsonNode &node) {
  node.allowOnly({"name", "arena_bytes_per_row", "logits", "candidates",
                  "buffers", "launches"});
  ProgramInfo program;
  program.name = node["name"].string();
  program.arenaBytesPerRow = node["arena_bytes_per_row"].integer();
  program.logitsPerSequence = node["logits"].lookup(names::kRows);
  program.candidates = node["candidates"].integer();
  for (const JsonNode &buffer : node["buffers"].elements()) {
    buffer.allowOnly({"offset", "bytes"});
    program.buffers.push_back(
        {buffer["offset"].integer(), buffer["bytes"].integer()});
  }
  for (const JsonNode &item : node["launches"].elements()) {
    item.allowOnly({"kernel", "rows", "operands"});
    LaunchInfo launch;
    launch.kernel = item["kernel"].integer();
    launch.rowsAreSequences = item["rows"].lookup(names::kRows);
    for (const JsonNode &operand : item["operands"].elements())
      launch.operands.push_back(readOperand(operand));
    program.launches.push_back(std::move(launch));
  }
  return program;
}

/// Reads all but the blobs' contents.
static Package readHeader(const JsonNode &node) {
  node.allowOnly({"format", "version", "producer", "target", "model",
                  "parameters", "states", "kernels", "programs", "code",
                  "blobs"});
  Package package;
  package.producer = node["producer"].string();
  const JsonNode target = node["target"];
  target.allowOnly({"kind", "arch", "cpu_level"});
  package.target = {target["kind"].string(), target["arch"].string(),
                    target["cpu_level"].string()};
  package.model = readModel(node["model"]);
  for (const JsonNode &parameter : node["parameters"].elements())
    package.parameters.push_back(readParameter(parameter));
  for (const JsonNode &state : node["states"].elements())
    package.states.push_back(readState(state));
  for (const JsonNode &kernel : node["kernels"].elements())
    package.kernels.push_back(readKernel(kernel));
  for (const JsonNode &program : node["programs"].elements())
    package.programs.push_back(readProgram(program));
  for (const JsonNode &code : node["code"].elements())
    package.code.push_back(readCode(code));
  return package;
}

//===----------------------------------------------------------------------===//
// Blobs
//===----------------------------------------------------------------------===//

/// Reads the blobs, which must fill `region` in order and without holes other
/// than the padding.
static std::vector<Blob> readBlobs(const JsonNode &node,
                                   std::span<const std::byte> region) {
  std::vector<Blob> blobs;
  const auto end = static_cast<int64_t>(region.size());
  int64_t expected = 0;
  for (const JsonNode &item : node.elements()) {
    item.allowOnly({"name", "offset", "bytes"});
    const int64_t offset = item["offset"].integer();
    const int64_t bytes = item["bytes"].integer();
    if (item.failed())
      return blobs;
    if (offset != expected)
      item["offset"].fail(std::to_string(expected));
    else if (bytes > end - offset)
      item["bytes"].fail("at most " + std::to_string(end - offset));
    if (item.failed())
      return blobs;
    const auto contents = region.subspan(offset, bytes);
    blobs.push_back(
        {item["name"].string(), {contents.begin(), contents.end()}});
    expected = names::alignBlob(offset + bytes);
  }
  if (expected != end)
    node.fail("blobs of " + std::to_string(end) + " bytes in all");
  return blobs;
}

//===----------------------------------------------------------------------===//
// File
//===----------------------------------------------------------------------===//

/// The number in the 8 bytes at `offset`, which are there.
static uint64_t readU64(std::span<const std::byte> bytes, size_t offset) {
  uint64_t value;
  std::memcpy(&value, bytes.data() + offset, sizeof(value));
  return value;
}

static Result<Package> readBytes(std::span<const std::byte> bytes,
                                 const std::string &path) {
  const auto size = static_cast<int64_t>(bytes.size());
  constexpr int64_t word = sizeof(uint64_t);
  if (size < 2 * word)
    return Error{path + ": expected a package of at least 16 bytes, found " +
                 std::to_string(size)};
  const uint64_t length = readU64(bytes, 0);
  const int64_t limit = std::min(size - 2 * word, kMaxHeaderBytes);
  if (length > static_cast<uint64_t>(limit))
    return Error{path + ": header length: expected at most " +
                 std::to_string(limit) + " bytes, found " +
                 std::to_string(length) + " (not a package, or truncated)"};
  const int64_t blobsBegin = word + static_cast<int64_t>(length);

  JsonLimits limits;
  limits.maxBytes = kMaxHeaderBytes;
  Result<nlohmann::json> json =
      parseJson({reinterpret_cast<const char *>(bytes.data()) + word, length},
                path + ": header", limits);
  if (!json)
    return json.error();

  JsonNode::Reader reader{path, std::nullopt};
  const JsonNode root(reader, &*json, "$");
  const std::string format = root["format"].string();
  if (!root.failed() && format != names::kFormat)
    root["format"].fail(std::string("\"") + names::kFormat + "\"");
  const int64_t version = root["version"].integer();
  if (reader.error)
    return *reader.error;
  if (version != kPackageVersion)
    return Error{path + ": expected package version " +
                 std::to_string(kPackageVersion) + ", found " +
                 std::to_string(version)};

  if (XXH3_64bits(bytes.data(), bytes.size() - word) !=
      readU64(bytes, bytes.size() - word))
    return Error{path + ": checksum: the file is truncated or corrupted"};
  if (blobsBegin % names::kBlobAlignment != 0)
    return Error{path +
                 ": header length: expected a multiple of 64 less 8, "
                 "found " +
                 std::to_string(length)};

  Package package = readHeader(root);
  package.blobs = readBlobs(
      root["blobs"], bytes.subspan(blobsBegin, size - word - blobsBegin));
  if (reader.error)
    return *reader.error;
  return package;
}

Result<Package> readPackage(const std::string &path) {
  Result<MappedFile> file = MappedFile::open(path);
  if (!file)
    return file.error();
  Result<Package> package = readBytes(file->bytes(), path);
  if (!package)
    return package;
  if (Result<void> valid = verifyPackage(*package, path); !valid)
    return valid.error();
  return package;
}

} // namespace jet
