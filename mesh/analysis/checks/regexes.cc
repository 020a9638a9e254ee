// Regular expressions of VirtualServices that RE2 does not take.
#include <map>
#include <string>

#include "absl/strings/str_cat.h"
#include "api/networking/v1alpha3/virtual_service.pb.h"
#include "mesh/analysis/checks/checks.h"
#include "mesh/config/field_path.h"
#include "re2/re2.h"

namespace mesh::analysis {
namespace {

using config::IndexPath;
using config::KeyPath;
using istio::networking::v1alpha3::StringMatch;
using istio::networking::v1alpha3::VirtualService;

class Regexes {
 public:
  Regexes(const config::Resource& object, Findings* findings)
      : object_(object), findings_(findings) {}

  void Check(const StringMatch& match, const std::string& path) {
    if (match.match_type_case() != StringMatch::kRegex) return;
    const RE2 regex(match.regex(), RE2::Quiet);
    if (regex.ok()) return;
    Report("IST0122", object_, path + ".regex",
           absl::StrCat("\"", match.regex(), "\" is no regular expression: ", regex.error()),
           "write it in RE2's syntax (https://github.com/google/re2/wiki/Syntax)", findings_);
  }
  template <class Map>
  void CheckAll(const Map& matches, const std::string& path) {
    const std::map<std::string, StringMatch> sorted(matches.begin(), matches.end());
    for (const auto& [key, match] : sorted) Check(match, KeyPath(path, key));
  }

 private:
  const config::Resource& object_;
  Findings* findings_;
};

}  // namespace

void CheckRegexes(const Facts& facts, Findings* findings) {
  for (const config::ResourcePtr& service : facts.snapshot().List(config::Kind::kVirtualService)) {
    const auto& spec = service->As<VirtualService>();
    Regexes regexes(*service, findings);
    for (int h = 0; h < spec.http_size(); ++h) {
      const std::string rule = IndexPath("spec.http", h);
      for (int m = 0; m < spec.http(h).match_size(); ++m) {
        const auto& match = spec.http(h).match(m);
        const std::string path = IndexPath(rule + ".match", m);
        regexes.Check(match.uri(), path + ".uri");
        regexes.Check(match.scheme(), path + ".scheme");
        regexes.Check(match.method(), path + ".method");
        regexes.Check(match.authority(), path + ".authority");
        regexes.CheckAll(match.headers(), path + ".headers");
        regexes.CheckAll(match.query_params(), path + ".queryParams");
        regexes.CheckAll(match.without_headers(), path + ".withoutHeaders");
      }
      const auto& origins = spec.http(h).cors_policy().allow_origins();
      for (int o = 0; o < origins.size(); ++o) {
        regexes.Check(origins[o], IndexPath(rule + ".corsPolicy.allowOrigins", o));
      }
    }
  }
}

}  // namespace mesh::analysis
