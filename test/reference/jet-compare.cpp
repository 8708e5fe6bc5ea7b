// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// jet-compare: the largest difference between two tensors of safetensors files.

#include "Tensors.h"

#include "CLI/CLI.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>

using namespace jet;
using namespace jet::reference;

namespace {

struct Arguments {
  std::string left, right, tensor, to, lengths;
  double atol = 0, rtol = 0;
};

} // namespace

/// Which rows of the first dimensions count: all, or for tensors [B, T, …] the
/// first lengths[b] of each b, from the file that holds "lengths".
static Result<std::vector<int64_t>> readLengths(const Arguments &arguments,
                                                const Tensor &tensor) {
  if (arguments.lengths.empty())
    return std::vector<int64_t>();
  auto file = readTensors(arguments.lengths);
  if (!file)
    return file.error();
  auto lengths = findTensor(*file, "lengths", arguments.lengths);
  if (!lengths)
    return lengths.error();
  if (tensor.shape.size() < 2 || (*lengths)->size() != tensor.shape[0])
    return Error{arguments.lengths +
                 ": lengths: expected one for each of the "
                 "tensor's first dimension, found " +
                 std::to_string((*lengths)->size())};
  return std::vector<int64_t>((*lengths)->values.begin(),
                              (*lengths)->values.end());
}

/// Prints the largest difference; an error when it is too large.
static Result<void> compare(const Arguments &arguments, const Tensor &left,
                            const Tensor &right,
                            const std::vector<int64_t> &lengths) {
  if (left.shape != right.shape)
    return Error{arguments.tensor + ": the shapes differ"};
  int64_t batch = lengths.size();
  int64_t perBatch = batch ? left.size() / batch : 0;
  int64_t perRow = batch ? perBatch / std::max<int64_t>(left.shape[1], 1) : 0;
  double largest = 0, largestExcess = 0;
  int64_t worst = -1, compared = 0;
  for (int64_t i = 0; i < left.size(); ++i) {
    if (batch && i % perBatch / perRow >= lengths[i / perBatch])
      continue;
    ++compared;
    double a = left.values[i], b = right.values[i];
    // NaN must not pass: a comparison with it is false.
    double difference = a == b ? 0 : std::abs(a - b);
    double excess = difference - arguments.atol - arguments.rtol * std::abs(b);
    largest = std::max(largest, difference);
    if (!(excess <= 0) && (worst < 0 || !(excess <= largestExcess))) {
      worst = i;
      largestExcess = excess;
    }
  }
  std::printf("%s: max abs error %.3g over %lld values\n",
              arguments.tensor.c_str(), largest, (long long)compared);
  if (compared == 0)
    return Error{arguments.tensor + ": nothing to compare"};
  if (worst < 0)
    return {};
  char text[160];
  std::snprintf(text, sizeof(text),
                ": element %lld: expected %.9g within atol %g rtol %g, found "
                "%.9g",
                (long long)worst, right.values[worst], arguments.atol,
                arguments.rtol, left.values[worst]);
  return Error{arguments.tensor + text};
}

static Result<void> run(const Arguments &arguments) {
  auto left = readTensors(arguments.left);
  if (!left)
    return left.error();
  auto right = readTensors(arguments.right);
  if (!right)
    return right.error();
  auto found = findTensor(*left, arguments.tensor, arguments.left);
  if (!found)
    return found.error();
  auto expected =
      findTensor(*right, arguments.to.empty() ? arguments.tensor : arguments.to,
                 arguments.right);
  if (!expected)
    return expected.error();
  auto lengths = readLengths(arguments, **found);
  if (!lengths)
    return lengths.error();
  return compare(arguments, **found, **expected, *lengths);
}

int main(int argc, char **argv) {
  Arguments arguments;
  CLI::App app("Compares a tensor of two safetensors files; exit status 1 when "
               "they differ by more than atol + rtol * |expected| anywhere.");
  app.add_option("found", arguments.left, "the file to judge")->required();
  app.add_option("expected", arguments.right, "the file it should agree with")
      ->required();
  app.add_option("--tensor", arguments.tensor, "name")->required();
  app.add_option("--to", arguments.to, "name in the second file, if another");
  app.add_option("--atol", arguments.atol, "absolute tolerance (default 0)");
  app.add_option("--rtol", arguments.rtol, "relative tolerance (default 0)");
  app.add_option("--lengths-from", arguments.lengths,
                 "compare only rows [b, 0 … lengths[b]) of tensors [B, T, …]; "
                 "the file that holds the tensor 'lengths'");
  CLI11_PARSE(app, argc, argv);

  if (auto result = run(arguments); !result) {
    std::fprintf(stderr, "jet-compare: %s\n", result.error().message.c_str());
    return 1;
  }
  return 0;
}
