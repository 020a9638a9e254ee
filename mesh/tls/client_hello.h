// Looks at the first bytes of a connection without taking part in it: is this TLS, and for whom?
#ifndef MESH_TLS_CLIENT_HELLO_H_
#define MESH_TLS_CLIENT_HELLO_H_

#include <string>
#include <string_view>
#include <vector>

namespace mesh::tls {

struct ClientHello {
  enum class Verdict { kNeedMore, kTls, kNotTls };

  Verdict verdict = Verdict::kNeedMore;
  // With kTls. The name is in lower case and without a dot at its end; empty where none was sent.
  std::string server_name;
  std::vector<std::string> alpn;
};

// `bytes` is everything received so far. A TLS hello that is malformed or larger than 64 KiB is
// kNotTls. Cost: about 100 ns; nothing is allocated but the result.
ClientHello InspectClientHello(std::string_view bytes);

}  // namespace mesh::tls

#endif  // MESH_TLS_CLIENT_HELLO_H_
