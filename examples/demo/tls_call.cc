#include "examples/demo/tls_call.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "mesh/ca/self_signed.h"
#include "mesh/ca/state_store.h"
#include "mesh/tls/session.h"
#include "mesh/tls/spiffe.h"

namespace demo {
namespace {

using mesh::tls::Progress;
using mesh::tls::Session;

class Socket {
 public:
  ~Socket() {
    if (fd_ >= 0) close(fd_);
  }
  absl::Status Connect(const std::string& address, int port) {
    sockaddr_in name = {};
    name.sin_family = AF_INET;
    name.sin_port = htons(static_cast<uint16_t>(port));
    if (inet_pton(AF_INET, address.c_str(), &name.sin_addr) != 1) {
      return absl::InvalidArgumentError(absl::StrCat(address, " is no address"));
    }
    fd_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(fd_, reinterpret_cast<sockaddr*>(&name), sizeof(name)) != 0) {
      return absl::UnavailableError(absl::StrCat("cannot connect: ", strerror(errno)));
    }
    return absl::OkStatus();
  }
  // What the session has to say; then, where `wait`, what comes.
  absl::Status Exchange(Session* session, bool wait, absl::Time deadline) {
    while (!session->outgoing().empty()) {
      const ssize_t n =
          send(fd_, session->outgoing().data(), session->outgoing().size(), MSG_NOSIGNAL);
      if (n <= 0) return absl::UnavailableError(absl::StrCat("cut off: ", strerror(errno)));
      session->Sent(static_cast<size_t>(n));
    }
    if (!wait) return absl::OkStatus();
    pollfd entry = {fd_, POLLIN, 0};
    const int64_t left = std::max<int64_t>(0, absl::ToInt64Milliseconds(deadline - absl::Now()));
    if (poll(&entry, 1, static_cast<int>(left)) != 1) {
      return absl::DeadlineExceededError("no answer in time");
    }
    char bytes[16384];
    const ssize_t n = recv(fd_, bytes, sizeof(bytes), 0);
    if (n < 0) return absl::UnavailableError(absl::StrCat("cut off: ", strerror(errno)));
    if (n == 0) {
      session->ReceiveEnd();
    } else {
      session->Receive({bytes, static_cast<size_t>(n)});
    }
    return absl::OkStatus();
  }

 private:
  int fd_ = -1;
};

}  // namespace

absl::StatusOr<std::string> CallOverTls(const std::string& address, int port,
                                        const std::string& path,
                                        const std::optional<mesh::tls::Identity>& identity,
                                        absl::Duration timeout) {
  const absl::Time deadline = absl::Now() + timeout;
  mesh::tls::ContextOptions options;
  options.identity = identity;
  options.validation.peer_certificate = mesh::tls::Validation::PeerCertificate::kIgnored;
  options.alpn = {"istio"};
  const auto context = mesh::tls::Context::Client(options);
  if (!context.ok()) return context.status();
  Session session(*context);
  Socket socket;
  if (absl::Status status = socket.Connect(address, port); !status.ok()) return status;
  Progress progress;
  while ((progress = session.Handshake()) != Progress::kDone) {
    if (progress == Progress::kFailed || progress == Progress::kClosed) {
      return absl::UnavailableError(session.error().message());
    }
    const absl::Status status =
        socket.Exchange(&session, progress == Progress::kWantRead, deadline);
    if (!status.ok()) return status;
  }
  session.Write(absl::StrCat("GET ", path, " HTTP/1.1\r\nhost: ", address, ":", port,
                             "\r\nconnection: close\r\n\r\n"));
  std::string answer;
  char bytes[4096];
  while (answer.find("\r\n") == std::string::npos) {
    const auto read = session.Read({bytes, sizeof(bytes)});
    if (read.progress == Progress::kDone) {
      answer.append(bytes, read.bytes);
      continue;
    }
    if (read.progress == Progress::kFailed) {
      return absl::UnavailableError(session.error().message());
    }
    if (read.progress == Progress::kClosed) {
      return absl::UnavailableError("closed without an answer");
    }
    const absl::Status status = socket.Exchange(&session, true, deadline);
    if (!status.ok()) return status;
  }
  return answer.substr(0, answer.find("\r\n"));
}

absl::StatusOr<mesh::tls::Identity> ForeignIdentity(const std::string& spiffe_id) {
  auto id = mesh::tls::SpiffeId::Parse(spiffe_id);
  if (!id.ok()) return id.status();
  mesh::ca::MemoryStore store;
  mesh::ca::SelfSignedOptions options;
  options.organization = id->trust_domain();
  options.store = &store;
  const auto authority = mesh::ca::SelfSignedAuthority::Open(options);
  if (!authority.ok()) return authority.status();
  auto key = mesh::tls::PrivateKey::Generate();
  if (!key.ok()) return key.status();
  auto issued = (*authority)->Issue({key->public_key(), *std::move(id), absl::Hours(1)});
  if (!issued.ok()) return issued.status();
  return mesh::tls::Identity{{issued->leaf}, *std::move(key)};
}

}  // namespace demo
