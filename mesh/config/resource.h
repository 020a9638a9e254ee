// One object of the configuration: typed, immutable, and knowing where each of its fields stands.
#ifndef MESH_CONFIG_RESOURCE_H_
#define MESH_CONFIG_RESOURCE_H_

#include <cstdint>
#include <cstdlib>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "absl/time/time.h"
#include "google/protobuf/message.h"
#include "mesh/base/field_error.h"
#include "mesh/base/source_position.h"
#include "mesh/config/kind.h"
#include "mesh/config/positions.h"

namespace mesh::config {

// Kubernetes' meta/v1 ObjectMeta, as far as the mesh reads it.
struct Metadata {
  std::string name;
  std::string ns;  // empty for kinds without namespaces
  std::map<std::string, std::string> labels;
  std::map<std::string, std::string> annotations;
  // creationTimestamp. Where it is absent the object counts as created at time 0; never the file's
  // time. Ties are ordered by "name.namespace".
  std::optional<absl::Time> creation;
  std::string uid;
  std::string resource_version;
  struct Owner {
    std::string kind;
    std::string name;
  };
  std::vector<Owner> owners;
};

// What names an object: no two in a snapshot are equal. Ordered by kind, namespace, name.
struct Key {
  Kind kind;
  std::string ns;
  std::string name;
};
inline bool operator==(const Key& a, const Key& b) {
  return a.kind == b.kind && a.ns == b.ns && a.name == b.name;
}
inline bool operator<(const Key& a, const Key& b) {
  return std::tie(a.kind, a.ns, a.name) < std::tie(b.kind, b.ns, b.name);
}
// "VirtualService default/bookinfo"; "Namespace default" for kinds without namespaces.
std::string ObjectName(Kind kind, std::string_view ns, std::string_view name);

// Thread-safe, as it never changes. Held as ResourcePtr; whatever it returns lives as long as it.
//
//   for (const ResourcePtr& r : snapshot->List(Kind::kVirtualService)) {
//     const auto& spec = r->As<istio::networking::v1alpha3::VirtualService>();
//     if (spec.hosts().empty()) errors.push_back(r->Error("spec.hosts", "is missing"));
//   }
class Resource {
 public:
  struct Parts {
    Kind kind = Kind::kVirtualService;
    std::string api_version;  // "networking.istio.io/v1alpha3"; empty: the newest of the kind
    Metadata metadata;
    // Of the type of InfoOf(kind).prototype.
    std::shared_ptr<const google::protobuf::Message> spec;
    SourcePosition position;  // of the object's first key
    Positions positions;
  };
  explicit Resource(Parts parts) : parts_(std::move(parts)) {}
  Resource(const Resource&) = delete;
  Resource& operator=(const Resource&) = delete;

  Kind kind() const { return parts_.kind; }
  const std::string& api_version() const { return parts_.api_version; }
  const Metadata& metadata() const { return parts_.metadata; }
  const std::string& name() const { return parts_.metadata.name; }
  const std::string& ns() const { return parts_.metadata.ns; }
  Key key() const { return Key{kind(), ns(), name()}; }

  // The spec of Istio's kinds; of Kubernetes' kinds the whole object but its metadata, so that
  // their fields are at "spec.ports" in paths and in spec() alike.
  const google::protobuf::Message& spec() const { return *parts_.spec; }
  std::shared_ptr<const google::protobuf::Message> shared_spec() const { return parts_.spec; }

  // As<istio::networking::v1alpha3::VirtualService>(). Aborts for a type that is not the kind's.
  template <class M>
  const M& As() const {
    const M* typed = google::protobuf::DynamicCastToGenerated<M>(parts_.spec.get());
    if (typed == nullptr) std::abort();
    return *typed;
  }

  const SourcePosition& position() const { return parts_.position; }
  // Of the field at a path from the object's root: "spec.http[0].match[1].uri",
  // "metadata.labels.app". That of the nearest known ancestor where the path is not in the file.
  SourcePosition PositionOf(std::string_view path) const;
  const Positions& positions() const { return parts_.positions; }

  // "VirtualService default/bookinfo".
  std::string ObjectName() const;

  // An error at a field of this object.
  FieldError Error(std::string_view path, std::string message) const;

 private:
  const Parts parts_;
};

using ResourcePtr = std::shared_ptr<const Resource>;

// For code and tests that make objects without a file: MakeResource(Kind::kGateway, {"gw", "ns"},
// gateway). Positions are unknown.
ResourcePtr MakeResource(Kind kind, Metadata metadata, const google::protobuf::Message& spec);

// Whether both mean the same: kind, metadata and spec, not where they stand.
// Cost: serialises both.
bool SameContent(const Resource& a, const Resource& b);

}  // namespace mesh::config

#endif  // MESH_CONFIG_RESOURCE_H_
