#include "mesh/translate/node.h"

#include "envoy/config/core/v3/base.pb.h"
#include "gtest/gtest.h"

namespace mesh::translate {
namespace {

TEST(ParseNode, ReadsWhatABootstrapSays) {
  envoy::config::core::v3::Node proto;
  proto.set_id("sidecar~127.1.0.3~reviews-v1-0.default~default.svc.cluster.local");
  auto& fields = *proto.mutable_metadata()->mutable_fields();
  fields["INTERCEPTION_MODE"].set_string_value("NONE");
  fields["SERVICE_ACCOUNT"].set_string_value("bookinfo-reviews");
  fields["CLUSTER_ID"].set_string_value("east");
  (*fields["LABELS"].mutable_struct_value()->mutable_fields())["app"].set_string_value("reviews");
  proto.mutable_locality()->set_region("us");
  proto.mutable_locality()->set_zone("west");
  const absl::StatusOr<Node> node = ParseNode(proto);
  ASSERT_TRUE(node.ok()) << node.status();
  EXPECT_EQ(node->locality, "us/west");
  EXPECT_EQ(node->type, NodeType::kSidecar);
  EXPECT_EQ(node->ip, "127.1.0.3");
  EXPECT_EQ(node->name, "reviews-v1-0");
  EXPECT_EQ(node->ns, "default");
  EXPECT_EQ(node->interception, Interception::kNone);
  EXPECT_EQ(node->service_account, "bookinfo-reviews");
  EXPECT_EQ(node->labels.at("app"), "reviews");
  EXPECT_EQ(node->metadata.at("CLUSTER_ID"), "east");
}

TEST(ParseNode, RefusesAnIdThatIsNone) {
  struct Row {
    const char* id;
    const char* want;
  };
  const Row rows[] = {
      {"reviews",
       "node id \"reviews\": want TYPE~IP~POD.NAMESPACE~DOMAIN, as in "
       "sidecar~10.1.1.1~productpage-v1-0.default~default.svc.cluster.local"},
      {"ztunnel~1.1.1.1~a.b~c", "node type \"ztunnel\": want sidecar or router"},
      {"sidecar~1.1.1.1~a~c", "node \"a\": want POD.NAMESPACE"},
  };
  for (const Row& row : rows) {
    envoy::config::core::v3::Node proto;
    proto.set_id(row.id);
    EXPECT_EQ(std::string(ParseNode(proto).status().message()), row.want);
  }
}

TEST(ParseNodeJson, ReadsANodeFile) {
  const absl::StatusOr<Node> node = ParseNodeJson(R"({
    "id": "istio-ingressgateway-0.istio-system", "name": "ingressgateway", "ns": "istio-system",
    "ip": "127.1.0.100", "labels": {"istio": "ingressgateway"}, "sa": "gateway", "type": "router",
    "metadata": {"INTERCEPTION_MODE": "NONE"}})");
  ASSERT_TRUE(node.ok()) << node.status();
  EXPECT_EQ(node->type, NodeType::kRouter);
  EXPECT_EQ(node->name, "istio-ingressgateway-0");
  EXPECT_EQ(node->ns, "istio-system");
  EXPECT_EQ(node->labels.at("istio"), "ingressgateway");
  EXPECT_EQ(node->interception, Interception::kNone);
}

TEST(ParseNodeJson, SaysWhatIsWrong) {
  const std::string want =
      ": want {\"id\",\"name\",\"ns\",\"ip\",\"labels\":{},\"sa\","
      "\"type\":\"sidecar\"|\"router\",\"metadata\":{}}";
  EXPECT_EQ(std::string(ParseNodeJson("[]").status().message()), "node: not a JSON object" + want);
  EXPECT_EQ(std::string(ParseNodeJson(R"({"id": 3})").status().message()),
            "node: id is not text" + want);
  EXPECT_EQ(std::string(ParseNodeJson(R"({"id": "a.b", "metadata": {"INTERCEPTION_MODE": "x"}})")
                            .status()
                            .message()),
            "interception mode \"x\": want none, redirect or tproxy");
}

}  // namespace
}  // namespace mesh::translate
