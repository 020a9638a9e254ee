// An IP address and a port, ready for the kernel.
#ifndef MESH_PROXY_ADDRESS_H_
#define MESH_PROXY_ADDRESS_H_

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace mesh::proxy {

// A value of 32 bytes; copies are cheap. The unspecified address (family AF_UNSPEC) is the default.
class Address {
 public:
  Address() { storage_.v4.sin_family = AF_UNSPEC; }
  // "10.0.0.1" or "::1"; nullopt for anything else.
  static std::optional<Address> Parse(std::string_view ip, uint16_t port);
  static Address FromSockaddr(const sockaddr* address);
  static Address LocalOf(int fd);
  static Address PeerOf(int fd);
  // Where the connection was going to before it was redirected here (netfilter's REDIRECT); what
  // LocalOf says where it was not.
  static Address OriginalDestinationOf(int fd);

  bool known() const { return storage_.v4.sin_family != AF_UNSPEC; }
  int family() const { return storage_.v4.sin_family; }
  uint16_t port() const;
  Address WithPort(uint16_t port) const;
  bool IsLoopback() const;
  // "10.0.0.1", "::1".
  std::string ip() const;
  // "10.0.0.1:80", "[::1]:80".
  std::string ToString() const;

  const sockaddr* data() const { return reinterpret_cast<const sockaddr*>(&storage_); }
  sockaddr* mutable_data() { return reinterpret_cast<sockaddr*>(&storage_); }
  socklen_t size() const {
    return family() == AF_INET6 ? sizeof(sockaddr_in6) : sizeof(sockaddr_in);
  }
  static constexpr socklen_t kCapacity = sizeof(sockaddr_in6);

 private:
  union {
    sockaddr_in v4;
    sockaddr_in6 v6;
  } storage_ = {};
};

bool operator==(const Address& a, const Address& b);
inline bool operator!=(const Address& a, const Address& b) { return !(a == b); }
bool operator<(const Address& a, const Address& b);

}  // namespace mesh::proxy

#endif  // MESH_PROXY_ADDRESS_H_
