// The destinations of a VirtualService. Private to this folder.
#ifndef MESH_ANALYSIS_CHECKS_DESTINATIONS_H_
#define MESH_ANALYSIS_CHECKS_DESTINATIONS_H_

#include <string>
#include <string_view>

#include "api/networking/v1alpha3/virtual_service.pb.h"
#include "mesh/config/field_path.h"

namespace mesh::analysis {

// Where a destination stands: "spec.http[1].route[0].destination". Made to text when it is asked
// for, as most are fine.
class DestinationPath {
 public:
  // Of spec.PROTOCOL[rule], and in it LIST[index]; the rule's mirror for "mirror".
  DestinationPath(const char* protocol, int rule, const char* list, int index)
      : protocol_(protocol), rule_(rule), list_(list), index_(index) {}

  operator std::string() const {
    const std::string rule = config::IndexPath(std::string("spec.") + protocol_, rule_) + ".";
    if (index_ < 0) return rule + list_;
    return config::IndexPath(rule + list_, index_) + ".destination";
  }
  friend std::string operator+(const DestinationPath& path, const char* field) {
    return std::string(path) + field;
  }

 private:
  const char* protocol_;
  int rule_;
  const char* list_;
  int index_;
};

// Whether a Gateway of this name, with or without its namespace, is one that Istio makes out of a
// Kubernetes Gateway.
bool IsMadeByIstio(std::string_view gateway);

// Calls f(destination, path, mirror) for all destinations of a VirtualService, in order.
template <class F>
void ForEachDestination(const istio::networking::v1alpha3::VirtualService& spec, F f) {
  for (int h = 0; h < spec.http_size(); ++h) {
    const auto& http = spec.http(h);
    for (int r = 0; r < http.route_size(); ++r) {
      f(http.route(r).destination(), DestinationPath("http", h, "route", r), false);
    }
    if (http.has_mirror()) f(http.mirror(), DestinationPath("http", h, "mirror", -1), true);
    for (int m = 0; m < http.mirrors_size(); ++m) {
      f(http.mirrors(m).destination(), DestinationPath("http", h, "mirrors", m), true);
    }
  }
  for (int t = 0; t < spec.tcp_size(); ++t) {
    for (int r = 0; r < spec.tcp(t).route_size(); ++r) {
      f(spec.tcp(t).route(r).destination(), DestinationPath("tcp", t, "route", r), false);
    }
  }
  for (int t = 0; t < spec.tls_size(); ++t) {
    for (int r = 0; r < spec.tls(t).route_size(); ++r) {
      f(spec.tls(t).route(r).destination(), DestinationPath("tls", t, "route", r), false);
    }
  }
}

}  // namespace mesh::analysis

#endif  // MESH_ANALYSIS_CHECKS_DESTINATIONS_H_
