// A deleter for handles of C libraries: std::unique_ptr<X509, Freed<X509_free>>.
#pragma once

namespace wayside {

template <auto Free>
struct Freed {
  template <typename Handle>
  void operator()(Handle* handle) const {
    Free(handle);
  }
};

}  // namespace wayside
