// Programs of others that judge our certificates.
#ifndef TESTS_CA_PEER_H_
#define TESTS_CA_PEER_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace mesh {

// The path of a program that third_party/setup/peer has put into the cache; NotFound says where it
// was looked for.
absl::StatusOr<std::string> FindPeer(const std::string& name);

struct Outcome {
  int exit_code = -1;
  std::string out, err;
};
// Runs a program to its end.
Outcome RunProgram(const std::vector<std::string>& argv);

}  // namespace mesh

#endif  // TESTS_CA_PEER_H_
