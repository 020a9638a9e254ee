#include "mesh/agent/secret_socket.h"

#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "grpcpp/grpcpp.h"
#include "mesh/agent/ads_relay.h"
#include "mesh/agent/workload_api.h"
#include "mesh/ca/service/secrets.h"
#include "mesh/ca/state_store.h"

namespace mesh::agent {

class SecretSocket::Core {
 public:
  Core(std::function<std::shared_ptr<grpc::Channel>()> authority, const Clock* clock, LogSink* log)
      : secrets_(log), workload_api_(authority, clock), relay_(std::move(authority), log) {}
  ~Core() { Stop(); }

  absl::Status Listen(const std::string& path) {
    const size_t slash = path.rfind('/');
    if (slash == std::string::npos || slash == 0) {
      return absl::InvalidArgumentError(
          absl::StrCat("\"", path, "\" is no path of a socket in a directory of its own"));
    }
    if (path.size() >= sizeof(sockaddr_un::sun_path)) {
      return absl::InvalidArgumentError(absl::StrCat(path, ": a socket's path has at most ",
                                                     sizeof(sockaddr_un::sun_path) - 1, " bytes"));
    }
    // The same demands as on a store of keys.
    const auto checked = ca::DirectoryStore::Open(path.substr(0, slash));
    if (!checked.ok()) return checked.status();
    struct stat info;
    if (lstat(path.c_str(), &info) == 0 && S_ISSOCK(info.st_mode)) unlink(path.c_str());
    grpc::ServerBuilder builder;
    builder.AddListeningPort(absl::StrCat("unix:", path), grpc::InsecureServerCredentials());
    builder.RegisterService(&secrets_);
    builder.RegisterService(&workload_api_);
    builder.RegisterService(&relay_);
    server_ = builder.BuildAndStart();
    if (server_ == nullptr) return absl::UnavailableError(absl::StrCat("cannot listen on ", path));
    return absl::OkStatus();
  }
  void Set(const ca::WorkloadCertificate::Held& held) {
    secrets_.SetWorkload(held);
    workload_api_.Set(held);
    relay_.Set(held);
  }
  void SetJwtBundle(const ca::JwtBundle& bundle) { workload_api_.SetJwtBundle(bundle); }
  void Stop() {
    if (server_ == nullptr) return;
    server_->Shutdown(std::chrono::system_clock::now());
    server_->Wait();
    server_.reset();
  }

 private:
  ca::SecretService secrets_;
  WorkloadApi workload_api_;
  AdsRelay relay_;
  std::unique_ptr<grpc::Server> server_;
};

SecretSocket::SecretSocket(std::unique_ptr<Core> core) : core_(std::move(core)) {}
SecretSocket::~SecretSocket() = default;

absl::StatusOr<std::unique_ptr<SecretSocket>> SecretSocket::Listen(
    const std::string& path, std::function<std::shared_ptr<grpc::Channel>()> authority,
    const Clock* clock, LogSink* log) {
  auto core = std::make_unique<Core>(std::move(authority), clock, log);
  if (absl::Status status = core->Listen(path); !status.ok()) return status;
  return std::unique_ptr<SecretSocket>(new SecretSocket(std::move(core)));
}

void SecretSocket::Set(const ca::WorkloadCertificate::Held& held) { core_->Set(held); }
void SecretSocket::SetJwtBundle(const ca::JwtBundle& bundle) { core_->SetJwtBundle(bundle); }
void SecretSocket::Stop() { core_->Stop(); }

}  // namespace mesh::agent
