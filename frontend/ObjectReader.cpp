// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontend/ObjectReader.h"
#include "support/Json.h"

#include <charconv>
#include <cmath>
#include <utility>

namespace jet {

using nlohmann::json;

namespace {

constexpr size_t kMaxWarnings = 20;

std::string describe(const json *value) {
  return value ? describeJson(*value) : "nothing";
}

/// The value as an int64_t, when it is an integer that fits.
std::optional<int64_t> asInteger(const json *value) {
  if (!value || !value->is_number_integer())
    return std::nullopt;
  if (value->is_number_unsigned() &&
      value->get<uint64_t>() > static_cast<uint64_t>(INT64_MAX))
    return std::nullopt;
  return value->get<int64_t>();
}

std::optional<double> asNumber(const json *value, bool orString) {
  if (!value)
    return std::nullopt;
  if (value->is_number())
    return value->get<double>();
  if (!orString || !value->is_string())
    return std::nullopt;
  const std::string &text = value->get_ref<const std::string &>();
  const char *end = text.data() + text.size();
  double result = 0;
  auto [stop, code] = std::from_chars(text.data(), end, result);
  if (code != std::errc() || stop != end)
    return std::nullopt;
  return result;
}

/// A bound as a JSON file would spell it.
std::string spell(double bound) {
  if (bound < 1e15 && bound == std::floor(bound))
    return std::to_string(static_cast<int64_t>(bound));
  return json(bound).dump();
}

} // namespace

void SpecDiagnostics::expected(const std::string &path,
                               const std::string &expected,
                               const std::string &found) {
  if (!error)
    error = Error{file + ": " + path + ": expected " + expected + ", found " +
                  found};
}

void SpecDiagnostics::unknownField(const std::string &path) {
  if (warnings.size() < kMaxWarnings)
    warnings.push_back(file + ": " + path + ": unknown field, ignored");
  else
    ++droppedWarnings;
}

std::vector<std::string> SpecDiagnostics::takeWarnings() {
  if (droppedWarnings > 0)
    warnings.push_back(file + ": " + std::to_string(droppedWarnings) +
                       " more unknown fields, ignored");
  return std::move(warnings);
}

int64_t checkInteger(const json *value, const std::string &path, int64_t min,
                     int64_t max, SpecDiagnostics &diagnostics) {
  std::optional<int64_t> result = asInteger(value);
  if (result && *result >= min && *result <= max)
    return *result;
  diagnostics.expected(path,
                       "an integer from " + std::to_string(min) + " to " +
                           std::to_string(max),
                       describe(value));
  return min;
}

size_t checkChoice(const json *value, const std::string &path,
                   const std::vector<std::string> &choices,
                   SpecDiagnostics &diagnostics) {
  std::string expected;
  for (size_t i = 0; i < choices.size(); ++i) {
    if (value && value->is_string() &&
        value->get_ref<const std::string &>() == choices[i])
      return i;
    if (i > 0)
      expected += i + 1 == choices.size() ? " or " : ", ";
    expected += "\"" + choices[i] + "\"";
  }
  diagnostics.expected(path, expected, describe(value));
  return 0;
}

ObjectReader::ObjectReader(const json *object, std::string path,
                           SpecDiagnostics &diagnostics)
    : object(object && object->is_object() ? object : nullptr),
      path(std::move(path)), diagnostics(diagnostics) {}

const json *ObjectReader::member(std::string_view key) {
  known.emplace(key);
  if (!object)
    return nullptr;
  auto position = object->find(key);
  return position == object->end() ? nullptr : &*position;
}

const json *ObjectReader::find(std::string_view key) {
  const json *value = member(key);
  return value && value->is_null() ? nullptr : value;
}

int64_t ObjectReader::integer(std::string_view key, int64_t min, int64_t max) {
  return checkInteger(member(key), pathOf(key), min, max, diagnostics);
}

std::optional<int64_t> ObjectReader::optionalInteger(std::string_view key,
                                                     int64_t min, int64_t max) {
  const json *value = find(key);
  if (!value)
    return std::nullopt;
  return checkInteger(value, pathOf(key), min, max, diagnostics);
}

double ObjectReader::number(std::string_view key, double min, double max,
                            bool orString) {
  const json *value = member(key);
  std::optional<double> result = asNumber(value, orString);
  // Not `< min || > max`: a string may spell a NaN.
  if (result && *result >= min && *result <= max)
    return *result;
  diagnostics.expected(pathOf(key),
                       "a number from " + spell(min) + " to " + spell(max),
                       describe(value));
  return min;
}

bool ObjectReader::boolean(std::string_view key) {
  const json *value = member(key);
  if (value && value->is_boolean())
    return value->get<bool>();
  diagnostics.expected(pathOf(key), "true or false", describe(value));
  return false;
}

size_t ObjectReader::choice(std::string_view key,
                            const std::vector<std::string> &choices) {
  return checkChoice(member(key), pathOf(key), choices, diagnostics);
}

const json *ObjectReader::array(std::string_view key) {
  const json *value = member(key);
  if (value && value->is_array())
    return value;
  diagnostics.expected(pathOf(key), "an array", describe(value));
  return nullptr;
}

void ObjectReader::ignore(std::initializer_list<std::string_view> keys) {
  for (std::string_view key : keys)
    known.emplace(key);
}

void ObjectReader::warnOfUnread() {
  if (!object)
    return;
  for (const auto &[key, value] : object->items())
    if (!known.contains(key))
      diagnostics.unknownField(pathOf(key));
}

std::string ObjectReader::pathOf(std::string_view key) const {
  return jsonMemberPath(path, key);
}

void ObjectReader::expected(std::string_view key, const std::string &expected) {
  diagnostics.expected(pathOf(key), expected, describe(member(key)));
}

} // namespace jet
