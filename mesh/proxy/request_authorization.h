// The filters that decide whether a request goes on, run in the order of its listener: jwt_authn,
// rbac, ext_authz. They see the request in the form in which it is routed and sent.
#ifndef MESH_PROXY_REQUEST_AUTHORIZATION_H_
#define MESH_PROXY_REQUEST_AUTHORIZATION_H_

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "mesh/envoy/listener.h"
#include "mesh/proxy/authorization_client.h"
#include "mesh/proxy/http1.h"
#include "mesh/proxy/request_rules.h"
#include "mesh/proxy/stats.h"
#include "mesh/route/action/route_config.h"
#include "mesh/route/value.h"

namespace mesh::proxy {

// Removes what only the listener's filters may say in a request: headers that they write. Before
// anything reads the request.
void RemoveFilterHeaders(const envoy::HttpConnectionManager& manager, HeaderMap* headers);

// The client's address where a proxy in front of this one is believed about it, else the
// connection's. HttpConnectionManager.use_remote_address, xff_num_trusted_hops.
std::string_view ClientAddress(const envoy::HttpConnectionManager& manager,
                               const ConnectionInfo& connection, const HeaderMap& headers);

// Judges a connection by the rules of its filter chain. Empty where it may go on, else why not:
// "rbac_access_denied_matched_policy[...]".
std::string RefuseConnection(const std::vector<envoy::RbacFilter>& filters,
                             const ConnectionInfo& connection, ListenerStats* stats);

// Of one request at a time. Not thread-safe.
class RequestAuthorization {
 public:
  struct Input {
    const envoy::HttpConnectionManager& manager;
    const ConnectionInfo& connection;
    const route::action::RouteConfig* routes;  // null: none
    const route::Match& match;
    MessageHead* head;
    RequestParts* parts;
    ListenerStats* stats;
    absl::Time now;
    bool explain;  // answers say in x-mesh-denied-by who denied
  };
  enum class Step {
    kGoOn,    // all filters let it pass
    kAsk,     // question() is to be asked; Take the answer
    kAnswer,  // reply() is its end
  };
  // From the first filter, or the one behind that which asked.
  Step Run(const Input& input);
  AuthorizationQuestion Question(const Input& input) const;
  Step Take(const Input& input, const AuthorizationAnswer& answer);
  // Valid until Clear.
  const LocalReply& reply() const { return reply_; }
  void Clear();

 private:
  class Left final : public route::Facts {
   public:
    const route::Value* Metadata(std::string_view filter) const override;
    std::map<std::string, route::Value, std::less<>> values;
  };

  Step Check(const Input& input, const envoy::JwtFilter& filter);
  Step Check(const Input& input, const envoy::RbacFilter& filter);
  Step Check(const Input& input, const envoy::ExtAuthzFilter& filter);
  authz::Request RequestOf(const Input& input) const;
  Step FailedToAsk(const Input& input, const envoy::ExtAuthzFilter& filter);

  size_t next_ = 0;
  Left metadata_;  // by filters, for those behind them
  LocalReply reply_;
  std::string details_, body_, content_type_;
  std::vector<std::pair<std::string, std::string>> reply_headers_;
};

}  // namespace mesh::proxy

#endif  // MESH_PROXY_REQUEST_AUTHORIZATION_H_
