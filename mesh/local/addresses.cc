#include "mesh/local/addresses.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <utility>

#include "absl/strings/str_cat.h"

namespace mesh::local {
namespace {

constexpr int kBlocks = 60;
// Nobody connects to it: being bound is all that this socket is for.
constexpr int kReservationPort = 15999;

// A bound socket, or -1 with errno.
int Bind(const std::string& address, int port, bool reuse) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  const int yes = 1;
  if (reuse) setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
  sockaddr_in name = {};
  name.sin_family = AF_INET;
  name.sin_port = htons(static_cast<uint16_t>(port));
  if (inet_pton(AF_INET, address.c_str(), &name.sin_addr) != 1) {
    close(fd);
    errno = EINVAL;
    return -1;
  }
  // Listening as well: with SO_REUSEADDR two may be bound, but only one listens.
  if (bind(fd, reinterpret_cast<sockaddr*>(&name), sizeof(name)) != 0 || listen(fd, 1) != 0) {
    const int error = errno;
    close(fd);
    errno = error;
    return -1;
  }
  return fd;
}

}  // namespace

absl::Status CanListen(const std::string& address, int port) {
  const int fd = Bind(address, port, /*reuse=*/true);
  if (fd < 0) {
    return absl::UnavailableError(
        errno == EADDRINUSE
            ? absl::StrCat("another program listens on port ", port, " of ", address)
            : absl::StrCat("cannot listen on ", address, ":", port, ": ", strerror(errno)));
  }
  close(fd);
  return absl::OkStatus();
}

absl::StatusOr<int> FreePort(const std::string& address, int first) {
  absl::Status status;
  for (int port = first; port < first + 2000 && port < 65536; ++port) {
    status = CanListen(address, port);
    if (status.ok()) return port;
  }
  return absl::ResourceExhaustedError(
      absl::StrCat("no free port from ", first, " on: ", std::string(status.message())));
}

absl::StatusOr<AddressBlock> AddressBlock::Reserve(int pods, const std::vector<int>& ports) {
  absl::Status why;
  for (int number = 0; number < kBlocks; ++number) {
    AddressBlock block(number, -1);
    block.fd_ = Bind(block.Own(254), kReservationPort, /*reuse=*/false);
    if (block.fd_ < 0) {
      why = absl::UnavailableError(absl::StrCat("another local mesh uses ", block.Own(0), "/24"));
      continue;
    }
    why = absl::OkStatus();
    for (int k = 1; k <= pods && why.ok(); ++k) {
      for (int port : ports) {
        if (why.ok()) why = CanListen(block.Own(k), port);
        if (why.ok()) why = CanListen(block.Outbound(k), port);
      }
    }
    if (why.ok()) return block;
  }
  return absl::UnavailableError(
      absl::StrCat("no block of loopback addresses is free: ", std::string(why.message())));
}

AddressBlock::AddressBlock(AddressBlock&& other) noexcept
    : number_(other.number_), fd_(std::exchange(other.fd_, -1)) {}

AddressBlock::~AddressBlock() {
  if (fd_ >= 0) close(fd_);
}

std::string AddressBlock::Own(int k) const {
  return absl::StrCat("127.", 2 * number_ + 1, ".0.", k);
}

std::string AddressBlock::Outbound(int k) const {
  return absl::StrCat("127.", 2 * number_ + 2, ".0.", k);
}

}  // namespace mesh::local
