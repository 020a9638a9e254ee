#include "mesh/proxy/proxy.h"

#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <future>
#include <set>
#include <thread>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "mesh/base/mutex.h"
#include "mesh/base/strings.h"
#include "mesh/proxy/admin.h"
#include "mesh/proxy/admin_pages.h"
#include "mesh/proxy/ads.h"
#include "mesh/proxy/configuration.h"
#include "mesh/proxy/grpc_authorization.h"
#include "mesh/proxy/resolver.h"
#include "mesh/proxy/worker.h"
#include "mesh/telemetry/metrics_text.h"
#include "nlohmann/json.hpp"

namespace mesh::proxy {
namespace {

// "127.0.0.1:15000", "[::1]:15000".
std::optional<Address> ParseHostPort(const std::string& text) {
  const size_t colon = text.rfind(':');
  int port = 0;
  if (colon == std::string::npos || !absl::SimpleAtoi(text.substr(colon + 1), &port) || port < 0 ||
      port > 65535) {
    return std::nullopt;
  }
  std::string host = text.substr(0, colon);
  if (host.size() > 1 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  }
  return Address::Parse(host == "localhost" ? "127.0.0.1" : host, static_cast<uint16_t>(port));
}

// Istio's node: "type~ip~pod.namespace~domain", and labels in the metadata.
NodeLabels LabelsOf(const ProxyNode& node) {
  NodeLabels labels;
  const std::vector<std::string> parts = absl::StrSplit(node.id, '~');
  if (parts.size() == 4) {
    const size_t dot = parts[2].rfind('.');
    labels.workload = parts[2].substr(0, dot);
    if (dot != std::string::npos) labels.workload_namespace = parts[2].substr(dot + 1);
  }
  const nlohmann::json metadata = nlohmann::json::parse(node.metadata_json, nullptr, false);
  if (!metadata.is_object()) return labels;
  const auto text = [](const nlohmann::json& object, const char* name, std::string* out) {
    const auto found = object.find(name);
    if (found != object.end() && found->is_string()) *out = found->get<std::string>();
  };
  text(metadata, "WORKLOAD_NAME", &labels.workload);
  text(metadata, "NAMESPACE", &labels.workload_namespace);
  const auto pod = metadata.find("LABELS");
  if (pod != metadata.end() && pod->is_object()) {
    text(*pod, "app", &labels.app);
    text(*pod, "version", &labels.version);
  }
  return labels;
}

std::string JsonText(const std::string& text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace

class Proxy::Core {
 public:
  explicit Core(ProxyOptions options)
      : options_(std::move(options)),
        labels_(LabelsOf(options_.node)),
        log_writer_(options_.access_log),
        loop_(std::make_unique<EpollNetwork>()),
        resolver_(&loop_),
        authorization_(&loop_, [this](const std::string& cluster) { return GrpcTarget(cluster); }),
        admin_(&loop_,
               [this](const std::string& method, const std::string& path,
                      std::function<void(AdminAnswer)> answer) {
                 AnswerAdmin(method, path, std::move(answer));
               }),
        local_secrets_(options_.local_secrets.begin(), options_.local_secrets.end()) {}

  absl::Status Start() {
    if (options_.concurrency < 1 || options_.concurrency > 256) {
      return absl::InvalidArgumentError(
          absl::StrCat("concurrency ", options_.concurrency, ": must be from 1 to 256"));
    }
    if (!options_.admin_address.empty()) {
      const std::optional<Address> address = ParseHostPort(options_.admin_address);
      if (!address.has_value()) {
        return absl::InvalidArgumentError(absl::StrCat("admin address \"", options_.admin_address,
                                                       "\": write an IP address and a port"));
      }
      const absl::Status listening = admin_.Listen(*address);
      if (!listening.ok()) return listening;
    }
    if (!options_.wildcard_address.empty() &&
        !Address::Parse(options_.wildcard_address, 0).has_value()) {
      return absl::InvalidArgumentError(absl::StrCat(
          "wildcard address \"", options_.wildcard_address, "\": write an IP address"));
    }
    std::vector<Worker*> workers;
    for (int i = 0; i < options_.concurrency; ++i) {
      std::unique_ptr<Network> network =
          options_.make_network ? options_.make_network() : std::make_unique<EpollNetwork>();
      workers_.push_back(std::make_unique<Worker>(i, std::move(network), &log_writer_));
      workers_.back()->set_authorization(&authorization_, options_.explain_denials);
      workers.push_back(workers_.back().get());
    }
    configuration_ =
        std::make_unique<Configuration>(&loop_, &resolver_, &log_writer_, workers, options_.log);
    for (const auto& worker : workers_) worker->Start();
    thread_ = std::thread([this] { loop_.Run(); });
    pthread_setname_np(thread_.native_handle(), "config");
    running_ = true;
    if (options_.xds_address.empty()) return absl::OkStatus();
    absl::StatusOr<std::unique_ptr<Ads>> ads = Ads::Start(options_, [this](ConfigBatch batch) {
      Ads::Taken taken;
      KeepOffWildcard(&batch);
      KeepOffLocalSecrets(&batch);
      OnConfigThread([&] {
        taken.status = configuration_->Apply(batch);
        taken.endpoint_names = configuration_->EndpointNames();
        taken.route_names = configuration_->RouteNames();
        taken.secret_names = SecretsToAskFor();
        NoteReadiness();
      });
      return taken;
    });
    if (!ads.ok()) return ads.status();
    MutexLock lock(&mutex_);
    ads_ = *std::move(ads);
    return absl::OkStatus();
  }

  ~Core() { Stop(); }

  void ReconnectXds() {
    if (Ads* const ads = GetAds()) ads->Reconnect();
  }

  // ProxyOptions::wildcard_address.
  void KeepOffWildcard(ConfigBatch* batch) const {
    if (options_.wildcard_address.empty()) return;
    for (envoy::Listener& listener : batch->listeners) {
      std::string& host = listener.address.host;
      if (host == "0.0.0.0" || host == "::") host = options_.wildcard_address;
    }
  }

  // ProxyOptions::local_secrets.
  void KeepOffLocalSecrets(ConfigBatch* batch) {
    MutexLock lock(&mutex_);
    batch->secrets.erase(
        std::remove_if(batch->secrets.begin(), batch->secrets.end(),
                       [this](const Secret& secret) ABSL_NO_THREAD_SAFETY_ANALYSIS {
                         return local_secrets_.count(secret.name) > 0;
                       }),
        batch->secrets.end());
  }

  void SetSecrets(std::vector<Secret> secrets) {
    {
      MutexLock lock(&mutex_);
      for (const Secret& secret : secrets) local_secrets_.insert(secret.name);
    }
    ConfigBatch batch;
    batch.secrets = std::move(secrets);
    OnConfigThread([&] {
      configuration_->Apply(batch).IgnoreError();  // secrets alone are always taken
      NoteReadiness();
    });
  }

  absl::Status Apply(ProxyConfig config) {
    ConfigBatch batch;
    std::vector<std::string> errors;
    batch.clusters = std::move(config.clusters);
    batch.removed_clusters = std::move(config.removed_clusters);
    batch.endpoints = std::move(config.endpoints);
    batch.listeners = std::move(config.listeners);
    batch.removed_listeners = std::move(config.removed_listeners);
    for (auto& routes : config.routes) {
      absl::StatusOr<std::shared_ptr<const Routes>> planned = PlanRoutes(std::move(routes));
      if (!planned.ok()) {
        errors.push_back(std::string(planned.status().message()));
      } else {
        batch.routes.push_back(*std::move(planned));
      }
    }
    KeepOffWildcard(&batch);
    absl::Status status;
    OnConfigThread([&] { status = configuration_->Apply(batch); });
    if (!status.ok()) errors.push_back(std::string(status.message()));
    std::string text;
    for (const std::string& e : errors) absl::StrAppend(&text, text.empty() ? "" : "\n", e);
    return errors.empty() ? absl::OkStatus() : absl::InvalidArgumentError(text);
  }

  uint16_t ListenerPort(const std::string& name) {
    uint16_t port = 0;
    OnConfigThread([&] {
      for (const auto& listener : configuration_->listeners()) {
        if (listener.name == name && listener.active) port = listener.address.port();
      }
    });
    return port;
  }

  uint16_t admin_port() const { return admin_.address().known() ? admin_.address().port() : 0; }

  bool Ready() {
    bool ready = false;
    OnConfigThread([&] { ready = IsReady(); });
    return ready;
  }

  void Drain() {
    draining_ = true;
    for (const auto& worker : workers_) worker->Drain();
  }

  // Asks the workers once.
  ProxyStats Collect() {
    ProxyStats sum;
    std::promise<void> done;
    OnConfigThread([&] {
      CollectThen([&](const ProxyStats& stats) {
        sum = stats;
        done.set_value();
      });
    });
    if (running_) done.get_future().wait();
    return sum;
  }

  std::string Admin(const std::string& path) {
    std::promise<std::string> body;
    if (!running_) return "";
    loop_.Post([&] {
      AnswerAdmin("GET", path, [&body](AdminAnswer answer) { body.set_value(answer.body); });
    });
    return body.get_future().get();
  }

  void Stop() {
    {
      // The client first: its callbacks wait for the configuration thread.
      MutexLock lock(&mutex_);
      if (!running_) return;
    }
    if (ads_ != nullptr) ads_->Stop();
    authorization_.Stop();
    resolver_.Stop();
    for (const auto& worker : workers_) worker->Stop();
    running_ = false;
    loop_.Post([this] {
      configuration_.reset();
      admin_.Stop();
      loop_.Stop();
    });
    if (thread_.joinable()) thread_.join();
    log_writer_.Stop();
  }

 private:
  // Runs on the configuration thread and waits for it. Does nothing when that has ended.
  template <class Work>
  void OnConfigThread(Work work) {
    if (!running_) return;
    std::promise<void> done;
    loop_.Post([&] {
      work();
      done.set_value();
    });
    done.get_future().wait();
  }

  // The rest is on the configuration thread.

  bool IsReady() {
    if (draining_ || configuration_ == nullptr) return false;
    const Ads* const ads = GetAds();
    if (!options_.xds_address.empty() && (ads == nullptr || !ads->received())) return false;
    // Once ready it stays so: what is added later warms beside what serves.
    if (!was_ready_ && configuration_->warming() == 0) was_ready_ = true;
    return was_ready_;
  }
  void NoteReadiness() { IsReady(); }

  std::vector<std::string> SecretsToAskFor() {
    std::vector<std::string> names;
    MutexLock lock(&mutex_);
    for (std::string& name : configuration_->SecretNames()) {
      if (local_secrets_.count(name) == 0) names.push_back(std::move(name));
    }
    return names;
  }

  Ads* GetAds() {
    MutexLock lock(&mutex_);
    return ads_.get();
  }

  // `then` runs on the configuration thread once all workers have answered.
  void CollectThen(std::function<void(const ProxyStats&)> then) {
    struct Gathering {
      ProxyStats sum;
      size_t missing;
      std::function<void(const ProxyStats&)> then;
    };
    auto gathering = std::make_shared<Gathering>();
    gathering->missing = workers_.size();
    gathering->then = std::move(then);
    for (const auto& worker : workers_) {
      worker->Collect([this, gathering](WorkerStats stats) {
        loop_.Post([gathering, stats = std::move(stats)] {
          gathering->sum.Add(stats);
          if (--gathering->missing == 0) gathering->then(gathering->sum);
        });
      });
    }
  }

  // "ipv4:10.0.0.1:9000,10.0.0.2:9000"; "" where the cluster has no endpoint, some of each
  // family, or some that want TLS.
  std::string GrpcTarget(const std::string& name) const {
    if (configuration_ == nullptr) return "";
    const std::shared_ptr<const ClusterConfig> cluster = configuration_->FindCluster(name);
    if (cluster == nullptr) return "";
    std::string target;
    for (const uint32_t i : cluster->endpoints->usable) {
      const UpstreamAddress& address = cluster->endpoints->all[i];
      if (address.tls != nullptr) return "";  // gRPC's TLS has none of our identities
      const char* const scheme = address.text[0] == '[' ? "ipv6:" : "ipv4:";
      if (target.empty()) {
        target = scheme;
      } else if (target.compare(0, 5, scheme) != 0) {
        return "";
      } else {
        target += ',';
      }
      target += address.text;
    }
    return target;
  }

  double Uptime() const { return absl::ToDoubleSeconds(absl::Now() - started_); }

  void AnswerAdmin(const std::string& method, const std::string& target,
                   std::function<void(AdminAnswer)> answer) {
    const size_t question = target.find('?');
    const std::string path = target.substr(0, question);
    const std::string query = question == std::string::npos ? "" : target.substr(question + 1);
    const bool json = query.find("format=json") != std::string::npos;
    const bool order = path == "/drain_listeners" || path == "/quitquitquit";
    if (order && method != "POST") {
      return answer({405, "text/plain; charset=UTF-8", "Method Not Allowed: use POST\n"});
    }
    if (!order && method != "GET" && method != "HEAD") {
      return answer({405, "text/plain; charset=UTF-8", "Method Not Allowed: use GET\n"});
    }
    if (configuration_ == nullptr) return answer({503, "text/plain; charset=UTF-8", "stopping\n"});
    if (path == "/ready") {
      const bool ready = IsReady();
      return answer({ready ? 200 : 503, "text/plain; charset=UTF-8",
                     ready ? "LIVE\n" : (draining_ ? "DRAINING\n" : "PRE_INITIALIZING\n")});
    }
    if (path == "/server_info") return answer({200, "application/json", ServerInfo()});
    if (path == "/certs") {
      return answer({200, "application/json", CertificatesPage(configuration_->secrets())});
    }
    if (path == "/listeners") {
      return answer({200, json ? "application/json" : "text/plain; charset=UTF-8",
                     ListenersPage(*configuration_, json)});
    }
    if (path == "/config_dump") {
      const Ads* const ads = GetAds();
      const size_t resource = query.find("resource=");
      const std::string only =
          resource == std::string::npos
              ? ""
              : query.substr(resource + 9, query.find('&', resource) - resource - 9);
      return answer(
          {200, "application/json", ads == nullptr ? "{\"configs\":[]}\n" : ads->Dump(only)});
    }
    if (path == "/stats" || path == "/stats/prometheus" || path == "/clusters") {
      const bool prometheus =
          path == "/stats/prometheus" || query.find("format=prometheus") != std::string::npos;
      return CollectThen([this, path, prometheus, answer](const ProxyStats& stats) {
        if (configuration_ == nullptr)
          return answer({503, "text/plain; charset=UTF-8", "stopping\n"});
        const Ads* const ads = GetAds();
        xds::ClientStats xds;
        if (ads != nullptr) xds = ads->stats();
        const XdsStats xds_stats = ads == nullptr ? nullptr : &xds;
        if (path == "/clusters") {
          answer({200, "text/plain; charset=UTF-8", ClustersPage(stats, *configuration_)});
        } else if (prometheus) {
          answer({200, std::string(telemetry::MetricsText::kContentType),
                  PrometheusPage(stats, *configuration_, labels_, xds_stats, IsReady(), Uptime())});
        } else {
          answer({200, "text/plain; charset=UTF-8",
                  StatsPage(stats, *configuration_, xds_stats, IsReady(), Uptime())});
        }
      });
    }
    if (path == "/drain_listeners") {
      Drain();
      return answer({200, "text/plain; charset=UTF-8", "OK\n"});
    }
    if (path == "/quitquitquit") {
      answer({200, "text/plain; charset=UTF-8", "OK\n"});
      if (options_.on_quit && !quit_) {
        quit_ = true;
        options_.on_quit();
      }
      return;
    }
    if (path == "/" || path == "/help") {
      return answer({200, "text/plain; charset=UTF-8",
                     "/certs\n/clusters\n/config_dump\n/listeners\n/ready\n/server_info\n/stats\n"
                     "/stats/prometheus\nPOST /drain_listeners\nPOST /quitquitquit\n"});
    }
    answer({404, "text/plain; charset=UTF-8", "not found; / lists what there is\n"});
  }

  std::string ServerInfo() {
    return absl::StrCat("{\"version\":\"mesh-proxy\",\"state\":\"",
                        draining_ ? "DRAINING" : (IsReady() ? "LIVE" : "PRE_INITIALIZING"),
                        "\",\"uptime_current_epoch\":\"", static_cast<int64_t>(Uptime()),
                        "s\",\"command_line_options\":{\"concurrency\":", options_.concurrency,
                        "},\"node\":{\"id\":", JsonText(options_.node.id),
                        ",\"cluster\":", JsonText(options_.node.cluster), "}}\n");
  }

  const ProxyOptions options_;
  const NodeLabels labels_;
  const absl::Time started_ = absl::Now();
  telemetry::LogWriter log_writer_;
  EventLoop loop_;
  Resolver resolver_;
  GrpcAuthorization authorization_;
  AdminServer admin_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::unique_ptr<Configuration> configuration_;
  Mutex mutex_;
  std::unique_ptr<Ads> ads_;  // set once, under the mutex
  std::set<std::string> local_secrets_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_;
  std::atomic<bool> running_{false};
  std::atomic<bool> draining_{false};
  bool was_ready_ = false;
  bool quit_ = false;
};

Proxy::Proxy(std::unique_ptr<Core> core) : core_(std::move(core)) {}
Proxy::~Proxy() { Stop(); }

absl::StatusOr<std::unique_ptr<Proxy>> Proxy::Start(ProxyOptions options) {
  auto core = std::make_unique<Core>(std::move(options));
  const absl::Status status = core->Start();
  if (!status.ok()) return status;
  return std::unique_ptr<Proxy>(new Proxy(std::move(core)));
}

absl::Status Proxy::Apply(ProxyConfig config) { return core_->Apply(std::move(config)); }
void Proxy::ReconnectXds() { core_->ReconnectXds(); }
void Proxy::SetSecrets(std::vector<Secret> secrets) { core_->SetSecrets(std::move(secrets)); }
uint16_t Proxy::ListenerPort(const std::string& name) const { return core_->ListenerPort(name); }
uint16_t Proxy::admin_port() const { return core_->admin_port(); }
bool Proxy::Ready() const { return core_->Ready(); }

bool Proxy::WaitReady(absl::Duration timeout) const {
  const absl::Time deadline = absl::Now() + timeout;
  while (!core_->Ready()) {
    if (absl::Now() >= deadline) return false;
    absl::SleepFor(absl::Milliseconds(5));
  }
  return true;
}

void Proxy::Drain() { core_->Drain(); }

bool Proxy::WaitDrained(absl::Duration timeout) const {
  const absl::Time deadline = absl::Now() + timeout;
  while (core_->Collect().connections > 0) {
    if (absl::Now() >= deadline) return false;
    absl::SleepFor(absl::Milliseconds(20));
  }
  return true;
}

void Proxy::Stop() { core_->Stop(); }
std::string Proxy::Admin(const std::string& path) const { return core_->Admin(path); }

}  // namespace mesh::proxy
