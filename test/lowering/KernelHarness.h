// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Compiles single ops the way jetc does and calls them the way the runtime
// does, so that tests can hold the definition of an op against another one.

#ifndef JET_TEST_LOWERING_KERNELHARNESS_H
#define JET_TEST_LOWERING_KERNELHARNESS_H

#include "runtime/HostCode.h"
#include "runtime/Package.h"

#include <cmath>
#include <gtest/gtest.h>
#include <memory>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <vector>

namespace jet::test {

using Random = std::mt19937;

inline int64_t uniform(Random &random, int64_t low, int64_t high) {
  return std::uniform_int_distribution<int64_t>(low, high)(random);
}

/// What f32 sums are held to: n terms added in any order are off by at most
/// n · 2⁻²⁴ of the sum of their magnitudes, and polynomials for exp by a few
/// 2⁻²⁴; the tests have up to 150 terms.
inline constexpr double kTolerance = 1e-5;

/// A dense row-major tensor that ends where its mapping ends, so that access
/// past it faults, and that has no alignment but its element's: no more is
/// promised for a checkpoint's tensors. Begins as poison: NaN, or -1.
class Buffer {
public:
  Buffer(DType dtype, std::vector<int64_t> shape);
  Buffer(const Buffer &other);
  Buffer &operator=(const Buffer &) = delete;
  ~Buffer();

  static Buffer random(Random &random, DType dtype, std::vector<int64_t> shape,
                       double low = -1, double high = 1);

  DType dtype() const { return type; }
  const std::vector<int64_t> &shape() const { return sizes; }
  int64_t size(int dim) const { return sizes[dim]; }
  int64_t count() const { return elements; }
  void *data() const { return begin; }
  std::span<const std::byte> bytes() const;

  /// Element `i` in row-major order; set() rounds to the element type.
  double get(int64_t i) const;
  void set(int64_t i, double value);
  bool isPoison(int64_t i) const;

  template <typename... Index> int64_t at(Index... index) const {
    const int64_t indices[] = {static_cast<int64_t>(index)...};
    int64_t position = 0;
    for (size_t i = 0; i < sizeof...(index); ++i)
      position = position * sizes[i] + indices[i];
    return position;
  }
  template <typename... Index> double operator()(Index... index) const {
    return get(at(index...));
  }

  void poison();
  /// Whether the bytes in front of the tensor are as they were made.
  bool isFrontIntact() const;
  bool operator==(const Buffer &other) const;

private:
  DType type;
  std::vector<int64_t> sizes;
  int64_t elements = 1;
  std::byte *mapping = nullptr, *begin = nullptr;
  size_t mapped = 0;
};

/// Sequences of a step, as the runtime describes them to kernels.
struct Sequence {
  int64_t slot, position, row, rows;
};

/// One step's sizes and sequences.
struct Step {
  std::vector<Sequence> sequences;
  int64_t tokens = 0, capacity = 1, slots = 1, pageSize = 64;

  /// 1 to 4 sequences of different lengths in shuffled slots and in shuffled
  /// order, with rows between them that belong to none. No sequence is longer
  /// than `most`, what it has already included. The first is new.
  static Step random(Random &random, int64_t most);
  /// Rows that belong to no sequence, for kernels that ask for none.
  static Step rows(int64_t count) { return {{}, count}; }
  /// The step of `sequence` on its own.
  Step alone(const Sequence &sequence) const;
  Buffer batch() const;
  /// Columns of the page table, and the pages of all slots.
  int64_t columns() const { return pagesFor(capacity, pageSize); }
  int64_t pages() const { return slots * columns(); }
  /// Page `number` of `slot`. A sequence's pages are in no order and not
  /// together.
  int32_t page(int64_t slot, int64_t number) const {
    return static_cast<int32_t>(pages() - 1 - (number * slots + slot));
  }
  /// Whether row `row` belongs to a sequence.
  bool owns(int64_t row) const;
};

/// Rows [begin, begin + count) of `buffer`, as a buffer.
Buffer sliceRows(const Buffer &buffer, int64_t begin, int64_t count);

/// "tensor<?x3x5xf32>" for {3, 5}.
std::string rowsType(const std::vector<int64_t> &sizes, DType dtype);
/// "tensor<3x5xf32>" for {3, 5}.
std::string tensorType(const std::vector<int64_t> &sizes, DType dtype);
/// "f32", "bf16", "f8E4M3FN", "i32".
std::string elementType(DType dtype);

/// The number that an f8E4M3FN stands for.
double fromF8(uint8_t bits);
/// The f8E4M3FN next to `value`, of two the one whose last bit is 0; ±448
/// beyond.
uint8_t toF8(double value);

/// "!jet.kv_cache<2x32xf32, page = 8>", or with `window` in place of the page.
std::string cacheType(int64_t kvHeads, int64_t dim, DType dtype, int64_t page,
                      std::optional<int64_t> window = {},
                      const std::string &scales = "");

/// The kernel @`name` of one op, in the form that -jet-outline-kernels makes.
/// `op` is its text up to the colon, with operands %a, %b, …; `region` follows
/// the types.
std::string kernelText(const std::string &name, const std::string &op,
                       const std::vector<std::string> &operands,
                       const std::vector<std::string> &results,
                       const std::string &region = "");

/// The levels of jetc's --cpu that this machine can run.
std::vector<std::string> cpuLevels();
/// "v3" for "x86-64-v3": names of tests have no hyphens.
inline std::string
nameOfLevel(const testing::TestParamInfo<std::string> &info) {
  return info.param.substr(info.param.rfind('v'));
}

/// Kernels compiled through jetc's pipelines and loaded with the runtime's
/// loader.
class Kernels {
public:
  /// Null after a reported failure.
  static std::unique_ptr<Kernels> compile(const std::string &texts,
                                          const std::string &cpuLevel);

  /// Runs kernel `name` over all of its grid: at once, point by point, point
  /// by point backwards, and in uneven pieces out of order; then each sequence
  /// alone (each row, for kernels that know of no sequences). Expects the same
  /// bits every time, no write to an operand that is read, and no byte touched
  /// beside an operand. Operands that are written begin as poison.
  void run(const std::string &name, const std::vector<Buffer *> &operands,
           const Step &step) const;

private:
  /// What run() does, for one kernel and its operands.
  class Call;

  Package package;
  HostCode code;
};

/// Reports the first element that is wrong, and how many are.
class Comparison {
public:
  explicit Comparison(std::string what) : what(std::move(what)) {}
  ~Comparison();

  /// Expects `got[i]` within kTolerance · `magnitude` of `want`, after rounding
  /// to the element type.
  void near(const Buffer &got, int64_t i, double want, double magnitude);
  /// Expects the bits of `want` in `got[i]`.
  void same(const Buffer &got, int64_t i, const Buffer &want, int64_t j);
  void poison(const Buffer &got, int64_t i);

private:
  void expect(bool right, const Buffer &got, int64_t i, double want);

  std::string what, first;
  int64_t checked = 0, wrong = 0;
};

} // namespace jet::test

#endif // JET_TEST_LOWERING_KERNELHARNESS_H
