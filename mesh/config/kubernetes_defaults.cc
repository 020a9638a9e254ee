#include "mesh/config/kubernetes_defaults.h"

#include "api/kubernetes/v1/kubernetes.pb.h"

namespace mesh::config {
namespace {

namespace kube = ::mesh::kubernetes::v1;

void Apply(kube::Service* service) {
  kube::ServiceSpec* spec = service->mutable_spec();
  if (spec->type().empty()) spec->set_type("ClusterIP");
  for (kube::ServicePort& port : *spec->mutable_ports()) {
    if (port.protocol().empty()) port.set_protocol("TCP");
    if (port.target_port().value_case() == kube::IntOrString::VALUE_NOT_SET) {
      port.mutable_target_port()->set_number(port.port());
    }
  }
}

void Apply(kube::PodSpec* spec) {
  if (spec->service_account_name().empty()) {
    spec->set_service_account_name(spec->service_account().empty() ? "default"
                                                                   : spec->service_account());
  }
  for (kube::Container& container : *spec->mutable_containers()) {
    for (kube::ContainerPort& port : *container.mutable_ports()) {
      if (port.protocol().empty()) port.set_protocol("TCP");
    }
  }
}

void Apply(kube::Deployment* deployment) {
  if (!deployment->spec().has_replicas()) deployment->mutable_spec()->set_replicas(1);
  Apply(deployment->mutable_spec()->mutable_template_()->mutable_spec());
}

void Apply(kube::Endpoints* endpoints) {
  for (kube::EndpointSubset& subset : *endpoints->mutable_subsets()) {
    for (kube::EndpointPort& port : *subset.mutable_ports()) {
      if (port.protocol().empty()) port.set_protocol("TCP");
    }
  }
}

void Apply(kube::EndpointSlice* slice) {
  for (kube::EndpointPort& port : *slice->mutable_ports()) {
    if (port.protocol().empty()) port.set_protocol("TCP");
  }
  for (kube::Endpoint& endpoint : *slice->mutable_endpoints()) {
    kube::EndpointConditions* conditions = endpoint.mutable_conditions();
    if (!conditions->has_ready()) conditions->set_ready(true);
    if (!conditions->has_serving()) conditions->set_serving(conditions->ready());
    if (!conditions->has_terminating()) conditions->set_terminating(false);
  }
}

template <class M>
M* Cast(google::protobuf::Message* object) {
  return google::protobuf::DynamicCastToGenerated<M>(object);
}

}  // namespace

void ApplyKubernetesDefaults(Kind kind, google::protobuf::Message* object) {
  switch (kind) {
    case Kind::kService:
      return Apply(Cast<kube::Service>(object));
    case Kind::kPod:
      return Apply(Cast<kube::Pod>(object)->mutable_spec());
    case Kind::kDeployment:
      return Apply(Cast<kube::Deployment>(object));
    case Kind::kEndpoints:
      return Apply(Cast<kube::Endpoints>(object));
    case Kind::kEndpointSlice:
      return Apply(Cast<kube::EndpointSlice>(object));
    default:
      return;
  }
}

}  // namespace mesh::config
