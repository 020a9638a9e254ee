// For this folder: which rules can match a request at all.
#ifndef MESH_AUTHZ_RULE_INDEX_H_
#define MESH_AUTHZ_RULE_INDEX_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "mesh/authz/condition.h"
#include "mesh/authz/evaluate.h"

namespace mesh::authz {

// Each rule stands under the texts one of which a request must show if the rule is to match (a
// principal, a namespace, a path, the beginning of a path, a host, a method, a port), the most
// telling of those that its condition has; rules without such a condition stand in a list of their
// own.
class RuleIndex {
 public:
  // Numbers ascend from call to call.
  void Add(uint32_t number, const Condition& condition);
  void Finish();

  // Calls `visit(number)` for every rule that may match: some may come twice, in no order.
  template <class Visit>
  void ForEachCandidate(Subject* subject, Visit visit) const {
    const auto visit_all = [&](const std::vector<uint32_t>& numbers) {
      for (uint32_t number : numbers) visit(number);
    };
    const auto look_up = [&](const Texts& texts, std::string_view text) {
      if (texts.empty() || text.empty()) return;
      const auto found = texts.find(absl::string_view(text.data(), text.size()));
      if (found != texts.end()) visit_all(found->second);
    };
    visit_all(always_);
    const Request& r = subject->request();
    look_up(principals_, r.principal);
    if (!namespaces_.empty())
      ForEachNamespace(r.principal, [&](std::string_view ns) { look_up(namespaces_, ns); });
    if (!ports_.empty()) {
      const auto found = ports_.find(r.destination_port);
      if (found != ports_.end()) visit_all(found->second);
    }
    if (!r.http) return;
    if (!hosts_.empty()) look_up(hosts_, HostName(subject->host()));
    look_up(methods_, r.method);
    const std::string_view path = subject->path();
    look_up(paths_, path);
    for (const size_t size : prefix_sizes_) {
      if (size > path.size()) break;
      look_up(prefixes_, path.substr(0, size));
    }
  }

 private:
  enum class By { kPrincipal, kPath, kHost, kNamespace, kPrefix, kPort, kMethod };
  struct Key {
    By by;
    std::string text;
    uint16_t port = 0;
  };
  struct Keys {
    bool known = false;     // false: the condition may hold whatever the request shows
    std::vector<Key> keys;  // one of these must be shown; none: it never holds
    int cost() const;
  };
  static Keys KeysOf(const Condition& condition);
  // What stands before the first port of a host: of all spellings that a rule about a host accepts
  // the same.
  static std::string_view HostName(std::string_view host);
  static std::string HostKey(std::string_view text);
  // Every x of "/ns/x/" in an identity.
  template <class Visit>
  static void ForEachNamespace(std::string_view principal, Visit visit) {
    for (size_t at = principal.find("/ns/"); at != principal.npos;
         at = principal.find("/ns/", at + 1)) {
      const std::string_view rest = principal.substr(at + 4);
      const size_t slash = rest.find('/');
      if (slash != rest.npos) visit(rest.substr(0, slash));
    }
  }

  using Texts = absl::flat_hash_map<std::string, std::vector<uint32_t>>;
  std::vector<uint32_t> always_;
  Texts principals_, namespaces_, hosts_, methods_, paths_, prefixes_;
  std::vector<size_t> prefix_sizes_;  // ascending
  absl::flat_hash_map<uint16_t, std::vector<uint32_t>> ports_;
};

}  // namespace mesh::authz

#endif  // MESH_AUTHZ_RULE_INDEX_H_
