// Loopback addresses and ports for the processes of one local mesh.
#ifndef MESH_LOCAL_ADDRESSES_H_
#define MESH_LOCAL_ADDRESSES_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace mesh::local {

// A block of 127.0.0.0/8 that no other local mesh of this machine uses while this value lives
// (the kernel gives it back when the process dies). Block n is 127.(2n+1).0.k for the pods
// themselves and 127.(2n+2).0.k for their sidecars' outbound sides; the first free one is taken.
class AddressBlock {
 public:
  // The highest k.
  static constexpr int kMaxPods = 250;

  // Takes the first block in which the addresses 1 to `pods` can be listened on, each on all of
  // `ports` (another program that listens on one of them on all addresses is in the way of all
  // blocks). Unavailable when there is none, saying why.
  static absl::StatusOr<AddressBlock> Reserve(int pods, const std::vector<int>& ports);
  AddressBlock(AddressBlock&& other) noexcept;
  AddressBlock& operator=(AddressBlock&&) = delete;
  ~AddressBlock();

  int number() const { return number_; }
  std::string Own(int k) const;
  std::string Outbound(int k) const;
  // Where this block's free ports on 127.0.0.1 begin: below those that the kernel gives to outgoing
  // connections, and apart from the other blocks'.
  int FirstPort() const { return 18000 + 100 * number_; }

 private:
  AddressBlock(int number, int fd) : number_(number), fd_(fd) {}
  int number_;
  int fd_;
};

// OK when a listener on `address`:`port` could be had this moment; Unavailable with the reason.
absl::Status CanListen(const std::string& address, int port);

// The first port from `first` on that is free on `address`. ResourceExhausted after 2,000.
absl::StatusOr<int> FreePort(const std::string& address, int first);

}  // namespace mesh::local

#endif  // MESH_LOCAL_ADDRESSES_H_
