#include "mesh/authz/token_filter.h"

#include <algorithm>

#include "absl/strings/escaping.h"
#include "absl/strings/str_split.h"
#include "mesh/authz/json.h"
#include "mesh/authz/jwt.h"
#include "mesh/authz/token_locations.h"
#include "mesh/http/host.h"
#include "mesh/http/path.h"

namespace mesh::authz {
namespace {

constexpr std::string_view kMissing = "Jwt is missing";
constexpr std::string_view kUnknownIssuer = "Jwt issuer is not configured";
constexpr std::string_view kOtherAudience = "Audiences in Jwt are not allowed";
constexpr std::string_view kNoKeys = "Jwks doesn't have any valid public key";
constexpr std::string_view kMalformed =
    "Jwt is not in the form of Header.Payload.Signature with two dots and 3 sections";
constexpr std::string_view kTooMany = "Jwt verification fails";

// Of the reasons why alternatives failed, the one that tells most.
bool TellsMore(std::string_view than, std::string_view why) {
  const auto weight = [](std::string_view w) {
    return w == kMissing ? 0 : w == kUnknownIssuer ? 1 : 2;
  };
  return weight(why) > weight(than);
}

void WordsToList(const std::vector<std::string>& names, route::Value::Struct* claims) {
  for (const std::string& name : names) {
    const auto found = claims->find(name);
    if (found == claims->end()) continue;
    const std::string* const text = std::get_if<std::string>(&found->second.value);
    if (text == nullptr) continue;
    route::Value::List words;
    for (absl::string_view word : absl::StrSplit(*text, ' ', absl::SkipEmpty())) {
      words.push_back({std::string(word)});
    }
    found->second.value = std::move(words);
  }
}

}  // namespace

// One request's way through the requirements.
struct TokenFilter::Attempt {
  const TokenFilter& filter;
  const http::Headers& headers;
  const std::string_view path;
  const absl::Time now;
  TokenVerdict verdict;

  // Empty where `token` is good for the provider; else why not.
  std::string_view Verify(const FoundToken& token, const TokenProvider& provider,
                          const std::vector<std::string>& audiences) {
    const auto issuer = UnverifiedIssuer(token.token);
    if (!provider.rule.issuer.empty() && issuer && *issuer != provider.rule.issuer) {
      return kUnknownIssuer;
    }
    if (provider.rule.keys.keys().empty()) return kNoKeys;
    TokenExpectations expect;
    expect.issuer = provider.rule.issuer;
    expect.audiences = audiences.empty() ? provider.rule.audiences : audiences;
    expect.require_expiry = provider.require_expiry;
    expect.clock_skew = provider.clock_skew;
    auto claims = VerifyToken(token.token, provider.rule.keys, expect, now);
    if (!claims.ok()) return WordsOfEnvoy(claims.status());
    Keep(token, provider, *std::move(claims));
    return "";
  }

  void Keep(const FoundToken& token, const TokenProvider& provider, Claims claims) {
    if (!provider.rule.forward_original_token) {
      if (!token.header.empty()) verdict.remove_headers.push_back(token.header);
      if (!token.param.empty()) verdict.remove_params.push_back(token.param);
    }
    if (!provider.rule.output_payload_to_header.empty()) {
      verdict.set_headers.emplace_back(http::LowerCase(provider.rule.output_payload_to_header),
                                       provider.pad_payload_header
                                           ? Padded(claims.payload)
                                           : absl::WebSafeBase64Escape(claims.payload));
    }
    if (provider.payload_key.empty()) return;
    WordsToList(provider.word_claims, &claims.all);
    verdict.metadata[provider.payload_key] = {std::move(claims.all)};
  }

  static std::string Padded(const std::string& payload) {
    std::string text = absl::WebSafeBase64Escape(payload);
    while (text.size() % 4 != 0) text += '=';
    return text;
  }

  // Empty where the requirement holds; else why not.
  std::string_view Check(const TokenRequirement& requirement) {
    switch (requirement.kind) {
      case TokenRequirement::Kind::kProvider: {
        const TokenProvider& provider = filter.providers_[requirement.provider];
        std::vector<FoundToken> tokens;
        if (!FindTokens(provider.rule, headers, path, &tokens)) return kTooMany;
        if (tokens.empty()) return kMissing;
        for (const FoundToken& token : tokens) {
          const std::string_view why = Verify(token, provider, requirement.audiences);
          if (!why.empty()) return why;
        }
        return "";
      }
      case TokenRequirement::Kind::kAny: {
        std::string_view why = kMissing;
        for (const TokenRequirement& child : requirement.children) {
          // An alternative that fails half-way leaves nothing behind.
          TokenVerdict before = verdict;
          const std::string_view failed = Check(child);
          if (failed.empty()) return "";
          verdict = std::move(before);
          if (TellsMore(why, failed)) why = failed;
        }
        return why;
      }
      case TokenRequirement::Kind::kAll:
        for (const TokenRequirement& child : requirement.children) {
          const std::string_view failed = Check(child);
          if (!failed.empty()) return failed;
        }
        return "";
      case TokenRequirement::Kind::kMissing:
        return CheckAll(/*failed_too=*/false);
      case TokenRequirement::Kind::kMissingOrFailed:
        return CheckAll(/*failed_too=*/true);
    }
    return kMissing;
  }

  // Every token wherever a provider looks, each by a provider of its issuer that looks there.
  std::string_view CheckAll(bool failed_too) {
    struct Place {
      FoundToken token;
      std::vector<const TokenProvider*> by;
    };
    std::vector<Place> places;
    for (const TokenProvider& provider : filter.providers_) {
      std::vector<FoundToken> tokens;
      if (!FindTokens(provider.rule, headers, path, &tokens) && !failed_too) return kTooMany;
      for (FoundToken& token : tokens) {
        auto known = std::find_if(places.begin(), places.end(), [&](const Place& place) {
          return place.token.token == token.token && place.token.header == token.header &&
                 place.token.param == token.param;
        });
        if (known == places.end()) known = places.insert(places.end(), Place{std::move(token), {}});
        known->by.push_back(&provider);
      }
    }
    for (const Place& place : places) {
      std::string_view why = UnverifiedIssuer(place.token.token) ? kUnknownIssuer : kMalformed;
      for (const TokenProvider* const provider : place.by) {
        const std::string_view failed = Verify(place.token, *provider, {});
        if (failed.empty()) {
          why = "";
          break;
        }
        if (TellsMore(why, failed)) why = failed;
      }
      if (!why.empty() && !failed_too) return why;
    }
    return "";
  }
};

TokenFilter::TokenFilter(std::vector<TokenProvider> providers, std::vector<TokenPath> paths)
    : providers_(std::move(providers)), paths_(std::move(paths)) {
  for (const TokenProvider& provider : providers_) {
    if (provider.rule.output_payload_to_header.empty()) continue;
    own_headers_.push_back(http::LowerCase(provider.rule.output_payload_to_header));
  }
}

TokenVerdict TokenFilter::Check(const http::Headers& headers, std::string_view path,
                                absl::Time now) const {
  const std::string_view only_path = path.substr(0, path.find_first_of("?#"));
  const auto fits = [&](const TokenPath& rule) {
    return rule.exact ? only_path == rule.path : only_path.substr(0, rule.path.size()) == rule.path;
  };
  const auto rule = std::find_if(paths_.begin(), paths_.end(), fits);
  if (rule == paths_.end() || !rule->requirement.has_value()) return {};
  Attempt attempt{*this, headers, path, now, {}};
  const std::string_view why = attempt.Check(*rule->requirement);
  if (why.empty()) return std::move(attempt.verdict);
  TokenVerdict refused;
  refused.allowed = false;
  refused.why = why;
  refused.missing = why == kMissing;
  refused.status = why == kOtherAudience ? 403 : 401;
  return refused;
}

}  // namespace mesh::authz
