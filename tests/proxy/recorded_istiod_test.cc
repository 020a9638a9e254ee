// What a real istiod of 2026 sent to productpage's sidecar, sent again to mesh-proxy: every
// resource is acknowledged, and requests go where the recorded routes and endpoints say.
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "envoy/config/cluster/v3/cluster.pb.h"
#include "envoy/config/endpoint/v3/endpoint.pb.h"
#include "envoy/config/listener/v3/listener.pb.h"
#include "envoy/config/route/v3/route.pb.h"
#include "google/protobuf/any.pb.h"
#include "google/protobuf/util/json_util.h"
#include "google/protobuf/wrappers.pb.h"
#include "gtest/gtest.h"
#include "mesh/base/content_hash.h"
#include "mesh/proxy/testing.h"
#include "mesh/xds/server.h"
#include "nlohmann/json.hpp"

namespace mesh::proxy {
namespace {

using google::protobuf::Any;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using nlohmann::json;
using testing::Connect;
using testing::Ok;
using testing::Peer;
using testing::Server;

constexpr char kStringValue[] = "type.googleapis.com/google.protobuf.StringValue";

json ReadJson(const std::string& path) {
  std::ifstream in(path);
  return json::parse(std::string(std::istreambuf_iterator<char>(in), {}), nullptr, false);
}

// Messages of Istio's own Envoy build, whose types only that build has, become strings that say
// their type: protobuf's reader of JSON would stop at them.
void HideUnknownTypes(json* value) {
  if (value->is_array()) {
    for (json& item : *value) HideUnknownTypes(&item);
  }
  if (!value->is_object()) return;
  const auto type = value->find("@type");
  if (type != value->end()) {
    const std::string url = type->get<std::string>();
    if (google::protobuf::DescriptorPool::generated_pool()->FindMessageTypeByName(
            url.substr(url.rfind('/') + 1)) == nullptr) {
      const std::string inner = value->value("type_url", "");
      *value = {{"@type", kStringValue}, {"value", inner.empty() ? url : url + " " + inner}};
      return;
    }
  }
  for (auto& [key, item] : value->items()) HideUnknownTypes(&item);
}

// The other way: Any messages with their own type again, and nothing in them.
void ShowUnknownTypes(Message* message) {
  if (auto* any = google::protobuf::DynamicCastToGenerated<Any>(message)) {
    google::protobuf::StringValue hidden;
    if (any->type_url() == kStringValue && any->UnpackTo(&hidden)) {
      const size_t space = hidden.value().find(' ');
      any->set_type_url(hidden.value().substr(0, space));
      any->clear_value();
      if (space != std::string::npos) {
        // A TypedStruct's first field is an Any's.
        Any inner;
        inner.set_type_url(hidden.value().substr(space + 1));
        any->set_value(inner.SerializeAsString());
      }
      return;
    }
    // What is packed may have more of them inside.
    const auto* descriptor =
        google::protobuf::DescriptorPool::generated_pool()->FindMessageTypeByName(
            any->type_url().substr(any->type_url().rfind('/') + 1));
    if (descriptor == nullptr) return;
    const std::unique_ptr<Message> inner(
        google::protobuf::MessageFactory::generated_factory()->GetPrototype(descriptor)->New());
    if (!inner->ParseFromString(any->value())) return;
    ShowUnknownTypes(inner.get());
    any->set_value(inner->SerializeAsString());
    return;
  }
  const auto* reflection = message->GetReflection();
  std::vector<const FieldDescriptor*> fields;
  reflection->ListFields(*message, &fields);
  for (const FieldDescriptor* field : fields) {
    if (field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) continue;
    if (!field->is_repeated()) {
      ShowUnknownTypes(reflection->MutableMessage(message, field));
      continue;
    }
    for (int i = 0; i < reflection->FieldSize(*message, field); ++i) {
      ShowUnknownTypes(reflection->MutableRepeatedMessage(message, field, i));
    }
  }
}

template <class Proto>
std::vector<xds::EncodedResourcePtr> Encode(xds::Type type, const char* name_field, json recorded) {
  std::vector<xds::EncodedResourcePtr> out;
  for (json& resource : recorded["resources"]) {
    HideUnknownTypes(&resource);
    resource.erase("@type");
    Proto proto;
    const auto status = google::protobuf::util::JsonStringToMessage(resource.dump(), &proto);
    EXPECT_TRUE(status.ok()) << status.ToString();
    ShowUnknownTypes(&proto);
    const std::string bytes = proto.SerializeAsString();
    out.push_back(xds::EncodedResource::Make(type, resource[name_field].get<std::string>(),
                                             ContentHash(bytes), bytes));
  }
  return out;
}

class Recorded final : public xds::ViewSource {
 public:
  absl::StatusOr<xds::ViewPtr> ViewOf(const xds::Peer&) override { return view; }
  xds::ViewPtr view;
};

std::string Get(uint16_t port, const std::string& host, const std::string& path) {
  Peer client = Connect(port);
  client.Send(absl::StrCat("GET ", path, " HTTP/1.1\r\nHost: ", host, "\r\n\r\n"));
  const auto answer = client.Read();
  return answer.has_value() ? absl::StrCat(answer->status(), " ", answer->body) : "no answer";
}

TEST(RecordedIstiodTest, AProxyObeysWhatIstiodSent) {
  const char* shared = std::getenv("MESH_SHARED");
  if (shared == nullptr) GTEST_SKIP() << "MESH_SHARED does not say where the recorded answers are";
  const std::string folder = absl::StrCat(shared, "/conformance/istiod_2026/sidecar-productpage/");
  json lds = ReadJson(folder + "LDS.json"), cds = ReadJson(folder + "CDS.json");
  json rds = ReadJson(folder + "RDS.json"), eds = ReadJson(folder + "EDS.json");
  ASSERT_TRUE(lds.is_object() && cds.is_object() && rds.is_object() && eds.is_object());

  // Here nothing is intercepted and the pods are on loopback: outbound listeners are bound, to any
  // port, and each endpoint is a server that answers with the endpoint's cluster.
  for (json& listener : lds["resources"]) {
    listener["address"]["socket_address"] = {{"address", "127.0.0.1"}, {"port_value", 0}};
    listener.erase("bind_to_port");
  }
  std::map<std::string, std::unique_ptr<Server>> servers;
  for (json& assignment : eds["resources"]) {
    const std::string cluster = assignment["cluster_name"];
    auto& server = servers[cluster];
    server = std::make_unique<Server>(
        Server::Answering([cluster](const Peer::Message&) { return Ok(cluster); }));
    for (json& locality : assignment["endpoints"]) {
      for (json& endpoint : locality["lb_endpoints"]) {
        endpoint["endpoint"]["address"]["socket_address"] = {{"address", "127.0.0.1"},
                                                             {"port_value", server->port()}};
        endpoint.erase("metadata");  // no server here speaks the mesh's TLS
      }
    }
  }

  auto view = std::make_shared<xds::View>();
  view->Set(xds::Type::kListener,
            xds::ResourceList::Make(Encode<::envoy::config::listener::v3::Listener>(
                xds::Type::kListener, "name", lds)));
  view->Set(xds::Type::kCluster,
            xds::ResourceList::Make(
                Encode<::envoy::config::cluster::v3::Cluster>(xds::Type::kCluster, "name", cds)));
  view->Set(xds::Type::kRoute,
            xds::ResourceList::Make(Encode<::envoy::config::route::v3::RouteConfiguration>(
                xds::Type::kRoute, "name", rds)));
  view->Set(xds::Type::kEndpoint,
            xds::ResourceList::Make(Encode<::envoy::config::endpoint::v3::ClusterLoadAssignment>(
                xds::Type::kEndpoint, "cluster_name", eds)));
  Recorded source;
  source.view = std::move(view);
  auto server = xds::Server::Start({.addresses = {{"127.0.0.1:0"}}, .source = &source});
  ASSERT_TRUE(server.ok()) << server.status();

  ProxyOptions options;
  options.node.id = "sidecar~10.0.0.1~productpage-v1-0.default~default.svc.cluster.local";
  options.xds_address = absl::StrCat("127.0.0.1:", (*server)->ports()[0]);
  options.local_secrets = {"default", "ROOTCA"};
  auto proxy = Proxy::Start(std::move(options));
  ASSERT_TRUE(proxy.ok()) << proxy.status();

  const absl::Time deadline = absl::Now() + absl::Seconds(20);
  std::vector<xds::PeerStatus> all;
  while (absl::Now() < deadline) {
    all = (*server)->Status();
    if (all.size() == 1) {
      bool answered = true;
      for (const xds::Type type :
           {xds::Type::kCluster, xds::Type::kEndpoint, xds::Type::kListener, xds::Type::kRoute}) {
        const xds::SyncState state = all[0].of(type).state;
        answered =
            answered && (state == xds::SyncState::kSynced || state == xds::SyncState::kNacked);
      }
      if (answered) break;
    }
    absl::SleepFor(absl::Milliseconds(2));
  }
  ASSERT_EQ(all.size(), 1u);
  for (const xds::Type type :
       {xds::Type::kCluster, xds::Type::kEndpoint, xds::Type::kListener, xds::Type::kRoute}) {
    EXPECT_EQ(all[0].of(type).reason, "") << xds::ShortName(type);
    EXPECT_EQ(all[0].of(type).state, xds::SyncState::kSynced) << xds::ShortName(type);
  }

  const uint16_t port = (*proxy)->ListenerPort("0.0.0.0_9080");
  ASSERT_NE(port, 0);
  EXPECT_EQ(Get(port, "details:9080", "/details/0"),
            "200 outbound|9080||details.default.svc.cluster.local");
  EXPECT_EQ(Get(port, "ratings", "/ratings/0"),
            "200 outbound|9080|v1|ratings.default.svc.cluster.local");
  // 80 to 20, so that one of them is not seen in 200 requests once in 10^19 runs.
  std::set<std::string> seen;
  for (int i = 0; i < 200; ++i) seen.insert(Get(port, "reviews:9080", "/reviews/0"));
  EXPECT_EQ(seen,
            (std::set<std::string>{"200 outbound|9080|v1|reviews.default.svc.cluster.local",
                                   "200 outbound|9080|v2|reviews.default.svc.cluster.local"}));
}

}  // namespace
}  // namespace mesh::proxy
