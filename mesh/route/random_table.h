// Random tables and requests that have something to do with each other: for tests, fuzzing and
// comparison with other engines.
#ifndef MESH_ROUTE_RANDOM_TABLE_H_
#define MESH_ROUTE_RANDOM_TABLE_H_

#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "mesh/http/headers.h"
#include "mesh/route/request.h"
#include "mesh/route/rule.h"

namespace mesh::route {

struct RandomOptions {
  int max_hosts = 4;
  int max_rules = 24;  // of a virtual host
  bool regexes = true;
  bool conditions = true;
};

// Numbers out of a seed, or out of bytes that a fuzzer chooses (one a number, then zeros).
class Random {
 public:
  explicit Random(uint64_t seed) : engine_(seed) {}
  Random(const uint8_t* bytes, size_t size) : bytes_(bytes), left_(size), given_(true) {}
  uint64_t operator()() {
    if (!given_) return engine_();
    if (left_ == 0) return 0;
    --left_;
    return *bytes_++;
  }
  bool spent() const { return given_ && left_ == 0; }

 private:
  std::mt19937_64 engine_;
  const uint8_t* bytes_ = nullptr;
  size_t left_ = 0;
  bool given_ = false;
};

// Paths, names and values come from a small stock, so that rules hide, overlap and miss each other.
// Every table is valid. The same generator state makes the same table everywhere.
std::vector<std::shared_ptr<const VirtualHost>> RandomTable(Random* random,
                                                            const RandomOptions& options = {});

// A request with what its views stand on.
struct RandomRequest {
  std::string method, authority, path;
  http::HeaderList headers;
  uint64_t random = 0;

  // Valid as long as this object stays where it is.
  Request request() const;
  // "GET host/path [k: v]", for messages.
  std::string ToString() const;
};
RandomRequest MakeRandomRequest(Random* random);

}  // namespace mesh::route

#endif  // MESH_ROUTE_RANDOM_TABLE_H_
