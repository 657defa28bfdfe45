// OpenSSL objects that free themselves, and its last error as ours. Internal to certs/.
#pragma once

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <memory>
#include <string>
#include <string_view>

#include "common/freed.h"
#include "common/result.h"

namespace wayside::certs {

using Certificate = std::unique_ptr<X509, Freed<X509_free>>;
using Crl = std::unique_ptr<X509_CRL, Freed<X509_CRL_free>>;
using Key = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;
using Bio = std::unique_ptr<BIO, Freed<BIO_free_all>>;

// What OpenSSL says of its last failure; empties its queue.
inline Error openssl_error(const std::string& what) {
  char sentence[256] = "no reason given";
  const unsigned long last = ERR_peek_last_error();
  if (last != 0) ERR_error_string_n(last, sentence, sizeof(sentence));
  ERR_clear_error();
  return Error{Fault::internal, what + ": " + sentence};
}

inline Bio text_bio(std::string_view text) { return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size()))); }

// PEM of whatever `write` puts into the BIO it is given; empty when it fails.
template <typename Write>
std::string pem(Write write) {
  const Bio bio(BIO_new(BIO_s_mem()));
  if (!bio || write(bio.get()) != 1) return {};
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}

}  // namespace wayside::certs
