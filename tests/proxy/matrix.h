// What comes over the wire, and what two proxies make of it.
#ifndef TESTS_PROXY_MATRIX_H_
#define TESTS_PROXY_MATRIX_H_

#include <string>
#include <vector>

namespace mesh {

// `bytes` are sent on a new connection, and kMatrixEnd behind them. An outcome is the requests that
// the upstream then sees ("POST /p abc", joined by " | "), ";" and the statuses of all answers.
struct MatrixRow {
  const char* name;
  std::string bytes;
  std::string outcome;
  // Of Envoy, where it is another one. Whatever is refused here and not there is stricter on
  // purpose: docs/differences.md.
  std::string envoy = "";
};

// The last request of a connection, so that it ends whatever was before.
constexpr char kMatrixEnd[] = "GET /end HTTP/1.1\r\nHost: end\r\nConnection: close\r\n\r\n";

std::vector<MatrixRow> Http1Matrix();

}  // namespace mesh

#endif  // TESTS_PROXY_MATRIX_H_
