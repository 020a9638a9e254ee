// The destinations of a VirtualService. Private to this folder.
#ifndef MESH_ANALYSIS_CHECKS_DESTINATIONS_H_
#define MESH_ANALYSIS_CHECKS_DESTINATIONS_H_

#include <string>
#include <string_view>

#include "api/networking/v1alpha3/virtual_service.pb.h"
#include "mesh/config/field_path.h"

namespace mesh::analysis {

// Whether a Gateway of this name, with or without its namespace, is one that Istio makes out of a
// Kubernetes Gateway.
bool IsMadeByIstio(std::string_view gateway);

// Calls f(destination, path, mirror) for all destinations of a VirtualService, in order.
template <class F>
void ForEachDestination(const istio::networking::v1alpha3::VirtualService& spec, F f) {
  for (int h = 0; h < spec.http_size(); ++h) {
    const auto& http = spec.http(h);
    const std::string rule = config::IndexPath("spec.http", h);
    for (int r = 0; r < http.route_size(); ++r) {
      f(http.route(r).destination(), config::IndexPath(rule + ".route", r) + ".destination", false);
    }
    if (http.has_mirror()) f(http.mirror(), rule + ".mirror", true);
    for (int m = 0; m < http.mirrors_size(); ++m) {
      f(http.mirrors(m).destination(), config::IndexPath(rule + ".mirrors", m) + ".destination",
        true);
    }
  }
  for (int t = 0; t < spec.tcp_size(); ++t) {
    for (int r = 0; r < spec.tcp(t).route_size(); ++r) {
      f(spec.tcp(t).route(r).destination(),
        config::IndexPath(config::IndexPath("spec.tcp", t) + ".route", r) + ".destination", false);
    }
  }
  for (int t = 0; t < spec.tls_size(); ++t) {
    for (int r = 0; r < spec.tls(t).route_size(); ++r) {
      f(spec.tls(t).route(r).destination(),
        config::IndexPath(config::IndexPath("spec.tls", t) + ".route", r) + ".destination", false);
    }
  }
}

}  // namespace mesh::analysis

#endif  // MESH_ANALYSIS_CHECKS_DESTINATIONS_H_
