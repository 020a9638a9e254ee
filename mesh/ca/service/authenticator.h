// Who is asking for a certificate? The connection says, or a token; never the request.
#ifndef MESH_CA_SERVICE_AUTHENTICATOR_H_
#define MESH_CA_SERVICE_AUTHENTICATOR_H_

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "mesh/authz/jwt.h"
#include "mesh/base/clock.h"
#include "mesh/base/mutex.h"
#include "mesh/ca/issuer.h"
#include "mesh/tls/spiffe.h"

namespace grpc {
class CallbackServerContext;
}  // namespace grpc

namespace mesh::ca {

// What a caller shows.
struct Credentials {
  std::string peer_chain_pem;  // of an authenticated TLS connection; empty: it showed none
  std::string bearer_token;    // of "authorization: Bearer TOKEN"; empty: there is none
};

// Of a call over gRPC. Of two authorization headers neither is believed.
Credentials CredentialsOf(const grpc::CallbackServerContext& context);

struct Caller {
  tls::SpiffeId identity;
  std::string by;  // "client certificate", "Kubernetes token": for the audit
};

// Plugged in. Thread-safe; answers at once.
class Authenticator {
 public:
  virtual ~Authenticator() = default;
  // "client certificate": the beginning of its line where several are tried.
  virtual std::string_view name() const = 0;
  // Unauthenticated says why not, without repeating what was shown.
  virtual absl::StatusOr<Caller> Authenticate(const Credentials& credentials) = 0;
};

// The first that succeeds decides; Unauthenticated joins all their reasons.
absl::StatusOr<Caller> AuthenticateByAny(
    const std::vector<std::shared_ptr<Authenticator>>& authenticators,
    const Credentials& credentials);

// A certificate of ours, verified again here: chain, time, client usage, one SPIFFE id of the trust
// domain.
class ClientCertificateAuthenticator final : public Authenticator {
 public:
  // `bundle` is asked each time, so that a rotation is seen. `clock` must outlive this.
  ClientCertificateAuthenticator(std::string trust_domain,
                                 std::function<std::shared_ptr<const TrustBundle>()> bundle,
                                 const Clock* clock = Clock::Real())
      : trust_domain_(std::move(trust_domain)), bundle_(std::move(bundle)), clock_(clock) {}

  std::string_view name() const override { return "client certificate"; }
  absl::StatusOr<Caller> Authenticate(const Credentials& credentials) override;

 private:
  const std::string trust_domain_;
  const std::function<std::shared_ptr<const TrustBundle>()> bundle_;
  const Clock* const clock_;
};

// A JWT whose subject is "system:serviceaccount:NAMESPACE:ACCOUNT", as Kubernetes makes them for
// service accounts, and OIDC issuers may. Where the claim kubernetes.io names the same, it must
// agree.
class TokenAuthenticator final : public Authenticator {
 public:
  struct Options {
    std::string trust_domain = "cluster.local";
    std::string issuer;  // must be set
    std::vector<std::string> audiences = {"istio-ca"};
    const Clock* clock = Clock::Real();  // must outlive this
  };
  TokenAuthenticator(Options options, authz::KeySet keys)
      : options_(std::move(options)), keys_(std::move(keys)) {}

  std::string_view name() const override { return "token"; }
  absl::StatusOr<Caller> Authenticate(const Credentials& credentials) override;
  // From the next call on. A set that could not be had is an empty one: it refuses all.
  void SetKeys(authz::KeySet keys);

 private:
  const Options options_;
  Mutex mutex_;
  authz::KeySet keys_ ABSL_GUARDED_BY(mutex_);
};

// Secrets that a local runner hands to the processes it starts, each for one identity, for a while
// and for one use.
class JoinTokens final : public Authenticator {
 public:
  explicit JoinTokens(const Clock* clock = Clock::Real()) : clock_(clock) {}

  // 256 random bits. Kept here as a hash only.
  std::string Create(const tls::SpiffeId& identity, absl::Duration valid_for = absl::Minutes(10));

  std::string_view name() const override { return "join token"; }
  absl::StatusOr<Caller> Authenticate(const Credentials& credentials) override;

 private:
  struct Entry {
    tls::SpiffeId identity;
    absl::Time expires;
  };
  const Clock* const clock_;
  Mutex mutex_;
  std::map<std::string, Entry> entries_ ABSL_GUARDED_BY(mutex_);  // by the token's hash
};

// The same between processes of one user: tokens in a directory (ca/join_token.h).
class JoinTokenDirectory final : public Authenticator {
 public:
  explicit JoinTokenDirectory(std::string directory, const Clock* clock = Clock::Real())
      : directory_(std::move(directory)), clock_(clock) {}

  std::string_view name() const override { return "join token"; }
  absl::StatusOr<Caller> Authenticate(const Credentials& credentials) override;

 private:
  const std::string directory_;
  const Clock* const clock_;
};

}  // namespace mesh::ca

#endif  // MESH_CA_SERVICE_AUTHENTICATOR_H_
