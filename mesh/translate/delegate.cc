#include "mesh/translate/delegate.h"

#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace mesh::translate {
namespace {

namespace networking = ::istio::networking::v1alpha3;
using networking::HTTPMatchRequest;
using networking::HTTPRoute;
using networking::StringMatch;

bool Conflict(const StringMatch& root, const StringMatch& delegate) {
  if (!root.regex().empty() || !delegate.regex().empty()) return true;
  if (!root.exact().empty()) return delegate.exact() != root.exact();
  if (root.prefix().empty()) return true;
  const std::string& text = delegate.prefix().empty() ? delegate.exact() : delegate.prefix();
  return !absl::StartsWith(text, root.prefix());
}

template <class Map>
bool MapsConflict(const Map& root, const Map& delegate) {
  for (const auto& [key, match] : delegate) {
    const auto it = root.find(key);
    if (it != root.end() && Conflict(it->second, match)) return true;
  }
  return false;
}

// Adds what `to` lacks.
template <class Map>
void Fill(const Map& from, Map* to) {
  for (const auto& entry : from) to->insert(entry);
}

HTTPMatchRequest Merge(const HTTPMatchRequest& root, const HTTPMatchRequest& delegate) {
  HTTPMatchRequest merged = delegate;
  if (!merged.has_uri() && root.has_uri()) *merged.mutable_uri() = root.uri();
  if (!merged.has_scheme() && root.has_scheme()) *merged.mutable_scheme() = root.scheme();
  if (!merged.has_method() && root.has_method()) *merged.mutable_method() = root.method();
  if (!merged.has_authority() && root.has_authority()) {
    *merged.mutable_authority() = root.authority();
  }
  Fill(root.headers(), merged.mutable_headers());
  Fill(root.without_headers(), merged.mutable_without_headers());
  Fill(root.query_params(), merged.mutable_query_params());
  Fill(root.source_labels(), merged.mutable_source_labels());
  if (merged.port() == 0) merged.set_port(root.port());
  if (merged.gateways().empty()) *merged.mutable_gateways() = root.gateways();
  if (merged.source_namespace().empty()) merged.set_source_namespace(root.source_namespace());
  if (root.ignore_uri_case()) merged.set_ignore_uri_case(true);
  return merged;
}

void MergeOperations(const networking::Headers::HeaderOperations& root,
                     networking::Headers::HeaderOperations* delegate) {
  Fill(root.set(), delegate->mutable_set());
  Fill(root.add(), delegate->mutable_add());
  networking::Headers::HeaderOperations merged;
  *merged.mutable_remove() = root.remove();
  merged.mutable_remove()->MergeFrom(delegate->remove());
  *delegate->mutable_remove() = merged.remove();
}

}  // namespace

bool MatchesConflict(const HTTPMatchRequest& root, const HTTPMatchRequest& delegate) {
  if (root.has_uri() && delegate.has_uri() && Conflict(root.uri(), delegate.uri())) return true;
  if (root.has_scheme() && delegate.has_scheme() && Conflict(root.scheme(), delegate.scheme())) {
    return true;
  }
  if (root.has_method() && delegate.has_method() && Conflict(root.method(), delegate.method())) {
    return true;
  }
  if (root.has_authority() && delegate.has_authority() &&
      Conflict(root.authority(), delegate.authority())) {
    return true;
  }
  if (MapsConflict(root.headers(), delegate.headers()) ||
      MapsConflict(root.without_headers(), delegate.without_headers()) ||
      MapsConflict(root.query_params(), delegate.query_params())) {
    return true;
  }
  if (root.ignore_uri_case() != delegate.ignore_uri_case()) return true;
  if (root.port() != 0 && delegate.port() != 0 && root.port() != delegate.port()) return true;
  for (const auto& [key, value] : delegate.source_labels()) {
    const auto it = root.source_labels().find(key);
    if (it != root.source_labels().end() && it->second != value) return true;
  }
  return !root.source_namespace().empty() && !delegate.source_namespace().empty() &&
         root.source_namespace() != delegate.source_namespace();
}

std::optional<std::vector<HTTPMatchRequest>> MergeMatches(
    const std::vector<HTTPMatchRequest>& root, const std::vector<HTTPMatchRequest>& delegate) {
  if (root.empty()) return delegate;
  if (delegate.empty()) return root;
  std::vector<HTTPMatchRequest> merged;
  for (const HTTPMatchRequest& narrow : delegate) {
    bool found = false;
    for (const HTTPMatchRequest& wide : root) {
      if (MatchesConflict(wide, narrow)) continue;
      merged.push_back(Merge(wide, narrow));
      found = true;
    }
    if (!found) return std::nullopt;
  }
  return merged;
}

std::optional<HTTPRoute> MergeRule(const HTTPRoute& root, const HTTPRoute& delegate) {
  std::optional<std::vector<HTTPMatchRequest>> matches =
      MergeMatches({root.match().begin(), root.match().end()},
                   {delegate.match().begin(), delegate.match().end()});
  if (!matches.has_value()) return std::nullopt;
  HTTPRoute merged = delegate;
  merged.clear_match();
  for (HTTPMatchRequest& match : *matches) *merged.add_match() = std::move(match);
  if (merged.name().empty()) {
    merged.set_name(root.name());
  } else if (!root.name().empty()) {
    merged.set_name(absl::StrCat(root.name(), "-", delegate.name()));
  }
  if (!merged.has_rewrite() && root.has_rewrite()) *merged.mutable_rewrite() = root.rewrite();
  if (!merged.has_timeout() && root.has_timeout()) *merged.mutable_timeout() = root.timeout();
  if (!merged.has_retries() && root.has_retries()) *merged.mutable_retries() = root.retries();
  if (!merged.has_fault() && root.has_fault()) *merged.mutable_fault() = root.fault();
  if (!merged.has_mirror() && root.has_mirror()) *merged.mutable_mirror() = root.mirror();
  if (!merged.has_mirror_percent() && root.has_mirror_percent()) {
    *merged.mutable_mirror_percent() = root.mirror_percent();
  }
  if (!merged.has_mirror_percentage() && root.has_mirror_percentage()) {
    *merged.mutable_mirror_percentage() = root.mirror_percentage();
  }
  if (!merged.has_cors_policy() && root.has_cors_policy()) {
    *merged.mutable_cors_policy() = root.cors_policy();
  }
  if (!merged.has_headers()) {
    if (root.has_headers()) *merged.mutable_headers() = root.headers();
  } else if (root.has_headers()) {
    if (root.headers().has_request()) {
      MergeOperations(root.headers().request(), merged.mutable_headers()->mutable_request());
    }
    if (root.headers().has_response()) {
      MergeOperations(root.headers().response(), merged.mutable_headers()->mutable_response());
    }
  }
  return merged;
}

}  // namespace mesh::translate
