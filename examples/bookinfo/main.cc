// One service of Bookinfo.
//
//   bookinfo --role=reviews --version=v2 --address=127.0.0.1 --port=9080 --upstream=127.2.0.4:9080

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <iostream>
#include <string>
#include <thread>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_join.h"
#include "examples/bookinfo/app.h"
#include "examples/program/usage.h"

ABSL_FLAG(std::string, role, "", "productpage, details, reviews or ratings");
ABSL_FLAG(std::string, version, "v1", "of the service; reviews: v1, v2 (black stars), v3 (red)");
ABSL_FLAG(std::string, pod, "", "name to show on the page; default ROLE-VERSION");
ABSL_FLAG(std::string, address, "127.0.0.1", "to listen on");
ABSL_FLAG(int, port, 9080, "to listen on; 0 takes a free one");
ABSL_FLAG(std::string, upstream, "127.0.0.1:9080",
          "ADDRESS:PORT to which calls of other services go, with the service's name as Host");

int main(int argc, char** argv) {
  examples::SetUsage("serves one of Bookinfo's services");
  absl::ParseCommandLine(argc, argv);
  bookinfo::Options options;
  options.role = absl::GetFlag(FLAGS_role);
  options.version = absl::GetFlag(FLAGS_version);
  options.pod = absl::GetFlag(FLAGS_pod);
  const auto& roles = bookinfo::Roles();
  if (std::find(roles.begin(), roles.end(), options.role) == roles.end()) {
    std::cerr << "bookinfo: --role must be one of " << absl::StrJoin(roles, ", ") << "\n";
    return 64;
  }
  const std::string upstream = absl::GetFlag(FLAGS_upstream);
  const size_t colon = upstream.rfind(':');
  if (colon == std::string::npos ||
      !absl::SimpleAtoi(upstream.substr(colon + 1), &options.upstream_port)) {
    std::cerr << "bookinfo: --upstream must be ADDRESS:PORT, not \"" << upstream << "\"\n";
    return 64;
  }
  options.upstream_address = upstream.substr(0, colon);

  // Before any thread: SIGTERM and SIGINT are taken by the thread below, wherever they arrive.
  sigset_t stop_signals;
  sigemptyset(&stop_signals);
  sigaddset(&stop_signals, SIGTERM);
  sigaddset(&stop_signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &stop_signals, nullptr);

  bookinfo::Server server;
  bookinfo::Register(options, &server);
  const int port = server.Bind(absl::GetFlag(FLAGS_address), absl::GetFlag(FLAGS_port));
  if (port < 0) {
    std::cerr << "bookinfo: cannot listen on " << absl::GetFlag(FLAGS_address) << ":"
              << absl::GetFlag(FLAGS_port) << "\n";
    return 1;
  }
  std::cerr << "bookinfo: " << options.role << " " << options.version << " on "
            << absl::GetFlag(FLAGS_address) << ":" << port << "\n";
  std::thread([&] {
    int signal = 0;
    sigwait(&stop_signals, &signal);
    // Open connections are a proxy's idle ones, which would last for an hour.
    _exit(0);
  }).detach();
  return server.Serve() ? 0 : 1;
}
