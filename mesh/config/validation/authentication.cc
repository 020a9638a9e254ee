#include <algorithm>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "mesh/config/validation/kinds.h"
#include "mesh/config/validation/parts.h"
#include "mesh/config/validation/values.h"

namespace mesh::config {

namespace sec = ::istio::security::v1beta1;

namespace {

bool IsPlainHeader(const std::string& name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](unsigned char c) {
    return absl::ascii_isalnum(c) || c == '-' || c == '_';
  });
}

}  // namespace

void CheckPeerAuthentication(Checker* checker, const Path& path,
                             const sec::PeerAuthentication& policy) {
  const Path ports = path.Field("portLevelMtls");
  if (policy.selector().match_labels().empty() && !policy.port_level_mtls().empty()) {
    checker->Fail(ports,
                  "needs a selector: a policy of a whole namespace knows no ports of a workload");
  }
  if (policy.port_level_mtls().empty() && checker->IsWritten(ports)) {
    checker->Fail(ports, "is empty; name a port or leave it out");
  }
  if (policy.port_level_mtls().count(0) > 0) checker->Fail(ports.Key("0"), "port 0 is no port");
  CheckSelector(checker, path.Field("selector"), policy.selector());
}

void CheckRequestAuthentication(Checker* checker, const Path& path,
                                const sec::RequestAuthentication& policy) {
  CheckSelector(checker, path.Field("selector"), policy.selector());
  CheckTargets(checker, path, policy);
  for (int i = 0; i < policy.jwt_rules_size(); ++i) {
    const sec::JWTRule& rule = policy.jwt_rules(i);
    const Path list = path.Field("jwtRules");
    const Path at = list.At(i);
    if (rule.issuer().empty()) checker->Fail(at, "issuer is missing");
    for (int k = 0; k < rule.audiences_size(); ++k) {
      const Path audiences = at.Field("audiences");
      if (rule.audiences(k).empty()) checker->Fail(audiences.At(k), "is empty");
    }
    if (!rule.jwks_uri().empty())
      checker->Check(at.Field("jwksUri"), CheckHttpUrl(rule.jwks_uri()));
    for (int k = 0; k < rule.from_headers_size(); ++k) {
      const Path headers = at.Field("fromHeaders");
      if (rule.from_headers(k).name().empty()) {
        checker->Fail(headers.At(k), "the header needs a name");
      }
    }
    for (int k = 0; k < rule.from_params_size(); ++k) {
      const Path params = at.Field("fromParams");
      if (rule.from_params(k).empty()) checker->Fail(params.At(k), "is empty");
    }
    for (int k = 0; k < rule.from_cookies_size(); ++k) {
      const Path cookies = at.Field("fromCookies");
      if (rule.from_cookies(k).empty()) checker->Fail(cookies.At(k), "is empty");
    }
    for (int k = 0; k < rule.output_claim_to_headers_size(); ++k) {
      const Path outputs = at.Field("outputClaimToHeaders");
      const Path output = outputs.At(k);
      if (rule.output_claim_to_headers(k).claim().empty()) {
        checker->Fail(output, "claim is missing");
      }
      if (!IsPlainHeader(rule.output_claim_to_headers(k).header())) {
        checker->Fail(output.Field("header"), "is no header's name: letters, digits, - and _");
      }
    }
    if (rule.has_timeout()) checker->Check(at.Field("timeout"), CheckDuration(rule.timeout()));
  }
}

}  // namespace mesh::config
