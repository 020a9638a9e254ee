// Bookinfo as one program: which of its services a process is, and where it finds the others.
#ifndef EXAMPLES_BOOKINFO_APP_H_
#define EXAMPLES_BOOKINFO_APP_H_

#include <memory>
#include <string>
#include <vector>

#include "examples/bookinfo/server.h"

namespace bookinfo {

struct Options {
  std::string role;              // "productpage", "details", "reviews" or "ratings"
  std::string version = "v1";    // "v1"; reviews: "v1" (no stars), "v2" (black), "v3" (red)
  std::string pod;               // named on the page; default ROLE-VERSION
  std::string upstream_address;  // where calls to the other services go: the sidecar's outbound
  int upstream_port = 9080;      // side; the service's name travels as Host
};

// The roles a process may take.
const std::vector<std::string>& Roles();

// Registers the role's paths, /health and /metrics at `server`. `options.role` must be one of
// Roles().
void Register(const Options& options, Server* server);

}  // namespace bookinfo

#endif  // EXAMPLES_BOOKINFO_APP_H_
