// The tables that are measured, and requests for them.
#ifndef BENCHMARKS_ROUTE_TABLES_H_
#define BENCHMARKS_ROUTE_TABLES_H_

#include <memory>
#include <string>
#include <vector>

#include "mesh/route/rule.h"

namespace mesh::bench {

enum class Kind {
  kExact,        // /api/v1/tenant-12/orders/4711
  kPrefix,       // /svc-12/
  kTemplate,     // /shelves/[^/]+/r12/[^/]+
  kFreeRegex,    // /free/12-(a|b)+x.*
  kHeader,       // one path, told apart by one header
  kTwoHeaders,   // by two
  kMethodQuery,  // by method and a query parameter
};
const char* NameOf(Kind kind);

// One virtual host "*" with `n` rules of this kind; the rule's id is its place.
std::shared_ptr<const route::VirtualHost> MakeHost(Kind kind, int n);

// The bytes of the rules' texts: paths, and the names and values of their conditions.
size_t TextBytes(const route::VirtualHost& host);

// A request that rule `i` of such a host takes: what is its own.
struct Asked {
  const char* method = "GET";
  std::string path;
  std::string tenant, stage;  // x-tenant, x-stage; "" where no rule looks at it
};
Asked RequestFor(Kind kind, int i);

}  // namespace mesh::bench

#endif  // BENCHMARKS_ROUTE_TABLES_H_
