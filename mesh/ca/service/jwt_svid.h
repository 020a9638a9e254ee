// JWT-SVIDs: short-lived tokens that say who bears them, signed by the authority, for calls whose
// TLS ends on the way.
//
//   auto authority = mesh::ca::JwtAuthority::Open(options, *issuer->bundle());
//   auto token = (*authority)->IssueToken(caller_identity, {"payments"});
//   auto bundle = mesh::ca::JwtBundle::Parse("cluster.local", (*authority)->bundle());
//   auto bearer = bundle->Verify(*token, "payments", absl::Now());
#ifndef MESH_CA_SERVICE_JWT_SVID_H_
#define MESH_CA_SERVICE_JWT_SVID_H_

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "mesh/authz/jwt.h"
#include "mesh/base/clock.h"
#include "mesh/base/log.h"
#include "mesh/base/mutex.h"
#include "mesh/ca/issuer.h"
#include "mesh/ca/state_store.h"
#include "mesh/tls/key.h"
#include "mesh/tls/spiffe.h"

namespace mesh::ca {

// Plugged in: ours is JwtAuthority, a host may bring another. Implementations are thread-safe.
class JwtIssuer {
 public:
  virtual ~JwtIssuer() = default;
  // `identity` is the authenticated caller's. InvalidArgument: no audience, or more of them than a
  // token holds. FailedPrecondition: it cannot sign now.
  virtual absl::StatusOr<std::string> IssueToken(const tls::SpiffeId& identity,
                                                 const std::vector<std::string>& audiences) = 0;
  // What verifies its tokens: a JSON Web Key Set whose keys are of use "jwt-svid".
  virtual std::string bundle() const = 0;
};

struct JwtAuthorityOptions {
  StateStore* store = nullptr;  // must outlive the authority
  absl::Duration lifetime = absl::Minutes(5);
  const Clock* clock = Clock::Real();  // likewise
  LogSink* log = LogSink::Null();      // likewise
};

// ES256. Each root has a P-256 key of its own for tokens, in the store beside it, and tokens are
// signed with that of the root that certificates are issued from: so that a key is announced,
// taken into use and retired in the phases of its root. A retired key stays in the bundle until the
// last token of it has expired. Replicas that are to verify each other's tokens share the store.
class JwtAuthority final : public JwtIssuer {
 public:
  // DataLoss where the store holds something that is not a whole state.
  static absl::StatusOr<std::unique_ptr<JwtAuthority>> Open(const JwtAuthorityOptions& options,
                                                            const TrustBundle& roots);

  absl::StatusOr<std::string> IssueToken(const tls::SpiffeId& identity,
                                         const std::vector<std::string>& audiences) override;
  std::string bundle() const override;

  // Keys for these roots, the first one's for signing; written to the store before they are used.
  // Call it when the roots change, before anybody is told of them, and now and then, so that
  // retired keys go. On an error all stays as it was.
  absl::Status Follow(const TrustBundle& roots);

 private:
  struct Key;
  struct State;

  explicit JwtAuthority(const JwtAuthorityOptions& options) : options_(options) {}
  std::shared_ptr<const State> state() const;

  const JwtAuthorityOptions options_;
  Mutex change_;         // held over a whole change
  mutable Mutex mutex_;  // held to read or swap the pointer
  std::shared_ptr<const State> state_ ABSL_GUARDED_BY(mutex_);
};

// The keys of one trust domain, for who is shown tokens. A value, thread-safe.
class JwtBundle {
 public:
  static absl::StatusOr<JwtBundle> Parse(std::string_view trust_domain, std::string json);

  struct Bearer {
    tls::SpiffeId identity;
    std::string claims_json;
  };
  // Unauthenticated says what is wrong, without repeating the token. Refused is what
  // authz::VerifyToken refuses, and what has no expiry, no such audience, or a subject that is no
  // SPIFFE id of this trust domain.
  absl::StatusOr<Bearer> Verify(std::string_view token, std::string_view audience,
                                absl::Time now) const;

  const std::string& trust_domain() const { return trust_domain_; }
  const std::string& json() const { return json_; }

 private:
  JwtBundle(std::string_view trust_domain, std::string json, authz::KeySet keys)
      : trust_domain_(trust_domain), json_(std::move(json)), keys_(std::move(keys)) {}

  std::string trust_domain_, json_;
  authz::KeySet keys_;
};

}  // namespace mesh::ca

#endif  // MESH_CA_SERVICE_JWT_SVID_H_
