// Random tables and requests put to a real Envoy and to us.
#ifndef TESTS_ROUTE_DIFFERENTIAL_H_
#define TESTS_ROUTE_DIFFERENTIAL_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace mesh {

struct DifferentialResult {
  int64_t tables = 0;
  int64_t requests = 0;
  int64_t routed = 0;                    // of them, those that some route took
  std::vector<std::string> differences;  // what was asked, both answers, our explanation
};

// `tables` with `requests` each, all from `seed`; `directory` takes sockets and logs. Stops at the
// twentieth difference.
absl::StatusOr<DifferentialResult> CompareWithEnvoy(const std::string& envoy,
                                                    const std::string& directory, uint64_t seed,
                                                    int tables, int requests);

}  // namespace mesh

#endif  // TESTS_ROUTE_DIFFERENTIAL_H_
