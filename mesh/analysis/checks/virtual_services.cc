// What VirtualServices refer to: gateways, hosts, ports, subsets.
#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "api/networking/v1alpha3/virtual_service.pb.h"
#include "mesh/analysis/checks/checks.h"
#include "mesh/config/field_path.h"

namespace mesh::analysis {
namespace {

namespace net = ::istio::networking::v1alpha3;
using config::IndexPath;
using config::Kind;

// Calls f(destination, path, mirror) for all destinations of a VirtualService, in order.
template <class F>
void ForEachDestination(const net::VirtualService& spec, F f) {
  for (int h = 0; h < spec.http_size(); ++h) {
    const auto& http = spec.http(h);
    const std::string rule = IndexPath("spec.http", h);
    for (int r = 0; r < http.route_size(); ++r) {
      f(http.route(r).destination(), IndexPath(rule + ".route", r) + ".destination", false);
    }
    if (http.has_mirror()) f(http.mirror(), rule + ".mirror", true);
    for (int m = 0; m < http.mirrors_size(); ++m) {
      f(http.mirrors(m).destination(), IndexPath(rule + ".mirrors", m) + ".destination", true);
    }
  }
  for (int t = 0; t < spec.tcp_size(); ++t) {
    for (int r = 0; r < spec.tcp(t).route_size(); ++r) {
      f(spec.tcp(t).route(r).destination(),
        IndexPath(IndexPath("spec.tcp", t) + ".route", r) + ".destination", false);
    }
  }
  for (int t = 0; t < spec.tls_size(); ++t) {
    for (int r = 0; r < spec.tls(t).route_size(); ++r) {
      f(spec.tls(t).route(r).destination(),
        IndexPath(IndexPath("spec.tls", t) + ".route", r) + ".destination", false);
    }
  }
}

}  // namespace

void CheckVirtualServiceGateways(const Facts& facts, Findings* findings) {
  for (const config::ResourcePtr& service : facts.snapshot().List(Kind::kVirtualService)) {
    const auto& spec = service->As<net::VirtualService>();
    for (int i = 0; i < spec.gateways_size(); ++i) {
      const std::string& gateway = spec.gateways(i);
      if (gateway == "mesh") continue;
      const size_t slash = gateway.find('/');
      const std::string ns = slash == std::string::npos ? service->ns() : gateway.substr(0, slash);
      const std::string name = slash == std::string::npos ? gateway : gateway.substr(slash + 1);
      if (facts.snapshot().Find(Kind::kGateway, ns, name) != nullptr) continue;
      Report("IST0101", *service, IndexPath("spec.gateways", i),
             absl::StrCat("there is no gateway \"", name, "\" in namespace \"", ns, "\""),
             "correct the name; a gateway of another namespace is written namespace/name",
             findings);
    }
  }
}

void CheckVirtualServiceHosts(const Facts& facts, Findings* findings) {
  for (const config::ResourcePtr& service : facts.snapshot().List(Kind::kVirtualService)) {
    ForEachDestination(service->As<net::VirtualService>(), [&](const net::Destination& destination,
                                                               const std::string& path,
                                                               bool mirror) {
      const std::string to = mirror ? "mirror host" : "host";
      const Host* host = facts.FindHost(service->ns(), destination.host());
      if (host == nullptr) {
        Report("IST0101", *service, path + ".host",
               absl::StrCat("the ", to, " \"", destination.host(),
                            "\" is no service that namespace \"", service->ns(),
                            "\" can see: requests get 503"),
               "correct the name, or create the Service or ServiceEntry; a service of another "
               "namespace needs its full name",
               findings);
        return;
      }
      if (!destination.has_port()) {
        if (host->ports.size() > 1) {
          Report(
              "IST0112", *service, path,
              absl::StrCat("the ", to, " \"", destination.host(), "\" has several ports (",
                           absl::StrJoin(host->ports, ", "), "), and the destination names none"),
              absl::StrCat("write port: {number: ", host->ports.front(), "}"), findings);
        }
        return;
      }
      for (uint32_t port : host->ports) {
        if (port == destination.port().number()) return;
      }
      Report("IST0101", *service, path + ".port.number",
             absl::StrCat("the ", to, " \"", destination.host(), "\" has no port ",
                          destination.port().number()),
             absl::StrCat("write one of its ports: ", absl::StrJoin(host->ports, ", ")), findings);
    });
  }
}

void CheckVirtualServiceSubsets(const Facts& facts, Findings* findings) {
  for (const config::ResourcePtr& service : facts.snapshot().List(Kind::kVirtualService)) {
    ForEachDestination(
        service->As<net::VirtualService>(),
        [&](const net::Destination& destination, const std::string& path, bool mirror) {
          if (destination.subset().empty() ||
              facts.HasSubset(FullHost(service->ns(), destination.host()), destination.subset())) {
            return;
          }
          Report("IST0101", *service, path + ".subset",
                 absl::StrCat("no DestinationRule gives the ", mirror ? "mirror host" : "host",
                              " \"", destination.host(), "\" a subset \"", destination.subset(),
                              "\": requests get 503"),
                 "correct the name, or add the subset to the host's DestinationRule", findings);
        });
  }
}

}  // namespace mesh::analysis
