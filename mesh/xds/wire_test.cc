#include "mesh/xds/wire.h"

#include <string>
#include <vector>

#include "envoy/service/discovery/v3/discovery.pb.h"
#include "grpcpp/impl/codegen/proto_utils.h"
#include "gtest/gtest.h"
#include "mesh/xds/testing.h"

namespace mesh::xds {
namespace {

using envoy::service::discovery::v3::DiscoveryResponse;

DiscoveryResponse Parse(grpc::ByteBuffer buffer) {
  DiscoveryResponse response;
  EXPECT_TRUE(grpc::SerializationTraits<DiscoveryResponse>::Deserialize(&buffer, &response).ok());
  return response;
}

TEST(Wire, AResponseReadsAsProtobufWritesIt) {
  for (size_t size : {0, 1, 127, 128, 20000}) {
    const std::string content(size, 'x');
    const EncodedResourcePtr resource = EncodedResource::Make(Type::kRoute, "9080", "v", content);
    EXPECT_EQ(resource->message(), content);
    DiscoveryResponse want;
    want.set_version_info("the version");
    want.set_nonce("7-1");
    want.set_type_url(std::string(TypeUrl(Type::kRoute)));
    want.mutable_control_plane()->set_identifier("meshd");
    for (int i = 0; i < 2; ++i) {
      auto* any = want.add_resources();
      any->set_type_url(want.type_url());
      any->set_value(content);
    }
    const std::vector<EncodedResourcePtr> resources = {resource, resource};
    const DiscoveryResponse got =
        Parse(EncodeDiscoveryResponse(Type::kRoute, "the version", "7-1", "meshd", resources));
    EXPECT_EQ(got.DebugString(), want.DebugString()) << size;
  }
}

TEST(Wire, AWholeListReadsAsItsParts) {
  const ResourceListPtr list = ListOf(Type::kCluster, {{"ratings", "1"}, {"reviews", "2"}});
  EXPECT_EQ(Parse(EncodeDiscoveryResponse(Type::kCluster, "v", "n", "", *list)).DebugString(),
            Parse(EncodeDiscoveryResponse(Type::kCluster, "v", "n", "", list->resources()))
                .DebugString());
  EXPECT_EQ(Parse(EncodeDiscoveryResponse(Type::kCluster, "v", "n", "", *ResourceList::Empty()))
                .resources_size(),
            0);
}

TEST(Wire, ResponsesToManyStreamsShareTheBytesOfTheirResources) {
  const ResourceListPtr list =
      ListOf(Type::kCluster, {{"ratings", std::string(100, 'x')}, {"reviews", "2"}});
  std::vector<grpc::Slice> one, other;
  EncodeDiscoveryResponse(Type::kCluster, "v", "1-1", "", *list).Dump(&one);
  EncodeDiscoveryResponse(Type::kCluster, "v", "2-1", "", *list).Dump(&other);
  ASSERT_EQ(one.size(), 2);
  EXPECT_EQ(one[1].begin(), other[1].begin());
  EncodeDiscoveryResponse(Type::kCluster, "v", "1-1", "", list->resources()).Dump(&one);
  EncodeDiscoveryResponse(Type::kCluster, "v", "2-1", "", list->resources()).Dump(&other);
  ASSERT_EQ(one.size(), 3);
  EXPECT_EQ(one[1].begin(), other[1].begin());
  EXPECT_EQ(one[1].begin(), list->resources()[0]->element().begin());
}

TEST(Wire, TheNameOfAResourceIsItsFirstField) {
  EXPECT_EQ(FirstField(MessageOf("reviews", "1")), "reviews");
  EXPECT_EQ(FirstField(std::string_view("\x10\x96\x01\x0a\x01x", 6)), "x") << "after a number";
  EXPECT_EQ(FirstField(""), "");
  EXPECT_EQ(FirstField("\x0a\x7fx"), "") << "cut off";
  EXPECT_EQ(FirstField(std::string(20, '\xff')), "") << "garbage";
}

TEST(ResourceList, TheVersionFollowsTheContentAndNothingElse) {
  const auto one = ListOf(Type::kRoute, {{"a", "1"}, {"b", "2"}});
  EXPECT_EQ(one->version(), ListOf(Type::kRoute, {{"b", "2"}, {"a", "1"}})->version());
  EXPECT_NE(one->version(), ListOf(Type::kRoute, {{"a", "2"}, {"b", "2"}})->version());
  EXPECT_NE(one->version(), ListOf(Type::kRoute, {{"a", "1"}})->version());
  EXPECT_EQ(one->Find("b")->name(), "b");
  EXPECT_EQ(one->Find("c"), nullptr);
}

TEST(Types, AreKnownByTheirUrls) {
  for (Type type : kPushOrder) EXPECT_EQ(TypeFromUrl(TypeUrl(type)), type);
  EXPECT_EQ(TypeFromUrl("type.googleapis.com/envoy.config.core.v3.Node"), std::nullopt);
}

}  // namespace
}  // namespace mesh::xds
