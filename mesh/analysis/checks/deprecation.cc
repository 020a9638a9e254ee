// Fields and kinds that Istio has replaced.
#include <string>
#include <string_view>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "api/networking/v1alpha3/sidecar.pb.h"
#include "api/networking/v1alpha3/virtual_service.pb.h"
#include "mesh/analysis/checks/checks.h"
#include "mesh/config/field_path.h"

namespace mesh::analysis {
namespace {

namespace net = ::istio::networking::v1alpha3;
using config::Kind;

// Kinds that Istio 1.7 still lists and no longer acts on.
constexpr std::string_view kKinds[] = {
    "ClusterRbacConfig",
    "MeshPolicy",
    "Policy",
    "QuotaSpec",
    "QuotaSpecBinding",
    "RbacConfig",
    "ServiceRole",
    "ServiceRoleBinding",
    "adapter",
    "attributemanifest",
    "handler",
    "instance",
    "rule",
    "template",
};

// The group of the policies that PeerAuthentication and RequestAuthentication have replaced.
constexpr char kOldAuthentication[] = "authentication.istio.io/";

void CheckOldPolicy(const UnreadObject& object, Findings* findings) {
  if (object.kind == "Policy") {
    Report("IST0120", object, object.position, "kind",
           "Policy of authentication.istio.io is ignored: it protects nothing",
           "write a PeerAuthentication for peers, a RequestAuthentication for origins", findings);
  } else if (object.kind == "MeshPolicy") {
    Report("IST0121", object, object.position, "kind",
           "MeshPolicy of authentication.istio.io is ignored: it protects nothing",
           "write a PeerAuthentication without selector in the root namespace (istio-system)",
           findings);
  }
}

}  // namespace

void CheckDeprecation(const Facts& facts, Findings* findings) {
  for (const config::ResourcePtr& service : facts.snapshot().List(Kind::kVirtualService)) {
    const auto& spec = service->As<net::VirtualService>();
    for (int i = 0; i < spec.http_size(); ++i) {
      if (spec.http(i).fault().delay().percent() <= 0) continue;
      Report(
          "IST0002", *service, config::IndexPath("spec.http", i) + ".fault.delay.percent",
          "fault.delay.percent is deprecated",
          absl::StrCat("write percentage: {value: ", spec.http(i).fault().delay().percent(), "}"),
          findings);
    }
  }
  for (const config::ResourcePtr& sidecar : facts.snapshot().List(Kind::kSidecar)) {
    const auto& spec = sidecar->As<net::Sidecar>();
    if (!spec.outbound_traffic_policy().has_egress_proxy()) continue;
    Report("IST0002", *sidecar, "spec.outboundTrafficPolicy.egressProxy",
           "outboundTrafficPolicy.egressProxy is ignored",
           "delete it; send outside traffic to an egress gateway with a VirtualService", findings);
  }
  for (const UnreadObject& object : facts.options().unread) {
    if (absl::StartsWith(object.api_version, kOldAuthentication)) {
      CheckOldPolicy(object, findings);
      continue;
    }
    for (std::string_view kind : kKinds) {
      if (kind != object.kind) continue;
      Report("IST0002", object, object.position, "kind",
             absl::StrCat("objects of kind ", object.kind, " are deprecated and ignored"),
             "delete it; security.istio.io and EnvoyFilter have what replaced it", findings);
    }
  }
}

}  // namespace mesh::analysis
