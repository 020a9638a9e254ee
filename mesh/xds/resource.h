// What an xDS server hands out: resources as bytes with names, in lists that proxies share.
//
//   auto reviews = xds::EncodedResource::Make(xds::Type::kCluster, "outbound|9080||reviews",
//                                             ContentHash(bytes), bytes);
//   auto view = std::make_shared<xds::View>();
//   view->Set(xds::Type::kCluster, xds::ResourceList::Make({reviews}));
#ifndef MESH_XDS_RESOURCE_H_
#define MESH_XDS_RESOURCE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "absl/types/span.h"
#include "grpcpp/support/slice.h"

namespace mesh::xds {

// In the order in which they are pushed: what is referred to before what refers to it. Secrets wait
// for nothing and nothing waits for them: a proxy names them once it has what refers to them.
enum class Type { kCluster, kEndpoint, kListener, kRoute, kSecret };
inline constexpr int kTypeCount = 5;
inline constexpr std::array<Type, kTypeCount> kPushOrder = {
    Type::kCluster, Type::kEndpoint, Type::kListener, Type::kRoute, Type::kSecret};

// "type.googleapis.com/envoy.config.cluster.v3.Cluster"
std::string_view TypeUrl(Type type);
// "cds", "eds", "lds", "rds", "sds"
std::string_view ShortName(Type type);
std::optional<Type> TypeFromUrl(std::string_view url);
// True of clusters and listeners: a request that names none asks for all of them. The xDS
// protocol, "How the client specifies what resources to return".
bool IsWildcardType(Type type);

// One resource, encoded once however many streams it goes to. Immutable and thread-safe; copies of
// the slice share its bytes.
class EncodedResource {
 public:
  // `message` is the resource's own serialisation (not an Any); `version` must differ when
  // `message` does. `attachment` is the maker's: kept as long as the resource, never sent.
  // Cost: one copy of `message`.
  static std::shared_ptr<const EncodedResource> Make(
      Type type, std::string name, std::string version, std::string_view message,
      std::shared_ptr<const void> attachment = nullptr);

  Type type() const { return type_; }
  const std::string& name() const { return name_; }
  const std::string& version() const { return version_; }
  // The resource's own serialisation; borrowed from this object.
  std::string_view message() const;
  // The resource as an element of DiscoveryResponse.resources, tag and length included.
  const grpc::Slice& element() const { return element_; }
  const std::shared_ptr<const void>& attachment() const { return attachment_; }

 private:
  EncodedResource(Type type, std::string name, std::string version, std::string_view message,
                  std::shared_ptr<const void> attachment);

  const Type type_;
  const std::string name_;
  const std::string version_;
  const std::shared_ptr<const void> attachment_;
  size_t message_offset_ = 0;
  grpc::Slice element_;
};
using EncodedResourcePtr = std::shared_ptr<const EncodedResource>;

// The resources of one type, sorted by name. Immutable and thread-safe; proxies with the same
// resources should share one list, whose version is then computed once.
class ResourceList {
 public:
  // Sorts; of two with the same name the first stays. All must have the same type.
  static std::shared_ptr<const ResourceList> Make(std::vector<EncodedResourcePtr> resources);
  static const std::shared_ptr<const ResourceList>& Empty();

  absl::Span<const EncodedResourcePtr> resources() const { return resources_; }
  // Null when there is none of that name. Cost: O(log n).
  std::shared_ptr<const EncodedResource> Find(std::string_view name) const;
  // A hash over names and versions: the same content has the same version in every process.
  const std::string& version() const { return version_; }
  // The version of a list of these, which are sorted by name.
  static std::string VersionOf(absl::Span<const EncodedResourcePtr> resources);
  // The sum of the elements' sizes.
  size_t size_bytes() const { return size_bytes_; }
  // All elements, one after the other: a response that holds the whole list is this one slice and
  // its head (docs/decisions/0001-ads-writes.md). Joined at the first call, then shared.
  const grpc::Slice& joined() const;

 private:
  explicit ResourceList(std::vector<EncodedResourcePtr> resources);

  std::vector<EncodedResourcePtr> resources_;
  std::string version_;
  size_t size_bytes_ = 0;
  mutable std::once_flag join_once_;
  mutable grpc::Slice joined_;
};
using ResourceListPtr = std::shared_ptr<const ResourceList>;

// Everything that one proxy may see. Built, then frozen as shared_ptr<const View>.
class View {
 public:
  View();
  void Set(Type type, ResourceListPtr list) { lists_[static_cast<int>(type)] = std::move(list); }
  const ResourceListPtr& list(Type type) const { return lists_[static_cast<int>(type)]; }

  // Counts the states of the world that views are made from; status reports which one each proxy
  // has acknowledged. Not part of any version.
  uint64_t generation = 0;
  // When that state of the world came to be, for the time to convergence.
  absl::Time since = absl::InfinitePast();

 private:
  std::array<ResourceListPtr, kTypeCount> lists_;
};
using ViewPtr = std::shared_ptr<const View>;

}  // namespace mesh::xds

#endif  // MESH_XDS_RESOURCE_H_
