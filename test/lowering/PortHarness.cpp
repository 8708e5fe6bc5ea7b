// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "PortHarness.h"

using namespace jet;
using namespace jet::test;

std::string Arguments::kernel(const std::string &op,
                              const std::vector<std::string> &results) const {
  std::string head, operands, made, values;
  for (size_t i = 0; i < types.size(); ++i) {
    const std::string comma = i ? ", " : "";
    head += comma + names(i, i + 1) + ": " + types[i];
    operands += comma + types[i];
  }
  for (size_t i = 0; i < results.size(); ++i) {
    made += (i ? ", " : "") + results[i];
    values += (i ? ", %r#" : "%r#") + std::to_string(i);
  }
  return "func.func @k(" + head + ") -> (" + made +
         ") {\n  %r:" + std::to_string(results.size()) + " = " + op + " : (" +
         operands + ") -> (" + made + ")\n  return " + values + " : " + made +
         "\n}\n";
}

void Port::addExtra(Random &random, Arguments &arguments,
                    std::vector<int64_t> shape, bool isRows) {
  const bool isFactor = extras.size() % 2 == 0;
  const DType dtype = uniform(random, 0, 2) ? DType::F32 : DType::BF16;
  Buffer buffer =
      Buffer::random(random, dtype, std::move(shape),
                     isFactor ? factorLow : termLow, isFactor ? 1 : termHigh);
  extras.push_back(&arguments.add(std::move(buffer), isRows));
  names += (names.empty() ? "" : ", ") +
           Arguments::names(arguments.types.size() - 1, arguments.types.size());
}

void Port::addExtras(Random &random, Arguments &arguments, int64_t rows,
                     std::vector<int64_t> sizes, int64_t count) {
  const auto rank = static_cast<int64_t>(sizes.size());
  for (int64_t i = 0; i < count; ++i) {
    // Dimensions are missing from the front and are 1 anywhere.
    const int64_t missing = uniform(random, 0, rank);
    const bool isRows = missing == 0 && uniform(random, 0, 2);
    std::vector<int64_t> shape;
    if (missing == 0)
      shape.push_back(isRows ? rows : 1);
    for (int64_t d = std::max<int64_t>(missing - 1, 0); d < rank; ++d)
      shape.push_back(uniform(random, 0, 2) ? sizes[d] : 1);
    addExtra(random, arguments, std::move(shape), isRows);
  }
}

std::string Port::text() const {
  if (!exists())
    return "";
  std::string head, body, value = "%p0";
  int64_t count = 0;
  auto define = [&](const std::string &expression, const char *type = "f32") {
    const std::string name = "%v" + std::to_string(count++);
    body += "  " + name + " = " + expression + " : " + type + "\n";
    return name;
  };
  auto argument = [&](const std::string &name, DType dtype) {
    head += (head.empty() ? "" : ", ") + name + ": " + elementType(dtype);
  };
  auto widen = [&](const std::string &name, DType dtype) {
    return dtype == DType::F32 ? name
                               : define("arith.extf " + name, "bf16 to f32");
  };
  for (size_t i = 0; i < leading; ++i)
    argument("%p" + std::to_string(i), in);
  value = widen(value, in);
  if (silu) {
    body += "  %one = arith.constant 1.0 : f32\n";
    std::string power = define("math.exp " + define("arith.negf " + value));
    std::string sum = define("arith.addf " + power + ", %one");
    value = define("arith.divf " + value + ", " + sum);
  }
  for (size_t i = 1; i < leading; ++i)
    value = define("arith.mulf " + value + ", %p" + std::to_string(i));
  for (size_t i = 0; i < extras.size(); ++i) {
    const std::string name = "%e" + std::to_string(i);
    argument(name, extras[i]->dtype());
    const std::string extra = widen(name, extras[i]->dtype());
    value =
        define((i % 2 ? "arith.addf " : "arith.mulf ") + value + ", " + extra);
  }
  if (out == DType::BF16)
    value = define("arith.truncf " + value, "f32 to bf16");
  return "\n on " + place + (extras.empty() ? "" : " with(" + names + ")") +
         " {\n ^bb0(" + head + "):\n" + body + "  jet.yield " + value + " : " +
         elementType(out) + "\n }";
}

Term Port::apply(const std::vector<Term> &values,
                 const std::vector<int64_t> &index) const {
  Term value = silu ? test::silu(values[0]) : values[0];
  for (size_t i = 1; i < leading; ++i)
    value = value * values[i];
  for (size_t i = 0; i < extras.size(); ++i) {
    const std::vector<int64_t> &shape = extras[i]->shape();
    int64_t position = 0;
    for (size_t d = 0; d < shape.size(); ++d) {
      const int64_t own = index[index.size() - shape.size() + d];
      position = position * shape[d] + (shape[d] == 1 ? 0 : own);
    }
    const Term extra = extras[i]->get(position);
    value = i % 2 ? value + extra : value * extra;
  }
  return value;
}
