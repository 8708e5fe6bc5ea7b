// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "KernelHarness.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <numeric>
#include <sys/mman.h>
#include <unistd.h>

using namespace jet;
using namespace jet::test;

static constexpr std::byte kFront{0xA5};

/// NaN with a payload that arithmetic does not make.
static constexpr uint32_t kPoisonF32 = 0x7FC0BEEF;
static constexpr uint16_t kPoisonBF16 = 0x7FEE;
static constexpr uint8_t kPoisonF8 = 0x7F; // there is one NaN of each sign
static constexpr int32_t kPoisonI32 = -1;

//===----------------------------------------------------------------------===//
// Buffer
//===----------------------------------------------------------------------===//

Buffer::Buffer(DType dtype, std::vector<int64_t> shape)
    : type(dtype), sizes(std::move(shape)) {
  for (int64_t size : sizes)
    elements *= size;
  const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  const size_t bytes = static_cast<size_t>(elements * dtypeBytes(type));
  // At least a page in front, and one behind that faults.
  const size_t open = (bytes + page - 1) / page * page + page;
  mapped = open + page;
  void *memory = mmap(nullptr, mapped, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED ||
      mprotect(static_cast<std::byte *>(memory) + open, page, PROT_NONE))
    std::abort();
  mapping = static_cast<std::byte *>(memory);
  begin = mapping + (open - bytes);
  std::fill(mapping, begin, kFront);
  poison();
}

Buffer::Buffer(const Buffer &other) : Buffer(other.type, other.sizes) {
  std::memcpy(begin, other.begin, bytes().size());
}

Buffer::~Buffer() { munmap(mapping, mapped); }

Buffer Buffer::random(Random &random, DType dtype, std::vector<int64_t> shape,
                      double low, double high) {
  Buffer buffer(dtype, std::move(shape));
  std::uniform_real_distribution<double> distribution(low, high);
  for (int64_t i = 0; i < buffer.count(); ++i)
    buffer.set(i, distribution(random));
  return buffer;
}

std::span<const std::byte> Buffer::bytes() const {
  return {begin, static_cast<size_t>(elements * dtypeBytes(type))};
}

double Buffer::get(int64_t i) const {
  if (type == DType::F32)
    return reinterpret_cast<const float *>(begin)[i];
  if (type == DType::I32)
    return reinterpret_cast<const int32_t *>(begin)[i];
  if (type == DType::F8E4M3)
    return fromF8(reinterpret_cast<const uint8_t *>(begin)[i]);
  const auto bits = reinterpret_cast<const uint16_t *>(begin)[i];
  return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16);
}

/// The bf16 next to `value`, of two the one whose last bit is 0: a search over
/// neighbours, unlike the bit trick that compilers use.
static uint16_t toBF16(double value) {
  const auto wide = [](uint32_t bits) -> double {
    return std::bit_cast<float>(bits << 16);
  };
  const auto lower = std::bit_cast<uint32_t>(static_cast<float>(value)) >> 16;
  if (std::isnan(value))
    return static_cast<uint16_t>(lower | 0x40);
  uint16_t best = static_cast<uint16_t>(lower);
  for (uint32_t bits : {lower - 1, lower + 1}) {
    const double distance = std::abs(wide(bits) - value);
    const double least = std::abs(wide(best) - value);
    if (distance < least || (distance == least && bits % 2 == 0))
      best = static_cast<uint16_t>(bits);
  }
  return best;
}

double jet::test::fromF8(uint8_t bits) {
  const int exponent = bits >> 3 & 15, mantissa = bits & 7;
  double magnitude = exponent == 0
                         ? std::ldexp(mantissa / 8.0, -6)
                         : std::ldexp(1 + mantissa / 8.0, exponent - 7);
  if (exponent == 15 && mantissa == 7)
    magnitude = NAN;
  return bits & 0x80 ? -magnitude : magnitude;
}

/// A search of all numbers.
uint8_t jet::test::toF8(double value) {
  const uint8_t sign = std::signbit(value) ? 0x80 : 0;
  if (std::isnan(value))
    return sign | 0x7F;
  uint8_t best = 0;
  for (uint8_t bits = 1; bits < 0x7F; ++bits) {
    const double distance = std::abs(fromF8(bits) - std::abs(value));
    const double least = std::abs(fromF8(best) - std::abs(value));
    if (distance < least || (distance == least && bits % 2 == 0))
      best = bits;
  }
  return sign | best;
}

void Buffer::set(int64_t i, double value) {
  if (type == DType::F32)
    reinterpret_cast<float *>(begin)[i] = static_cast<float>(value);
  else if (type == DType::I32)
    reinterpret_cast<int32_t *>(begin)[i] = static_cast<int32_t>(value);
  else if (type == DType::F8E4M3)
    reinterpret_cast<uint8_t *>(begin)[i] = toF8(value);
  else
    reinterpret_cast<uint16_t *>(begin)[i] = toBF16(value);
}

bool Buffer::isPoison(int64_t i) const {
  if (type == DType::F32)
    return reinterpret_cast<const uint32_t *>(begin)[i] == kPoisonF32;
  if (type == DType::I32)
    return reinterpret_cast<const int32_t *>(begin)[i] == kPoisonI32;
  if (type == DType::F8E4M3)
    return reinterpret_cast<const uint8_t *>(begin)[i] == kPoisonF8;
  return reinterpret_cast<const uint16_t *>(begin)[i] == kPoisonBF16;
}

void Buffer::poison() {
  for (int64_t i = 0; i < elements; ++i)
    if (type == DType::F32)
      reinterpret_cast<uint32_t *>(begin)[i] = kPoisonF32;
    else if (type == DType::I32)
      reinterpret_cast<int32_t *>(begin)[i] = kPoisonI32;
    else if (type == DType::F8E4M3)
      reinterpret_cast<uint8_t *>(begin)[i] = kPoisonF8;
    else
      reinterpret_cast<uint16_t *>(begin)[i] = kPoisonBF16;
}

bool Buffer::isFrontIntact() const {
  return std::all_of(mapping, begin,
                     [](std::byte byte) { return byte == kFront; });
}

bool Buffer::operator==(const Buffer &other) const {
  return type == other.type && sizes == other.sizes &&
         std::ranges::equal(bytes(), other.bytes());
}

Buffer jet::test::sliceRows(const Buffer &buffer, int64_t begin,
                            int64_t count) {
  std::vector<int64_t> shape = buffer.shape();
  const size_t row = buffer.bytes().size() / static_cast<size_t>(shape[0]);
  shape[0] = count;
  Buffer rows(buffer.dtype(), shape);
  std::memcpy(rows.data(), buffer.bytes().data() + row * begin, row * count);
  return rows;
}

//===----------------------------------------------------------------------===//
// Step
//===----------------------------------------------------------------------===//

Step Step::random(Random &random, int64_t most) {
  Step step;
  const int64_t count = uniform(random, 1, 4);
  std::vector<int64_t> slots(count + uniform(random, 0, 2));
  std::iota(slots.begin(), slots.end(), 0);
  std::shuffle(slots.begin(), slots.end(), random);
  step.slots = static_cast<int64_t>(slots.size());
  for (int64_t i = 0; i < count; ++i) {
    const int64_t rows = uniform(random, 1, std::min<int64_t>(most, 9));
    const int64_t position = i == 0 ? 0 : uniform(random, 0, most - rows);
    step.tokens += uniform(random, 0, 1);
    step.sequences.push_back({slots[i], position, step.tokens, rows});
    step.tokens += rows;
    step.capacity = std::max(step.capacity, position + rows);
  }
  step.tokens += uniform(random, 0, 1);
  step.capacity += uniform(random, 0, 2);
  std::shuffle(step.sequences.begin(), step.sequences.end(), random);
  return step;
}

Step Step::alone(const Sequence &sequence) const {
  Step step = *this;
  step.sequences = {{sequence.slot, sequence.position, 0, sequence.rows}};
  step.tokens = sequence.rows;
  return step;
}

Buffer Step::batch() const {
  Buffer batch(DType::I32, {static_cast<int64_t>(sequences.size()),
                            kBatchColumns + columns()});
  for (int64_t b = 0; b < batch.size(0); ++b) {
    const Sequence &sequence = sequences[b];
    int64_t i = batch.at(b, 0);
    for (int64_t value :
         {sequence.slot, sequence.position, sequence.row, sequence.rows})
      batch.set(i++, static_cast<double>(value));
    // Pages that the sequence has not reached stay poison.
    const int64_t end = sequence.position + sequence.rows;
    for (int64_t number = 0; number < pagesFor(end, pageSize); ++number)
      batch.set(i++, page(sequence.slot, number));
  }
  return batch;
}

bool Step::owns(int64_t row) const {
  return std::ranges::any_of(sequences, [&](const Sequence &sequence) {
    return row >= sequence.row && row < sequence.row + sequence.rows;
  });
}

//===----------------------------------------------------------------------===//
// Comparison
//===----------------------------------------------------------------------===//

Comparison::~Comparison() {
  EXPECT_GT(checked, 0) << what << ": nothing was compared";
  EXPECT_EQ(wrong, 0) << what << ": " << wrong << " of " << checked
                      << " elements are wrong, the first is " << first;
}

void Comparison::expect(bool right, const Buffer &got, int64_t i, double want) {
  ++checked;
  if (right || wrong++)
    return;
  std::string place;
  for (size_t dim = got.shape().size(), rest = i; dim-- > 0;) {
    place = (dim ? ", " : "") + std::to_string(rest % got.size(dim)) + place;
    rest /= got.size(dim);
  }
  std::ostringstream text;
  text.precision(9);
  text << "[" << place << "]: " << got.get(i) << " instead of " << want;
  first = text.str();
}

void Comparison::near(const Buffer &got, int64_t i, double want,
                      double magnitude) {
  // Half a unit in the last of bf16's 8 bits.
  const double rounding = got.dtype() == DType::BF16 ? std::abs(want) / 256 : 0;
  const double distance = std::abs(got.get(i) - want);
  expect(distance <= kTolerance * magnitude + rounding, got, i, want);
}

void Comparison::same(const Buffer &got, int64_t i, const Buffer &want,
                      int64_t j) {
  const size_t size = dtypeBytes(got.dtype());
  const bool equal = got.dtype() == want.dtype() &&
                     std::ranges::equal(got.bytes().subspan(i * size, size),
                                        want.bytes().subspan(j * size, size));
  expect(equal, got, i, want.get(j));
}

void Comparison::poison(const Buffer &got, int64_t i) {
  expect(got.isPoison(i), got, i, NAN);
}
