// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Strict JSON for untrusted files: bounded size and depth, no duplicate keys.

#ifndef JET_SUPPORT_JSON_H
#define JET_SUPPORT_JSON_H

#include "support/Error.h"

#include <nlohmann/json.hpp>

#include <cstddef>
#include <string>
#include <string_view>

namespace jet {

/// What parseJson accepts at most.
struct JsonLimits {
  size_t maxBytes = 16u << 20;
  size_t maxDepth = 64;
};

/// Parses `text`. `name` (a file name, or the part of a file that holds the
/// text) begins every error message. Errors: text longer than maxBytes, nested
/// deeper than maxDepth, not valid JSON (with line and column), trailing
/// content, a key that occurs twice in one object (with its JSON path).
Result<nlohmann::json> parseJson(std::string_view text, const std::string &name,
                                 const JsonLimits &limits = {});

/// A short printable rendering of `value` for error messages ("found …"):
/// scalars as JSON, containers as "an array of 3", at most 60 characters.
std::string describeJson(const nlohmann::json &value);

/// The JSON path of member `key` of the object at `path`: "$.key", or
/// `$["odd key"]` for a key that is not an identifier. Short and printable.
std::string jsonMemberPath(const std::string &path, std::string_view key);

} // namespace jet

#endif // JET_SUPPORT_JSON_H
