// A few pages over HTTP/1.1, for people and scrapers on the same machine. Private to
// mesh/discovery.
#ifndef MESH_DISCOVERY_HTTP_PAGES_H_
#define MESH_DISCOVERY_HTTP_PAGES_H_

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace mesh::discovery {

struct Page {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
};

// Threads: five of httplib's, of which four make pages. Thread-safe.
class HttpPages {
 public:
  using Query = std::map<std::string, std::string>;
  using Handler = std::function<Page(const Query&)>;

  // By path: `pages` answer GET, `actions` POST. A POST must say "content-type: application/json",
  // or it is answered 415: a page of another site that somebody looks at cannot send that.
  // Unavailable where the address is taken, InvalidArgument where it is none.
  static absl::StatusOr<std::unique_ptr<HttpPages>> Start(
      const std::string& address, const std::map<std::string, Handler>& pages,
      const std::map<std::string, Handler>& actions = {});
  ~HttpPages();  // stops

  int port() const;
  // Returns when no page is being made any more.
  void Stop();

 private:
  class Core;
  explicit HttpPages(std::unique_ptr<Core> core);
  const std::unique_ptr<Core> core_;
};

}  // namespace mesh::discovery

#endif  // MESH_DISCOVERY_HTTP_PAGES_H_
