#include "mesh/translate/rule_findings.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "mesh/translate/route_match.h"

namespace mesh::translate {
namespace {

namespace networking = ::istio::networking::v1alpha3;
using networking::HTTPMatchRequest;
using networking::StringMatch;

// Whether a condition is the same for every proxy.
bool ForEveryProxy(const HTTPMatchRequest& match) {
  return match.port() == 0 && match.gateways().empty() && match.source_labels().empty() &&
         match.source_namespace().empty();
}

class RuleReader {
 public:
  RuleReader(const VirtualService& virtual_service, int rule, std::vector<Finding>* findings)
      : virtual_service_(virtual_service),
        rule_(virtual_service.spec.http(rule)),
        index_(rule),
        findings_(findings) {}

  // False: the rule is left out.
  bool Read() {
    for (int i = 0; i < rule_.match_size(); ++i) ReadMatch(i);
    if (rule_.has_redirect()) {
      const uint32_t code = rule_.redirect().redirect_code();
      if (!IsRedirectCode(code)) {
        Report("MSH0109", ".redirect.redirectCode",
               absl::StrCat(code,
                            " cannot be sent: want 301, 302, 303, 307 or 308; the rule is "
                            "left out"));
        return false;
      }
    } else if (!rule_.has_direct_response() && !HasDestination(rule_)) {
      Report(
          "MSH0117", "",
          "has no destination with a weight, no redirect and no directResponse; the rule is left "
          "out");
      return false;
    }
    ReadFault();
    return true;
  }

 private:
  void Report(const char* code, const std::string& field, std::string message) {
    const VirtualService::Rule rule = virtual_service_.RuleAt(index_);
    findings_->push_back({code, OriginIn(*rule.source, rule.field + field), std::move(message)});
  }

  void ReadMatch(int match) {
    const HTTPMatchRequest& condition = rule_.match(match);
    const std::map<std::string, StringMatch> sorted(condition.query_params().begin(),
                                                    condition.query_params().end());
    for (const auto& [name, value] : sorted) {
      if (value.match_type_case() != StringMatch::kPrefix) continue;
      Report("MSH0107", absl::StrCat(".match[", match, "].queryParams.", name),
             "a prefix is not looked at: any value matches; write a regex");
    }
    if (!rule_.has_redirect() && !rule_.rewrite().uri().empty() &&
        condition.uri().match_type_case() == StringMatch::kRegex) {
      Report("MSH0112", ".rewrite.uri",
             "of a regex match: Envoy puts it in front of the whole path; match a prefix instead");
    }
  }

  void ReadFault() {
    const auto& fault = rule_.fault();
    if (fault.has_delay() && !fault.delay().has_percentage() && fault.delay().percent() == 0) {
      Report("MSH0108", ".fault.delay",
             "delays no request, as no percentage is given; write percentage: {value: 100}");
    }
    if (fault.has_abort() && !fault.abort().has_percentage()) {
      Report("MSH0108", ".fault.abort",
             "aborts no request, as no percentage is given; write percentage: {value: 100}");
    }
  }

  const VirtualService& virtual_service_;
  const networking::HTTPRoute& rule_;
  const int index_;
  std::vector<Finding>* const findings_;
};

}  // namespace

bool IsRedirectCode(uint32_t code) {
  return code == 0 || code == 301 || code == 302 || code == 303 || code == 307 || code == 308;
}

bool HasDestination(const networking::HTTPRoute& rule) {
  return rule.route_size() == 1 || std::any_of(rule.route().begin(), rule.route().end(),
                                               [](const auto& part) { return part.weight() > 0; });
}

void FindInRules(const VirtualService& virtual_service, std::vector<Finding>* findings) {
  const networking::VirtualService& spec = virtual_service.spec;
  for (int i = 0; i < spec.http_size(); ++i) {
    if (!RuleReader(virtual_service, i, findings).Read()) continue;
    // The condition that always holds, -1 where the rule has none at all.
    int everything = -1;
    bool catches_all = spec.http(i).match().empty();
    for (int j = 0; j < spec.http(i).match_size() && !catches_all; ++j) {
      if (!MatchesEverything(spec.http(i).match(j)) || !ForEveryProxy(spec.http(i).match(j))) {
        continue;
      }
      catches_all = true;
      everything = j;
    }
    if (!catches_all) continue;
    const Origin catch_all = everything < 0 ? virtual_service.OriginOfRule(i)
                                            : virtual_service.OriginOfMatch(i, everything);
    for (int rule = i + 1; rule < spec.http_size(); ++rule) {
      findings->push_back({"MSH0101", virtual_service.OriginOfRule(rule),
                           absl::StrCat("is left out: ", catch_all.object, " ", catch_all.field,
                                        " before it takes every request")});
    }
    return;
  }
}

}  // namespace mesh::translate
