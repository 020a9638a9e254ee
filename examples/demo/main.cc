// make demo: Bookinfo through the mesh, on this machine, until Ctrl-C.
//
//   demo                                    Bookinfo as examples/bookinfo/yaml has it
//   demo PATH …                             other YAML: files or directories
//   demo --check                            checks it without a person, on free ports

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <deque>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <thread>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "examples/demo/check.h"
#include "mesh/local/http_client.h"
#include "mesh/local/load.h"
#include "mesh/local/local_mesh.h"

ABSL_FLAG(
    std::string, files, "",
    "YAML to run, files or directories separated by blanks or commas; they may follow without "
    "a flag as well. Default: examples/bookinfo/yaml");
ABSL_FLAG(bool, check, false, "check the demo without a person, on free ports, and exit");
ABSL_FLAG(int, port, 8080, "of the ingress gateway");
ABSL_FLAG(double, load, 5, "requests a second that the demo itself makes; 0 for none");
ABSL_FLAG(std::string, run_directory, "", "for generated files and logs; default: a new one");
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
    const std::string line = absl::StrCat("demo: ", plain ? "" : std::string(LogLevelName(level)),
                                          plain ? "" : ": ", std::string(text), "\n");
    mesh::MutexLock lock(&mutex_);
    out_ << line << std::flush;
  }

 private:
  std::ostream& out_;
  mesh::Mutex mutex_;
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

// What meshd says from now on that concerns who edits the YAML: what it took, and what it did not.
class MeshdWords {
 public:
  explicit MeshdWords(const LocalMesh& mesh) : file_(mesh.run_directory() + "/log/meshd.log") {
    Next();
  }
  // New lines, without their time.
  std::vector<std::string> Next() {
    std::vector<std::string> lines;
    std::ifstream file(file_);
    file.seekg(offset_);
    for (std::string line; std::getline(file, line) && !file.eof();) {
      offset_ = file.tellg();
      const std::string words = line.substr(std::min(line.size(), line.find(' ') + 1));
      if (absl::StartsWith(words, "info discovery: generation") ||
          absl::StartsWith(words, "warning ") || absl::StartsWith(words, "error ")) {
        lines.push_back(words);
      }
    }
    return lines;
  }

 private:
  const std::string file_;
  std::streamoff offset_ = 0;
};

// Once a second: requests for the page, reviews by version over the last half minute, proxies.
void ShowStatus(const LocalMesh& mesh, StopSignals* signals) {
  constexpr size_t kWindow = 30;
  Counters counters;
  MeshdWords meshd(mesh);
  std::deque<std::map<std::string, uint64_t>> seconds;
  for (absl::Time last = absl::Now(); signals->Wait(absl::Seconds(1));) {
    for (const std::string& words : meshd.Next()) std::cout << "meshd: " << words << std::endl;
    uint64_t pages = 0;
    std::map<std::string, uint64_t> versions;
    for (const auto& pod : mesh.Pods()) {
      const uint64_t answered = counters.Since(pod.name, pod.addresses.app_port);
      if (pod.app.role == "productpage") pages += answered;
      if (pod.app.role == "reviews") versions[pod.app.version] += answered;
    }
    const absl::Time now = absl::Now();
    const double rate = static_cast<double>(pages) / absl::ToDoubleSeconds(now - last);
    last = now;
    seconds.push_back(versions);
    if (seconds.size() > kWindow) seconds.pop_front();
    std::map<std::string, uint64_t> sums;
    uint64_t total = 0;
    for (const auto& second : seconds) {
      for (const auto& [version, count] : second) {
        sums[version] += count;
        total += count;
      }
    }
    std::string reviews;
    for (const auto& [version, count] : sums) {
      absl::StrAppendFormat(&reviews, " %s %3.0f%%", version,
                            total == 0 ? 0.0 : 100.0 * static_cast<double>(count) / total);
    }
    const auto proxies = mesh.ProxyStatus();
    size_t in_sync = 0;
    if (proxies.ok()) {
      for (const auto& proxy : *proxies) in_sync += proxy.in_sync ? 1 : 0;
    }
    std::cout << absl::FormatTime("%H:%M:%S", now, absl::LocalTimeZone())
              << absl::StrFormat("  %6.1f requests/s   reviews%s (last %d s)   ", rate, reviews,
                                 seconds.size())
              << (proxies.ok()
                      ? absl::StrFormat("%d of %d proxies in sync", in_sync, mesh.proxies())
                      : std::string("meshd does not answer"))
              << std::endl;
  }
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
  absl::SetProgramUsageMessage("runs Bookinfo through the mesh on this machine");
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
  ShowStatus(**mesh, &signals);
  std::cout << "demo: stopping" << std::endl;
  if (load != nullptr) load->Stop();
  (*mesh)->Stop();
  std::cout << "demo: everything has ended; logs stay in " << (*mesh)->run_directory() << std::endl;
  return 0;
}
