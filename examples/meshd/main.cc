// meshd: the control plane. Reads configuration out of files, follows them, and gives every proxy
// that connects over xDS what it must do.
//
//   meshd --config examples/bookinfo/yaml
//   meshd --config a.yaml,b/ --config c/ --mesh mesh.yaml
//   meshd --config a.yaml --state_dir /var/lib/meshd/state    keeps what is in force over a restart
//   meshd --config a.yaml --ca_dir /var/lib/meshd/ca          with certificates, on port 15012

#include <signal.h>

#include <iostream>
#include <string>
#include <utility>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "examples/program/usage.h"
#include "mesh/base/log.h"
#include "mesh/discovery/control_plane.h"
#include "mesh/source/directory_source.h"

ABSL_FLAG(std::vector<std::string>, config, {},
          "YAML or JSON files and directories, separated by commas; may be given several times");
ABSL_FLAG(std::string, mesh, "", "a file with one MeshConfig");
ABSL_FLAG(
    std::string, state_dir, "",
    "a directory, mode 0700, where the last good version of each object is kept: what is broken "
    "while meshd starts stays in force as it was; empty: such objects are left out");
ABSL_FLAG(std::string, xds_address, "127.0.0.1:15010", "where proxies connect, in plaintext");
ABSL_FLAG(std::string, monitoring_address, "127.0.0.1:15014",
          "of /ready, /metrics and /debug; empty: none");
ABSL_FLAG(std::string, domain, "cluster.local", "of Kubernetes services");
ABSL_FLAG(std::string, default_namespace, "default", "of objects that name none");
ABSL_FLAG(std::string, pod_range, "10.244.0.0/16", "addresses of pods that only Deployments name");
ABSL_FLAG(bool, expand_deployments, true,
          "a Deployment stands for its pods; false where every pod comes as a Pod object");
ABSL_FLAG(std::string, ca_dir, "",
          "of the certificate authority, mode 0700: its state, or ca-cert.pem, ca-key.pem, "
          "root-cert.pem and cert-chain.pem of one that is plugged in; empty: no authority");
ABSL_FLAG(std::string, secure_address, "127.0.0.1:15012",
          "where proxies connect over TLS and ask for certificates, with --ca_dir");
ABSL_FLAG(absl::Duration, certificate_lifetime, absl::Hours(24),
          "of workloads that ask for none; at most 90 days");
ABSL_FLAG(std::string, join_tokens, "",
          "a directory, mode 0700, of tokens for one use, as a local runner makes them");
ABSL_FLAG(std::string, token_keys, "",
          "a file with the JSON Web Key Set of service account tokens; followed as it changes");
ABSL_FLAG(std::string, token_issuer, "", "who signs these tokens (\"iss\" in them)");
ABSL_FLAG(std::vector<std::string>, token_audiences, {"istio-ca"},
          "one of which these tokens must be for");
ABSL_FLAG(bool, ca_rotation, false,
          "let POST /ca/rotate on the monitoring address replace the root step by step "
          "(meshctl ca rotate)");
ABSL_FLAG(
    std::vector<std::string>, jwks_allow, {},
    "private addresses that may be asked for tokens' keys: ADDRESS or BLOCK, comma-separated");
ABSL_FLAG(std::string, log_level, "info", "debug, info, warning or error");

namespace {

// absl keeps the last --config only: joins all of them into the first.
std::vector<char*> JoinConfigFlags(int argc, char** argv, std::string* joined) {
  std::vector<char*> rest;
  std::vector<std::string> paths;
  for (int i = 0; i < argc; ++i) {
    const std::string argument = argv[i];
    if (i > 0 && (argument == "--config" || argument == "-config") && i + 1 < argc) {
      paths.push_back(argv[++i]);
    } else if (i > 0 && absl::StartsWith(argument, "--config=")) {
      paths.push_back(argument.substr(9));
    } else {
      rest.push_back(argv[i]);
    }
  }
  if (paths.empty()) return rest;
  *joined = "--config=";
  for (size_t i = 0; i < paths.size(); ++i) absl::StrAppend(joined, i == 0 ? "" : ",", paths[i]);
  rest.insert(rest.begin() + 1, joined->data());
  return rest;
}

int Fail(int code, const std::string& what) {
  std::cerr << "meshd: " << what << "\n";
  return code;
}

}  // namespace

int main(int argc, char** argv) {
  examples::SetUsage("The control plane of the mesh.\n\n  meshd --config PATH[,PATH…]");
  std::string joined;
  std::vector<char*> arguments = JoinConfigFlags(argc, argv, &joined);
  const std::vector<char*> rest =
      absl::ParseCommandLine(static_cast<int>(arguments.size()), arguments.data());
  if (rest.size() > 1) return Fail(64, absl::StrCat("unexpected argument \"", rest[1], "\""));
  const std::vector<std::string> config = absl::GetFlag(FLAGS_config);
  if (config.empty()) return Fail(64, "--config PATH is missing");
  mesh::LogLevel level = mesh::LogLevel::kInfo;
  bool known = false;
  for (mesh::LogLevel candidate : {mesh::LogLevel::kDebug, mesh::LogLevel::kInfo,
                                   mesh::LogLevel::kWarning, mesh::LogLevel::kError}) {
    if (mesh::LogLevelName(candidate) != absl::GetFlag(FLAGS_log_level)) continue;
    level = candidate;
    known = true;
  }
  if (!known) return Fail(64, "--log_level must be debug, info, warning or error");

  // Taken by sigwait below: no thread may be interrupted by them.
  sigset_t stop;
  sigemptyset(&stop);
  for (int number : {SIGINT, SIGTERM}) sigaddset(&stop, number);
  pthread_sigmask(SIG_BLOCK, &stop, nullptr);

  mesh::StderrLog log(level);
  mesh::source::DirectorySourceOptions files;
  files.paths = config;
  files.mesh_config = absl::GetFlag(FLAGS_mesh);
  files.read.default_namespace = absl::GetFlag(FLAGS_default_namespace);
  files.log = &log;

  mesh::discovery::ControlPlaneOptions options;
  options.sources.push_back({"files", std::make_unique<mesh::source::DirectorySource>(files)});
  options.xds_address = absl::GetFlag(FLAGS_xds_address);
  options.monitoring_address = absl::GetFlag(FLAGS_monitoring_address);
  options.world.registry.domain = absl::GetFlag(FLAGS_domain);
  options.world.registry.pod_range = absl::GetFlag(FLAGS_pod_range);
  options.world.registry.expand_deployments = absl::GetFlag(FLAGS_expand_deployments);
  options.state_directory = absl::GetFlag(FLAGS_state_dir);
  options.keys.allowed = absl::GetFlag(FLAGS_jwks_allow);
  options.log = &log;
  if (!absl::GetFlag(FLAGS_ca_dir).empty()) {
    mesh::discovery::AuthorityOptions authority;
    authority.directory = absl::GetFlag(FLAGS_ca_dir);
    authority.leaf.default_lifetime = absl::GetFlag(FLAGS_certificate_lifetime);
    authority.join_token_directory = absl::GetFlag(FLAGS_join_tokens);
    authority.token_keys_file = absl::GetFlag(FLAGS_token_keys);
    authority.token_issuer = absl::GetFlag(FLAGS_token_issuer);
    authority.token_audiences = absl::GetFlag(FLAGS_token_audiences);
    authority.rotation_over_http = absl::GetFlag(FLAGS_ca_rotation);
    options.authority = std::move(authority);
    options.secure_address = absl::GetFlag(FLAGS_secure_address);
  }
  auto control_plane = mesh::discovery::ControlPlane::Start(std::move(options));
  if (!control_plane.ok()) {
    const bool unreadable = absl::IsNotFound(control_plane.status()) ||
                            absl::IsPermissionDenied(control_plane.status());
    return Fail(unreadable ? 65 : 1, std::string(control_plane.status().message()));
  }
  int number = 0;
  sigwait(&stop, &number);
  log.Log(mesh::LogLevel::kInfo, "meshd", absl::StrCat("signal ", number, ": stopping"));
  (*control_plane)->Stop();
  return 0;
}
