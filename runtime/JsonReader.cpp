// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "runtime/JsonReader.h"

#include <algorithm>

namespace jet {

void JsonNode::fail(const std::string &expected) const {
  fail(expected, value ? describeJson(*value) : "nothing");
}

void JsonNode::fail(const std::string &expected,
                    const std::string &found) const {
  if (!reader->error)
    reader->error = Error{reader->file + ": " + place + ": expected " +
                          expected + ", found " + found};
}

bool JsonNode::contains(const char *key) const {
  return value && value->is_object() && value->contains(key);
}

JsonNode JsonNode::operator[](const char *key) const {
  const nlohmann::json *member = nullptr;
  if (!failed()) {
    if (!value || !value->is_object())
      fail("an object");
    else if (auto found = value->find(key); found != value->end())
      member = &*found;
    else
      fail(std::string("a member \"") + key + "\"");
  }
  return {*reader, member, place + "." + key};
}

std::vector<JsonNode> JsonNode::elements() const {
  std::vector<JsonNode> result;
  if (failed())
    return result;
  if (!value || !value->is_array()) {
    fail("an array");
    return result;
  }
  result.reserve(value->size());
  for (size_t i = 0; i < value->size(); ++i)
    result.emplace_back(*reader, &(*value)[i],
                        place + "[" + std::to_string(i) + "]");
  return result;
}

int64_t JsonNode::integer(int64_t minimum, int64_t maximum) const {
  if (failed())
    return minimum;
  // Unsigned values above INT64_MAX would wrap in get<int64_t>().
  const bool fits =
      value && value->is_number_integer() &&
      (!value->is_number_unsigned() ||
       value->get<uint64_t>() <= static_cast<uint64_t>(INT64_MAX));
  if (fits && value->get<int64_t>() >= minimum &&
      value->get<int64_t>() <= maximum)
    return value->get<int64_t>();
  fail(maximum == INT64_MAX ? "an integer >= " + std::to_string(minimum)
                            : "an integer from " + std::to_string(minimum) +
                                  " to " + std::to_string(maximum));
  return minimum;
}

std::string JsonNode::string() const {
  if (failed())
    return {};
  if (!value || !value->is_string()) {
    fail("a string");
    return {};
  }
  return value->get<std::string>();
}

bool JsonNode::boolean() const {
  if (failed())
    return false;
  if (!value || !value->is_boolean()) {
    fail("true or false");
    return false;
  }
  return value->get<bool>();
}

void JsonNode::allowOnly(std::initializer_list<const char *> keys) const {
  if (failed() || !value || !value->is_object())
    return;
  for (const auto &[key, member] : value->items())
    if (std::none_of(keys.begin(), keys.end(),
                     [&key = key](const char *known) { return key == known; }))
      return (*this)[key.c_str()].fail("no such member");
}

} // namespace jet
