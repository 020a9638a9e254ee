#include "mesh/xds/resource.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "mesh/base/content_hash.h"
#include "mesh/xds/wire.h"

namespace mesh::xds {
namespace {

struct TypeFacts {
  std::string_view url;
  std::string_view short_name;
  bool wildcard;
};

// By Type.
constexpr std::array<TypeFacts, kTypeCount> kTypes = {{
    {"type.googleapis.com/envoy.config.cluster.v3.Cluster", "cds", true},
    {"type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment", "eds", false},
    {"type.googleapis.com/envoy.config.listener.v3.Listener", "lds", true},
    {"type.googleapis.com/envoy.config.route.v3.RouteConfiguration", "rds", false},
    {"type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret", "sds", false},
}};

const TypeFacts& Facts(Type type) { return kTypes[static_cast<int>(type)]; }

}  // namespace

std::string_view TypeUrl(Type type) { return Facts(type).url; }
std::string_view ShortName(Type type) { return Facts(type).short_name; }
bool IsWildcardType(Type type) { return Facts(type).wildcard; }

std::optional<Type> TypeFromUrl(std::string_view url) {
  for (Type type : kPushOrder) {
    if (TypeUrl(type) == url) return type;
  }
  return std::nullopt;
}

EncodedResource::EncodedResource(Type type, std::string name, std::string version,
                                 std::string_view message, std::shared_ptr<const void> attachment)
    : type_(type),
      name_(std::move(name)),
      version_(std::move(version)),
      attachment_(std::move(attachment)) {
  std::string head = ResourceElementHead(TypeUrl(type), message.size());
  message_offset_ = head.size();
  grpc_slice slice = grpc_slice_malloc(head.size() + message.size());
  std::memcpy(GRPC_SLICE_START_PTR(slice), head.data(), head.size());
  if (!message.empty()) {
    std::memcpy(GRPC_SLICE_START_PTR(slice) + head.size(), message.data(), message.size());
  }
  element_ = grpc::Slice(slice, grpc::Slice::STEAL_REF);
}

EncodedResourcePtr EncodedResource::Make(Type type, std::string name, std::string version,
                                         std::string_view message,
                                         std::shared_ptr<const void> attachment) {
  return EncodedResourcePtr(new EncodedResource(type, std::move(name), std::move(version), message,
                                                std::move(attachment)));
}

std::string_view EncodedResource::message() const {
  const char* begin = reinterpret_cast<const char*>(element_.begin());
  return std::string_view(begin + message_offset_, element_.size() - message_offset_);
}

ResourceList::ResourceList(std::vector<EncodedResourcePtr> resources)
    : resources_(std::move(resources)) {
  std::stable_sort(resources_.begin(), resources_.end(),
                   [](const EncodedResourcePtr& a, const EncodedResourcePtr& b) {
                     return a->name() < b->name();
                   });
  resources_.erase(std::unique(resources_.begin(), resources_.end(),
                               [](const EncodedResourcePtr& a, const EncodedResourcePtr& b) {
                                 return a->name() == b->name();
                               }),
                   resources_.end());
  for (const EncodedResourcePtr& resource : resources_) size_bytes_ += resource->element().size();
  version_ = VersionOf(resources_);
}

std::string ResourceList::VersionOf(absl::Span<const EncodedResourcePtr> resources) {
  std::string text;
  for (const EncodedResourcePtr& resource : resources) {
    text.append(resource->name()).push_back('\0');
    text.append(resource->version()).push_back('\0');
  }
  return ContentHash(text);
}

ResourceListPtr ResourceList::Make(std::vector<EncodedResourcePtr> resources) {
  return ResourceListPtr(new ResourceList(std::move(resources)));
}

const ResourceListPtr& ResourceList::Empty() {
  static const auto* empty = new ResourceListPtr(Make({}));
  return *empty;
}

EncodedResourcePtr ResourceList::Find(std::string_view name) const {
  auto it = std::lower_bound(resources_.begin(), resources_.end(), name,
                             [](const EncodedResourcePtr& resource, std::string_view wanted) {
                               return std::string_view(resource->name()) < wanted;
                             });
  if (it == resources_.end() || (*it)->name() != name) return nullptr;
  return *it;
}

const grpc::Slice& ResourceList::joined() const {
  std::call_once(join_once_, [this] {
    grpc_slice slice = grpc_slice_malloc(size_bytes_);
    uint8_t* to = GRPC_SLICE_START_PTR(slice);
    for (const EncodedResourcePtr& resource : resources_) {
      std::memcpy(to, resource->element().begin(), resource->element().size());
      to += resource->element().size();
    }
    joined_ = grpc::Slice(slice, grpc::Slice::STEAL_REF);
  });
  return joined_;
}

View::View() { lists_.fill(ResourceList::Empty()); }

}  // namespace mesh::xds
