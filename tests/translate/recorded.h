// The recorded scenarios of MESH_SHARED/conformance: configuration, proxies, and what Istio 1.7.3
// sent.
#ifndef TESTS_TRANSLATE_RECORDED_H_
#define TESTS_TRANSLATE_RECORDED_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "mesh/translate/node.h"
#include "mesh/translate/world.h"

namespace mesh::translate {

struct RecordedProxy {
  std::string name;
  Node node;
  std::string golden;  // the folder with lds.json, cds.json, rds.json, eds.json
};

struct Recorded {
  std::shared_ptr<const World> world;
  std::vector<RecordedProxy> proxies;
  std::string judge;  // path of xds_compare
};

// `folder` is local_none (whose nodes are without interception) or xds_golden. Unavailable, saying
// so, where MESH_SHARED is not set.
absl::StatusOr<Recorded> LoadRecorded(const std::string& folder, const std::string& scenario);

// "" where it cannot be read.
std::string ReadFile(const std::string& path);

}  // namespace mesh::translate

#endif  // TESTS_TRANSLATE_RECORDED_H_
