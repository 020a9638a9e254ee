#include "mesh/translate/peer_authentication.h"

#include <optional>

#include "api/security/v1beta1/peer_authentication.pb.h"
#include "mesh/registry/registry.h"
#include "mesh/translate/virtual_services.h"

namespace mesh::translate {
namespace {

using ::istio::security::v1beta1::PeerAuthentication;

std::optional<MutualTls> Mode(const PeerAuthentication::MutualTLS& mtls) {
  switch (mtls.mode()) {
    case PeerAuthentication::MutualTLS::DISABLE:
      return MutualTls::kDisable;
    case PeerAuthentication::MutualTLS::PERMISSIVE:
      return MutualTls::kPermissive;
    case PeerAuthentication::MutualTLS::STRICT:
      return MutualTls::kStrict;
    default:
      return std::nullopt;
  }
}

}  // namespace

PeerAuthentications::PeerAuthentications(absl::Span<const config::ResourcePtr> resources,
                                         std::string_view root_namespace) {
  for (const config::ResourcePtr& resource : ByAge(resources)) {
    const auto& spec = resource->As<PeerAuthentication>();
    if (!spec.selector().match_labels().empty()) {
      workloads_[resource->ns()].push_back(resource);
    } else if (resource->ns() == root_namespace) {
      if (mesh_ == nullptr) mesh_ = resource;
    } else {
      namespaces_.emplace(resource->ns(), resource);
    }
  }
}

MutualTls PeerAuthentications::OfNamespace(std::string_view ns) const {
  if (const auto it = namespaces_.find(ns); it != namespaces_.end()) {
    if (const auto mode = Mode(it->second->As<PeerAuthentication>().mtls())) return *mode;
  }
  if (mesh_ != nullptr) {
    if (const auto mode = Mode(mesh_->As<PeerAuthentication>().mtls())) return *mode;
  }
  return MutualTls::kPermissive;
}

MutualTls PeerAuthentications::OfWorkload(std::string_view ns,
                                          const std::map<std::string, std::string>& labels,
                                          uint32_t port) const {
  if (const auto it = workloads_.find(ns); it != workloads_.end()) {
    for (const config::ResourcePtr& resource : it->second) {
      const auto& spec = resource->As<PeerAuthentication>();
      const auto& selector = spec.selector().match_labels();
      if (!registry::Selects({selector.begin(), selector.end()}, labels)) continue;
      if (const auto of_port = spec.port_level_mtls().find(port);
          port != 0 && of_port != spec.port_level_mtls().end()) {
        if (const auto mode = Mode(of_port->second)) return *mode;
      }
      if (const auto mode = Mode(spec.mtls())) return *mode;
      break;
    }
  }
  return OfNamespace(ns);
}

}  // namespace mesh::translate
