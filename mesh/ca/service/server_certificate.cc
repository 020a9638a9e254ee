#include "mesh/ca/service/server_certificate.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "absl/strings/str_cat.h"
#include "grpcpp/security/tls_certificate_provider.h"
#include "grpcpp/security/tls_credentials_options.h"
#include "mesh/ca/file.h"
#include "mesh/ca/state_store.h"

namespace mesh::ca {
namespace {

void RemoveGeneration(const std::string& path) {
  for (const char* name : {"/key.pem", "/chain.pem", "/roots.pem"}) unlink((path + name).c_str());
  rmdir(path.c_str());
}

}  // namespace

absl::StatusOr<std::unique_ptr<CertificateDirectory>> CertificateDirectory::Open(
    std::string directory) {
  // The same demands on the directory as of a store.
  const auto checked = DirectoryStore::Open(directory);
  if (!checked.ok()) return checked.status();
  return std::unique_ptr<CertificateDirectory>(new CertificateDirectory(std::move(directory)));
}

absl::Status CertificateDirectory::Replace(const tls::Identity& identity,
                                           absl::Span<const tls::Certificate> roots) {
  MutexLock lock(&mutex_);
  // Names of an earlier process are passed over.
  std::string name;
  do {
    name = absl::StrCat("generation-", ++generation_);
    if (mkdir((directory_ + "/" + name).c_str(), 0700) == 0) break;
    if (errno != EEXIST)
      return absl::ErrnoToStatus(errno, "cannot make " + directory_ + "/" + name);
  } while (true);
  const std::string path = directory_ + "/" + name;
  for (const auto& [file, bytes] :
       {std::pair<const char*, std::string>{"/key.pem", identity.key.ToPem()},
        {"/chain.pem", tls::ToPem(identity.chain)},
        {"/roots.pem", tls::ToPem(roots)}}) {
    if (absl::Status written = ReplaceFile(path + file, bytes, 0600); !written.ok()) {
      RemoveGeneration(path);
      return written;
    }
  }
  const std::string link = directory_ + "/current", beside = directory_ + "/next";
  char before[256];
  const ssize_t size = readlink(link.c_str(), before, sizeof before);
  unlink(beside.c_str());
  if (symlink(name.c_str(), beside.c_str()) != 0 || rename(beside.c_str(), link.c_str()) != 0) {
    absl::Status failed = absl::ErrnoToStatus(errno, "cannot turn " + link);
    RemoveGeneration(path);
    return failed;
  }
  if (size > 0) RemoveGeneration(directory_ + "/" + std::string(before, size));
  return absl::OkStatus();
}

std::shared_ptr<grpc::ServerCredentials> CertificateDirectory::Credentials(
    const CredentialsOptions& options) const {
  auto provider = std::make_shared<grpc::experimental::FileWatcherCertificateProvider>(
      key_path(), chain_path(), roots_path(), options.refresh_seconds);
  grpc::experimental::TlsServerCredentialsOptions credentials(std::move(provider));
  credentials.watch_identity_key_cert_pairs();
  credentials.watch_root_certs();
  credentials.set_cert_request_type(options.require_client_certificate
                                        ? GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY
                                        : GRPC_SSL_REQUEST_CLIENT_CERTIFICATE_AND_VERIFY);
  return grpc::experimental::TlsServerCredentials(credentials);
}

}  // namespace mesh::ca
