// For tests of this folder and of those above it: authorities, identities, and two sessions that
// talk to each other in memory.
#ifndef MESH_TLS_TESTING_H_
#define MESH_TLS_TESTING_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "mesh/tls/context.h"
#include "mesh/tls/session.h"
#include "mesh/tls/sign.h"

namespace mesh::tls {

inline absl::Time TestTime() { return absl::FromUnixSeconds(1800000000); }

inline SubjectAltName Uri(std::string_view uri) { return {SanType::kUri, std::string(uri)}; }
inline SubjectAltName Dns(std::string_view name) { return {SanType::kDns, std::string(name)}; }

// An authority of its own, valid for a day around `now`.
class TestAuthority {
 public:
  explicit TestAuthority(std::string_view name = "test root", absl::Time now = TestTime(),
                         KeyType type = KeyType::kP256)
      : now_(now), key_(PrivateKey::Generate(type).value()), certificate_(Root(name, now, key_)) {}

  const Certificate& certificate() const { return certificate_; }
  const PrivateKey& key() const { return key_; }
  TrustRoots roots() const { return TrustRoots({certificate_}); }

  // A leaf's contents, for both roles, valid from an hour before `now` to an hour behind it.
  CertificateTemplate Leaf(std::vector<SubjectAltName> sans) const {
    CertificateTemplate leaf;
    leaf.not_before = now_ - absl::Hours(1);
    leaf.not_after = now_ + absl::Hours(1);
    leaf.sans = std::move(sans);
    leaf.sans_critical = true;
    leaf.for_servers = leaf.for_clients = true;
    return leaf;
  }
  Identity Issue(const CertificateTemplate& content, KeyType type = KeyType::kP256) const {
    PrivateKey key = PrivateKey::Generate(type).value();
    Certificate leaf = SignCertificate(content, key.public_key(), certificate_, key_).value();
    return {{std::move(leaf), certificate_}, std::move(key)};
  }
  Identity Issue(std::string_view uri) const { return Issue(Leaf({Uri(uri)})); }

 private:
  static Certificate Root(std::string_view name, absl::Time now, const PrivateKey& key) {
    CertificateTemplate root;
    root.common_name = std::string(name);
    root.not_before = now - absl::Hours(12);
    root.not_after = now + absl::Hours(12);
    root.is_ca = true;
    return SelfSign(root, key).value();
  }

  absl::Time now_;
  PrivateKey key_;
  Certificate certificate_;
};

// Moves what `from` has to say to `to`; false when there was nothing.
inline bool Carry(Session* from, Session* to) {
  const std::string bytes(from->outgoing());
  from->Sent(bytes.size());
  to->Receive(bytes);
  return !bytes.empty();
}

// Lets both sides of a handshake go on until neither can. In TLS 1.3 a client is done before the
// server has judged its certificate, so each also reads what the other then says.
inline void RunHandshake(Session* client, Session* server) {
  char byte;
  for (bool moved = true; moved;) {
    if (client->Handshake() == Progress::kDone) client->Read({&byte, 1});
    if (server->Handshake() == Progress::kDone) server->Read({&byte, 1});
    const bool there = Carry(client, server), back = Carry(server, client);
    moved = there || back;
  }
}

}  // namespace mesh::tls

#endif  // MESH_TLS_TESTING_H_
