// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Typed reads of the members of a JSON object. Private to frontend/.

#ifndef JET_FRONTEND_OBJECTREADER_H
#define JET_FRONTEND_OBJECTREADER_H

#include "support/Error.h"

#include <nlohmann/json.hpp>

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace jet {

/// What the reading of one document found. Only the first error is kept: the
/// readers go on with harmless values, so that callers read straight through
/// and look here once.
class SpecDiagnostics {
public:
  explicit SpecDiagnostics(std::string file) : file(std::move(file)) {}

  /// "<file>: <path>: expected <expected>, found <found>".
  void expected(const std::string &path, const std::string &expected,
                const std::string &found);
  void unknownField(const std::string &path);

  bool failed() const { return error.has_value(); }
  const Error &firstError() const { return *error; }
  std::vector<std::string> takeWarnings();

private:
  std::string file;
  std::optional<Error> error;
  std::vector<std::string> warnings;
  size_t droppedWarnings = 0;
};

/// Reads one object. Required members that are absent or wrong are errors;
/// optional ones may also be null. The object and `diagnostics` must outlive
/// the reader.
class ObjectReader {
public:
  /// An `object` that is null, or no object, reads as one without members;
  /// reporting that is the caller's business.
  ObjectReader(const nlohmann::json *object, std::string path,
               SpecDiagnostics &diagnostics);

  /// An integer in [min, max]; `min` after an error.
  int64_t integer(std::string_view key, int64_t min, int64_t max);
  std::optional<int64_t> optionalInteger(std::string_view key, int64_t min,
                                         int64_t max);
  /// A number in [min, max]; `min` after an error. With `orString`, a string
  /// that spells the number will do.
  double number(std::string_view key, double min, double max,
                bool orString = false);
  bool boolean(std::string_view key);
  /// One of `choices`, by index; 0 after an error.
  size_t choice(std::string_view key, const std::vector<std::string> &choices);
  /// The array under `key`, or null with an error reported.
  const nlohmann::json *array(std::string_view key);
  /// The member, or null when absent or JSON null. Counts as read.
  const nlohmann::json *find(std::string_view key);
  /// The members in `keys` are known and have no effect.
  void ignore(std::initializer_list<std::string_view> keys);
  /// Warns of every member that nothing asked for.
  void warnOfUnread();

  std::string pathOf(std::string_view key) const;
  void expected(std::string_view key, const std::string &expected);

private:
  const nlohmann::json *member(std::string_view key);

  const nlohmann::json *object;
  std::string path;
  SpecDiagnostics &diagnostics;
  std::set<std::string, std::less<>> known;
};

/// The element checks behind the readers, for arrays.
int64_t checkInteger(const nlohmann::json *value, const std::string &path,
                     int64_t min, int64_t max, SpecDiagnostics &diagnostics);
size_t checkChoice(const nlohmann::json *value, const std::string &path,
                   const std::vector<std::string> &choices,
                   SpecDiagnostics &diagnostics);

} // namespace jet

#endif // JET_FRONTEND_OBJECTREADER_H
