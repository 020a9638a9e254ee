// Requests for Bookinfo's page, from a few connections at once, counted by what came back.
#ifndef MESH_LOCAL_LOAD_H_
#define MESH_LOCAL_LOAD_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "absl/time/time.h"
#include "mesh/base/mutex.h"
#include "mesh/local/http_client.h"

namespace mesh::local {

struct LoadOptions {
  std::string address = "127.0.0.1";
  int port = 0;
  std::string path = "/productpage";
  HttpHeaders headers;
  int connections = 4;
  // Requests a second, all connections together; 0: each asks again when it is answered.
  double per_second = 0;
  // How many requests in all; 0: until Stop.
  uint64_t requests = 0;
  absl::Duration timeout = absl::Seconds(15);
};

struct LoadCounts {
  uint64_t requests = 0;
  // No response, a status that is not 200, or a page that lacks the title, the details or the
  // reviews.
  uint64_t failed = 0;
  // Pages by the version of the reviews on them: "v1".
  std::map<std::string, uint64_t> by_version;
  // The first ten, in words.
  std::vector<std::string> failures;
};

// Threads: one a connection, from the constructor until it has done its share or Stop. All methods
// are thread-safe.
class Load {
 public:
  explicit Load(LoadOptions options);
  ~Load() { Stop(); }
  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;

  // What has been answered so far.
  LoadCounts Counts() const;
  // Waits until `requests` are done; forever when that is 0.
  LoadCounts Finish();
  // Ends after the requests that are on their way.
  LoadCounts Stop();

 private:
  void Ask();

  const LoadOptions options_;
  const absl::Time started_;
  mutable Mutex mutex_;
  CondVar stopped_;
  bool stop_ ABSL_GUARDED_BY(mutex_) = false;
  uint64_t asked_ ABSL_GUARDED_BY(mutex_) = 0;
  LoadCounts counts_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::thread> threads_;
};

// What is wrong with an answer for the page ("" when nothing is), and the reviews' version on it.
struct PageVerdict {
  std::string failure;
  std::string version;
};
PageVerdict JudgePage(int status, std::string_view body);

}  // namespace mesh::local

#endif  // MESH_LOCAL_LOAD_H_
