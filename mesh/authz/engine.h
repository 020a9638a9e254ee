// Who may do what, compiled.
//
//   std::vector<mesh::authz::Rule> rules = ...;            // policy.h makes them
//   auto engine = mesh::authz::Engine::Build(std::move(rules));
//   if (!(*engine)->Decide(request).allowed) ...           // 403
#ifndef MESH_AUTHZ_ENGINE_H_
#define MESH_AUTHZ_ENGINE_H_

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "mesh/authz/condition.h"
#include "mesh/authz/request.h"
#include "mesh/base/source_position.h"

namespace mesh::authz {

// security.istio.io/v1beta1 AuthorizationPolicy.action.
enum class Action { kAllow, kDeny, kAudit, kCustom };
std::string_view ActionName(Action action);  // "ALLOW", "DENY", "AUDIT", "CUSTOM"

struct Rule {
  std::string policy;  // "default/deny-admin"
  int index = 0;       // of the rule in its policy
  Action action = Action::kAllow;
  std::string provider;  // of kCustom: who is to be asked
  // Evaluated and reported, never enforced.
  bool dry_run = false;
  Condition condition;
  SourcePosition position;

  // "DENY policy default/deny-admin rule 0 (authz.yaml:12:3)".
  std::string ToString() const;
};

struct Decision {
  enum class Why {
    kNoPolicy,    // nothing applies here: allowed
    kAllowed,     // by `rule`
    kDenied,      // by `rule`
    kNotAllowed,  // there are ALLOW policies and none of their rules matches: denied
    kMalformed,   // a method, host or path that no rule could judge: denied
  };
  bool allowed = false;
  Why why = Why::kMalformed;
  const Rule* rule = nullptr;
  // The first CUSTOM rule that matches: its provider has the say before all that is decided here;
  // `allowed` is what holds if it agrees.
  const Rule* ask = nullptr;
  const Rule* audit = nullptr;    // the first AUDIT rule that matches
  const Rule* dry_run = nullptr;  // the first rule of a dry run that matches

  // One line: "denied by DENY policy default/deny-admin rule 0 (authz.yaml:12:3)".
  std::string ToString() const;
};

struct Explanation {
  Decision decision;
  struct Tried {
    const Rule* rule;
    bool matched;
    std::string failed;  // the first condition that did not hold
  };
  std::vector<Tried> rules;  // in order
};

// Immutable and thread-safe. Decisions borrow from the engine: keep it while they are used.
class Engine {
 public:
  // Rules keep their order; of several that match, the first is named. InvalidArgument for a regex,
  // a block or a port that is none: such a policy must not be left out silently.
  static absl::StatusOr<std::shared_ptr<const Engine>> Build(std::vector<Rule> rules);
  ~Engine();

  // DENY first, then ALLOW: with no ALLOW rule at all everything else is allowed, with some one of
  // them must match. Anything that cannot be judged is denied, when there is any rule. Cost: a hash
  // look-up for each kind of thing that rules begin with, and the conditions of the rules found
  // there; rules about other paths, hosts, principals or ports cost nothing. Allocates only for
  // regexes and for headers of more than one value.
  Decision Decide(const Request& request) const;
  // Every rule in turn. Slow; for tools and logs.
  Explanation Explain(const Request& request) const;

  const std::vector<Rule>& rules() const;

 private:
  struct Rep;
  explicit Engine(std::unique_ptr<const Rep> rep);
  const std::unique_ptr<const Rep> rep_;
};

}  // namespace mesh::authz

#endif  // MESH_AUTHZ_ENGINE_H_
