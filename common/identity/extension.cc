#include "common/identity/extension.h"

#include <memory>

#include "common/freed.h"
#include "common/result.h"

namespace wayside::identity {
namespace {

// Positions of the first and second extension of this kind, -1 where there is none.
struct Found {
  int first = -1;
  int second = -1;
};
Found find(const X509* certificate, const char* oid) {
  const std::unique_ptr<ASN1_OBJECT, Freed<ASN1_OBJECT_free>> object(OBJ_txt2obj(oid, 1));
  WAYSIDE_ASSERT(object != nullptr);
  const int first = X509_get_ext_by_OBJ(certificate, object.get(), -1);
  return {first, first < 0 ? -1 : X509_get_ext_by_OBJ(certificate, object.get(), first)};
}

}  // namespace

bool has_extension(const X509* certificate, const char* oid) { return find(certificate, oid).first >= 0; }

std::optional<std::string> utf8_extension(const X509* certificate, const char* oid) {
  const Found found = find(certificate, oid);
  if (found.first < 0 || found.second >= 0) return std::nullopt;
  const ASN1_OCTET_STRING* value = X509_EXTENSION_get_data(X509_get_ext(certificate, found.first));
  const unsigned char* at = ASN1_STRING_get0_data(value);
  const unsigned char* end = at + ASN1_STRING_length(value);
  const std::unique_ptr<ASN1_UTF8STRING, Freed<ASN1_UTF8STRING_free>> text(d2i_ASN1_UTF8STRING(nullptr, &at, end - at));
  if (!text || at != end) return std::nullopt;
  return std::string(reinterpret_cast<const char*>(ASN1_STRING_get0_data(text.get())),
                     static_cast<std::size_t>(ASN1_STRING_length(text.get())));
}

}  // namespace wayside::identity
