#include "mesh/discovery/authority_pages.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "mesh/base/strings.h"
#include "mesh/ca/lifetime.h"
#include "mesh/ca/service/secrets.h"
#include "mesh/discovery/views.h"
#include "nlohmann/json.hpp"

namespace mesh::discovery {
namespace {

using Json = nlohmann::ordered_json;

std::string Text(const Json& json) {
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string TimeText(absl::Time time) {
  return absl::FormatTime(absl::RFC3339_sec, time, absl::UTCTimeZone());
}

Json CertificateJson(const tls::Certificate& certificate, absl::Time now) {
  return {{"subject", certificate.subject()},
          {"serial", certificate.serial()},
          {"not_before", TimeText(certificate.not_before())},
          {"not_after", TimeText(certificate.not_after())},
          {"expires", ca::InWords(certificate.not_after(), now)},
          {"fingerprint", certificate.Fingerprint()},
          {"pem", certificate.ToPem()}};
}

void AddSecret(const std::string& name, const char* type, const tls::Certificate& certificate,
               absl::Time now, Json* page) {
  const auto identity = certificate.SpiffeIdentity();
  Json row = {{"name", name},
              {"type", type},
              {"valid", certificate.not_before() <= now && now < certificate.not_after()},
              {"identity", identity.ok() ? identity->ToString() : ""}};
  row.update(CertificateJson(certificate, now));
  page->push_back(std::move(row));
}

// What stands in what may be shown of a gateway's secret.
void AddSent(const xds::EncodedResource& resource, absl::Time now, Json* page) {
  ca::Secret secret;
  if (!secret.ParseFromString(TranslatedOf(resource).bytes)) return;
  const bool roots = secret.has_validation_context();
  const auto certificates = tls::Certificate::ListFromPem(
      roots ? secret.validation_context().trusted_ca().inline_bytes()
            : secret.tls_certificate().certificate_chain().inline_bytes());
  if (!certificates.ok()) return;
  for (const tls::Certificate& certificate : *certificates) {
    AddSecret(resource.name(), roots ? "roots" : "certificate", certificate, now, page);
    if (!roots) return;
  }
}

}  // namespace

std::string AuthorityPage(const Authority& authority, const std::vector<std::string>& nodes,
                          absl::Time now) {
  const Authority::Rotation rotation = authority.rotation();
  const std::vector<Authority::Holding> holdings = authority.Holdings(nodes);
  std::vector<ca::ProxyProof> proofs;
  for (const Authority::Holding& holding : holdings) proofs.push_back(holding.proof);
  std::map<std::string, std::string> blockers;
  for (ca::NotReady& blocker : ca::BlockersOfNextPhase(rotation.state, proofs)) {
    blockers[blocker.proxy] = std::move(blocker.why);
  }
  Json roots = Json::array(), proxies = Json::array();
  for (const tls::Certificate& root : authority.bundle()->roots) {
    roots.push_back(CertificateJson(root, now));
  }
  for (const Authority::Holding& holding : holdings) {
    const auto blocker = blockers.find(holding.proof.proxy);
    proxies.push_back(
        {{"proxy", holding.proof.proxy},
         {"ready", blocker == blockers.end()},
         {"why", blocker == blockers.end() ? "" : blocker->second},
         {"leaf_root", holding.proof.leaf_root},
         {"trusted_roots", holding.proof.trusted_roots},
         {"not_after", holding.chain.empty() ? "" : TimeText(holding.chain.front().not_after())},
         {"expires",
          holding.chain.empty() ? "" : ca::InWords(holding.chain.front().not_after(), now)}});
  }
  return Text(Json{{"trust_domain", authority.trust_domain()},
                   {"rotation",
                    {{"possible", rotation.possible},
                     {"phase", ca::RotationPhaseName(rotation.state.phase)},
                     {"root", rotation.state.root},
                     {"new_root", rotation.state.new_root},
                     {"plan", ca::RotationPlan(rotation.state, proofs)}}},
                   {"roots", std::move(roots)},
                   {"proxies", std::move(proxies)},
                   {"alarms", authority.Alarms()}});
}

bool SecretsPage(const std::vector<xds::PeerStatus>& peers, const LastSent& sent,
                 const Authority* authority, std::string_view proxy, absl::Time now,
                 std::string* page) {
  std::vector<std::string> connected;
  Json rows = Json::array();
  bool found = false;
  for (const xds::PeerStatus& peer : peers) {
    connected.push_back(ProxyName(peer.peer.node));
    if (connected.back() != proxy) continue;
    found = true;
    for (const auto& resource : sent(peer.peer.node.id(), xds::Type::kSecret).resources) {
      AddSent(*resource, now, &rows);
    }
  }
  if (authority != nullptr) {
    for (const Authority::Holding& holding : authority->Holdings({})) {
      connected.push_back(holding.proof.proxy);
      if (holding.proof.proxy != proxy) continue;
      found = true;
      if (!holding.chain.empty()) {
        AddSecret(std::string(ca::kWorkloadSecret), "certificate", holding.chain.front(), now,
                  &rows);
      }
      for (const tls::Certificate& root : holding.roots) {
        AddSecret(std::string(ca::kRootsSecret), "roots", root, now, &rows);
      }
    }
  }
  if (found) {
    *page = Text(rows);
    return true;
  }
  std::sort(connected.begin(), connected.end());
  connected.erase(std::unique(connected.begin(), connected.end()), connected.end());
  *page = absl::StrCat(
      proxy.empty() ? "add ?proxyID=POD.NAMESPACE"
                    : absl::StrCat("no proxy \"", Absl(proxy), "\" is connected"),
      "; connected are: ", connected.empty() ? "none" : absl::StrJoin(connected, " "), "\n");
  return false;
}

}  // namespace mesh::discovery
