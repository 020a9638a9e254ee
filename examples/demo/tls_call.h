// One request over TLS, as a peer would send it to a sidecar: to see who is let in.
#ifndef EXAMPLES_DEMO_TLS_CALL_H_
#define EXAMPLES_DEMO_TLS_CALL_H_

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "mesh/tls/context.h"

namespace demo {

// The status line of the answer to "GET path". Whoever answers is accepted: it is the other side's
// judgement that is asked for. Unavailable, with the reason, when the other side refuses the
// certificate or closes without an answer; DeadlineExceeded.
absl::StatusOr<std::string> CallOverTls(const std::string& address, int port,
                                        const std::string& path,
                                        const std::optional<mesh::tls::Identity>& identity,
                                        absl::Duration timeout);

// A certificate of this name by an authority that nobody knows.
absl::StatusOr<mesh::tls::Identity> ForeignIdentity(const std::string& spiffe_id);

}  // namespace demo

#endif  // EXAMPLES_DEMO_TLS_CALL_H_
