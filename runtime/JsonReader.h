// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Reads the members of a JSON document that must have one exact structure.
// Private to the runtime.

#ifndef JET_RUNTIME_JSONREADER_H
#define JET_RUNTIME_JSONREADER_H

#include "support/Error.h"
#include "support/Json.h"

#include <cstdint>
#include <initializer_list>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace jet {

/// A place in a document. The first problem met is kept in the reader that all
/// nodes share, and from then on every access yields an empty default: callers
/// read straight through and ask once at the end.
class JsonNode {
public:
  struct Reader {
    std::string file;
    std::optional<Error> error;
  };

  JsonNode(Reader &reader, const nlohmann::json *value, std::string place)
      : reader(&reader), value(value), place(std::move(place)) {}

  /// The member `key` of an object.
  JsonNode operator[](const char *key) const;
  /// Whether this is an object with the member `key`.
  bool contains(const char *key) const;
  /// The elements of an array.
  std::vector<JsonNode> elements() const;
  /// An integer in [minimum, maximum].
  int64_t integer(int64_t minimum = 0, int64_t maximum = INT64_MAX) const;
  std::string string() const;
  bool boolean() const;
  /// Fails when an object has a member that is not one of `keys`.
  void allowOnly(std::initializer_list<const char *> keys) const;

  /// Looks a string up in a table of (name, value) pairs.
  template <typename Entry, size_t n>
  auto lookup(const Entry (&table)[n]) const {
    const std::string name = string();
    for (const auto &[entryName, entry] : table)
      if (name == entryName)
        return entry;
    std::string expected = "one of";
    for (const auto &[entryName, entry] : table)
      (expected += " ") += entryName;
    fail(expected);
    return table[0].second;
  }

  /// Records "<file>: <place>: expected <x>, found <this>".
  void fail(const std::string &expected) const;
  /// The same with "found <found>".
  void fail(const std::string &expected, const std::string &found) const;

  const nlohmann::json *json() const { return value; }
  const std::string &path() const { return place; }
  bool failed() const { return reader->error.has_value(); }

private:
  Reader *reader;
  const nlohmann::json *value; // null once something failed
  std::string place;
};

} // namespace jet

#endif // JET_RUNTIME_JSONREADER_H
