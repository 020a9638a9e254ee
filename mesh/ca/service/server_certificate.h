// The certificate that gRPC itself shows on 15012. gRPC 1.51 reads certificates from files that it
// watches; this keeps those files.
//
//   auto directory = mesh::ca::CertificateDirectory::Open("/run/meshd/tls");
//   (*directory)->Replace(identity, authority->bundle()->roots);
//   builder.AddListeningPort("127.0.0.1:15012", (*directory)->Credentials(options));
#ifndef MESH_CA_SERVICE_SERVER_CERTIFICATE_H_
#define MESH_CA_SERVICE_SERVER_CERTIFICATE_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "grpcpp/security/server_credentials.h"
#include "mesh/base/mutex.h"
#include "mesh/tls/certificate.h"
#include "mesh/tls/context.h"

namespace mesh::ca {

// Thread-safe; one process at a time.
class CertificateDirectory {
 public:
  // Makes the directory (not its parents) with mode 0700; PermissionDenied where it exists and
  // others may enter.
  static absl::StatusOr<std::unique_ptr<CertificateDirectory>> Open(std::string directory);

  // Key, chain and roots change together: they stand in a directory of their own, to which a
  // symbolic link `current` is turned. Files have mode 0600.
  absl::Status Replace(const tls::Identity& identity, absl::Span<const tls::Certificate> roots);

  std::string key_path() const { return directory_ + "/current/key.pem"; }
  std::string chain_path() const { return directory_ + "/current/chain.pem"; }
  std::string roots_path() const { return directory_ + "/current/roots.pem"; }

  struct CredentialsOptions {
    // A client that shows a certificate must show one that is verified; whether one that shows none
    // is let in. Authenticators then ask for a token.
    bool require_client_certificate = false;
    unsigned refresh_seconds = 1;
  };
  // Follows later Replace calls for new connections, within about `refresh_seconds`. Call it after
  // the first Replace. gRPC starts one thread for it.
  std::shared_ptr<grpc::ServerCredentials> Credentials(const CredentialsOptions& options) const;

 private:
  explicit CertificateDirectory(std::string directory) : directory_(std::move(directory)) {}

  const std::string directory_;
  Mutex mutex_;
  int generation_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace mesh::ca

#endif  // MESH_CA_SERVICE_SERVER_CERTIFICATE_H_
