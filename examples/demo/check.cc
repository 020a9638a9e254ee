#include "examples/demo/check.h"

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <iostream>
#include <memory>
#include <optional>
#include <system_error>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "examples/demo/edit.h"
#include "examples/demo/tls_call.h"
#include "mesh/local/files.h"
#include "mesh/local/http_client.h"
#include "mesh/local/load.h"
#include "mesh/tls/context.h"

namespace demo {
namespace {

using mesh::local::HttpConnection;
using mesh::local::Load;
using mesh::local::LoadCounts;
using mesh::local::LoadOptions;
using mesh::local::LocalMesh;
using mesh::local::ProxySync;

constexpr absl::Duration kAcknowledged = absl::Seconds(15);
constexpr absl::Duration kAnswered = absl::Seconds(15);
constexpr int kSidecarPort = 9080;  // of all of Bookinfo's workloads

// The outcome of one check: what was seen, and whether that is right.
struct Outcome {
  bool passed = false;
  std::string seen;
};

Outcome Failed(const absl::Status& status) { return {false, std::string(status.message())}; }

std::string Seconds(absl::Duration duration) {
  return absl::StrFormat("%.2f s", absl::ToDoubleSeconds(duration));
}

std::string Describe(const LoadCounts& counts) {
  std::vector<std::string> parts;
  for (const auto& [version, count] : counts.by_version) {
    parts.push_back(absl::StrCat(version, " ", count));
  }
  std::string text =
      absl::StrCat(counts.requests, " requests, ", counts.failed, " failed, reviews ",
                   parts.empty() ? "none" : absl::StrJoin(parts, ", "));
  if (!counts.failures.empty()) absl::StrAppend(&text, "; first failure: ", counts.failures[0]);
  return text;
}

// Whether the versions seen are within 4.5 standard deviations of their weights, all of them, and
// no others were seen.
Outcome JudgeSplit(const LoadCounts& counts, const std::map<std::string, int>& weights) {
  Outcome outcome{counts.failed == 0, Describe(counts)};
  double total = 0;
  for (const auto& [version, weight] : weights) total += weight;
  for (const auto& [version, count] : counts.by_version) {
    if (weights.find(version) == weights.end()) outcome.passed = false;
  }
  double worst = 0;
  const double n = static_cast<double>(counts.requests);
  for (const auto& [version, weight] : weights) {
    const auto it = counts.by_version.find(version);
    const double seen = it == counts.by_version.end() ? 0 : static_cast<double>(it->second);
    const double p = weight / total;
    const double deviation = std::abs(seen - n * p);
    const double sigma = std::sqrt(n * p * (1 - p));
    if (sigma > 0) worst = std::max(worst, deviation / sigma);
    if (deviation > 4.5 * sigma) outcome.passed = false;
  }
  absl::StrAppend(&outcome.seen, absl::StrFormat(", %.1f sigma off", worst));
  return outcome;
}

class Checker {
 public:
  Checker(mesh::local::LocalMeshOptions options, std::ostream& out)
      : options_(std::move(options)), out_(out) {}

  int Run() {
    Report("the mesh starts", [this] { return StartMesh(); });
    if (mesh_ == nullptr) return Summary();
    Report("the page comes through the gateway", [this] { return Page(); });
    Report("/nope is 404", [this] { return NotFound(); });
    if (options_.mutual_tls == mesh::local::MutualTls::kStrict) CheckMutualTls();
    Report("reviews follow the weights in the YAML", [this]() -> std::optional<Outcome> {
      if (routes_->weights().empty()) return Skip("no weights for VirtualService default/reviews");
      return Split(routes_->weights());
    });
    Report("end-user: jason sees v2", [this]() -> std::optional<Outcome> {
      if (!routes_->jason_to_v2()) return Skip("the YAML has no such rule; checked after the edit");
      return Jason();
    });
    Report("an edit to 50/50 is acknowledged by every proxy", [this] {
      return Edit({{"v1", 50}, {"v3", 50}});
    });
    Report("reviews follow the new weights", [this] { return Split({{"v1", 50}, {"v3", 50}}); });
    Report("end-user: jason sees v2 after the edit", [this] { return Jason(); });
    Report("a broken edit is reported with file and line", [this] { return BrokenEdit(); });
    Report("a broken edit changes nothing", [this] { return Unchanged(); });
    Report("meshd is killed and restarted, the edit still broken: nothing changes",
           [this] { return RestartMeshd(); });
    Report("a reviews workload is killed: no request fails once its endpoint is gone",
           [this] { return KillWorkload(); });
    Report("the workload comes back", [this] { return ReviveWorkload(); });
    mesh_->Stop();
    std::error_code ignored;
    if (own_directory_ && failed_ == 0) {
      std::filesystem::remove_all(options_.run_directory, ignored);
    }
    return Summary();
  }

 private:
  // Nothing: skipped, and said why.
  void Report(const std::string& name, const std::function<std::optional<Outcome>()>& check) {
    const std::optional<Outcome> outcome = check();
    if (!outcome.has_value()) {
      ++skipped_;
      out_ << "skipped  " << name << ": " << skip_reason_ << std::endl;
      return;
    }
    ++(outcome->passed ? passed_ : failed_);
    out_ << (outcome->passed ? "ok       " : "FAILED   ") << name << ": " << outcome->seen
         << std::endl;
  }
  std::optional<Outcome> Skip(const std::string& reason) {
    skip_reason_ = reason;
    return std::nullopt;
  }
  int Summary() {
    out_ << passed_ << " passed, " << failed_ << " failed, " << skipped_ << " skipped" << std::endl;
    return failed_ == 0 ? 0 : 1;
  }

  LoadOptions PageLoad() const {
    LoadOptions load;
    load.port = mesh_->gateway_port();
    load.timeout = kAnswered;
    return load;
  }
  LoadCounts Ask(uint64_t requests, mesh::local::HttpHeaders headers = {}) const {
    LoadOptions load = PageLoad();
    load.requests = requests;
    load.headers = std::move(headers);
    return Load(load).Finish();
  }
  // What productpage's sidecar should have, by version; "" when meshd does not say.
  std::string Version(const std::vector<ProxySync>& proxies) const {
    for (const ProxySync& proxy : proxies) {
      if (absl::StartsWith(proxy.proxy, "productpage")) return proxy.version;
    }
    return "";
  }
  std::string VersionNow() const {
    const auto proxies = mesh_->ProxyStatus();
    return proxies.ok() ? Version(*proxies) : "";
  }
  // Waits until every proxy has acknowledged another version than `before`.
  absl::Status WaitForNewVersion(const std::string& before) const {
    return mesh_->WaitInSync(kAcknowledged, [&](const std::vector<ProxySync>& proxies) {
      const std::string now = Version(proxies);
      return !now.empty() && now != before;
    });
  }

  std::optional<Outcome> StartMesh() {
    if (options_.run_directory.empty()) {
      const char* temporary = std::getenv("TMPDIR");
      options_.run_directory =
          absl::StrCat(temporary == nullptr ? "/tmp" : temporary, "/local-mesh-XXXXXX");
      if (mkdtemp(options_.run_directory.data()) == nullptr) {
        return Outcome{false, "cannot make " + options_.run_directory};
      }
      own_directory_ = true;
    }
    const std::string copy = options_.run_directory + "/yaml";
    auto routes = ReviewsRoutes::Copy(options_.files, copy);
    if (!routes.ok()) return Failed(routes.status());
    routes_ = std::make_unique<ReviewsRoutes>(std::move(*routes));
    options_.files = {copy};
    options_.gateway_port = 0;
    options_.well_known_ports = false;
    const absl::Time begin = absl::Now();
    auto mesh = LocalMesh::Start(options_);
    if (!mesh.ok()) return Failed(mesh.status());
    mesh_ = std::move(*mesh);
    return Outcome{true, absl::StrCat(mesh_->Pods().size(), " pods, ", mesh_->proxies(),
                                      " proxies in sync after ", Seconds(absl::Now() - begin),
                                      ", gateway on port ", mesh_->gateway_port())};
  }

  std::optional<Outcome> Page() {
    HttpConnection connection("127.0.0.1", mesh_->gateway_port());
    const auto page = connection.Get("/productpage", {}, kAnswered);
    if (!page.ok()) return Failed(page.status());
    const mesh::local::PageVerdict verdict = mesh::local::JudgePage(page->status, page->body);
    if (!verdict.failure.empty()) return Outcome{false, verdict.failure};
    const bool black = absl::StrContains(page->body, "class=\"stars black\"");
    const bool red = absl::StrContains(page->body, "class=\"stars red\"");
    const bool stars = black == (verdict.version == "v2") && red == (verdict.version == "v3");
    const auto style = connection.Get("/static/bookinfo.css", {}, kAnswered);
    if (!style.ok() || style->status != 200) return Outcome{false, "its style sheet does not"};
    return Outcome{stars, absl::StrCat("Simple Bookstore App, reviews ", verdict.version, " with ",
                                       black ? "black"
                                       : red ? "red"
                                             : "no",
                                       " stars")};
  }

  std::optional<Outcome> NotFound() {
    HttpConnection connection("127.0.0.1", mesh_->gateway_port());
    const auto answer = connection.Get("/nope", {}, kAnswered);
    if (!answer.ok()) return Failed(answer.status());
    return Outcome{answer->status == 404, absl::StrCat("status ", answer->status)};
  }

  void CheckMutualTls() {
    Report("every proxy has a certificate", [this] { return Certified(); });
    Report("a peer with a certificate of this mesh is let in",
           [this] { return CallAs("productpage", std::nullopt, true); });
    Report("a plaintext call to a sidecar is refused", [this] { return Plaintext(); });
    Report("a peer without a certificate is refused", [this] { return CallAs("", "", false); });
    Report("a certificate of another trust domain is refused", [this] {
      return CallAs("", "spiffe://elsewhere.test/ns/default/sa/bookinfo-productpage", false);
    });
    Report("a certificate that another authority made out to this mesh is refused",
           [this] { return CallAs("", peer_, false); });
    Report("the access log names the peer", [this] { return LogNamesPeer(); });
  }

  // The pod that plays a role, the first where there are several.
  const mesh::local::PodStatus* FindPod(const std::string& role) {
    pods_ = mesh_->Pods();
    for (const auto& pod : pods_) {
      if (pod.app.role == role) return &pod;
    }
    return nullptr;
  }

  std::optional<Outcome> Certified() {
    const absl::Time deadline = absl::Now() + kAcknowledged;
    while (true) {
      const auto status = mesh_->Certificates();
      if (!status.ok()) return Failed(status.status());
      const bool all = status->certified == mesh_->proxies();
      if (all || absl::Now() > deadline) {
        return Outcome{all, absl::StrCat(status->certified, " of ", mesh_->proxies(),
                                         ", the first expires ", status->first_expires)};
      }
      absl::SleepFor(absl::Milliseconds(20));
    }
  }

  std::optional<Outcome> Plaintext() {
    const auto* details = FindPod("details");
    if (details == nullptr) return Skip("there is no details");
    HttpConnection connection(details->addresses.own, kSidecarPort);
    const auto answer = connection.Get("/details/0", {}, kAnswered);
    if (answer.ok()) return Outcome{false, absl::StrCat("answered with ", answer->status)};
    const bool connected = connection.Open(kAnswered).ok();
    return Outcome{connected, std::string(answer.status().message())};
  }

  // Asks details' sidecar with the certificate of a pod, or with one made out to `foreign` by
  // nobody; both empty: with none.
  std::optional<Outcome> CallAs(const std::string& role, const std::optional<std::string>& foreign,
                                bool welcome) {
    const auto* details = FindPod("details");
    if (details == nullptr) return Skip("there is no details");
    const std::string address = details->addresses.own;
    std::optional<mesh::tls::Identity> identity;
    if (!role.empty()) {
      const auto* pod = FindPod(role);
      if (pod == nullptr) return Skip(absl::StrCat("there is no ", role));
      const std::string directory = mesh_->IdentityDirectory(pod->name) + "/current";
      const auto key = mesh::local::ReadFile(directory + "/key.pem");
      const auto chain = mesh::local::ReadFile(directory + "/chain.pem");
      if (!key.ok()) return Failed(key.status());
      if (!chain.ok()) return Failed(chain.status());
      auto own = mesh::tls::Identity::FromPem(*chain, *key);
      if (!own.ok()) return Failed(own.status());
      const auto name = own->chain.front().SpiffeIdentity();
      if (!name.ok()) return Failed(name.status());
      peer_ = name->ToString();
      identity = *std::move(own);
    } else if (!foreign->empty()) {
      auto made = ForeignIdentity(*foreign);
      if (!made.ok()) return Failed(made.status());
      identity = *std::move(made);
    }
    const auto answer = CallOverTls(address, kSidecarPort, "/details/0", identity, kAnswered);
    const std::string seen = answer.ok() ? *answer : std::string(answer.status().message());
    return Outcome{welcome ? seen == "HTTP/1.1 200 OK" : absl::IsUnavailable(answer.status()),
                   seen};
  }

  std::optional<Outcome> LogNamesPeer() {
    const auto* details = FindPod("details");
    if (details == nullptr) return Skip("there is no details");
    const std::string log =
        absl::StrCat(mesh_->run_directory(), "/log/", details->name, ".proxy.log");
    const std::string peer = absl::StrCat("\"", peer_, "\"");
    const absl::Time deadline = absl::Now() + kAcknowledged;
    while (absl::Now() < deadline) {
      const auto text = mesh::local::ReadFile(log);
      const size_t at = text.ok() ? text->find(peer) : std::string::npos;
      if (at != std::string::npos) {
        const size_t begin = text->rfind('\n', at) + 1;  // 0 where there is none before
        return Outcome{true, absl::StrCat(text->substr(begin, 60), "… ", peer)};
      }
      absl::SleepFor(absl::Milliseconds(20));
    }
    return Outcome{false, absl::StrCat(log, " says nothing of ", peer)};
  }

  std::optional<Outcome> Split(const std::map<std::string, int>& weights) {
    return JudgeSplit(Ask(2000), weights);
  }

  std::optional<Outcome> Jason() {
    const LoadCounts counts = Ask(100, {{"end-user", "jason"}});
    const auto it = counts.by_version.find("v2");
    return Outcome{counts.failed == 0 && it != counts.by_version.end() && it->second == 100,
                   Describe(counts)};
  }

  std::optional<Outcome> Edit(const std::map<std::string, int>& weights) {
    const std::string before = VersionNow();
    const absl::Time begin = absl::Now();
    absl::Status status = routes_->Write(weights);
    if (status.ok()) status = WaitForNewVersion(before);
    if (!status.ok()) return Failed(status);
    return Outcome{true,
                   absl::StrCat(mesh_->proxies(), " proxies after ", Seconds(absl::Now() - begin))};
  }

  std::optional<Outcome> BrokenEdit() {
    version_before_ = VersionNow();
    const auto place = routes_->WriteBroken({{"v1", 0}, {"v3", 100}});
    if (!place.ok()) return Failed(place.status());
    const std::string log = mesh_->run_directory() + "/log/meshd.log";
    const absl::Time deadline = absl::Now() + kAcknowledged;
    while (absl::Now() < deadline) {
      const auto text = mesh::local::ReadFile(log);
      const size_t at = text.ok() ? text->find(*place + ":") : std::string::npos;
      if (at != std::string::npos) {
        return Outcome{true, text->substr(at, text->find('\n', at) - at)};
      }
      absl::SleepFor(absl::Milliseconds(20));
    }
    return Outcome{false, absl::StrCat(log, " says nothing of ", *place)};
  }

  std::optional<Outcome> Unchanged() {
    Outcome outcome = JudgeSplit(Ask(1000), {{"v1", 50}, {"v3", 50}});
    const std::string version = VersionNow();
    if (version != version_before_ || version.empty()) {
      outcome.passed = false;
      absl::StrAppend(&outcome.seen, "; the version went from \"", version_before_, "\" to \"",
                      version, "\"");
    }
    return outcome;
  }

  // The edit is still broken, so that what was in force before it has to come from meshd's state.
  std::optional<Outcome> RestartMeshd() {
    Load load(PageLoad());
    const auto more = [&](uint64_t requests) {
      const uint64_t until = load.Counts().requests + requests;
      while (load.Counts().requests < until) absl::SleepFor(absl::Milliseconds(5));
    };
    more(100);
    mesh_->KillControlPlane();
    more(300);
    const absl::Time begin = absl::Now();
    absl::Status status = mesh_->StartControlPlane();
    if (status.ok()) status = mesh_->WaitInSync(kAcknowledged);
    const absl::Duration back = absl::Now() - begin;
    more(100);
    const LoadCounts counts = load.Stop();
    const absl::Status repaired = routes_->Write({{"v1", 50}, {"v3", 50}});
    if (!status.ok()) return Failed(status);
    if (!repaired.ok()) return Failed(repaired);
    Outcome outcome = JudgeSplit(counts, {{"v1", 50}, {"v3", 50}});
    absl::StrAppend(&outcome.seen, "; all proxies back after ", Seconds(back));
    return outcome;
  }

  std::optional<Outcome> KillWorkload() {
    // Traffic for the service as a whole: then its other workloads can take over.
    std::optional<Outcome> edit = Edit({});
    if (!edit->passed) return edit;
    for (const auto& pod : mesh_->Pods()) {
      if (pod.app.role == "reviews") victim_ = pod.name, victim_version_ = pod.app.version;
    }
    if (Ask(300).by_version.count(victim_version_) == 0) {
      return Outcome{false, victim_ + " got no request even before"};
    }
    const std::string before = VersionNow();
    const absl::Time begin = absl::Now();
    absl::Status status = mesh_->Kill(victim_);
    if (status.ok()) status = WaitForNewVersion(before);
    if (!status.ok()) return Failed(status);
    const absl::Duration gone = absl::Now() - begin;
    const LoadCounts counts = Ask(500);
    return Outcome{counts.failed == 0 && counts.by_version.count(victim_version_) == 0,
                   absl::StrCat(victim_, "'s endpoint was gone after ", Seconds(gone), "; ",
                                Describe(counts))};
  }

  std::optional<Outcome> ReviveWorkload() {
    if (victim_.empty()) return Skip("none was killed");
    const std::string before = VersionNow();
    const absl::Time begin = absl::Now();
    absl::Status status = mesh_->Revive(victim_);
    if (status.ok()) status = WaitForNewVersion(before);
    if (!status.ok()) return Failed(status);
    const absl::Duration back = absl::Now() - begin;
    const LoadCounts counts = Ask(300);
    return Outcome{counts.failed == 0 && counts.by_version.count(victim_version_) > 0,
                   absl::StrCat("after ", Seconds(back), "; ", Describe(counts))};
  }

  mesh::local::LocalMeshOptions options_;
  std::ostream& out_;
  bool own_directory_ = false;
  std::unique_ptr<ReviewsRoutes> routes_;
  std::unique_ptr<LocalMesh> mesh_;
  int passed_ = 0, failed_ = 0, skipped_ = 0;
  std::string skip_reason_;
  std::string version_before_;
  std::string victim_, victim_version_;
  std::vector<mesh::local::PodStatus> pods_;
  std::string peer_;  // who productpage is: a SPIFFE id
};

}  // namespace

int Check(mesh::local::LocalMeshOptions options, std::ostream& out) {
  return Checker(std::move(options), out).Run();
}

}  // namespace demo
