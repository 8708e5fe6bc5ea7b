// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Packages as files: what is written is read, and nothing else is.

#include "Fixture.h"

#include "support/Json.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <gtest/gtest.h>

#include <cstring>

using namespace jet;
using namespace jet::test;

namespace {

class PackageFileTest : public testing::Test {
protected:
  PackageFileTest() : path(directory.file("p.jet")) {
    const Result<void> done = writePackage(makePackage(false), path);
    EXPECT_TRUE(done) << messageOf(done);
    bytes = readFile(path);
  }

  /// Error text of reading `contents`.
  std::string read(const std::string &contents) {
    writeFile(path, contents);
    return messageOf(readPackage(path));
  }

  nlohmann::json header() const {
    uint64_t length = 0;
    std::memcpy(&length, bytes.data(), 8);
    return nlohmann::json::parse(bytes.substr(8, length));
  }

  /// A file with this header, the fixture's blob and a right checksum.
  std::string withHeader(const std::string &text) const {
    std::string padded = text;
    padded.append((64 - (8 + text.size()) % 64) % 64, ' ');
    const uint64_t length = padded.size();
    std::string file(reinterpret_cast<const char *>(&length), 8);
    file += padded;
    file += std::string("no code") + std::string(57, '\0');
    const uint64_t hash = XXH3_64bits(file.data(), file.size());
    return file + std::string(reinterpret_cast<const char *>(&hash), 8);
  }

  /// Error text of reading the fixture with a changed header.
  template <typename Change> std::string readChanged(Change change) {
    nlohmann::json changed = header();
    change(changed);
    return read(withHeader(changed.dump()));
  }

  TemporaryDirectory directory;
  std::string path, bytes;
};

} // namespace

TEST_F(PackageFileTest, RoundTrips) {
  Package package = makePackage(false);
  package.model.bosTokenId = 3;
  package.parameters[0].concat = {{"a", {1, kHidden}},
                                  {"b", {kVocab - 1, kHidden}}};
  for (ParameterInfo &parameter : package.parameters)
    parameter.columnScale = SourceTensor{"n", {kHidden}};
  package.programs[0].launches[0].operands[1].rows = RowRange{0, kVocab};
  package.blobs.push_back({"other", {}});
  package.blobs.push_back({"third", {std::byte(1), std::byte(2)}});
  package.kernels[0].grid = SizeExpr::make(
      SizeExpr::Kind::CeilDiv,
      SizeExpr::make(SizeExpr::Kind::Add, SizeExpr::makeSymbol(Symbol::R),
                     SizeExpr::makeConstant(7)),
      SizeExpr::makeConstant(8));
  package.kernels[1].op = "linear";
  package.kernels[1].cost.weightsRead = 12;
  package.kernels[1].cost.tensorFlops =
      CostExpr::rows() * CostExpr::min(CostExpr::context(), 64);
  ASSERT_TRUE(writePackage(package, path));
  const std::string first = readFile(path);
  Result<Package> read = readPackage(path);
  ASSERT_TRUE(read) << messageOf(read);
  EXPECT_EQ(read->model.bosTokenId, 3);
  EXPECT_EQ(read->model.layers, package.model.layers);
  EXPECT_EQ(read->blobs[2].bytes, package.blobs[2].bytes);
  EXPECT_EQ(read->programs[2].launches.size(), 4u);
  EXPECT_EQ(read->parameters[0].concat, package.parameters[0].concat);
  EXPECT_EQ(read->parameters[0].columnScale, package.parameters[0].columnScale);
  EXPECT_TRUE(read->parameters[1].concat.empty());
  EXPECT_EQ(read->parameters[1].columnScale, package.parameters[1].columnScale);
  const SymbolValues symbols = {9, 1, 1, 1, 1, 1};
  EXPECT_EQ(*read->kernels[0].grid.evaluate(symbols), 2);
  EXPECT_EQ(read->kernels[1].op, "linear");
  EXPECT_EQ(read->kernels[1].cost.weightsRead, 12);
  EXPECT_EQ(read->kernels[1].cost.tensorFlops.toString(), "R*min(L, 64)");
  EXPECT_TRUE(read->kernels[1].cost.stateRead.isZero());
  // The second file has every member of the first.
  ASSERT_TRUE(writePackage(*read, path));
  EXPECT_EQ(readFile(path), first);
}

TEST_F(PackageFileTest, RoundTripsCandidates) {
  ASSERT_TRUE(writePackage(makePackageWithCandidates(false), path));
  const Result<Package> package = readPackage(path);
  ASSERT_TRUE(package) << messageOf(package);
  ASSERT_EQ(package->programs.size(), 5u);
  const ProgramInfo &program = package->programs[4];
  EXPECT_EQ(program.name, "decode_sample");
  EXPECT_EQ(program.candidates, kCandidates);
  EXPECT_EQ(package->programs[1].candidates, 0);
  const std::vector<OperandRef> &operands = program.launches.back().operands;
  EXPECT_EQ(operands[3].kind, OperandRef::Kind::Values);
  EXPECT_EQ(operands[4].kind, OperandRef::Kind::Ids);
  EXPECT_EQ(operands[5].kind, OperandRef::Kind::Sampling);
  EXPECT_EQ(operands[6].kind, OperandRef::Kind::Next);
}

TEST_F(PackageFileTest, RoundTripsForms) {
  Package package = makePackageWithForms();
  package.kernels[0].forms[0].stages[0].product = "64 -> 8 f32";
  package.kernels[0].forms[0].stages[0].tile = "128x256 by 8";
  package.kernels[0].forms[0].maxSequences = 3;
  ASSERT_TRUE(writePackage(package, path));
  const std::string first = readFile(path);
  const Result<Package> read = readPackage(path);
  ASSERT_TRUE(read) << messageOf(read);
  ASSERT_EQ(read->kernels[0].forms.size(), 1u);
  EXPECT_TRUE(read->kernels[1].forms.empty());
  const KernelForm &form = read->kernels[0].forms[0];
  EXPECT_EQ(form.maxRows, 2);
  EXPECT_FALSE(form.oneToken);
  EXPECT_EQ(form.maxSequences, 3);
  ASSERT_EQ(form.stages.size(), 2u);
  const StageInfo &stage = form.stages[0];
  EXPECT_EQ(stage.name, "first");
  EXPECT_EQ(stage.threads, 64);
  EXPECT_EQ(stage.cluster, 2);
  EXPECT_EQ(stage.sharedBytes, 100'000);
  EXPECT_FALSE(stage.overlaps);
  EXPECT_TRUE(form.stages[1].overlaps);
  EXPECT_EQ(stage.product, "64 -> 8 f32");
  EXPECT_EQ(stage.tile, "128x256 by 8");
  EXPECT_EQ(form.stages[1].product + form.stages[1].tile, "");
  using Argument = StageArgument::Kind;
  EXPECT_EQ(stage.arguments[0].operand, 1);
  EXPECT_EQ(stage.arguments[1].kind, Argument::Size);
  EXPECT_EQ(stage.arguments[3].kind, Argument::Scratch);
  EXPECT_FALSE(stage.arguments[3].map);
  ASSERT_TRUE(stage.arguments[0].map);
  EXPECT_EQ(stage.arguments[0].map->dtype, DType::F32);
  EXPECT_EQ(stage.arguments[0].map->box, (std::vector<int64_t>{8, kHidden}));
  EXPECT_EQ(stage.arguments[0].map->swizzle, 32);
  ASSERT_EQ(read->code.size(), 1u);
  EXPECT_EQ(read->code[0].name, "first");
  EXPECT_EQ(read->code[0].registers, 40);
  EXPECT_EQ(read->code[0].sharedBytes, 100'032);
  EXPECT_EQ(read->code[0].spillBytes, 8);
  EXPECT_EQ(read->code[0].threads, 64);
  // The second file has every member of the first.
  ASSERT_TRUE(writePackage(*read, path));
  EXPECT_EQ(readFile(path), first);
}

TEST_F(PackageFileTest, LaysOutBytesAsDocumented) {
  uint64_t length = 0;
  std::memcpy(&length, bytes.data(), 8);
  EXPECT_EQ((8 + length) % 64, 0u);
  EXPECT_EQ(bytes.substr(8 + length, 7), "no code");
  EXPECT_EQ(bytes.size(), 8 + length + 64 + 8);
  EXPECT_EQ(header()["format"], "jet-package");
  EXPECT_EQ(header()["version"], kPackageVersion);
  EXPECT_EQ(withHeader(header().dump()), bytes);
}

TEST_F(PackageFileTest, RefusesEveryTruncation) {
  for (size_t length = 0; length < bytes.size(); ++length)
    ASSERT_NE(read(bytes.substr(0, length)), "success") << length;
  EXPECT_EQ(read(bytes.substr(0, 15)),
            path + ": expected a package of at least 16 bytes, found 15");
  EXPECT_EQ(read(bytes.substr(0, bytes.size() - 1)),
            path + ": checksum: the file is truncated or corrupted");
}

TEST_F(PackageFileTest, RefusesEveryBitFlip) {
  for (size_t i = 0; i < bytes.size(); ++i)
    for (int bit = 0; bit < 8; ++bit) {
      std::string flipped = bytes;
      flipped[i] = static_cast<char>(flipped[i] ^ (1 << bit));
      ASSERT_NE(read(flipped), "success") << i << " bit " << bit;
    }
  std::string flipped = bytes;
  flipped[bytes.size() - 70] ^= 1; // in the blob
  EXPECT_EQ(read(flipped),
            path + ": checksum: the file is truncated or corrupted");
}

TEST_F(PackageFileTest, RefusesTrailingBytes) {
  EXPECT_NE(read(bytes + std::string(8, '\0')), "success");
  EXPECT_NE(read(bytes + bytes), "success");
}

TEST_F(PackageFileTest, AHugeHeaderLengthAllocatesNothing) {
  std::string huge = bytes;
  std::memset(huge.data(), 0xff, 8);
  EXPECT_NE(read(huge).find("header length: expected at most"),
            std::string::npos);
  huge[7] = 0x7f;
  EXPECT_NE(read(huge).find("header length"), std::string::npos);
}

TEST_F(PackageFileTest, AnotherVersionIsNamedBeforeTheChecksum) {
  nlohmann::json other = header();
  other["version"] = kPackageVersion + 1;
  std::string file = withHeader(other.dump());
  file.back() ^= 1;
  EXPECT_EQ(read(file), path + ": expected package version 7, found 8");
}

TEST_F(PackageFileTest, AnotherFormatIsNamed) {
  EXPECT_EQ(readChanged([](auto &h) { h["format"] = "zip"; }),
            path + ": $.format: expected \"jet-package\", found \"zip\"");
  EXPECT_NE(read(withHeader("[]")).find("$: expected an object"),
            std::string::npos);
}

TEST_F(PackageFileTest, MembersMustBeThereAndNoOthers) {
  const nlohmann::json members = header();
  for (const auto &[key, value] : members.items()) {
    const std::string name = key;
    const std::string message = readChanged([&](auto &h) { h.erase(name); });
    EXPECT_NE(message.find("\"" + name + "\""), std::string::npos) << message;
  }
  EXPECT_NE(readChanged([](auto &h) {
              h["extra"] = 1;
            }).find("$.extra: expected no such member"),
            std::string::npos);
  EXPECT_NE(readChanged([](auto &h) {
              h["model"]["extra"] = 1;
            }).find("$.model.extra"),
            std::string::npos);
}

TEST_F(PackageFileTest, MembersMustHaveTheRightType) {
  const std::pair<const char *, nlohmann::json> wrong[] = {
      {"/model/vocab_size", "16"},
      {"/model/vocab_size", 16.5},
      {"/model/vocab_size", 18446744073709551615u},
      {"/model/layers", 3},
      {"/parameters/0/dtype", "F33"},
      {"/parameters/0/shape", {{"a", 1}}},
      {"/states/0/kind", "cache"},
      {"/kernels/0/grid", "X"},
      {"/kernels/0/grid", {"sub", 1, 2}},
      {"/kernels/0/grid", {"add", 1}},
      {"/kernels/0/grid", nullptr},
      {"/kernels/0/operands/0/access", "peek"},
      {"/kernels/0/op", 1},
      {"/kernels/0/cost", "8*R"},
      {"/kernels/0/cost", {{"weights", "8*R"}}},
      {"/kernels/0/cost", {{"weights_read", 8}}},
      {"/kernels/0/cost", {{"weights_read", "8*C"}}},
      {"/programs/0/logits", "some"},
      {"/programs/0/launches/0/rows", 1},
      {"/programs/0/launches/0/operands/0", {{"input", "weights"}}},
      {"/programs/0/launches/0/operands/0", {{"output", "tokens"}}},
      {"/programs/0/launches/0/operands/0", {{"state", 0}, {"buffer", 0}}},
      {"/programs/0/launches/0/operands/0", 1},
      {"/blobs/0/offset", 64},
      {"/blobs/0/offset", -64},
      {"/blobs/0/bytes", 65},
      {"/blobs/0/bytes", INT64_MAX},
      {"/blobs", nlohmann::json::array()},
  };
  for (const auto &[pointer, value] : wrong) {
    const std::string message = readChanged(
        [&](auto &h) { h[nlohmann::json::json_pointer(pointer)] = value; });
    EXPECT_EQ(message.find(path + ": $."), 0u) << pointer << ": " << message;
    EXPECT_NE(message.find(": expected "), std::string::npos) << message;
    EXPECT_NE(message.find(", found "), std::string::npos) << message;
  }
}

TEST_F(PackageFileTest, RecipesAndRowsMustHaveTheRightForm) {
  const auto source = [](int64_t rows) {
    return nlohmann::json{{"name", "s" + std::to_string(rows)},
                          {"shape", {rows, kHidden}}};
  };
  const auto withConcat = [&](const nlohmann::json &concat) {
    return readChanged([&](nlohmann::json &json) {
      json["parameters"][0]["recipe"]["concat"] = concat;
    });
  };
  EXPECT_EQ(withConcat({source(6), source(10)}), "success");
  EXPECT_NE(withConcat(nlohmann::json::array())
                .find("$.parameters[0].recipe.concat: expected at least two "
                      "tensors, found none"),
            std::string::npos);
  EXPECT_NE(withConcat({1, 2}).find("$.parameters[0].recipe.concat[0]"),
            std::string::npos);
  const auto withRecipe = [&](const nlohmann::json &recipe) {
    return readChanged([&](nlohmann::json &json) {
      json["parameters"][0]["recipe"] = recipe;
    });
  };
  const nlohmann::json scale = {{"name", "n"}, {"shape", {kHidden}}};
  EXPECT_EQ(withRecipe({{"column_scale", scale}}), "success");
  EXPECT_NE(
      withRecipe({{"column_scale", "n"}})
          .find("$.parameters[0].recipe.column_scale: expected an object"),
      std::string::npos);
  EXPECT_NE(withRecipe({{"row_scale", scale}}).find("$.parameters[0].recipe"),
            std::string::npos);
  EXPECT_NE(withRecipe(nlohmann::json::object())
                .find("$.parameters[0].recipe: expected a member \"concat\""),
            std::string::npos);
  const auto withRows = [&](const nlohmann::json &rows) {
    return readChanged([&](nlohmann::json &json) {
      json["programs"][0]["launches"][0]["operands"][1]["rows"] = rows;
    });
  };
  EXPECT_EQ(withRows({0, kVocab}), "success");
  EXPECT_NE(withRows({0}).find(".rows: expected [begin, end]"),
            std::string::npos);
  EXPECT_NE(withRows({-1, kVocab}).find(".rows[0]"), std::string::npos);
  EXPECT_NE(withRows("all").find(".rows: expected an array"),
            std::string::npos);
}

TEST_F(PackageFileTest, FormsMustHaveTheRightForm) {
  ASSERT_TRUE(writePackage(makePackageWithForms(), path));
  bytes = readFile(path);
  EXPECT_EQ(readChanged([](auto &) {}), "success");
  const std::string form = "/kernels/0/forms/0", stage = form + "/stages/0";
  const std::string argument = stage + "/arguments/0";
  const std::pair<std::string, nlohmann::json> wrong[] = {
      {"/kernels/0/forms", 1},
      {form + "/max_rows", "all"},
      {form + "/max_sequences", "all"},
      {form + "/one_token", 1},
      {form + "/other", 1},
      {form + "/scratch", "X"},
      {stage + "/grid", 1},
      {stage + "/overlaps", "yes"},
      {stage + "/threads", -1},
      {stage + "/extra", 1},
      {argument, {{"pointer", 1}}},
      {argument, {{"operand", 1}, {"size", 1}}},
      {argument, {{"size", 1}, {"map", nlohmann::json::object()}}},
      {argument + "/map", 1},
      {argument + "/map/dtype", "F33"},
      {argument + "/map/box", {1.5}},
      {argument + "/map/stride", 1},
      {"/code/0/registers", -1},
      {"/code/0/extra", 1},
  };
  for (const auto &[pointer, value] : wrong) {
    const std::string message = readChanged(
        [&](auto &h) { h[nlohmann::json::json_pointer(pointer)] = value; });
    EXPECT_EQ(message.find(path + ": $."), 0u) << pointer << ": " << message;
    EXPECT_NE(message.find(": expected "), std::string::npos) << message;
  }
}

TEST_F(PackageFileTest, RefusesADuplicateMember) {
  std::string text = header().dump();
  text.insert(1, "\"version\":1,");
  EXPECT_NE(read(withHeader(text)).find("version"), std::string::npos);
}

TEST_F(PackageFileTest, ReadingVerifies) {
  EXPECT_NE(readChanged([](auto &h) {
              h["programs"][0]["launches"][0]["kernel"] = 99;
            }).find("expected an index below 5, found 99"),
            std::string::npos);
}

TEST_F(PackageFileTest, AMissingFileIsAnError) {
  EXPECT_NE(messageOf(readPackage(directory.file("none.jet")))
                .find("none.jet: cannot open"),
            std::string::npos);
  EXPECT_FALSE(
      writePackage(makePackage(false), directory.file("no/such/p.jet")));
}
