// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Errors as values. Nothing outside the compiler proper throws or aborts on
// user input: a fallible function returns Result<T>, whose error is one line
// that names the place, what was expected and what was found.

#ifndef JET_SUPPORT_ERROR_H
#define JET_SUPPORT_ERROR_H

#include <cassert>
#include <optional>
#include <string>
#include <utility>
#include <variant>

namespace jet {

/// One line for the user: "<file>: <place>: expected <x>, found <y>".
struct Error {
  std::string message;
};

/// A value of type T, or the Error that kept it from being made.
template <typename T> class [[nodiscard]] Result {
public:
  Result(T value) : storage(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : storage(std::in_place_index<1>, std::move(error)) {}

  explicit operator bool() const { return storage.index() == 0; }
  T &operator*() { return std::get<0>(storage); }
  const T &operator*() const { return std::get<0>(storage); }
  T *operator->() { return &std::get<0>(storage); }
  const T *operator->() const { return &std::get<0>(storage); }
  const Error &error() const { return std::get<1>(storage); }

private:
  std::variant<T, Error> storage;
};

/// Success, or an Error.
template <> class [[nodiscard]] Result<void> {
public:
  Result() = default;
  Result(Error error) : failure(std::move(error)) {}

  explicit operator bool() const { return !failure.has_value(); }
  const Error &error() const {
    assert(failure && "no error to read");
    return *failure;
  }

private:
  std::optional<Error> failure;
};

} // namespace jet

#endif // JET_SUPPORT_ERROR_H
