// When a certificate is to be renewed, when its age is an alarm, and how to say so.
#ifndef MESH_CA_LIFETIME_H_
#define MESH_CA_LIFETIME_H_

#include <string>
#include <string_view>

#include "absl/time/time.h"
#include "absl/types/span.h"
#include "mesh/tls/certificate.h"

namespace mesh::ca {

// When a workload renews: between 40 and 50 % of the certificate's life. `jitter`, in [0, 1), makes
// it earlier, never later, so that a fleet that began at once does not renew at once.
absl::Time RenewalTime(absl::Time not_before, absl::Time not_after, double jitter);

// How long to wait after the `attempt`th renewal in a row has failed (from 1): doubling from a
// second to five minutes, less up to a quarter by `jitter` in [0, 1).
absl::Duration RenewalRetry(int attempt, double jitter);

enum class Freshness {
  kFresh,
  kDue,      // past half of its life: a renewal should have happened
  kAlarm,    // a quarter of its life is left
  kExpired,  // of no use; connections fail closed
};
std::string_view FreshnessName(Freshness freshness);  // "fresh", "due", "alarm", "expired"
Freshness FreshnessOf(const tls::Certificate& certificate, absl::Time now);

// "in 23 h 58 min", "3 min ago", "in 9 y 364 d": the two largest units.
std::string InWords(absl::Time time, absl::Time now);

// What `meshctl ca inspect` prints of a chain, one block a certificate: names, validity in words,
// serial, key, usages, fingerprint.
std::string Inspect(absl::Span<const tls::Certificate> chain, absl::Time now);

}  // namespace mesh::ca

#endif  // MESH_CA_LIFETIME_H_
