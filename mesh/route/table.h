// The route table: rules in, the first rule that accepts a request out.
#ifndef MESH_ROUTE_TABLE_H_
#define MESH_ROUTE_TABLE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "mesh/base/field_error.h"
#include "mesh/route/request.h"
#include "mesh/route/rule.h"

namespace mesh::route {

// envoy.config.route.v3.RouteConfiguration, as far as it decides.
struct TableOptions {
  std::string name;                  // of the RouteConfiguration, for messages
  bool ignore_port_in_host = false;  // ignore_port_in_host_matching
  bool ignore_path_parameters =
      false;                // ignore_path_parameters_in_path_matching: ";v=1" of segments
  std::string host_header;  // vhost_header: choose the virtual host by it, not by :authority
  // Upper bound of RE2's program size for each regex, 0 for none. Istio's proxies have 1024.
  int max_regex_program_size = 0;
  // Memory RE2 may use for each regex, bytes.
  int64_t regex_memory_bytes = 8 << 20;
  // A rule (or virtual host) in error is left out and reported, the others stay. Envoy's behaviour,
  // and the default, is to reject the table.
  bool isolate_errors = false;
  // Off, rules are tried one by one, as Envoy does: for comparison.
  bool index = true;
};

// What Find says. A small value; means nothing without the table it came from.
struct Match {
  enum class Outcome : uint8_t {
    kRule,           // `rule` of `virtual_host` accepts the request
    kNoVirtualHost,  // no domain matches: 404
    kNoRule,         // none of the virtual host's rules accepts it: 404
    kTlsRequired,    // the virtual host wants TLS: redirect to https
  };
  Outcome outcome = Outcome::kNoVirtualHost;
  uint32_t virtual_host = 0;  // index into what the table was built from; with kNoVirtualHost unset
  uint32_t rule = 0;          // Rule::id; with kRule only

  bool found() const { return outcome == Outcome::kRule; }
};

// Why Find says what it says.
struct Explanation {
  struct Step {
    uint32_t rule = 0;
    std::string name;
    SourcePosition position;
    // The one condition that failed: `path: "/cart" does not have the prefix "/shop"`; "" for the
    // rule that was taken.
    std::string failed;
  };
  Match match;
  std::string host;          // as looked up: lower case, port removed where that is asked for
  std::string virtual_host;  // its name
  std::string domain;        // the one of its domains that matched
  std::string why;           // "exact domain", "longest suffix wildcard", ...
  std::vector<Step> steps;   // rules in order, up to and with the one taken

  // One line a step, for people.
  std::string ToString() const;
};

// Immutable; all const functions are thread-safe and take no lock.
//
//   auto host = std::make_shared<route::VirtualHost>();
//   host->domains = {"shop.example"};
//   route::Rule cart;
//   cart.id = 7;
//   cart.path = {route::PathMatch::Kind::kPrefix, false, "/cart"};
//   host->rules.push_back(cart);
//   route::Table::Built built = route::Table::Build({host}, {});
//   route::Match match = built.table->Find(request);
//   if (match.found()) use(match.rule);
class Table {
 public:
  struct Built {
    // Null where there are errors and they are not isolated.
    std::shared_ptr<const Table> table;
    // `object` is "virtual host NAME", `field` as in Envoy's API: "routes[2].match.safe_regex".
    std::vector<FieldError> errors;
  };
  // Virtual hosts that `previous` (may be null) was built from, by pointer and with the same
  // options, are shared with it and not compiled again.
  static Built Build(std::vector<std::shared_ptr<const VirtualHost>> virtual_hosts,
                     const TableOptions& options, const Table* previous = nullptr);

  ~Table();
  Table(const Table&) = delete;
  Table& operator=(const Table&) = delete;

  // The first rule, in order, of the virtual host chosen as Envoy does: exact domain, longest
  // "*suffix", longest "prefix*", "*". Allocates nothing but what RE2 needs, a list of
  // the values of a header that has more than 8, and a copy of the path where a rule that ignores
  // case has a text of more than 255 bytes.
  Match Find(const Request& request) const;

  // The same answer with its reasons. Slow: looks at every rule before the one taken.
  Explanation Explain(const Request& request) const;

  // The name of the first virtual cluster of `virtual_host` that matches; "" for none.
  // Borrows from the table.
  std::string_view FindVirtualCluster(uint32_t virtual_host, const Request& request) const;

  const std::vector<std::shared_ptr<const VirtualHost>>& virtual_hosts() const;
  const TableOptions& options() const;

 private:
  struct State;
  explicit Table(std::unique_ptr<const State> state);
  std::unique_ptr<const State> state_;
};

}  // namespace mesh::route

#endif  // MESH_ROUTE_TABLE_H_
