// Result<T>: a value, or a fault with the sentence a person will read.
//
// Faults (a disk that fails, a file that does not parse) are Result; outcomes of normal life (full,
// denied, stale) are enums with a counter; bugs are WAYSIDE_ASSERT, kept on in release builds.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <utility>
#include <variant>

namespace wayside {

// Which kind of thing went wrong; the sentence in Error::what says where.
enum class Fault : std::uint8_t {
  io,        // the disk or the kernel said no; errno is in Error::os_errno
  no_space,  // ENOSPC or a bound of ours
  not_found,
  exists,
  corrupt,      // bytes that were ours and are not intact
  malformed,    // bytes from a peer or a person that do not parse
  unsupported,  // a version or feature we do not speak
  denied,
  unreachable,
  timeout,
  config,  // a configuration value; what holds file:line
  locked,  // another process holds it
  internal,
};

const char* to_string(Fault fault);

struct Error {
  Fault fault = Fault::internal;
  std::string what;
  int os_errno = 0;

  // "what: why", read outermost first.
  [[nodiscard]] Error with(const std::string& context) && {
    what = context + ": " + what;
    return std::move(*this);
  }
};

template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}      // NOLINT(google-explicit-constructor)
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT(google-explicit-constructor)

  [[nodiscard]] bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }

  [[nodiscard]] T& value() & { return std::get<0>(state_); }
  [[nodiscard]] const T& value() const& { return std::get<0>(state_); }
  [[nodiscard]] T&& value() && { return std::get<0>(std::move(state_)); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }

  [[nodiscard]] const Error& error() const& { return std::get<1>(state_); }
  [[nodiscard]] Error&& error() && { return std::get<1>(std::move(state_)); }

 private:
  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)) {}  // NOLINT(google-explicit-constructor)

  [[nodiscard]] bool ok() const { return !error_.has_value(); }
  explicit operator bool() const { return ok(); }
  [[nodiscard]] const Error& error() const& { return *error_; }
  [[nodiscard]] Error&& error() && { return *std::move(error_); }

 private:
  std::optional<Error> error_;
};

// A bug, not a fault: prints the expression and aborts, in release builds too.
[[noreturn]] inline void assertion_failed(const char* expression, const char* file, int line) {
  std::fprintf(stderr, "assertion failed: %s at %s:%d\n", expression, file, line);
  std::abort();
}

}  // namespace wayside

#define WAYSIDE_ASSERT(expression) \
  ((expression) ? static_cast<void>(0) : ::wayside::assertion_failed(#expression, __FILE__, __LINE__))
