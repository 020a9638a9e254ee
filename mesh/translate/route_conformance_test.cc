// Single VirtualServices, and VirtualServices that delegate, against Istio 1.7.3's recorded
// answers.
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "envoy/config/route/v3/route.pb.h"
#include "google/protobuf/util/json_util.h"
#include "google/protobuf/util/message_differencer.h"
#include "gtest/gtest.h"
#include "mesh/config/resource.h"
#include "mesh/config/snapshot.h"
#include "mesh/translate/delegate.h"
#include "mesh/translate/index.h"
#include "mesh/translate/outbound_routes.h"
#include "mesh/translate/resource.h"
#include "mesh/translate/route.h"
#include "nlohmann/json.hpp"

namespace mesh::translate {
namespace {

namespace networking = ::istio::networking::v1alpha3;
using nlohmann::json;

std::string ReadFile(const std::string& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

// Go's nil is an empty message.
void NullsToEmpty(json& value) {
  for (json& item : value) {
    if (item.is_null()) {
      item = json::object();
    } else if (item.is_structured()) {
      NullsToEmpty(item);
    }
  }
}

template <class M>
M Parse(json value) {
  M message;
  if (value.is_null()) return message;
  NullsToEmpty(value);
  const auto status = google::protobuf::util::JsonStringToMessage(value.dump(), &message);
  EXPECT_TRUE(status.ok()) << status.ToString() << "\n" << value;
  return message;
}

template <class M>
std::vector<M> ParseList(const json& list) {
  std::vector<M> messages;
  if (list.is_null()) return messages;
  for (const json& item : list) messages.push_back(Parse<M>(item));
  return messages;
}

template <class A, class B>
bool Same(const A& a, const B& b) {
  if (a.size() != b.size()) return false;
  for (int i = 0; i < static_cast<int>(a.size()); ++i) {
    if (!google::protobuf::util::MessageDifferencer::Equals(a[i], b[i])) return false;
  }
  return true;
}

TEST(RouteConformance, AVirtualServicesRoutes) {
  const char* shared = std::getenv("MESH_SHARED");
  if (shared == nullptr) GTEST_SKIP() << "MESH_SHARED does not say where the recorded answers are";
  const json cases = json::parse(
      ReadFile(absl::StrCat(shared, "/conformance/route_translate/cases.json")), nullptr, false);
  ASSERT_TRUE(cases.is_array());
  const auto snapshot = config::Snapshot::Of({});
  const Index index(snapshot, registry::Registry::Build(*snapshot), {});
  int equal = 0;
  for (const json& recorded : cases) {
    const auto source =
        config::MakeResource(config::Kind::kVirtualService, {recorded["name"], ""},
                             Parse<networking::VirtualService>(recorded["virtualService"]));
    const VirtualService virtual_service(source,
                                         std::shared_ptr<const networking::VirtualService>(
                                             source, &source->As<networking::VirtualService>()));
    Node node;
    // The recording leaves the proxy's namespace out; the routes' names tell it.
    if (recorded["case"].get<std::string>().find("source_namespace") != std::string::npos) {
      node.ns = recorded["routes"][0]["name"];
    }
    std::vector<Finding> findings;
    const Scope scope;
    RouteContext context{index,
                         scope,
                         node,
                         {},
                         recorded["listenPort"],
                         [](const std::string&) { return nullptr; },
                         &findings};
    for (const auto& [gateway, on] : recorded["gateways"].items()) context.gateways.insert(gateway);
    Draft<envoy::config::route::v3::RouteConfiguration> draft;
    draft.message.set_name("r");
    AddVirtualHost("v", {"*"}, VirtualServiceRoutes(context, virtual_service), nullptr, &draft);
    Output output;
    output.routes.push_back(ResourceCache().Make(kRouteType, "r", std::move(draft)));
    const std::string folder = testing::TempDir();
    std::ofstream(folder + "/got.json") << OutputToJson(output).value();
    for (const char* type : {"lds", "cds", "eds"})
      std::ofstream(folder + "/" + type + ".json") << "[]";
    std::ofstream(folder + "/rds.json") << json::array({{{"name", "r"},
                                                         {"virtualHosts",
                                                          {{{"name", "v"},
                                                            {"domains", {"*"}},
                                                            {"includeRequestAttemptCount", true},
                                                            {"routes", recorded["routes"]}}}}}});
    FILE* pipe = popen(absl::StrCat("python3 '", shared, "/tools/xds_compare' '", folder,
                                    "/got.json' '", folder, "'")
                           .c_str(),
                       "r");
    std::string verdict;
    char buffer[4096];
    while (size_t n = fread(buffer, 1, sizeof(buffer), pipe)) verdict.append(buffer, n);
    pclose(pipe);
    equal += verdict == "equal\n";
    EXPECT_EQ(verdict, "equal\n") << recorded["case"];
  }
  std::printf("conformance: route_translate %d/%d\n", equal, static_cast<int>(cases.size()));
}

bool MergesAsRecorded(const json& recorded) {
  const std::string function = recorded["func"];
  const json& in = recorded["in"];
  const json& in2 = recorded["in2"];
  const json& expected = recorded["expected"];
  if (function == "hasConflict") {
    return MatchesConflict(Parse<networking::HTTPMatchRequest>(in),
                           Parse<networking::HTTPMatchRequest>(in2)) == expected.get<bool>();
  }
  if (function == "mergeHTTPMatchRequests") {
    const auto merged = MergeMatches(ParseList<networking::HTTPMatchRequest>(in),
                                     ParseList<networking::HTTPMatchRequest>(in2));
    return Same(merged.value_or(std::vector<networking::HTTPMatchRequest>()),
                ParseList<networking::HTTPMatchRequest>(expected));
  }
  if (function == "mergeHTTPRoutes") {
    networking::HTTPRoute root = Parse<networking::HTTPRoute>(in);
    std::vector<networking::HTTPRoute> merged;
    for (const networking::HTTPRoute& rule : ParseList<networking::HTTPRoute>(in2)) {
      if (auto both = MergeRule(root, rule)) merged.push_back(*both);
    }
    return Same(merged, ParseList<networking::HTTPRoute>(expected));
  }
  EXPECT_EQ(function, "mergeVirtualServices");
  std::vector<config::ResourcePtr> resources;
  for (const json& object : in) {
    resources.push_back(config::MakeResource(config::Kind::kVirtualService,
                                             {object["name"], object["namespace"]},
                                             Parse<networking::VirtualService>(object["spec"])));
  }
  const config::SnapshotPtr snapshot = config::Snapshot::Of(resources);
  const VirtualServices services(snapshot->List(config::Kind::kVirtualService),
                                 {"cluster.local", {"*"}, true});
  const std::vector<VirtualServicePtr>& merged = services.all();
  if (merged.size() != expected.size()) return false;
  for (size_t i = 0; i < merged.size(); ++i) {
    const auto spec = Parse<networking::VirtualService>(expected[i]["spec"]);
    if (merged[i]->name() != expected[i]["name"] || merged[i]->ns() != expected[i]["namespace"] ||
        !Same(merged[i]->spec.http(), spec.http())) {
      return false;
    }
  }
  return true;
}

TEST(RouteConformance, VirtualServicesThatDelegate) {
  const char* shared = std::getenv("MESH_SHARED");
  if (shared == nullptr) GTEST_SKIP() << "MESH_SHARED does not say where the recorded answers are";
  const json cases = json::parse(ReadFile(absl::StrCat(shared, "/conformance/vs_merge/cases.json")),
                                 nullptr, false);
  ASSERT_TRUE(cases.is_array());
  int equal = 0;
  for (const json& recorded : cases) {
    const bool same = MergesAsRecorded(recorded);
    equal += same;
    EXPECT_TRUE(same) << recorded;
  }
  std::printf("conformance: vs_merge %d/%d\n", equal, static_cast<int>(cases.size()));
}

}  // namespace
}  // namespace mesh::translate
