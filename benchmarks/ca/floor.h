// What BoringSSL alone needs: the floors that mesh/ca and mesh/tls are measured against.
#ifndef BENCHMARKS_CA_FLOOR_H_
#define BENCHMARKS_CA_FLOOR_H_

#include <memory>

namespace mesh::benchmarks {

// One P-256 verification of a SHA-256 hash and one signature.
class VerifyAndSign {
 public:
  VerifyAndSign();
  ~VerifyAndSign();
  bool Run();

 private:
  struct Rep;
  const std::unique_ptr<Rep> rep_;
};

// A mutual TLS 1.3 handshake with X25519MLKEM768 and P-256 certificates, one signed by the other's
// root, through BoringSSL's own pair of BIOs and its own verification.
class PlainHandshake {
 public:
  PlainHandshake();
  ~PlainHandshake();
  bool Run();

 private:
  struct Rep;
  const std::unique_ptr<Rep> rep_;
};

}  // namespace mesh::benchmarks

#endif  // BENCHMARKS_CA_FLOOR_H_
