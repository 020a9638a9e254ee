// make demo: Bookinfo through the mesh, on this machine, until Ctrl-C.
//
//   demo                                    Bookinfo as examples/bookinfo/yaml has it
//   demo PATH …                             other YAML: files or directories
//   demo --plain                            lines instead of a page, on a terminal too
//   demo --check                            checks it without a person, on free ports
//   demo --nomutual_tls                     plaintext between the proxies

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <deque>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <optional>
#include <thread>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "examples/demo/check.h"
#include "examples/demo/screen.h"
#include "examples/program/usage.h"
#include "mesh/local/http_client.h"
#include "mesh/local/load.h"
#include "mesh/local/local_mesh.h"
#include "mesh/local/objects.h"
#include "nlohmann/json.hpp"

ABSL_FLAG(
    std::string, files, "",
    "YAML to run, files or directories separated by blanks or commas; they may follow without "
    "a flag as well. Default: examples/bookinfo/yaml");
ABSL_FLAG(bool, check, false, "check the demo without a person, on free ports, and exit");
ABSL_FLAG(int, port, 8080, "of the ingress gateway");
ABSL_FLAG(bool, plain, false,
          "a line a second instead of a page that is drawn again; always so where standard output "
          "is no terminal");
ABSL_FLAG(double, load, 5, "requests a second that the demo itself makes; 0 for none");
ABSL_FLAG(std::string, run_directory, "", "for generated files and logs; default: a new one");
ABSL_FLAG(bool, mutual_tls, true,
          "certificates for every proxy, and nothing but mutual TLS between them (STRICT)");
ABSL_FLAG(std::string, meshd, "", "program; default: meshd beside this one");
ABSL_FLAG(std::string, mesh_proxy, "", "program; default: mesh-proxy beside this one");
ABSL_FLAG(std::string, bookinfo, "", "program; default: bookinfo beside this one");

namespace {

using mesh::local::HttpConnection;
using mesh::local::LocalMesh;
using mesh::local::LocalMeshOptions;

// Progress for the person at the terminal; in a check, for whoever reads its log.
class Terminal final : public mesh::LogSink {
 public:
  explicit Terminal(std::ostream& out) : out_(out) {}
  void Log(mesh::LogLevel level, std::string_view component, std::string_view text) override {
    if (level == mesh::LogLevel::kDebug) return;
    const bool plain = level == mesh::LogLevel::kInfo;
    const std::string line = absl::StrCat(plain ? "" : std::string(LogLevelName(level)),
                                          plain ? "" : ": ", std::string(text));
    mesh::MutexLock lock(&mutex_);
    if (kept_) {
      kept_->push_back(
          absl::StrCat(absl::FormatTime("%H:%M:%S ", absl::Now(), absl::LocalTimeZone()), line));
      if (kept_->size() > 10) kept_->erase(kept_->begin());
    } else {
      out_ << "demo: " << line << std::endl;
    }
  }
  // From now on lines are kept, the last ten of them, because a screen shows them; or no longer.
  void Keep(bool keep) {
    mesh::MutexLock lock(&mutex_);
    kept_.reset();
    if (keep) kept_.emplace();
  }
  std::vector<std::string> Kept() {
    mesh::MutexLock lock(&mutex_);
    return kept_.value_or(std::vector<std::string>());
  }

 private:
  std::ostream& out_;
  mesh::Mutex mutex_;
  std::optional<std::vector<std::string>> kept_ ABSL_GUARDED_BY(mutex_);
};

// Ends the program on SIGINT, SIGTERM, SIGHUP: at once while the mesh starts (the kernel ends its
// processes with us), in good order when it runs. Blocks the signals in all threads that follow.
class StopSignals {
 public:
  StopSignals() {
    sigemptyset(&signals_);
    for (int number : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&signals_, number);
    pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
    std::thread([this] {
      int number = 0;
      sigwait(&signals_, &number);
      if (!orderly_) _exit(130);
      mesh::MutexLock lock(&mutex_);
      stopped_ = true;
      changed_.NotifyAll();
    }).detach();
  }
  void BeOrderly() { orderly_ = true; }
  // False when it is time to stop.
  bool Wait(absl::Duration duration) {
    const auto deadline = std::chrono::steady_clock::now() + absl::ToChronoNanoseconds(duration);
    mesh::MutexLock lock(&mutex_);
    while (!stopped_ && changed_.WaitUntil(&mutex_, deadline)) {
    }
    return !stopped_;
  }

 private:
  sigset_t signals_;
  std::atomic<bool> orderly_{false};
  mesh::Mutex mutex_;
  mesh::CondVar changed_;
  bool stopped_ = false;
};

// How many requests an application has answered, as its /metrics says; nothing when it is down.
std::optional<uint64_t> Answered(int app_port) {
  HttpConnection connection("127.0.0.1", app_port);
  const auto response = connection.Get("/metrics", {}, absl::Seconds(1));
  if (!response.ok()) return std::nullopt;
  uint64_t sum = 0;
  for (const auto& line : absl::StrSplit(response->body, '\n')) {
    if (!absl::StartsWith(line, "bookinfo_requests_total{")) continue;
    const std::vector<std::string> parts = absl::StrSplit(line, ' ');
    uint64_t value = 0;
    if (parts.size() == 2 && absl::SimpleAtoi(parts[1], &value)) sum += value;
  }
  return sum;
}

// What each application answered since the last time it was asked.
class Counters {
 public:
  uint64_t Since(const std::string& pod, int app_port) {
    const std::optional<uint64_t> now = Answered(app_port);
    if (!now.has_value()) return 0;
    const auto [it, first] = last_.emplace(pod, *now);
    // A restarted application begins at nothing.
    const uint64_t delta = first ? 0 : *now >= it->second ? *now - it->second : *now;
    it->second = *now;
    return delta;
  }

 private:
  std::map<std::string, uint64_t> last_;
};

// A log from where it ends now.
class LogTail {
 public:
  explicit LogTail(std::string file) : file_(std::move(file)) { Next(); }
  // New lines.
  std::vector<std::string> Next() {
    std::vector<std::string> lines;
    std::ifstream file(file_);
    file.seekg(offset_);
    for (std::string line; std::getline(file, line) && !file.eof();) {
      offset_ = file.tellg();
      lines.push_back(line);
    }
    return lines;
  }

 private:
  const std::string file_;
  std::streamoff offset_ = 0;
};

// What meshd says from now on that concerns who edits the YAML: what it took, and what it did not.
class MeshdWords {
 public:
  explicit MeshdWords(const LocalMesh& mesh) : log_(mesh.run_directory() + "/log/meshd.log") {}
  // New lines, without their time.
  std::vector<std::string> Next() {
    std::vector<std::string> lines;
    for (const std::string& line : log_.Next()) {
      const std::string words = line.substr(std::min(line.size(), line.find(' ') + 1));
      if (absl::StartsWith(words, kTaken) || absl::StartsWith(words, "warning ") ||
          absl::StartsWith(words, "error ")) {
        lines.push_back(words);
      }
    }
    return lines;
  }
  static constexpr char kTaken[] = "info discovery: generation";

 private:
  LogTail log_;
};

// What is counted over the last half minute.
constexpr size_t kWindow = 30;

// What there is to see, as of one second.
struct Glance {
  absl::Time time;
  double rate = 0;                          // pages a second
  std::map<std::string, uint64_t> reviews;  // by version, in `seconds`
  size_t seconds = 0;
  std::vector<std::string> meshd;  // its new words
  absl::StatusOr<std::vector<mesh::local::ProxySync>> proxies;
  std::string security;
};

std::string Security(const LocalMesh& mesh);

class Watch {
 public:
  explicit Watch(const LocalMesh& mesh) : mesh_(mesh), words_(mesh), last_(absl::Now()) {}
  Glance Look() {
    Glance glance;
    glance.meshd = words_.Next();
    uint64_t pages = 0;
    std::map<std::string, uint64_t> versions;
    for (const auto& pod : mesh_.Pods()) {
      const uint64_t answered = counters_.Since(pod.name, pod.addresses.app_port);
      if (pod.app.role == "productpage") pages += answered;
      if (pod.app.role == "reviews") versions[pod.app.version] += answered;
    }
    glance.time = absl::Now();
    glance.rate = static_cast<double>(pages) / absl::ToDoubleSeconds(glance.time - last_);
    last_ = glance.time;
    history_.push_back(versions);
    if (history_.size() > kWindow) history_.pop_front();
    glance.seconds = history_.size();
    for (const auto& second : history_) {
      for (const auto& [version, count] : second) glance.reviews[version] += count;
    }
    glance.proxies = mesh_.ProxyStatus();
    glance.security = Security(mesh_);
    return glance;
  }

 private:
  const LocalMesh& mesh_;
  Counters counters_;
  MeshdWords words_;
  std::deque<std::map<std::string, uint64_t>> history_;
  absl::Time last_;
};

std::string TimeOfDay(absl::Time time) {
  return absl::FormatTime("%H:%M:%S", time, absl::LocalTimeZone());
}

// Once a second: requests for the page, reviews by version over the last half minute, proxies.
void PrintStatus(const LocalMesh& mesh, StopSignals* signals) {
  Watch watch(mesh);
  while (signals->Wait(absl::Seconds(1))) {
    const Glance glance = watch.Look();
    for (const std::string& words : glance.meshd) std::cout << "meshd: " << words << std::endl;
    uint64_t total = 0;
    for (const auto& [version, count] : glance.reviews) total += count;
    std::string reviews;
    for (const auto& [version, count] : glance.reviews) {
      absl::StrAppendFormat(&reviews, " %s %3.0f%%", version,
                            total == 0 ? 0.0 : 100.0 * static_cast<double>(count) / total);
    }
    size_t in_sync = 0;
    if (glance.proxies.ok()) {
      for (const auto& proxy : *glance.proxies) in_sync += proxy.in_sync ? 1 : 0;
    }
    std::cout << TimeOfDay(glance.time)
              << absl::StrFormat("  %6.1f requests/s   reviews%s (last %d s)   ", glance.rate,
                                 reviews, glance.seconds)
              << (glance.proxies.ok()
                      ? absl::StrFormat("%d of %d proxies in sync", in_sync, mesh.proxies())
                      : std::string("meshd does not answer"))
              << (glance.security.empty() ? "" : "   mutual TLS: ") << glance.security << std::endl;
  }
}

// Who has a certificate, and for how long; "" where none has.
std::string Security(const LocalMesh& mesh) {
  if (mesh.mutual_tls() == mesh::local::MutualTls::kDisabled) return "";
  const auto status = mesh.Certificates();
  if (!status.ok()) return "";
  return absl::StrCat(status->certified, " of ", mesh.proxies(), " proxies have a certificate",
                      status->first_expires.empty() ? "" : ", the first expires ",
                      status->first_expires,
                      status->rotation == "stable" ? "" : "; a root is being replaced: ",
                      status->rotation == "stable" ? "" : status->rotation);
}

// The errors that are in force in what meshd reads.
std::vector<std::string> Errors(const LocalMesh& mesh) {
  HttpConnection meshd(mesh.control_address(), mesh.monitoring_port());
  const auto page = meshd.Get("/debug/push_status", {}, absl::Seconds(1));
  std::vector<std::string> errors;
  if (!page.ok()) return errors;
  const auto json = nlohmann::json::parse(page->body, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || !json.contains("errors")) return errors;
  for (const auto& error : json["errors"]) {
    if (error.is_string()) errors.push_back(error.get<std::string>());
  }
  return errors;
}

// Each proxy that there should be, with what meshd and this machine know of it.
std::vector<demo::ProxyState> Proxies(const LocalMesh& mesh,
                                      const std::vector<mesh::local::ProxySync>& status) {
  using Sync = demo::ProxyState::Sync;
  std::map<std::string, demo::ProxyState> proxies;
  for (const auto& pod : mesh.Pods()) {
    const std::string name = absl::StrCat(pod.name, ".", pod.ns);
    proxies[name] = {name, Sync::kNotConnected, "", pod.ready, pod.restarts};
  }
  for (const mesh::local::ProxySync& row : status) {
    demo::ProxyState& proxy = proxies[row.proxy];
    proxy.name = row.proxy;
    proxy.reason = row.reason;
    proxy.sync = !row.reason.empty() ? Sync::kRejected
                 : row.in_sync       ? Sync::kInSync
                                     : Sync::kWaiting;
  }
  std::vector<demo::ProxyState> states;
  for (auto& [name, proxy] : proxies) states.push_back(std::move(proxy));
  return states;
}

// The same on a page that stays where it is, and more than fits a line.
void DrawStatus(const LocalMesh& mesh, StopSignals* signals, Terminal* terminal) {
  Watch watch(mesh);
  LogTail gateway(
      absl::StrCat(mesh.run_directory(), "/log/", mesh::local::kGatewayPod, ".proxy.log"));
  std::deque<std::vector<demo::GatewayAnswer>> history;
  demo::ScreenState state;
  std::vector<std::string> warnings;  // since the last change
  state.url = absl::StrCat("http://127.0.0.1:", mesh.gateway_port(), "/productpage");
  demo::Screen screen;
  do {
    const Glance glance = watch.Look();
    history.emplace_back();
    for (const std::string& line : gateway.Next()) {
      if (const auto answer = demo::ReadGatewayLine(line)) history.back().push_back(*answer);
    }
    if (history.size() > kWindow) history.pop_front();
    std::vector<demo::GatewayAnswer> answers;
    for (const auto& second : history) answers.insert(answers.end(), second.begin(), second.end());
    for (const std::string& words : glance.meshd) {
      if (absl::StartsWith(words, MeshdWords::kTaken)) {
        state.change =
            absl::StrCat(TimeOfDay(glance.time), " ", words.substr(words.find("generation")));
        warnings.clear();
      } else if (absl::StartsWith(words, "warning ")) {
        warnings.push_back(words);
      }
    }
    state.time = TimeOfDay(glance.time);
    state.pages_per_second = glance.rate;
    state.latency = demo::Summarise(answers);
    state.seconds = glance.seconds;
    state.reviews = glance.reviews;
    state.meshd_answers = glance.proxies.ok();
    if (glance.proxies.ok()) state.proxies = Proxies(mesh, *glance.proxies);
    state.security = glance.security;
    state.findings = Errors(mesh);
    state.findings.insert(state.findings.end(), warnings.begin(), warnings.end());
    state.events = terminal->Kept();
    screen.Draw(state);
  } while (signals->Wait(absl::Seconds(1)));
}

std::filesystem::path OwnFolder() {
  std::error_code error;
  return std::filesystem::read_symlink("/proc/self/exe", error).parent_path();
}

std::string Beside(const std::string& flag, const std::string& name) {
  return flag.empty() ? (OwnFolder() / name).string() : flag;
}

// From the repository's top, or from bin/ in it.
std::string BookinfoYaml() {
  const std::filesystem::path here = "examples/bookinfo/yaml";
  std::error_code error;
  return std::filesystem::exists(here, error) ? here.string()
                                              : (OwnFolder().parent_path() / here).string();
}

}  // namespace

int main(int argc, char** argv) {
  examples::SetUsage("runs Bookinfo through the mesh on this machine");
  const std::vector<char*> rest = absl::ParseCommandLine(argc, argv);
  LocalMeshOptions options;
  options.files =
      absl::StrSplit(absl::GetFlag(FLAGS_files), absl::ByAnyChar(" ,"), absl::SkipWhitespace());
  options.files.insert(options.files.end(), rest.begin() + 1, rest.end());
  if (options.files.empty()) options.files = {BookinfoYaml()};
  options.programs = {Beside(absl::GetFlag(FLAGS_meshd), "meshd"),
                      Beside(absl::GetFlag(FLAGS_mesh_proxy), "mesh-proxy"),
                      Beside(absl::GetFlag(FLAGS_bookinfo), "bookinfo")};
  options.run_directory = absl::GetFlag(FLAGS_run_directory);
  options.mutual_tls = absl::GetFlag(FLAGS_mutual_tls) ? mesh::local::MutualTls::kStrict
                                                       : mesh::local::MutualTls::kDisabled;
  const bool check = absl::GetFlag(FLAGS_check);
  Terminal terminal(check ? std::cerr : std::cout);
  options.log = &terminal;
  StopSignals signals;
  if (check) return demo::Check(std::move(options), std::cout);

  options.gateway_port = absl::GetFlag(FLAGS_port);
  options.well_known_ports = true;
  auto mesh = LocalMesh::Start(std::move(options));
  if (!mesh.ok()) {
    std::cerr << "demo: " << std::string(mesh.status().message()) << "\n";
    return 1;
  }
  signals.BeOrderly();
  std::cout << "demo: Bookinfo is at http://127.0.0.1:" << (*mesh)->gateway_port()
            << "/productpage (Ctrl-C ends it and all that it started)" << std::endl;
  std::unique_ptr<mesh::local::Load> load;
  if (absl::GetFlag(FLAGS_load) > 0) {
    mesh::local::LoadOptions load_options;
    load_options.port = (*mesh)->gateway_port();
    load_options.connections = 1;
    load_options.per_second = absl::GetFlag(FLAGS_load);
    load = std::make_unique<mesh::local::Load>(load_options);
    std::cout << "demo: it asks for the page itself, " << load_options.per_second
              << " times a second, so that there is something to see (--load=0: not)" << std::endl;
  }
  if (!absl::GetFlag(FLAGS_plain) && demo::Screen::Possible()) {
    terminal.Keep(true);
    DrawStatus(**mesh, &signals, &terminal);
    terminal.Keep(false);
  } else {
    PrintStatus(**mesh, &signals);
  }
  std::cout << "demo: stopping" << std::endl;
  if (load != nullptr) load->Stop();
  (*mesh)->Stop();
  std::cout << "demo: everything has ended; logs stay in " << (*mesh)->run_directory() << std::endl;
  return 0;
}
