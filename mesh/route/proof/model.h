// Requests as points, rules as sets of points. Private to mesh/route/proof.
//
// A request is seen as one value for each of a number of dimensions: its path, each header that
// some rule names, each query parameter, a certificate, the random number ... A rule without
// alternatives is a box: one ValueSet a dimension, all else free; its few alternatives are boxes of
// their own. The dimensions are treated as independent. Where they are not (a cookie and the header
// "cookie"), that allows points which no request is: a covered box is covered all the same, and a
// point outside must be tried on a table before anyone calls it a witness.
//
// A condition that is no set of texts (metadata, a regex that is not understood) is a dimension of
// its own with the values "yes" and "no", the same one wherever the same condition stands.
#ifndef MESH_ROUTE_PROOF_MODEL_H_
#define MESH_ROUTE_PROOF_MODEL_H_

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "mesh/route/proof/languages.h"
#include "mesh/route/proof/value_set.h"
#include "mesh/route/rule.h"
#include "mesh/route/table.h"

namespace mesh::route::proof {

struct Dimension {
  enum class Kind : uint8_t {
    // Without query, or with it where some rule looks at the header ":path". Named ";": without
    // path
    // parameters, too.
    kPath,
    kHeader,  // pseudo headers too
    kJoined,  // all values of a header as one: what match trees look at
    kQuery,
    kCookie,
    kCertificatePresented,  // "yes", "no"
    kCertificateValidated,
    kRandom,  // six digits, lowest first
    kOpaque,  // "yes", "no"
  };
  Kind kind = Kind::kOpaque;
  std::string name;
  ValueSet universe;
  std::vector<std::string> preferred;  // what a reader would like to see, best first
};

// Ascending by dimension; dimensions that do not occur are free.
struct Box {
  std::vector<std::pair<int, ValueSet>> sets;
  // More than the rule accepts: part of it was too much to work out. Hides nothing.
  bool inexact = false;

  const ValueSet* Find(int dimension) const {
    for (const auto& [d, set] : sets) {
      if (d == dimension) return &set;
    }
    return nullptr;
  }
  // Cheap; false where it does not see at once that no point is in both.
  bool SurelyDisjoint(const Box& other) const;
};

// One value for each dimension of a model.
using Point = std::vector<Value>;
bool Contains(const Box& box, const Point& point);

// What is tried in turn at one place, in order: a rule with its boxes, or the end of an action of a
// match tree, which takes what is left (`rule` is null).
struct Candidate {
  const Rule* rule = nullptr;
  uint32_t index = 0;  // RuleReference::index
  std::vector<Box> boxes;
  std::string impossible;  // why there are no boxes
};

// Dimensions of the rules of some virtual hosts. Not thread-safe.
class Model {
 public:
  // `rules_see_whole_path`: some rule of these virtual hosts looks at the header ":path", and none
  // of their tables ignores path parameters.
  Model(bool non_ascii, bool rules_see_whole_path, int64_t steps_per_rule, regex::Budget& budget);

  // The virtual host's rules, a tree's in the order in which the tree comes to them.
  std::vector<Candidate> CandidatesOf(const VirtualHost& host, const TableOptions& options);
  // What gets past the virtual host's require_tls.
  std::vector<Box> PastTls(TlsRequirement requirement);
  // What does not.
  std::vector<Box> StoppedByTls(TlsRequirement requirement);
  // Values of the host header that may choose virtual host `index`; perhaps some more, with ports
  // and where the budget ends.
  Box HostsOf(const std::vector<std::shared_ptr<const VirtualHost>>& hosts, uint32_t index,
              const TableOptions& options);
  // Whether some rule looks at the host header, so that HostsOf matters.
  bool SeesHost(const TableOptions& options) const;

  // Hosts to use where any would do.
  void PreferHosts(const std::vector<std::string>& hosts, const TableOptions& options);

  // nullopt: no point is in both. Marked inexact where the budget did not allow it.
  std::optional<Box> Intersect(const Box& a, const Box& b);
  std::vector<Box> Intersect(const std::vector<Box>& a, const std::vector<Box>& b);

  const std::vector<Dimension>& dimensions() const { return dimensions_; }
  // A nice member of the set, which is not empty.
  Value Choose(int dimension, const ValueSet& set) const;
  // The most ordinary request there is.
  Point Ordinary() const;
  // The point nearest to `from` in the box, which is not empty.
  Point Into(const Box& box, Point from) const;

 private:
  static std::string HostHeader(const TableOptions& options);
  int Dim(Dimension::Kind kind, const std::string& name);
  Dimension Make(Dimension::Kind kind, const std::string& name);
  ValueSet HeaderUniverse(const std::string& name) const;
  // The header's dimension and a set of its values: `hit` holds for one of them, or (`invert`) for
  // none; `absent` says whether it may be missing.
  absl::StatusOr<Box> Header(int dimension, const regex::Automaton& hit, bool invert, bool absent);
  Box Single(int dimension, ValueSet set) const;
  Box Opaque(const std::string& condition);
  Box Among(const std::string& header, std::string_view text, bool invert, bool absent);
  // `joined`: as match trees see it.
  int HeaderDimension(const std::string& name, bool joined);
  // Intersects with what the box already says about the dimension; false: nothing is left.
  bool Restrict(Box* box, int dimension, const ValueSet& set);

  Candidate Compile(const Rule& rule, const std::vector<Box>& guard, const TableOptions& options);
  std::vector<Box> BoxesOf(const PathMatch& path, const TableOptions& options);
  Box BoxOf(const Condition& condition);
  Box BoxOf(const HeaderMatch& match);
  Box BoxOf(const QueryMatch& match);
  Box BoxOf(const CookieMatch& match);
  Box BoxOf(const TlsMatch& match);
  Box BoxOf(const FractionMatch& match);
  void Flatten(const MatchTree& tree, const std::vector<Box>& guard, const TableOptions& options,
               std::vector<Candidate>* out);
  void Flatten(const MatchTree::OnMatch& on, const std::vector<Box>& guard,
               const TableOptions& options, std::vector<Candidate>* out);
  std::vector<Box> Where(const MatchTree::Predicate& predicate, bool holds);
  std::vector<Box> WhereHeader(const std::string& header, const StringMatch& match, bool holds);

  const bool non_ascii_;
  const bool whole_path_;
  const int64_t steps_per_rule_;
  regex::Budget& budget_;
  Languages languages_;
  std::vector<Dimension> dimensions_;
  absl::flat_hash_map<std::string, int> numbers_;
  regex::Automaton path_universe_;
  regex::Automaton query_tail_;  // nothing, or '?' and anything
  regex::Automaton header_universe_;
  uint32_t next_index_ = 0;
};

// Whether a rule of the virtual host looks at the header ":path".
bool SeesWholePath(const VirtualHost& host);

}  // namespace mesh::route::proof

#endif  // MESH_ROUTE_PROOF_MODEL_H_
