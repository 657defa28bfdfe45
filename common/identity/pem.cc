#include "common/identity/pem.h"

#include <openssl/err.h>
#include <openssl/pem.h>

#include <string_view>

namespace wayside::identity {
namespace {

std::size_t count(std::string_view text, std::string_view what) {
  std::size_t found = 0;
  for (std::size_t at = text.find(what); at != std::string_view::npos; at = text.find(what, at + what.size())) ++found;
  return found;
}

// The reader ends at anything that does not begin an object, so a BEGIN line that was cut is for it the end of the
// file.
bool lines_pair(std::string_view text) { return count(text, "-----BEGIN ") == count(text, "-----END "); }

// Why the reader ended: at the end of the file there is no further start line; all else is an object that is not whole.
bool ended_well() {
  const unsigned long last = ERR_peek_last_error();
  const bool well = ERR_GET_LIB(last) == ERR_LIB_PEM && ERR_GET_REASON(last) == PEM_R_NO_START_LINE;
  ERR_clear_error();
  return well;
}

template <typename Owned, typename Read>
Result<std::vector<Owned>> all_of(const std::string& text, const char* what, Read read) {
  const std::unique_ptr<BIO, int (*)(BIO*)> bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())), BIO_free);
  std::vector<Owned> found;
  ERR_clear_error();
  while (Owned one = read(bio.get())) found.push_back(std::move(one));
  if (!ended_well() || !lines_pair(text)) return Error{Fault::malformed, std::string(what) + " that is not whole"};
  if (found.empty()) return Error{Fault::malformed, std::string("holds no ") + what};
  return found;
}

}  // namespace

Result<std::vector<X509Owned>> certificates_of(const std::string& text) {
  return all_of<X509Owned>(text, "certificate", [](BIO* bio) {
    return X509Owned(PEM_read_bio_X509(bio, nullptr, nullptr, nullptr), X509_free);
  });
}

Result<std::vector<CrlOwned>> crls_of(const std::string& text) {
  return all_of<CrlOwned>(text, "revocation list", [](BIO* bio) {
    return CrlOwned(PEM_read_bio_X509_CRL(bio, nullptr, nullptr, nullptr), X509_CRL_free);
  });
}

}  // namespace wayside::identity
