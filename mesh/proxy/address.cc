#include "mesh/proxy/address.h"

#include <arpa/inet.h>
#include <linux/netfilter_ipv4.h>
#include <linux/netfilter_ipv6/ip6_tables.h>

#include <cstring>

#include "absl/strings/str_cat.h"

namespace mesh::proxy {

std::optional<Address> Address::Parse(std::string_view ip, uint16_t port) {
  const std::string text(ip);
  Address out;
  if (inet_pton(AF_INET, text.c_str(), &out.storage_.v4.sin_addr) == 1) {
    out.storage_.v4.sin_family = AF_INET;
    out.storage_.v4.sin_port = htons(port);
    return out;
  }
  out.storage_.v6 = {};
  if (inet_pton(AF_INET6, text.c_str(), &out.storage_.v6.sin6_addr) == 1) {
    out.storage_.v6.sin6_family = AF_INET6;
    out.storage_.v6.sin6_port = htons(port);
    return out;
  }
  return std::nullopt;
}

Address Address::FromSockaddr(const sockaddr* address) {
  Address out;
  if (address->sa_family == AF_INET) {
    std::memcpy(&out.storage_.v4, address, sizeof(sockaddr_in));
  } else if (address->sa_family == AF_INET6) {
    std::memcpy(&out.storage_.v6, address, sizeof(sockaddr_in6));
  }
  return out;
}

Address Address::LocalOf(int fd) {
  Address out;
  socklen_t size = kCapacity;
  if (getsockname(fd, out.mutable_data(), &size) != 0) return Address();
  return out;
}

Address Address::PeerOf(int fd) {
  Address out;
  socklen_t size = kCapacity;
  if (getpeername(fd, out.mutable_data(), &size) != 0) return Address();
  return out;
}

Address Address::OriginalDestinationOf(int fd) {
  const Address local = LocalOf(fd);
  Address out;
  socklen_t size = kCapacity;
  const bool v6 = local.family() == AF_INET6;
  const int found = v6 ? getsockopt(fd, SOL_IPV6, IP6T_SO_ORIGINAL_DST, out.mutable_data(), &size)
                       : getsockopt(fd, SOL_IP, SO_ORIGINAL_DST, out.mutable_data(), &size);
  return found == 0 && out.known() ? out : local;
}

uint16_t Address::port() const {
  return ntohs(family() == AF_INET6 ? storage_.v6.sin6_port : storage_.v4.sin_port);
}

Address Address::WithPort(uint16_t port) const {
  Address out = *this;
  (family() == AF_INET6 ? out.storage_.v6.sin6_port : out.storage_.v4.sin_port) = htons(port);
  return out;
}

bool Address::IsLoopback() const {
  if (family() == AF_INET) return (ntohl(storage_.v4.sin_addr.s_addr) >> 24) == 127;
  return family() == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&storage_.v6.sin6_addr);
}

std::string Address::ip() const {
  char text[INET6_ADDRSTRLEN] = "";
  if (family() == AF_INET) {
    inet_ntop(AF_INET, &storage_.v4.sin_addr, text, sizeof(text));
  } else if (family() == AF_INET6) {
    inet_ntop(AF_INET6, &storage_.v6.sin6_addr, text, sizeof(text));
  }
  return text;
}

std::string Address::ToString() const {
  if (!known()) return "";
  return family() == AF_INET6 ? absl::StrCat("[", ip(), "]:", port())
                              : absl::StrCat(ip(), ":", port());
}

bool operator==(const Address& a, const Address& b) {
  return a.family() == b.family() && a.port() == b.port() &&
         (a.family() == AF_UNSPEC || a.ip() == b.ip());
}

bool operator<(const Address& a, const Address& b) {
  if (a.family() != b.family()) return a.family() < b.family();
  const int order = std::memcmp(a.data(), b.data(), a.size());
  return order < 0;
}

}  // namespace mesh::proxy
