// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The parser is nlohmann's, driven through its SAX interface: that one is
// iterative, reports errors without throwing, and lets us stop at the first
// key that occurs twice or the first level too many.

#include "support/Json.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace jet {
namespace {

using nlohmann::json;

constexpr size_t kMaxQuoted = 60; // of the user's text in a message

/// `text` as one short printable ASCII line, in double quotes.
std::string quote(std::string_view text) {
  size_t kept = std::min(text.size(), kMaxQuoted - 2);
  while (true) {
    std::string line = json(text.substr(0, kept))
                           .dump(-1, ' ', /*ensure_ascii=*/true,
                                 json::error_handler_t::replace);
    bool cut = kept < text.size();
    if (line.size() + (cut ? 3 : 0) <= kMaxQuoted)
      return cut ? line + "..." : line;
    --kept;
  }
}

std::string placeOf(std::string_view text, size_t offset) {
  std::string_view before = text.substr(0, std::min(offset, text.size()));
  size_t line = 1 + std::count(before.begin(), before.end(), '\n');
  size_t lastBreak = before.rfind('\n');
  size_t column =
      before.size() - (lastBreak == std::string_view::npos ? 0 : lastBreak + 1);
  return "line " + std::to_string(line) + ", column " +
         std::to_string(std::max<size_t>(column, 1));
}

bool isIdentifier(std::string_view key) {
  return !key.empty() && key.size() <= kMaxQuoted &&
         std::all_of(key.begin(), key.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                  (c >= '0' && c <= '9') || c == '_';
         });
}

/// What nlohmann says, in our words: "expected X, found Y" where it knows both.
std::string rephrase(std::string_view what) {
  if (size_t dash = what.find(" - "); dash != std::string_view::npos)
    what.remove_prefix(dash + 3);
  else if (size_t bracket = what.find("] "); bracket != std::string_view::npos)
    what.remove_prefix(bracket + 2);

  // The error is at the end of what was read, which may be the whole file.
  constexpr std::string_view lastRead = "; last read: '";
  if (size_t at = what.find(lastRead); at != std::string_view::npos) {
    std::string_view token = what.substr(at + lastRead.size());
    token = token.substr(0, token.rfind('\''));
    if (token.size() > kMaxQuoted / 2)
      token.remove_prefix(token.size() - kMaxQuoted / 2);
    return std::string(what.substr(0, at)) + ", near " + quote(token);
  }
  constexpr std::string_view unexpected = "unexpected ";
  constexpr std::string_view expected = "; expected ";
  if (size_t at = what.find(expected);
      what.starts_with(unexpected) && at != std::string_view::npos)
    return "expected " + std::string(what.substr(at + expected.size())) +
           ", found " +
           std::string(what.substr(unexpected.size(), at - unexpected.size()));
  return std::string(what.substr(0, 2 * kMaxQuoted));
}

/// Builds the document from SAX events. A callback that returns false ends the
/// parse; `failure` then holds the message, without the file's name.
class Builder {
public:
  Builder(std::string_view text, const JsonLimits &limits)
      : text(text), limits(limits) {}

  json document;
  std::string failure;

  bool null() { return add(json(nullptr)); }
  bool boolean(bool value) { return add(json(value)); }
  bool number_integer(json::number_integer_t value) { return add(json(value)); }
  bool number_unsigned(json::number_unsigned_t value) {
    return add(json(value));
  }
  bool number_float(json::number_float_t value, const std::string &) {
    return add(json(value));
  }
  bool string(std::string &value) { return add(json(std::move(value))); }
  bool binary(json::binary_t &) { return fail("unexpected binary value"); }

  bool start_object(size_t) { return open(json::object()); }
  bool start_array(size_t) { return open(json::array()); }
  bool end_object() { return close(); }
  bool end_array() { return close(); }

  bool key(std::string &name) {
    json::object_t &object = stack.back()->get_ref<json::object_t &>();
    auto [position, isNew] = object.try_emplace(std::move(name));
    keys.back() = &position->first;
    if (!isNew)
      return fail(path() + ": expected every key once, found " +
                  quote(position->first) + " twice");
    pending = &position->second;
    return true;
  }

  bool parse_error(size_t position, const std::string &,
                   const json::exception &exception) {
    return fail(placeOf(text, position) + ": " + rephrase(exception.what()));
  }

private:
  bool fail(std::string message) {
    failure = std::move(message);
    return false;
  }

  /// Puts `value` where the document grows next and points `added` there.
  bool add(json value) {
    if (stack.empty()) {
      document = std::move(value);
      added = &document;
    } else if (stack.back()->is_array()) {
      added = &stack.back()->get_ref<json::array_t &>().emplace_back(
          std::move(value));
    } else {
      *pending = std::move(value);
      added = pending;
    }
    return true;
  }

  bool open(json container) {
    if (stack.size() >= limits.maxDepth)
      return fail("expected at most " + std::to_string(limits.maxDepth) +
                  " levels of nesting, found more");
    add(std::move(container));
    // Pointers stay valid: a container grows only while it is on top.
    stack.push_back(added);
    keys.push_back(nullptr);
    return true;
  }

  bool close() {
    stack.pop_back();
    keys.pop_back();
    return true;
  }

  /// The JSON path of the element being read.
  std::string path() const {
    std::string result = "$";
    for (size_t i = 0; i < stack.size(); ++i) {
      if (stack[i]->is_array())
        result += "[" + std::to_string(stack[i]->size() - 1) + "]";
      else
        result = jsonMemberPath(result, *keys[i]);
    }
    return result;
  }

  std::string_view text;
  const JsonLimits &limits;
  std::vector<json *> stack;             // open containers, outermost first
  std::vector<const std::string *> keys; // last key read in each of them
  json *pending = nullptr;               // the value that the last key awaits
  json *added = nullptr;
};

} // namespace

Result<json> parseJson(std::string_view text, const std::string &name,
                       const JsonLimits &limits) {
  if (text.size() > limits.maxBytes)
    return Error{name + ": expected at most " +
                 std::to_string(limits.maxBytes) + " bytes of JSON, found " +
                 std::to_string(text.size())};
  // nlohmann takes a NUL for the end of the input and would ignore the rest.
  if (size_t nul = text.find('\0'); nul != std::string_view::npos)
    return Error{name + ": " + placeOf(text, nul + 1) +
                 ": expected JSON text, found a NUL byte"};
  Builder builder(text, limits);
  if (!json::sax_parse(text.begin(), text.end(), &builder))
    return Error{name + ": " + builder.failure};
  return std::move(builder.document);
}

std::string describeJson(const json &value) {
  switch (value.type()) {
  case json::value_t::object:
    return "an object of " + std::to_string(value.size());
  case json::value_t::array:
    return "an array of " + std::to_string(value.size());
  case json::value_t::string:
    return quote(value.get_ref<const std::string &>());
  case json::value_t::binary:
  case json::value_t::discarded:
    return "an unprintable value";
  default:
    return value.dump();
  }
}

std::string jsonMemberPath(const std::string &path, std::string_view key) {
  if (isIdentifier(key))
    return path + "." + std::string(key);
  return path + "[" + quote(key) + "]";
}

} // namespace jet
