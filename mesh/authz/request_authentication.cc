#include "mesh/authz/request_authentication.h"

#include <algorithm>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "mesh/base/strings.h"
#include "mesh/http/host.h"
#include "mesh/http/path.h"

namespace mesh::authz {
namespace {

constexpr size_t kMaxValues = 16;

struct Found {
  std::string token;
  std::string header;  // that holds it; empty for a parameter
};

std::vector<TokenRule::Header> HeadersOf(const TokenRule& rule) {
  if (rule.from_headers.empty() && rule.from_params.empty()) return {{"authorization", "Bearer "}};
  return rule.from_headers;
}
std::vector<std::string> ParamsOf(const TokenRule& rule) {
  if (rule.from_headers.empty() && rule.from_params.empty()) return {"access_token"};
  return rule.from_params;
}

void AddOnce(std::vector<Found>* all, std::string token, const std::string& header) {
  for (const Found& found : *all) {
    if (found.token == token && found.header == header) return;
  }
  all->push_back({std::move(token), header});
}

}  // namespace

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
  std::vector<Found> tokens;
  for (const TokenRule& rule : rules_) {
    if (!rule.output_payload_to_header.empty()) {
      outcome.remove_headers.push_back(http::LowerCase(rule.output_payload_to_header));
    }
    for (const TokenRule::Header& from : HeadersOf(rule)) {
      const std::string name = http::LowerCase(from.name);
      std::string_view values[kMaxValues];
      const size_t count = headers.Find(name, values, kMaxValues);
      if (count > kMaxValues) return refuse("the request shows too many tokens");
      for (size_t i = 0; i < count; ++i) {
        // The scheme of the header authorization has no case (RFC 9110 §11.1).
        if (!http::StartsWithIgnoreCase(values[i], from.prefix)) continue;
        AddOnce(&tokens, std::string(values[i].substr(from.prefix.size())), name);
      }
    }
    for (const std::string& param : ParamsOf(rule)) {
      if (const auto value = http::QueryParameter(path, param)) {
        AddOnce(&tokens, std::string(*value), "");
      }
    }
  }

  const std::string* believed = nullptr;
  for (const Found& found : tokens) {
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
