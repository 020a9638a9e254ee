// RequestAuthentication: which tokens a request shows, and whether they are good.
//
//   mesh::authz::TokenRule rule;
//   rule.issuer = "https://issuer.example";
//   rule.keys = *mesh::authz::KeySet::Parse(jwks);
//   mesh::authz::RequestAuthentication authentication({rule});
//   auto outcome = authentication.Check(headers, path, absl::Now());
//   if (outcome.kind == Outcome::kRefused) ...                  // 401, outcome.why
//   request.claims = outcome.claims ? &*outcome.claims : nullptr;
#ifndef MESH_AUTHZ_REQUEST_AUTHENTICATION_H_
#define MESH_AUTHZ_REQUEST_AUTHENTICATION_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "mesh/authz/jwt.h"
#include "mesh/http/headers.h"

namespace mesh::authz {

// security.istio.io/v1beta1 JWTRule.
struct TokenRule {
  std::string issuer;
  std::vector<std::string> audiences;  // empty: any
  KeySet keys;  // an empty set refuses all: what a set that could not be fetched must be
  struct Header {
    std::string name;    // lower case
    std::string prefix;  // "Bearer "; what does not begin so is no token
  };
  // Where tokens stand. With neither: the header authorization with "Bearer ", and the parameter
  // access_token.
  std::vector<Header> from_headers;
  std::vector<std::string> from_params;
  bool forward_original_token = false;  // else the header that held it is removed
  std::string
      output_payload_to_header;  // gets the payload as base64url, in lower case; empty: none
};

struct TokenOutcome {
  enum class Kind {
    kNone,  // no token: goes on without a principal; an AuthorizationPolicy may demand one
    kGood,
    kRefused,  // 401
  };
  Kind kind = Kind::kNone;
  std::optional<Claims> claims;
  std::string why;  // of kRefused: "the token is refused: it has expired"
  // What a proxy changes before it forwards a request that goes on.
  std::vector<std::string> remove_headers;
  std::vector<std::pair<std::string, std::string>> set_headers;
};

// Immutable and thread-safe.
class RequestAuthentication {
 public:
  explicit RequestAuthentication(std::vector<TokenRule> rules);

  // Every token that stands where one of the rules looks is judged by the rule of its issuer; one
  // that is bad, or of an issuer that no rule names, refuses the request, whatever else it shows.
  // Two tokens that are good but not the same are refused too: which of them would be believed?
  // Headers that rules write are removed from every request, so that a client cannot forge them.
  TokenOutcome Check(const http::Headers& headers, std::string_view path, absl::Time now) const;

 private:
  const std::vector<TokenRule> rules_;
};

}  // namespace mesh::authz

#endif  // MESH_AUTHZ_REQUEST_AUTHENTICATION_H_
