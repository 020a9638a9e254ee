#include "mesh/tls/spiffe.h"

#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "mesh/base/strings.h"

namespace mesh::tls {
namespace {

constexpr std::string_view kScheme = "spiffe://";

bool TrustDomainByte(char c) {
  return absl::ascii_islower(c) || absl::ascii_isdigit(c) || c == '.' || c == '-' || c == '_';
}
bool PathByte(char c) { return absl::ascii_isalnum(c) || c == '.' || c == '-' || c == '_'; }

absl::Status Wrong(std::string_view uri, std::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat("\"", absl::CHexEscape(Absl(uri.substr(0, 200))),
                                                 "\" is no SPIFFE id: ", Absl(why)));
}

// The two names of /ns/NAMESPACE/sa/ACCOUNT, or two empty ones.
std::pair<std::string_view, std::string_view> WorkloadParts(std::string_view path) {
  if (path.substr(0, 4) != "/ns/") return {};
  path.remove_prefix(4);
  const size_t slash = path.find('/');
  if (slash == path.npos || path.substr(slash, 4) != "/sa/") return {};
  const std::string_view account = path.substr(slash + 4);
  if (account.find('/') != account.npos) return {};
  return {path.substr(0, slash), account};
}

}  // namespace

absl::StatusOr<SpiffeId> SpiffeId::Parse(std::string_view uri) {
  if (uri.size() > 2048) return Wrong(uri, "longer than 2048 bytes");
  if (uri.substr(0, kScheme.size()) != kScheme) return Wrong(uri, "it begins with spiffe://");
  const std::string_view rest = uri.substr(kScheme.size());
  const std::string_view domain = rest.substr(0, rest.find('/'));
  const std::string_view path = rest.substr(domain.size());
  if (domain.empty()) return Wrong(uri, "no trust domain");
  if (domain.size() > 255) return Wrong(uri, "the trust domain is longer than 255 bytes");
  for (char c : domain) {
    if (!TrustDomainByte(c)) {
      return Wrong(uri, "a trust domain is made of a-z, 0-9, '.', '-' and '_'");
    }
  }
  if (!path.empty()) {
    for (absl::string_view segment : absl::StrSplit(Absl(path.substr(1)), '/')) {
      if (segment.empty()) return Wrong(uri, "an empty path segment");
      if (segment == "." || segment == "..") return Wrong(uri, "a path segment of dots");
      for (char c : segment) {
        if (!PathByte(c)) {
          return Wrong(uri, "a path segment is made of letters, digits, '.', '-' and '_'");
        }
      }
    }
  }
  return SpiffeId(std::string(domain), std::string(path));
}

absl::StatusOr<SpiffeId> SpiffeId::Workload(std::string_view trust_domain, std::string_view ns,
                                            std::string_view service_account) {
  auto id = Parse(absl::StrCat("spiffe://", Absl(trust_domain), "/ns/", Absl(ns), "/sa/",
                               Absl(service_account)));
  if (!id.ok()) return id;
  // A slash in one of the names would make another identity of it.
  if (id->trust_domain() != trust_domain || id->ns() != ns ||
      id->service_account() != service_account) {
    return Wrong(id->ToString(), "a name holds a slash");
  }
  return id;
}

std::string_view SpiffeId::ns() const { return WorkloadParts(path_).first; }
std::string_view SpiffeId::service_account() const { return WorkloadParts(path_).second; }

}  // namespace mesh::tls
