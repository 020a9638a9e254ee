#include "mesh/discovery/control_plane.h"

#include <stdlib.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "envoy/config/cluster/v3/cluster.pb.h"
#include "envoy/config/listener/v3/listener.pb.h"
#include "envoy/config/route/v3/route.pb.h"
#include "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.pb.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "httplib.h"
#include "mesh/base/mutex.h"
#include "mesh/source/directory_source.h"
#include "mesh/xds/client.h"
#include "nlohmann/json.hpp"

namespace mesh::discovery {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::UnorderedElementsAre;
using xds::Type;

constexpr absl::Duration kPatience = absl::Seconds(20);

constexpr char kServices[] = R"(apiVersion: v1
kind: Service
metadata: {name: reviews, namespace: default}
spec:
  selector: {app: reviews}
  ports: [{name: http, port: 9080}]
---
apiVersion: v1
kind: Pod
metadata: {name: reviews-v1-0, namespace: default, labels: {app: reviews, version: v1}}
spec: {serviceAccountName: reviews}
status: {podIP: 10.1.0.1, conditions: [{type: Ready, status: "True"}]}
---
apiVersion: v1
kind: Pod
metadata: {name: reviews-v2-0, namespace: default, labels: {app: reviews, version: v2}}
spec: {serviceAccountName: reviews}
status: {podIP: 10.1.0.2, conditions: [{type: Ready, status: "True"}]}
---
apiVersion: networking.istio.io/v1alpha3
kind: DestinationRule
metadata: {name: reviews, namespace: default}
spec:
  host: reviews
  subsets:
  - {name: v1, labels: {version: v1}}
  - {name: v2, labels: {version: v2}}
)";

constexpr char kSplit[] = R"(apiVersion: networking.istio.io/v1alpha3
kind: VirtualService
metadata: {name: reviews, namespace: default}
spec:
  hosts: [reviews]
  http:
  - route:
    - {destination: {host: reviews, subset: v1}, weight: 90}
    - {destination: {host: reviews, subset: v2}, weight: 10}
)";

std::string Split(int v1) {
  return absl::StrReplaceAll(kSplit,
                             {{"90", absl::StrCat(v1)}, {"10}", absl::StrCat(100 - v1, "}")}});
}

// As careful programs write: beside it, then renamed into place.
void Write(const fs::path& path, const std::string& text) {
  const fs::path beside = path.string() + ".tmp";
  std::ofstream(beside, std::ios::binary) << text;
  fs::rename(beside, path);
}

// A proxy that takes everything it is given, or rejects one type.
class Proxy {
 public:
  Proxy(const std::string& pod, int port) {
    xds::ClientOptions options;
    options.address = absl::StrCat("127.0.0.1:", port);
    options.node.set_id(absl::StrCat("sidecar~10.1.0.1~", pod, "~default.svc.cluster.local"));
    options.min_backoff = absl::Milliseconds(1);
    options.max_backoff = absl::Milliseconds(20);
    options.on_update = [this](const xds::Update& update) { return Take(update); };
    options.on_connection = [this](bool connected) {
      MutexLock lock(&mutex_);
      connected_ = connected;
      changed_.NotifyAll();
    };
    auto started = xds::Client::Start(std::move(options));
    EXPECT_TRUE(started.ok());
    client_ = *std::move(started);
  }
  ~Proxy() { client_->Stop(); }

  void Reject(const std::string& words) {
    MutexLock lock(&mutex_);
    rejection_ = words;
  }
  // "cds", "rds" … as they came since the last call.
  std::vector<std::string> Taken() {
    MutexLock lock(&mutex_);
    return std::exchange(taken_, {});
  }
  // The weights of reviews' route as the proxy has them.
  std::string Weights() {
    MutexLock lock(&mutex_);
    return weights_;
  }
  std::vector<std::string> Clusters() {
    MutexLock lock(&mutex_);
    return clusters_;
  }
  bool AwaitBroken() {
    const auto deadline = std::chrono::steady_clock::now() + absl::ToChronoSeconds(kPatience);
    MutexLock lock(&mutex_);
    while (connected_) {
      if (!changed_.WaitUntil(&mutex_, deadline)) return !connected_;
    }
    return true;
  }

 private:
  absl::Status Take(const xds::Update& update) {
    std::vector<std::string> names, clusters;
    std::string weights;
    for (const xds::ReceivedPtr& resource : update.resources) {
      if (update.type == Type::kCluster) {
        envoy::config::cluster::v3::Cluster cluster;
        if (!cluster.ParseFromString(resource->message)) return absl::InternalError("damaged");
        clusters.push_back(cluster.name());
        if (cluster.type() == envoy::config::cluster::v3::Cluster::EDS) {
          names.push_back(cluster.name());
        }
      } else if (update.type == Type::kListener) {
        envoy::config::listener::v3::Listener listener;
        if (!listener.ParseFromString(resource->message)) return absl::InternalError("damaged");
        RoutesOf(listener, &names);
      } else if (update.type == Type::kRoute) {
        envoy::config::route::v3::RouteConfiguration routes;
        if (!routes.ParseFromString(resource->message)) return absl::InternalError("damaged");
        if (routes.name() == "9080") weights = WeightsOf(routes);
      }
    }
    if (update.type == Type::kCluster) update.client->SetNames(Type::kEndpoint, names);
    if (update.type == Type::kListener) update.client->SetNames(Type::kRoute, names);
    MutexLock lock(&mutex_);
    taken_.emplace_back(xds::ShortName(update.type));
    if (update.type == Type::kRoute && !rejection_.empty()) {
      return absl::InvalidArgumentError(rejection_);
    }
    if (update.type == Type::kCluster) clusters_ = clusters;
    if (update.type == Type::kRoute) weights_ = weights;
    return absl::OkStatus();
  }
  static void RoutesOf(const envoy::config::listener::v3::Listener& listener,
                       std::vector<std::string>* names) {
    using envoy::extensions::filters::network::http_connection_manager::v3::HttpConnectionManager;
    std::vector<envoy::config::listener::v3::FilterChain> chains(listener.filter_chains().begin(),
                                                                 listener.filter_chains().end());
    chains.push_back(listener.default_filter_chain());
    for (const auto& chain : chains) {
      for (const auto& filter : chain.filters()) {
        HttpConnectionManager manager;
        if (filter.typed_config().Is<HttpConnectionManager>() &&
            filter.typed_config().UnpackTo(&manager) && manager.has_rds()) {
          names->push_back(manager.rds().route_config_name());
        }
      }
    }
  }
  static std::string WeightsOf(const envoy::config::route::v3::RouteConfiguration& routes) {
    std::string weights;
    for (const auto& host : routes.virtual_hosts()) {
      if (host.name() != "reviews.default.svc.cluster.local:9080") continue;
      for (const auto& cluster : host.routes(0).route().weighted_clusters().clusters()) {
        absl::StrAppend(&weights, weights.empty() ? "" : "/", cluster.weight().value());
      }
    }
    return weights;
  }

  Mutex mutex_;
  CondVar changed_;
  bool connected_ = false;
  std::string rejection_;
  std::vector<std::string> taken_;
  std::vector<std::string> clusters_;
  std::string weights_;
  std::unique_ptr<xds::Client> client_;
};

class ControlPlaneTest : public ::testing::Test {
 protected:
  ControlPlaneTest() {
    std::string name = ::testing::TempDir() + "/discovery.XXXXXX";
    root_ = ::mkdtemp(name.data());
    Write(root_ / "services.yaml", kServices);
    Write(root_ / "split.yaml", Split(90));
  }
  ~ControlPlaneTest() override {
    control_plane_.reset();
    fs::remove_all(root_);
  }
  void Start(int port = 0) {
    source::DirectorySourceOptions files;
    files.paths = {root_.string()};
    files.log = &log_;
    ControlPlaneOptions options;
    options.sources.push_back({"files", std::make_unique<source::DirectorySource>(files)});
    options.xds_address = absl::StrCat("127.0.0.1:", port);
    options.monitoring_address = "127.0.0.1:0";
    options.keys = keys_;
    options.log = &log_;
    auto started = ControlPlane::Start(std::move(options));
    ASSERT_TRUE(started.ok()) << started.status();
    control_plane_ = *std::move(started);
  }
  uint64_t generation() const { return control_plane_->snapshot()->generation(); }
  // Writes a file and waits until `proxies` acknowledged what follows from it.
  bool Edit(const std::string& file, const std::string& text, size_t proxies = 1) {
    const uint64_t before = generation();
    Write(root_ / file, text);
    return control_plane_->WaitInSync(proxies, before + 1, kPatience);
  }
  bool InSync(size_t proxies = 1) {
    return control_plane_->WaitInSync(proxies, generation(), kPatience);
  }
  std::string Get(const std::string& path, int status = 200) {
    httplib::Client client("127.0.0.1", control_plane_->monitoring_port());
    auto answer = client.Get(path.c_str());
    if (!answer) return "no answer";
    EXPECT_EQ(answer->status, status) << path;
    return answer->body;
  }
  nlohmann::json Json(const std::string& path) {
    return nlohmann::json::parse(Get(path), nullptr, /*allow_exceptions=*/false);
  }
  bool AwaitLog(const std::string& line) {
    const auto deadline = std::chrono::steady_clock::now() + absl::ToChronoSeconds(kPatience);
    while (std::chrono::steady_clock::now() < deadline) {
      for (const std::string& have : log_.lines()) {
        if (have == line) return true;
      }
      std::this_thread::yield();
    }
    ADD_FAILURE() << "not logged: " << line;
    for (const std::string& have : log_.lines()) std::cerr << have << "\n";
    return false;
  }

  fs::path root_;
  MemoryLog log_;
  KeyFetcherOptions keys_;
  std::unique_ptr<ControlPlane> control_plane_;
};

TEST_F(ControlPlaneTest, AProxyIsGivenWhatTheFilesSay) {
  Start();
  Proxy proxy("reviews-v1-0.default", control_plane_->xds_port());
  ASSERT_TRUE(InSync());
  EXPECT_EQ(proxy.Weights(), "90/10");
  EXPECT_THAT(proxy.Clusters(),
              AllOf(Contains("outbound|9080||reviews.default.svc.cluster.local"),
                    Contains("outbound|9080|v2|reviews.default.svc.cluster.local")));
  EXPECT_THAT(proxy.Taken(), ElementsAre("cds", "eds", "lds", "rds"));
}

TEST_F(ControlPlaneTest, AnEditIsPushedAtOnceAndOnlyWhatItChanges) {
  Start();
  Proxy proxy("reviews-v1-0.default", control_plane_->xds_port());
  ASSERT_TRUE(InSync());
  proxy.Taken();
  ASSERT_TRUE(Edit("split.yaml", Split(50)));
  EXPECT_EQ(proxy.Weights(), "50/50");
  EXPECT_THAT(proxy.Taken(), ElementsAre("rds"));
  EXPECT_THAT(log_.lines(), Contains(HasSubstr("1 changed (VirtualService default/reviews)")));
}

TEST_F(ControlPlaneTest, ABrokenEditChangesNothingAndIsReportedWithItsPlace) {
  Start();
  Proxy proxy("reviews-v1-0.default", control_plane_->xds_port());
  ASSERT_TRUE(InSync());
  proxy.Taken();
  Write(root_ / "split.yaml", absl::StrReplaceAll(kSplit, {{"  http:", "  htpp:"}}));
  const std::string file = (root_ / "split.yaml").string();
  ASSERT_TRUE(AwaitLog(absl::StrCat("error discovery: ", file,
                                    ":6:3: VirtualService default/reviews spec: unknown field "
                                    "\"htpp\", did you mean \"http\"?")));
  // What comes afterwards finds the broken object as it was.
  ASSERT_TRUE(Edit("more.yaml", "apiVersion: v1\nkind: Namespace\nmetadata: {name: other}\n"));
  EXPECT_EQ(proxy.Weights(), "90/10");
  EXPECT_THAT(proxy.Taken(), IsEmpty());
  EXPECT_THAT(Get("/debug/push_status"), HasSubstr("did you mean"));
  EXPECT_THAT(Get("/metrics"), AllOf(HasSubstr("pilot_total_rejected_configs 1\n"),
                                     HasSubstr("pilot_rejected_configs 1\n")));

  ASSERT_TRUE(Edit("split.yaml", Split(20)));
  EXPECT_EQ(proxy.Weights(), "20/80");
  EXPECT_THAT(Get("/metrics"), HasSubstr("pilot_rejected_configs 0\n"));
}

TEST_F(ControlPlaneTest, AControlPlaneThatComesBackSendsNothingThatIsThere) {
  Start();
  Proxy proxy("reviews-v1-0.default", control_plane_->xds_port());
  ASSERT_TRUE(InSync());
  proxy.Taken();
  const int port = control_plane_->xds_port();
  control_plane_.reset();
  ASSERT_TRUE(proxy.AwaitBroken());
  Start(port);
  ASSERT_TRUE(InSync());
  EXPECT_THAT(proxy.Taken(), IsEmpty());
  ASSERT_TRUE(Edit("split.yaml", Split(50)));
  EXPECT_EQ(proxy.Weights(), "50/50");
  EXPECT_THAT(proxy.Taken(), ElementsAre("rds"));
}

TEST_F(ControlPlaneTest, ASubsetThatGoesStaysUntilNoRouteUsesIt) {
  Start();
  Proxy proxy("reviews-v1-0.default", control_plane_->xds_port());
  ASSERT_TRUE(InSync());
  proxy.Taken();
  // Both files are replaced between two looks of the control plane, or not: either way the last
  // thing that the proxy hears of is that the cluster is gone.
  Write(root_ / "split.yaml", absl::StrReplaceAll(kSplit, {{"    - {destination: {host: reviews, "
                                                            "subset: v2}, weight: 10}\n",
                                                            ""},
                                                           {"90", "100"}}));
  ASSERT_TRUE(
      Edit("services.yaml",
           absl::StrReplaceAll(kServices, {{"  - {name: v2, labels: {version: v2}}\n", ""}})));
  ASSERT_TRUE(InSync());
  EXPECT_THAT(proxy.Clusters(),
              Not(Contains("outbound|9080|v2|reviews.default.svc.cluster.local")));
  const std::vector<std::string> taken = proxy.Taken();
  ASSERT_FALSE(taken.empty());
  EXPECT_NE(taken.front(), "cds") << "no cluster goes before its route";
}

TEST_F(ControlPlaneTest, SynczSaysWhereEachProxyStands) {
  Start();
  Proxy one("reviews-v1-0.default", control_plane_->xds_port());
  Proxy other("reviews-v2-0.default", control_plane_->xds_port());
  ASSERT_TRUE(InSync(2));
  nlohmann::json rows = Json("/debug/syncz");
  ASSERT_EQ(rows.size(), 2);
  EXPECT_EQ(rows[0]["proxy"], "reviews-v1-0.default");
  EXPECT_EQ(rows[1]["proxy"], "reviews-v2-0.default");
  for (const nlohmann::json& row : rows) {
    for (const char* type : {"cds", "lds", "eds", "rds"}) EXPECT_EQ(row[type], "SYNCED");
    EXPECT_EQ(row["reason"], "");
    EXPECT_EQ(row["meshd"], "meshd");
    EXPECT_EQ(row["in_sync"], true);
    EXPECT_EQ(row["acknowledged_generation"], generation());
  }
  const std::string version = rows[0]["version"];
  EXPECT_THAT(version, Not(IsEmpty()));
  ASSERT_TRUE(Edit("split.yaml", Split(50), 2));
  rows = Json("/debug/syncz");
  EXPECT_NE(rows[0]["version"], version);
}

TEST_F(ControlPlaneTest, ARejectionNamesTheObjectItIsAbout) {
  Start();
  Proxy proxy("reviews-v1-0.default", control_plane_->xds_port());
  ASSERT_TRUE(InSync());
  proxy.Reject("route \"9080\": no");
  Write(root_ / "split.yaml", Split(50));
  const std::string file = (root_ / "split.yaml").string();
  const auto said = [&] {
    for (const std::string& line : log_.lines()) {
      if (line.find(
              "warning discovery: reviews-v1-0.default rejected route \"9080\", made from ") == 0 &&
          line.find(file + ":5:3 (VirtualService default/reviews): route \"9080\": no") !=
              line.npos) {
        return true;
      }
    }
    return false;
  };
  const auto deadline = std::chrono::steady_clock::now() + absl::ToChronoSeconds(kPatience);
  while (!said() && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
  EXPECT_TRUE(said()) << ::testing::PrintToString(log_.lines());
  const nlohmann::json row = Json("/debug/syncz")[0];
  EXPECT_EQ(row["rds"], "NACKED");
  EXPECT_THAT(row["reason"].get<std::string>(),
              AllOf(HasSubstr("rds: route \"9080\": no [route \"9080\", made from "),
                    HasSubstr("VirtualService default/reviews")));
  EXPECT_THAT(Get("/metrics"), AllOf(HasSubstr("pilot_xds_rds_reject 1\n"),
                                     HasSubstr("pilot_total_xds_rejects{type=\"rds\"} 1\n")));
  proxy.Reject("");
  ASSERT_TRUE(Edit("split.yaml", Split(30)));
  EXPECT_EQ(proxy.Weights(), "30/70");
  EXPECT_THAT(Get("/metrics"), HasSubstr("pilot_xds_rds_reject 0\n"));
}

TEST_F(ControlPlaneTest, ConfigDumpIsWhatWasSent) {
  Start();
  Proxy proxy("reviews-v1-0.default", control_plane_->xds_port());
  ASSERT_TRUE(InSync());
  const nlohmann::json dump = Json("/debug/config_dump?proxyID=reviews-v1-0.default");
  std::map<std::string, std::vector<std::string>> names;
  for (const nlohmann::json& part : dump["configs"]) {
    const std::string type = part["@type"];
    for (const auto& cluster : part.value("dynamicActiveClusters", nlohmann::json::array())) {
      names["clusters"].push_back(cluster["cluster"]["name"]);
    }
    for (const auto& route : part.value("dynamicRouteConfigs", nlohmann::json::array())) {
      names["routes"].push_back(route["routeConfig"]["name"]);
    }
    for (const auto& listener : part.value("dynamicListeners", nlohmann::json::array())) {
      names["listeners"].push_back(listener["activeState"]["listener"]["name"]);
    }
    for (const auto& endpoints : part.value("dynamicEndpointConfigs", nlohmann::json::array())) {
      names["endpoints"].push_back(endpoints["endpointConfig"]["clusterName"]);
    }
  }
  EXPECT_THAT(names["clusters"], Contains("outbound|9080||reviews.default.svc.cluster.local"));
  EXPECT_THAT(names["endpoints"], Contains("outbound|9080|v1|reviews.default.svc.cluster.local"));
  EXPECT_THAT(names["routes"], Contains("9080"));
  EXPECT_THAT(names["listeners"], Not(IsEmpty()));
  EXPECT_EQ(Get("/debug/config_dump?proxyID=nobody.default", 404),
            "no proxy \"nobody.default\" is connected; connected are: reviews-v1-0.default\n");
}

TEST_F(ControlPlaneTest, ItsOtherPagesAnswer) {
  Start();
  Proxy proxy("reviews-v1-0.default", control_plane_->xds_port());
  ASSERT_TRUE(InSync());
  EXPECT_EQ(Get("/ready"), "ready\n");
  EXPECT_EQ(Json("/version")["meshd"], "0.1.0");
  EXPECT_EQ(Json("/debug/connections")[0]["proxy"], "reviews-v1-0.default");
  EXPECT_EQ(Json("/debug/registryz")[0]["hostname"], "reviews.default.svc.cluster.local");
  EXPECT_EQ(Json("/debug/endpointz")[0]["endpoints"].size(), 2);
  std::vector<std::string> kinds;
  for (const nlohmann::json& object : Json("/debug/configz")) kinds.push_back(object["kind"]);
  EXPECT_THAT(kinds,
              UnorderedElementsAre("VirtualService", "DestinationRule", "Service", "Pod", "Pod"));
  EXPECT_THAT(Get("/metrics"),
              AllOf(HasSubstr("pilot_xds{version=\"0.1.0\"} 1\n"),
                    HasSubstr("pilot_xds_pushes{type=\"cds\"} 1\n"),
                    HasSubstr("pilot_services 1\n"), HasSubstr("pilot_virt_services 1\n"),
                    HasSubstr("pilot_proxy_convergence_time_count 1\n")));
}

TEST_F(ControlPlaneTest, TwoControlPlanesLiveInOneProcess) {
  Start();
  const std::unique_ptr<ControlPlane> first = std::move(control_plane_);
  Start();
  EXPECT_NE(first->xds_port(), control_plane_->xds_port());
  Proxy one("reviews-v1-0.default", first->xds_port());
  Proxy other("reviews-v1-0.default", control_plane_->xds_port());
  EXPECT_TRUE(first->WaitInSync(1, 1, kPatience));
  EXPECT_TRUE(InSync());
}

TEST_F(ControlPlaneTest, AMeshThatCannotBeReadIsAnErrorAtTheStart) {
  source::DirectorySourceOptions files;
  files.paths = {(root_ / "nowhere").string()};
  ControlPlaneOptions options;
  options.sources.push_back({"files", std::make_unique<source::DirectorySource>(files)});
  options.xds_address = "127.0.0.1:0";
  EXPECT_TRUE(absl::IsNotFound(ControlPlane::Start(std::move(options)).status()));
}

TEST_F(ControlPlaneTest, AnAddressThatIsTakenIsAnErrorAtTheStart) {
  Start();
  ControlPlaneOptions options;
  options.xds_address = "127.0.0.1:0";
  options.monitoring_address = absl::StrCat("127.0.0.1:", control_plane_->monitoring_port());
  EXPECT_EQ(ControlPlane::Start(std::move(options)).status(),
            absl::UnavailableError(
                absl::StrCat("cannot listen on 127.0.0.1:", control_plane_->monitoring_port())));
}

TEST_F(ControlPlaneTest, PlaintextThatOthersCanReachIsWarnedOf) {
  const std::string xds =
      "warning discovery: xDS in plaintext listens on 203.0.113.9:15010, beyond loopback: whoever "
      "reaches it is given the configuration of any proxy, and nobody proves who it is. Listen on "
      "127.0.0.1 there (meshd: --xds_address), and let proxies connect over TLS (--ca_dir, "
      "--secure_address)";
  const std::string pages =
      "warning discovery: the monitoring pages listen in plaintext on [2001:db8::9]:15014, beyond "
      "loopback: whoever reaches them reads the configuration of all proxies. Listen on 127.0.0.1 "
      "there (meshd: --monitoring_address)";
  const struct {
    const char* xds;
    const char* pages;
    bool warns;
  } rows[] = {
      // Nobody's addresses: it is said before the attempt, which fails.
      {"203.0.113.9:15010", "[2001:db8::9]:15014", true},
      {"127.0.0.1:0", "[::1]:0", false},
      {"localhost:0", "", false},
  };
  for (const auto& row : rows) {
    MemoryLog log;
    ControlPlaneOptions options;
    options.xds_address = row.xds;
    options.monitoring_address = row.pages;
    options.log = &log;
    (void)ControlPlane::Start(std::move(options));
    const std::vector<std::string> lines = log.lines();
    EXPECT_EQ(std::count(lines.begin(), lines.end(), xds), row.warns) << row.xds;
    EXPECT_EQ(std::count(lines.begin(), lines.end(), pages), row.warns) << row.xds;
  }
}

TEST_F(ControlPlaneTest, ProxiesGetTheKeysOfIssuersOnceTheyCanBeHad) {
  httplib::Server site;
  std::atomic<bool> up{false};
  site.Get("/keys", [&](const httplib::Request&, httplib::Response& response) {
    response.status = up ? 200 : 503;
    response.set_content(R"({"keys":[{"kid":"from-the-site","kty":"EC","crv":"P-256",
                            "x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
                            "y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}]})",
                         "application/json");
  });
  const int port = site.bind_to_any_port("127.0.0.1");
  std::thread serving([&] { site.listen_after_bind(); });
  keys_.allowed = {"127.0.0.1"};
  keys_.retry = absl::Milliseconds(20);
  Write(root_ / "tokens.yaml",
        absl::StrCat("apiVersion: security.istio.io/v1beta1\nkind: RequestAuthentication\n"
                     "metadata: {name: tokens, namespace: default}\n"
                     "spec: {jwtRules: [{issuer: i, jwksUri: 'http://127.0.0.1:",
                     port, "/keys'}]}\n"));
  Start();
  Proxy proxy("reviews-v1-0.default", control_plane_->xds_port());
  ASSERT_TRUE(InSync());
  const auto dump = [&] { return Get("/debug/config_dump?proxyID=reviews-v1-0.default"); };
  EXPECT_THAT(dump(), AllOf(HasSubstr("jwt_authn"), Not(HasSubstr("from-the-site"))));
  up = true;
  const auto deadline = std::chrono::steady_clock::now() + absl::ToChronoSeconds(kPatience);
  while (dump().find("from-the-site") == std::string::npos &&
         std::chrono::steady_clock::now() < deadline) {
    std::this_thread::yield();
  }
  EXPECT_THAT(dump(), HasSubstr("from-the-site"));
  site.stop();
  serving.join();
}

}  // namespace
}  // namespace mesh::discovery
