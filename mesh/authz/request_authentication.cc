#include "mesh/authz/request_authentication.h"

#include "absl/strings/escaping.h"
#include "mesh/authz/token_locations.h"
#include "mesh/http/host.h"

namespace mesh::authz {

RequestAuthentication::RequestAuthentication(std::vector<TokenRule> rules)
    : rules_(std::move(rules)) {}

TokenOutcome RequestAuthentication::Check(const http::Headers& headers, std::string_view path,
                                          absl::Time now) const {
  TokenOutcome outcome;
  const auto refuse = [&](std::string why) {
    outcome.kind = TokenOutcome::Kind::kRefused;
    outcome.claims.reset();
    outcome.why = std::move(why);
    return outcome;
  };
  std::vector<FoundToken> tokens;
  for (const TokenRule& rule : rules_) {
    if (!rule.output_payload_to_header.empty()) {
      outcome.remove_headers.push_back(http::LowerCase(rule.output_payload_to_header));
    }
    if (!FindTokens(rule, headers, path, &tokens)) {
      return refuse("the request shows too many tokens");
    }
  }

  const std::string* believed = nullptr;
  for (const FoundToken& found : tokens) {
    const auto issuer = UnverifiedIssuer(found.token);
    if (!issuer) return refuse("the token is refused: it cannot be read");
    absl::Status why = absl::UnauthenticatedError("the token is refused: its issuer is not known");
    const TokenRule* by = nullptr;
    // Several rules of one issuer may have other keys or audiences: one that accepts is enough.
    for (const TokenRule& rule : rules_) {
      if (rule.issuer != *issuer) continue;
      TokenExpectations expect;
      expect.issuer = rule.issuer;
      expect.audiences = rule.audiences;
      auto claims = VerifyToken(found.token, rule.keys, expect, now);
      if (!claims.ok()) {
        why = claims.status();
        continue;
      }
      by = &rule;
      if (believed != nullptr && *believed != found.token) {
        return refuse("the request shows two tokens that are not the same");
      }
      believed = &found.token;
      outcome.claims = *std::move(claims);
      break;
    }
    if (by == nullptr) return refuse(std::string(why.message()));
    outcome.kind = TokenOutcome::Kind::kGood;
    if (!by->forward_original_token && !found.header.empty()) {
      outcome.remove_headers.push_back(found.header);
    }
    if (!by->output_payload_to_header.empty()) {
      outcome.set_headers.emplace_back(http::LowerCase(by->output_payload_to_header),
                                       absl::WebSafeBase64Escape(outcome.claims->payload));
    }
  }
  return outcome;
}

}  // namespace mesh::authz
