#include "mesh/tls/verify.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "mesh/tls/boring.h"

namespace mesh::tls {
namespace {

constexpr int kMaxDepth = 10;

// The leaf's names, for a message about it.
std::string Who(const Certificate& leaf) {
  if (leaf.sans().empty()) {
    const std::string subject = leaf.subject();
    return subject.empty() ? "a certificate without names" : subject;
  }
  std::vector<std::string> names;
  for (const SubjectAltName& name : leaf.sans()) {
    if (names.size() == 4) break;
    names.push_back(name.ToString());
  }
  return absl::StrJoin(names, ", ");
}

uint8_t AlertFor(int error) {
  switch (error) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return SSL_AD_CERTIFICATE_EXPIRED;
    case X509_V_ERR_INVALID_PURPOSE:
      return SSL_AD_UNSUPPORTED_CERTIFICATE;
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_CERT_CHAIN_TOO_LONG:
      return SSL_AD_UNKNOWN_CA;
  }
  return SSL_AD_BAD_CERTIFICATE;
}

std::string Reason(int error, const Certificate& at, absl::Time now, PeerRole role) {
  switch (error) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return absl::StrCat("expired at ", absl::FormatTime(at.not_after(), absl::UTCTimeZone()));
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return absl::StrCat("not valid before ",
                          absl::FormatTime(at.not_before(), absl::UTCTimeZone()), ", it is now ",
                          absl::FormatTime(now, absl::UTCTimeZone()));
    case X509_V_ERR_INVALID_PURPOSE:
      return role == PeerRole::kServer ? "its extended key usage is not for servers"
                                       : "its extended key usage is not for clients";
    default:
      return X509_verify_cert_error_string(error);
  }
}

}  // namespace

TrustRoots::TrustRoots(absl::Span<const Certificate> roots) {
  auto rep = std::make_shared<Rep>();
  rep->store.reset(X509_STORE_new());
  for (const Certificate& root : roots) {
    if (std::find(rep->certificates.begin(), rep->certificates.end(), root) !=
        rep->certificates.end()) {
      continue;
    }
    rep->certificates.push_back(root);
    X509_STORE_add_cert(rep->store.get(), root.rep().x509());
  }
  rep_ = std::move(rep);
}

const std::vector<Certificate>& TrustRoots::certificates() const { return rep_->certificates; }

boring::Verdict boring::Verify(absl::Span<const Certificate> chain, const TrustRoots& roots,
                               const VerifyOptions& options) {
  const auto refuse = [](uint8_t alert, std::string why) {
    return Verdict{absl::PermissionDeniedError(why), alert, Refusal::kChain};
  };
  if (chain.empty()) return refuse(SSL_AD_CERTIFICATE_REQUIRED, "there is no certificate");
  const Certificate& leaf = chain[0];
  if (roots.empty()) {
    return refuse(SSL_AD_UNKNOWN_CA,
                  absl::StrCat("certificate of ", Who(leaf), ": no root is trusted"));
  }
  bssl::UniquePtr<STACK_OF(X509)> others(sk_X509_new_null());
  for (const Certificate& certificate : chain.subspan(1)) {
    X509* x509 = certificate.rep().x509();
    X509_up_ref(x509);
    if (!sk_X509_push(others.get(), x509)) X509_free(x509);
  }
  bssl::UniquePtr<X509_STORE_CTX> context(X509_STORE_CTX_new());
  if (!X509_STORE_CTX_init(context.get(), roots.rep().store.get(), leaf.rep().x509(),
                           others.get())) {
    return refuse(SSL_AD_INTERNAL_ERROR, LastError());
  }
  X509_VERIFY_PARAM* param = X509_STORE_CTX_get0_param(context.get());
  X509_VERIFY_PARAM_set_time_posix(param, absl::ToUnixSeconds(options.now));
  X509_VERIFY_PARAM_set_depth(param, kMaxDepth);
  if (options.role != PeerRole::kAny) {
    X509_VERIFY_PARAM_set_purpose(param, options.role == PeerRole::kServer
                                             ? X509_PURPOSE_SSL_SERVER
                                             : X509_PURPOSE_SSL_CLIENT);
  }
  const bool good = X509_verify_cert(context.get()) == 1;
  ERR_clear_error();
  if (!good) {
    const int error = X509_STORE_CTX_get_error(context.get());
    // Of two roots with one key BoringSSL tries one only, be it the expired one: a renewed root
    // beside its predecessor. Try again without those that do not count now.
    if (error == X509_V_ERR_CERT_HAS_EXPIRED || error == X509_V_ERR_CERT_NOT_YET_VALID) {
      std::vector<Certificate> valid;
      for (const Certificate& root : roots.certificates()) {
        if (root.not_before() <= options.now && options.now <= root.not_after()) {
          valid.push_back(root);
        }
      }
      if (!valid.empty() && valid.size() < roots.certificates().size()) {
        return Verify(chain, TrustRoots(valid), options);
      }
    }
    // What the error is about may be the leaf or one above it.
    Certificate at = leaf;
    X509* current = X509_STORE_CTX_get_current_cert(context.get());
    if (current != nullptr && current != leaf.rep().x509()) {
      X509_up_ref(current);
      auto made = MakeCertificate(bssl::UniquePtr<X509>(current));
      if (made.ok()) at = *made;
    }
    return refuse(AlertFor(error), absl::StrCat("certificate of ", Who(at), ": ",
                                                Reason(error, at, options.now, options.role)));
  }
  if (leaf.is_ca()) {
    return refuse(
        SSL_AD_BAD_CERTIFICATE,
        absl::StrCat("certificate of ", Who(leaf), ": an authority's certificate is nobody's own"));
  }
  return {};
}

absl::Status VerifyChain(absl::Span<const Certificate> chain, const TrustRoots& roots,
                         const VerifyOptions& options) {
  return boring::Verify(chain, roots, options).status;
}

}  // namespace mesh::tls
