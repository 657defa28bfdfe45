// OpenSSL handles that free themselves, and its error queue as a sentence.
#pragma once

#include <openssl/bio.h>
#include <openssl/buffer.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <memory>
#include <string>

#include "common/freed.h"

namespace wayside::broker::gate {

using X509Ptr = std::unique_ptr<X509, Freed<X509_free>>;
using CrlPtr = std::unique_ptr<X509_CRL, Freed<X509_CRL_free>>;
using BioPtr = std::unique_ptr<BIO, Freed<BIO_free>>;
using SslPtr = std::unique_ptr<SSL, Freed<SSL_free>>;

// The first error of the queue, which it empties: a later call must not find this one's.
inline std::string openssl_error() {
  const unsigned long error = ERR_peek_error();
  ERR_clear_error();
  const char* text = error == 0 ? nullptr : ERR_reason_error_string(error);
  return text == nullptr ? "unknown" : text;
}

}  // namespace wayside::broker::gate
