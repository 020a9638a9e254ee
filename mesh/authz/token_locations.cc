#include "mesh/authz/token_locations.h"

#include "mesh/http/host.h"
#include "mesh/http/path.h"

namespace mesh::authz {
namespace {

constexpr size_t kMaxValues = 16;

std::vector<TokenRule::Header> HeadersOf(const TokenRule& rule) {
  if (rule.from_headers.empty() && rule.from_params.empty()) return {{"authorization", "Bearer "}};
  return rule.from_headers;
}
std::vector<std::string> ParamsOf(const TokenRule& rule) {
  if (rule.from_headers.empty() && rule.from_params.empty()) return {"access_token"};
  return rule.from_params;
}

void AddOnce(std::vector<FoundToken>* all, FoundToken token) {
  for (const FoundToken& found : *all) {
    if (found.token == token.token && found.header == token.header && found.param == token.param) {
      return;
    }
  }
  all->push_back(std::move(token));
}

}  // namespace

bool FindTokens(const TokenRule& rule, const http::Headers& headers, std::string_view path,
                std::vector<FoundToken>* all) {
  for (const TokenRule::Header& from : HeadersOf(rule)) {
    const std::string name = http::LowerCase(from.name);
    std::string_view values[kMaxValues];
    const size_t count = headers.Find(name, values, kMaxValues);
    if (count > kMaxValues) return false;
    for (size_t i = 0; i < count; ++i) {
      // The scheme of the header authorization has no case (RFC 9110 §11.1).
      if (!http::StartsWithIgnoreCase(values[i], from.prefix)) continue;
      AddOnce(all, {std::string(values[i].substr(from.prefix.size())), name, ""});
    }
  }
  for (const std::string& param : ParamsOf(rule)) {
    if (const auto value = http::QueryParameter(path, param)) {
      AddOnce(all, {std::string(*value), "", param});
    }
  }
  return true;
}

}  // namespace mesh::authz
