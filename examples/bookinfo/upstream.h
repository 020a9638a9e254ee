// Calls from one Bookinfo service to another.
#ifndef EXAMPLES_BOOKINFO_UPSTREAM_H_
#define EXAMPLES_BOOKINFO_UPSTREAM_H_

#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "httplib.h"
#include "nlohmann/json.hpp"

namespace bookinfo {

// The headers of `request` that must travel on with every call made for it: without them a proxy
// cannot join the spans of one request to a trace, nor route by who the user is.
httplib::Headers ForwardedHeaders(const httplib::Request& request);

struct Answer {
  int status = 0;  // 0: no answer came
  // What came; discarded (is_discarded()) where it is no JSON.
  nlohmann::json body;
  bool ok() const { return status == 200 && !body.is_discarded(); }
};

// Sends GETs to one address, whatever the service: the name of the service travels as Host and the
// sidecar that listens there finds the way. Thread-safe; connections are kept and reused.
class Upstream {
 public:
  Upstream(std::string address, int port) : address_(std::move(address)), port_(port) {}

  // `service` is the Host without its port: "reviews". Blocks for `timeout` at most.
  Answer Get(const std::string& service, const std::string& path, httplib::Headers headers,
             std::chrono::milliseconds timeout);

 private:
  const std::string address_;
  const int port_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<httplib::Client>> idle_;
};

}  // namespace bookinfo

#endif  // EXAMPLES_BOOKINFO_UPSTREAM_H_
