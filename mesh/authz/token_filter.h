// Envoy's jwt_authn filter as plain values: which requests must show which tokens, what becomes of
// those that do not, and what the others leave behind.
//
//   mesh::authz::TokenFilter filter(providers, rules);
//   auto verdict = filter.Check(headers, path, absl::Now());
//   if (!verdict.allowed) ...                      // verdict.status, verdict.why
//   facts.Set("envoy.filters.http.jwt_authn", verdict.metadata);
#ifndef MESH_AUTHZ_TOKEN_FILTER_H_
#define MESH_AUTHZ_TOKEN_FILTER_H_

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "mesh/authz/request_authentication.h"
#include "mesh/http/headers.h"
#include "mesh/route/value.h"

namespace mesh::authz {

// JwtProvider: an issuer, its keys, where its tokens stand, what is done with them.
struct TokenProvider {
  std::string name;
  TokenRule rule;
  bool require_expiry = false;
  absl::Duration clock_skew = absl::Seconds(60);
  // The key of the filter's metadata under which the claims are left; empty: they are not.
  std::string payload_key;
  // Claims that are words in one text and are left as lists: "scope".
  std::vector<std::string> word_claims;
  bool pad_payload_header = false;  // the payload's header in base64url with padding
};

// JwtRequirement.
struct TokenRequirement {
  enum class Kind {
    kProvider,         // a good token of this provider
    kAny,              // one of `children` holds
    kAll,              // all of them hold
    kMissing,          // no token at all, or only good ones, of whichever provider
    kMissingOrFailed,  // holds; good tokens count
  };
  Kind kind = Kind::kMissing;
  size_t provider = 0;                 // index
  std::vector<std::string> audiences;  // instead of the provider's, where not empty
  std::vector<TokenRequirement> children;
};

// RequirementRule. The first whose path fits decides; a request that none fits needs no token.
struct TokenPath {
  bool exact = false;                           // the whole path, else its beginning
  std::string path = "/";                       // compared without query
  std::optional<TokenRequirement> requirement;  // nothing: no token is looked at
};

struct TokenVerdict {
  bool allowed = true;
  int status = 0;        // where refused: 401, or 403 for another audience
  std::string_view why;  // where refused, in Envoy's words: "Jwt is missing"; static text
  bool missing = false;  // refused because there is no token
  // By payload_key, the claims of the tokens that were verified.
  route::Value::Struct metadata;
  // What is changed before the request goes on.
  std::vector<std::string> remove_headers;
  std::vector<std::string> remove_params;
  std::vector<std::pair<std::string, std::string>> set_headers;
};

// Immutable and thread-safe.
class TokenFilter {
 public:
  TokenFilter(std::vector<TokenProvider> providers, std::vector<TokenPath> paths);

  // A provider that is asked for judges every token in the places it names: one that is bad refuses
  // the request though another is good. Cost: a signature for each token.
  TokenVerdict Check(const http::Headers& headers, std::string_view path, absl::Time now) const;

  // Headers that this filter writes, in lower case: a client's own are to be removed from every
  // request, before anything reads them.
  const std::vector<std::string>& own_headers() const { return own_headers_; }
  const std::vector<TokenProvider>& providers() const { return providers_; }

 private:
  struct Attempt;
  const std::vector<TokenProvider> providers_;
  const std::vector<TokenPath> paths_;
  std::vector<std::string> own_headers_;
};

}  // namespace mesh::authz

#endif  // MESH_AUTHZ_TOKEN_FILTER_H_
