#include "mesh/ca/service/authenticator.h"

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "mesh/authz/json.h"
#include "mesh/base/strings.h"
#include "mesh/ca/join_token.h"
#include "mesh/tls/certificate.h"
#include "mesh/tls/digest.h"
#include "mesh/tls/verify.h"

namespace mesh::ca {
namespace {

absl::Status Refuse(absl::string_view why) { return absl::UnauthenticatedError(why); }

using Struct = route::Value::Struct;

const Struct* StructMember(const Struct& object, std::string_view name) {
  const route::Value* value = authz::Member(object, name);
  return value == nullptr ? nullptr : std::get_if<Struct>(&value->value);
}

// Whether the claim kubernetes.io, where there is one, names the same account.
bool Agrees(const Struct& claims, std::string_view ns, std::string_view account) {
  if (authz::Member(claims, "kubernetes.io") == nullptr) return true;
  const Struct* kubernetes = StructMember(claims, "kubernetes.io");
  const Struct* named =
      kubernetes == nullptr ? nullptr : StructMember(*kubernetes, "serviceaccount");
  return named != nullptr && authz::StringMember(*kubernetes, "namespace") == ns &&
         authz::StringMember(*named, "name") == account;
}

}  // namespace

absl::StatusOr<Caller> AuthenticateByAny(
    const std::vector<std::shared_ptr<Authenticator>>& authenticators,
    const Credentials& credentials) {
  std::vector<std::string> reasons;
  for (const auto& authenticator : authenticators) {
    auto caller = authenticator->Authenticate(credentials);
    if (caller.ok()) return caller;
    reasons.push_back(absl::StrCat(Absl(authenticator->name()), ": ", caller.status().message()));
  }
  return Refuse(absl::StrCat("nobody is known by this (", absl::StrJoin(reasons, "; "), ")"));
}

absl::StatusOr<Caller> ClientCertificateAuthenticator::Authenticate(
    const Credentials& credentials) {
  if (credentials.peer_chain_pem.empty()) return Refuse("none was shown");
  const auto chain = tls::Certificate::ListFromPem(credentials.peer_chain_pem);
  if (!chain.ok()) return Refuse(chain.status().message());
  const absl::Status verified = tls::VerifyChain(*chain, tls::TrustRoots(bundle_()->roots),
                                                 {clock_->Now(), tls::PeerRole::kClient});
  if (!verified.ok()) return Refuse(verified.message());
  auto id = chain->front().SpiffeIdentity();
  if (!id.ok()) return Refuse(id.status().message());
  if (id->trust_domain() != trust_domain_) {
    return Refuse(absl::StrCat("it is of the trust domain ", id->trust_domain()));
  }
  return Caller{*std::move(id), "client certificate"};
}

absl::StatusOr<Caller> TokenAuthenticator::Authenticate(const Credentials& credentials) {
  if (credentials.bearer_token.empty()) return Refuse("none was shown");
  authz::KeySet keys;
  {
    MutexLock lock(&mutex_);
    keys = keys_;
  }
  authz::TokenExpectations expect;
  expect.issuer = options_.issuer;
  expect.audiences = options_.audiences;
  expect.require_expiry = true;
  if (expect.issuer.empty() || expect.audiences.empty()) return Refuse("no issuer is configured");
  const auto claims =
      authz::VerifyToken(credentials.bearer_token, keys, expect, options_.clock->Now());
  if (!claims.ok()) return claims.status();

  absl::string_view subject = Absl(claims->subject());
  const size_t colon =
      absl::ConsumePrefix(&subject, "system:serviceaccount:") ? subject.find(':') : subject.npos;
  if (colon == subject.npos) return Refuse("its subject is no service account");
  const std::string_view ns = Std(subject.substr(0, colon)),
                         account = Std(subject.substr(colon + 1));
  if (!Agrees(claims->all, ns, account)) return Refuse("its claims name two service accounts");
  auto id = tls::SpiffeId::Workload(options_.trust_domain, ns, account);
  if (!id.ok()) return Refuse("its subject is no service account");
  return Caller{*std::move(id), "token"};
}

void TokenAuthenticator::SetKeys(authz::KeySet keys) {
  MutexLock lock(&mutex_);
  keys_ = std::move(keys);
}

std::string JoinTokens::Create(const tls::SpiffeId& identity, absl::Duration valid_for) {
  const std::string token = absl::WebSafeBase64Escape(tls::RandomBytes(32));
  const absl::Time now = clock_->Now();
  MutexLock lock(&mutex_);
  for (auto it = entries_.begin(); it != entries_.end();) {
    it = it->second.expires <= now ? entries_.erase(it) : std::next(it);
  }
  entries_.emplace(tls::Sha256(token), Entry{identity, now + valid_for});
  return token;
}

absl::StatusOr<Caller> JoinTokens::Authenticate(const Credentials& credentials) {
  if (credentials.bearer_token.empty()) return Refuse("none was shown");
  // Looked up by its hash, so that the time it takes says nothing about the tokens there are.
  const std::string hash = tls::Sha256(credentials.bearer_token);
  MutexLock lock(&mutex_);
  const auto found = entries_.find(hash);
  if (found == entries_.end()) return Refuse("it is none, or was used before");
  const Entry entry = found->second;
  entries_.erase(found);
  if (clock_->Now() >= entry.expires) return Refuse("it has expired");
  return Caller{entry.identity, "join token"};
}

absl::StatusOr<Caller> JoinTokenDirectory::Authenticate(const Credentials& credentials) {
  if (credentials.bearer_token.empty()) return Refuse("none was shown");
  auto identity = UseJoinToken(directory_, credentials.bearer_token, clock_->Now());
  if (!identity.ok()) return identity.status();
  return Caller{*std::move(identity), "join token"};
}

}  // namespace mesh::ca
