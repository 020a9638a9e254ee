#include "mesh/route/proof/model.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "mesh/http/host.h"
#include "mesh/route/proof/condition_text.h"

namespace mesh::route::proof {
namespace {

using regex::Automaton;
using regex::ByteSet;
using regex::Node;

// Alternatives a tree's predicate may have before it is called too much.
constexpr size_t kMaxAlternatives = 64;

ByteSet Visible(bool non_ascii) {
  ByteSet set = ByteSet::Range('!', '~');
  return non_ascii ? set | ByteSet::Range(0x80, 0xFF) : set;
}

ByteSet Without(ByteSet set, std::string_view bytes) {
  for (char c : bytes) set.Remove(static_cast<uint8_t>(c));
  return set;
}

// Sets of the model's own are small: no budget can end on them.
Automaton Must(absl::StatusOr<Automaton> automaton) { return *std::move(automaton); }

// Nothing, or visible bytes with blanks between them.
Automaton FieldValue(const ByteSet& visible) {
  regex::Budget budget(INT64_MAX);
  const ByteSet inner = visible | Without(ByteSet::Range('\t', ' '),
                                          "\n\v\f\r\x0e\x0f\x10\x11\x12"
                                          "\x13\x14\x15\x16\x17\x18\x19"
                                          "\x1a\x1b\x1c\x1d\x1e\x1f");
  const Automaton edge = Automaton::Run(visible, 1, 1);
  const Automaton long_one = Must(regex::Concatenation(
      edge, Must(regex::Concatenation(Automaton::Run(inner, 0, Node::kUnbounded), edge, budget)),
      budget));
  return Must(regex::Union(Automaton::Run(visible, 0, 1), long_one, budget));
}

ValueSet YesNo() {
  regex::Budget budget(INT64_MAX);
  return ValueSet::One(
      false, Must(regex::Union(Automaton::Literal("yes"), Automaton::Literal("no"), budget)));
}

ValueSet Only(std::string_view text) { return ValueSet::One(false, Automaton::Literal(text)); }

// Whether a host that both domains accept goes to the first.
bool Precedes(const std::string& a, const std::string& b) {
  const auto rank = [](const std::string& domain) {
    if (domain == "*") return 3;
    if (!domain.empty() && domain.front() == '*') return 1;
    if (!domain.empty() && domain.back() == '*') return 2;
    return 0;
  };
  if (rank(a) != rank(b)) return rank(a) < rank(b);
  return rank(a) != 0 && a.size() > b.size();
}

bool SeesWholePath(const std::vector<Rule>& rules) {
  for (const Rule& rule : rules) {
    for (const Condition& condition : rule.conditions) {
      const auto* header = std::get_if<HeaderMatch>(&condition);
      if (header != nullptr && header->name == ":path") return true;
    }
  }
  return false;
}

bool SeesWholePath(const MatchTree::Predicate& predicate) {
  return predicate.header == ":path" ||
         std::any_of(predicate.of.begin(), predicate.of.end(),
                     [](const MatchTree::Predicate& one) { return SeesWholePath(one); });
}

bool SeesWholePath(const MatchTree& tree);

bool SeesWholePath(const MatchTree::OnMatch& on) {
  return SeesWholePath(on.rules) || (on.tree != nullptr && SeesWholePath(*on.tree));
}

bool SeesWholePath(const MatchTree& tree) {
  if (tree.header == ":path") return true;
  for (const auto& [predicate, on] : tree.list) {
    if (SeesWholePath(predicate) || SeesWholePath(on)) return true;
  }
  for (const auto& [key, on] : tree.map) {
    if (SeesWholePath(on)) return true;
  }
  return tree.otherwise && SeesWholePath(*tree.otherwise);
}

}  // namespace

bool SeesWholePath(const VirtualHost& host) {
  return SeesWholePath(host.rules) || (host.tree != nullptr && SeesWholePath(*host.tree));
}

bool Box::SurelyDisjoint(const Box& other) const {
  size_t i = 0, j = 0;
  while (i < sets.size() && j < other.sets.size()) {
    if (sets[i].first < other.sets[j].first) {
      ++i;
    } else if (sets[i].first > other.sets[j].first) {
      ++j;
    } else {
      if (sets[i].second.SurelyDisjoint(other.sets[j].second)) return true;
      ++i;
      ++j;
    }
  }
  return false;
}

bool Contains(const Box& box, const Point& point) {
  for (const auto& [dimension, set] : box.sets) {
    if (!set.Has(point[dimension])) return false;
  }
  return true;
}

Model::Model(bool non_ascii, bool rules_see_whole_path, int64_t steps_per_rule,
             regex::Budget& budget)
    : non_ascii_(non_ascii),
      whole_path_(rules_see_whole_path),
      steps_per_rule_(steps_per_rule),
      budget_(budget),
      languages_(non_ascii ? regex::Alphabet::kBytes : regex::Alphabet::kAscii, steps_per_rule,
                 budget) {
  regex::Budget unlimited(INT64_MAX);
  const Automaton rest = Automaton::Run(Without(Visible(non_ascii), "?#"), 0, Node::kUnbounded);
  path_universe_ =
      Must(regex::Union(Must(regex::Concatenation(Automaton::Literal("/"), rest, unlimited)),
                        Automaton::Literal("*"), unlimited));
  query_tail_ = Must(regex::Union(
      Automaton::Literal(""),
      Must(regex::Concatenation(
          Automaton::Literal("?"),
          Automaton::Run(Without(Visible(non_ascii), "#"), 0, Node::kUnbounded), unlimited)),
      unlimited));
  header_universe_ = FieldValue(Visible(non_ascii));
}

ValueSet Model::HeaderUniverse(const std::string& name) const {
  if (name == ":method") {
    ByteSet token = Without(ByteSet::Range('!', '~'), "()<>@,;:\\\"/[]?={}");
    return ValueSet::One(false, Automaton::Run(token, 1, Node::kUnbounded));
  }
  if (name == ":scheme") {
    ByteSet letters = ByteSet::Range('a', 'z') | ByteSet::Range('A', 'Z') |
                      ByteSet::Range('0', '9') | ByteSet::Range('+', '+') |
                      ByteSet::Range('-', '.');
    return ValueSet::One(false, Automaton::Run(letters, 1, Node::kUnbounded));
  }
  if (name == ":authority") {
    return ValueSet::One(
        false, Automaton::Run(Without(Visible(non_ascii_), "/?#\\"), 1, Node::kUnbounded));
  }
  return ValueSet::Many(true, header_universe_, {});
}

Dimension Model::Make(Dimension::Kind kind, const std::string& name) {
  Dimension dimension;
  dimension.kind = kind;
  dimension.name = name;
  regex::Budget unlimited(INT64_MAX);
  switch (kind) {
    case Dimension::Kind::kPath:
      dimension.preferred = {"/"};
      dimension.universe = ValueSet::One(true, path_universe_);
      if (name == ";") {
        const Automaton with_parameters = Must(
            regex::Concatenation(Automaton::Run(~ByteSet::Range(';', ';'), 0, Node::kUnbounded),
                                 Automaton::Prefix(";"), unlimited));
        dimension.universe = ValueSet::One(
            true, Must(regex::Difference(path_universe_, with_parameters, unlimited)));
      } else if (whole_path_) {
        dimension.universe =
            ValueSet::One(true, Must(regex::Concatenation(path_universe_, query_tail_, unlimited)));
      }
      break;
    case Dimension::Kind::kHeader:
      if (name == ":method") {
        dimension.preferred = {"GET", "POST", "PUT", "DELETE", "HEAD", "PATCH", "OPTIONS"};
      }
      if (name == ":scheme") dimension.preferred = {"http", "https"};
      dimension.universe = HeaderUniverse(name);
      break;
    case Dimension::Kind::kJoined:
      dimension.universe = ValueSet::One(true, header_universe_);
      break;
    case Dimension::Kind::kQuery:
      dimension.universe = ValueSet::One(
          true, Automaton::Run(Without(Visible(non_ascii_), "&#"), 0, Node::kUnbounded));
      break;
    case Dimension::Kind::kCookie:
      dimension.universe = ValueSet::One(true, FieldValue(Without(Visible(non_ascii_), ";")));
      break;
    case Dimension::Kind::kRandom:
      dimension.preferred = {"000000"};
      dimension.universe = ValueSet::One(false, Automaton::Run(ByteSet::Range('0', '9'), 6, 6));
      break;
    case Dimension::Kind::kCertificatePresented:
    case Dimension::Kind::kCertificateValidated:
    case Dimension::Kind::kOpaque:
      dimension.preferred = {"no", "yes"};
      dimension.universe = YesNo();
      break;
  }
  return dimension;
}

int Model::Dim(Dimension::Kind kind, const std::string& name) {
  const std::string key = absl::StrCat(static_cast<int>(kind), name);
  const auto [it, added] = numbers_.try_emplace(key, static_cast<int>(dimensions_.size()));
  if (added) dimensions_.push_back(Make(kind, name));
  return it->second;
}

std::string Model::HostHeader(const TableOptions& options) {
  const std::string name = http::LowerCase(options.host_header);
  return name.empty() || name == "host" ? ":authority" : name;
}

bool Model::SeesHost(const TableOptions& options) const {
  return std::any_of(dimensions_.begin(), dimensions_.end(), [&](const Dimension& dimension) {
    return dimension.kind == Dimension::Kind::kHeader && dimension.name == HostHeader(options);
  });
}

Box Model::Single(int dimension, ValueSet set) const {
  Box box;
  box.sets.push_back({dimension, std::move(set)});
  return box;
}

Box Model::Opaque(const std::string& condition) {
  return Single(Dim(Dimension::Kind::kOpaque, condition), Only("yes"));
}

bool Model::Restrict(Box* box, int dimension, const ValueSet& set) {
  auto at = std::lower_bound(box->sets.begin(), box->sets.end(), dimension,
                             [](const auto& entry, int d) { return entry.first < d; });
  const bool known = at != box->sets.end() && at->first == dimension;
  const ValueSet& before = known ? at->second : dimensions_[dimension].universe;
  regex::Budget budget(std::min(steps_per_rule_, budget_.left()));
  const int64_t left = budget.left();
  absl::StatusOr<ValueSet> both = ValueSet::Intersect(before, set, budget);
  budget_.Spend(left - budget.left());
  if (!both.ok()) {
    // Leave it out: the box is then too big, and says so.
    box->inexact = true;
    return true;
  }
  if (both->empty()) return false;
  if (known) {
    at->second = *std::move(both);
  } else {
    box->sets.insert(at, {dimension, *std::move(both)});
  }
  return true;
}

std::optional<Box> Model::Intersect(const Box& a, const Box& b) {
  Box box = a;
  box.inexact = a.inexact || b.inexact;
  for (const auto& [dimension, set] : b.sets) {
    if (!Restrict(&box, dimension, set)) return std::nullopt;
  }
  return box;
}

std::vector<Box> Model::Intersect(const std::vector<Box>& a, const std::vector<Box>& b) {
  std::vector<Box> boxes;
  for (const Box& x : a) {
    for (const Box& y : b) {
      if (std::optional<Box> both = Intersect(x, y)) boxes.push_back(*std::move(both));
    }
  }
  return boxes;
}

std::vector<Box> Model::BoxesOf(const PathMatch& path, const TableOptions& options) {
  if (path.kind == PathMatch::Kind::kConnect) {
    std::vector<Box> boxes;
    boxes.push_back(Single(Dim(Dimension::Kind::kHeader, ":method"), Only("CONNECT")));
    boxes.push_back(Opaque("upgrade: connect-udp"));
    return boxes;
  }
  // With ignore_path_parameters all but templates see the path without them.
  const bool cut = options.ignore_path_parameters && path.kind != PathMatch::Kind::kTemplate;
  const int dimension = Dim(Dimension::Kind::kPath, cut ? ";" : "");
  Box box = Single(dimension, ValueSet::One(false, dimensions_[dimension].universe.texts()));
  const absl::StatusOr<Automaton> language = languages_.Of(path);
  if (!language.ok()) {
    std::optional<Box> both =
        Intersect(box, Opaque(absl::StrCat(cut ? "path; " : "path ", TextOf(path))));
    return {*std::move(both)};
  }
  Automaton texts = *language;
  if (whole_path_) {
    regex::Budget budget(std::min(steps_per_rule_, budget_.left()));
    const int64_t left = budget.left();
    absl::StatusOr<Automaton> paths = regex::Intersection(texts, path_universe_, budget);
    if (paths.ok()) paths = regex::Concatenation(*paths, query_tail_, budget);
    budget_.Spend(left - budget.left());
    if (!paths.ok()) {
      box.inexact = true;
      return {std::move(box)};
    }
    texts = *std::move(paths);
  }
  if (!Restrict(&box, dimension, ValueSet::One(false, texts))) return {};
  return {std::move(box)};
}

int Model::HeaderDimension(const std::string& name, bool joined) {
  if (name == "host") return Dim(Dimension::Kind::kHeader, ":authority");
  // The path dimension is then the header's.
  if (name == ":path" && whole_path_) return Dim(Dimension::Kind::kPath, "");
  const bool pseudo = !name.empty() && name[0] == ':';
  return Dim(joined && !pseudo ? Dimension::Kind::kJoined : Dimension::Kind::kHeader, name);
}

absl::StatusOr<Box> Model::Header(int dimension, const Automaton& hit, bool invert, bool absent) {
  const ValueSet& universe = dimensions_[dimension].universe;
  regex::Budget budget(std::min(steps_per_rule_, budget_.left()));
  const absl::StatusOr<Automaton> texts = invert
                                              ? regex::Difference(universe.texts(), hit, budget)
                                              : regex::Intersection(universe.texts(), hit, budget);
  if (!texts.ok()) return texts.status();
  if (!universe.many()) return Single(dimension, ValueSet::One(absent, *texts));
  // Of several values one that matches is enough; inverted, one is enough not to match.
  if (invert) return Single(dimension, ValueSet::Many(absent, *texts, {}));
  return Single(dimension, ValueSet::Many(absent, universe.texts(), {*texts}));
}

Box Model::BoxOf(const HeaderMatch& match) {
  const int dimension = HeaderDimension(match.name, /*joined=*/false);
  if (match.kind == HeaderMatch::Kind::kPresent) {
    const bool with = match.present != match.invert;
    const bool without = (match.missing_is_empty == match.present) != match.invert;
    ValueSet set = with ? dimensions_[dimension].universe : ValueSet();
    absl::StatusOr<Box> box = Header(dimension, set.texts(), /*invert=*/false, without);
    return box.ok() ? *std::move(box) : Opaque(TextOf(Condition(match)));
  }
  const absl::StatusOr<Automaton> language = match.kind == HeaderMatch::Kind::kRange
                                                 ? languages_.Integers(match.begin, match.end)
                                                 : languages_.Of(match.value);
  if (!language.ok()) return Opaque(TextOf(Condition(match)));
  const bool empty_matches = language->Accepts("") != match.invert;
  absl::StatusOr<Box> box =
      Header(dimension, *language, match.invert, match.missing_is_empty && empty_matches);
  return box.ok() ? *std::move(box) : Opaque(TextOf(Condition(match)));
}

Box Model::BoxOf(const QueryMatch& match) {
  const int dimension = Dim(Dimension::Kind::kQuery, match.name);
  const Automaton& all = dimensions_[dimension].universe.texts();
  if (!match.value) {
    return Single(dimension, match.present ? ValueSet::One(false, all) : ValueSet::Absent());
  }
  const absl::StatusOr<Automaton> language = languages_.Of(*match.value);
  if (!language.ok()) return Opaque(TextOf(Condition(match)));
  return Single(dimension, ValueSet::One(false, *language));
}

Box Model::BoxOf(const CookieMatch& match) {
  const int dimension = Dim(Dimension::Kind::kCookie, match.name);
  const absl::StatusOr<Automaton> language = languages_.Of(match.value);
  if (!language.ok()) return Opaque(TextOf(Condition(match)));
  if (!match.invert) return Single(dimension, ValueSet::One(false, *language));
  regex::Budget budget(std::min(steps_per_rule_, budget_.left()));
  const absl::StatusOr<Automaton> others =
      regex::Difference(dimensions_[dimension].universe.texts(), *language, budget);
  if (!others.ok()) return Opaque(TextOf(Condition(match)));
  return Single(dimension, ValueSet::One(true, *others));
}

Box Model::BoxOf(const TlsMatch& match) {
  Box box;
  const auto require = [&](Dimension::Kind kind, const std::optional<bool>& value) {
    if (value) Restrict(&box, Dim(kind, ""), Only(*value ? "yes" : "no"));
  };
  require(Dimension::Kind::kCertificatePresented, match.presented);
  require(Dimension::Kind::kCertificateValidated, match.validated);
  return box;
}

Box Model::BoxOf(const FractionMatch& match) {
  // A runtime key may change the fraction to any other.
  const absl::StatusOr<Automaton> language =
      match.runtime_key.empty()
          ? languages_.Fraction(match.numerator, match.denominator)
          : absl::StatusOr<Automaton>(absl::UnimplementedError("a runtime key"));
  if (!language.ok()) return Opaque(TextOf(Condition(match)));
  return Single(Dim(Dimension::Kind::kRandom, ""), ValueSet::One(false, *language));
}

Box Model::BoxOf(const Condition& condition) {
  if (const auto* header = std::get_if<HeaderMatch>(&condition)) return BoxOf(*header);
  if (const auto* query = std::get_if<QueryMatch>(&condition)) return BoxOf(*query);
  if (const auto* cookie = std::get_if<CookieMatch>(&condition)) return BoxOf(*cookie);
  if (const auto* tls = std::get_if<TlsMatch>(&condition)) return BoxOf(*tls);
  if (const auto* fraction = std::get_if<FractionMatch>(&condition)) return BoxOf(*fraction);
  if (const auto* metadata = std::get_if<MetadataMatch>(&condition)) {
    MetadataMatch plain = *metadata;
    plain.invert = false;
    Box box = Opaque(TextOf(Condition(plain)));
    if (metadata->invert) box.sets[0].second = Only("no");
    return box;
  }
  return Opaque(TextOf(condition));
}

Candidate Model::Compile(const Rule& rule, const std::vector<Box>& guard,
                         const TableOptions& options) {
  Candidate candidate;
  candidate.rule = &rule;
  candidate.index = next_index_++;
  candidate.boxes = BoxesOf(rule.path, options);
  if (candidate.boxes.empty()) {
    candidate.impossible = "no request has a path that it matches";
    return candidate;
  }
  for (const Condition& condition : rule.conditions) {
    candidate.boxes = Intersect(candidate.boxes, {BoxOf(condition)});
  }
  if (candidate.boxes.empty()) {
    candidate.impossible = "its conditions exclude each other";
    return candidate;
  }
  candidate.boxes = Intersect(guard, candidate.boxes);
  if (candidate.boxes.empty()) candidate.impossible = "the match tree never comes to it";
  return candidate;
}

std::vector<Box> Model::WhereHeader(const std::string& header, const StringMatch& match,
                                    bool holds) {
  const absl::StatusOr<Automaton> language = languages_.Of(match);
  const int dimension =
      language.ok() ? HeaderDimension(header, /*joined=*/true)
                    : Dim(Dimension::Kind::kOpaque, absl::StrCat("tree ", header, TextOf(match)));
  const ValueSet set = language.ok() ? ValueSet::One(false, *language) : Only("yes");
  if (holds) return {Single(dimension, set)};
  regex::Budget budget(std::min(steps_per_rule_, budget_.left()));
  const absl::StatusOr<std::vector<ValueSet>> others =
      ValueSet::Subtract(dimensions_[dimension].universe, set, budget);
  std::vector<Box> boxes;
  if (!others.ok()) {
    boxes.emplace_back();
    boxes.back().inexact = true;
    return boxes;
  }
  for (const ValueSet& other : *others) boxes.push_back(Single(dimension, other));
  return boxes;
}

std::vector<Box> Model::Where(const MatchTree::Predicate& predicate, bool holds) {
  using Kind = MatchTree::Predicate::Kind;
  if (predicate.kind == Kind::kSingle) {
    return WhereHeader(predicate.header, predicate.value, holds);
  }
  // none_of is "and" of what does not hold; what does not hold of that is "or".
  const bool inner_holds = predicate.kind == Kind::kNot ? !holds : holds;
  const bool all = predicate.kind == Kind::kNot ? holds : (predicate.kind == Kind::kAnd) == holds;
  std::vector<Box> boxes;
  if (all) boxes.push_back(Box());
  for (const MatchTree::Predicate& one : predicate.of) {
    std::vector<Box> inner = Where(one, inner_holds);
    if (all) {
      boxes = Intersect(boxes, inner);
    } else {
      boxes.insert(boxes.end(), inner.begin(), inner.end());
    }
    if (boxes.size() > kMaxAlternatives) {
      Box too_much;
      too_much.inexact = true;
      return {std::move(too_much)};
    }
  }
  return boxes;
}

void Model::Flatten(const MatchTree::OnMatch& on, const std::vector<Box>& guard,
                    const TableOptions& options, std::vector<Candidate>* out) {
  if (on.keep_matching) {
    // Never taken; its rules still count, as rules that nothing reaches.
    if (on.tree != nullptr) {
      Flatten(*on.tree, {}, options, out);
      return;
    }
    for (const Rule& rule : on.rules) out->push_back(Compile(rule, {}, options));
    return;
  }
  if (on.tree != nullptr) {
    Flatten(*on.tree, guard, options, out);
    return;
  }
  for (const Rule& rule : on.rules) out->push_back(Compile(rule, guard, options));
  // Whatever none of them takes has no route.
  Candidate rest;
  rest.index = next_index_;
  rest.boxes = guard;
  out->push_back(std::move(rest));
}

void Model::Flatten(const MatchTree& tree, const std::vector<Box>& guard,
                    const TableOptions& options, std::vector<Candidate>* out) {
  if (tree.kind == MatchTree::Kind::kList) {
    for (const auto& [predicate, on] : tree.list) {
      Flatten(on, Intersect(guard, Where(predicate, true)), options, out);
    }
  } else {
    const bool exact = tree.kind == MatchTree::Kind::kExactMap;
    std::vector<const std::pair<std::string, MatchTree::OnMatch>*> entries;
    for (const auto& entry : tree.map) entries.push_back(&entry);
    // Prefixes are tried longest first, shorter ones where those lead nowhere.
    if (!exact) {
      std::stable_sort(entries.begin(), entries.end(), [](const auto* a, const auto* b) {
        return a->first.size() > b->first.size();
      });
    }
    for (const auto* entry : entries) {
      StringMatch match;
      match.kind = exact ? StringMatch::Kind::kExact : StringMatch::Kind::kPrefix;
      match.text = entry->first;
      Flatten(entry->second, Intersect(guard, WhereHeader(tree.header, match, true)), options, out);
    }
  }
  if (tree.otherwise) Flatten(*tree.otherwise, guard, options, out);
}

std::vector<Candidate> Model::CandidatesOf(const VirtualHost& host, const TableOptions& options) {
  std::vector<Candidate> candidates;
  next_index_ = 0;
  if (host.tree != nullptr) {
    Flatten(*host.tree, {Box()}, options, &candidates);
    return candidates;
  }
  for (const Rule& rule : host.rules) {
    candidates.push_back(Compile(rule, {Box()}, options));
  }
  return candidates;
}

// What stands first among several values cannot be said of a set of them: these boxes are a little
// too big (values among which `text` is), and those below a little too big or too small.
Box Model::Among(const std::string& header, std::string_view text, bool invert, bool absent) {
  return *Header(Dim(Dimension::Kind::kHeader, header), Automaton::Literal(text), invert, absent);
}

std::vector<Box> Model::PastTls(TlsRequirement requirement) {
  if (requirement == TlsRequirement::kNone) return {Box()};
  std::vector<Box> boxes;
  Box by_scheme = Single(Dim(Dimension::Kind::kHeader, "x-forwarded-proto"), ValueSet::Absent());
  Restrict(&by_scheme, Dim(Dimension::Kind::kHeader, ":scheme"), Only("https"));
  boxes.push_back(std::move(by_scheme));
  boxes.push_back(Among("x-forwarded-proto", "https", /*invert=*/false, /*absent=*/false));
  if (requirement == TlsRequirement::kExternalOnly) {
    boxes.push_back(Among("x-envoy-internal", "true", /*invert=*/false, /*absent=*/false));
  }
  return boxes;
}

std::vector<Box> Model::StoppedByTls(TlsRequirement requirement) {
  if (requirement == TlsRequirement::kNone) return {};
  // Beside those that surely are, one that is a little too big.
  const auto not_first = [&](const std::string& header, std::string_view text, bool absent) {
    const int dimension = Dim(Dimension::Kind::kHeader, header);
    regex::Budget unlimited(INT64_MAX);
    Box other = *Header(dimension,
                        Must(regex::Difference(dimensions_[dimension].universe.texts(),
                                               Automaton::Literal(text), unlimited)),
                        /*invert=*/false, absent);
    other.inexact = true;
    return std::vector<Box>{Among(header, text, /*invert=*/true, absent), std::move(other)};
  };
  std::vector<Box> boxes = not_first("x-forwarded-proto", "https", /*absent=*/false);
  const int scheme = Dim(Dimension::Kind::kHeader, ":scheme");
  boxes.push_back(*Header(scheme, Automaton::Literal("https"), /*invert=*/true, /*absent=*/false));
  Restrict(&boxes.back(), Dim(Dimension::Kind::kHeader, "x-forwarded-proto"), ValueSet::Absent());
  if (requirement == TlsRequirement::kExternalOnly) {
    boxes = Intersect(boxes, not_first("x-envoy-internal", "true", /*absent=*/true));
  }
  return boxes;
}

Box Model::HostsOf(const std::vector<std::shared_ptr<const VirtualHost>>& hosts, uint32_t index,
                   const TableOptions& options) {
  const int dimension = Dim(Dimension::Kind::kHeader, HostHeader(options));
  regex::Budget budget(std::min(steps_per_rule_, budget_.left()));
  Box everything;
  // Values of an ordinary header are joined; what that makes of several is not followed.
  if (dimensions_[dimension].universe.many()) return everything;
  bool absent = false;
  Automaton all;
  for (const std::string& domain : hosts[index]->domains) {
    absent = absent || domain == "*";
    absl::StatusOr<Automaton> own =
        languages_.Domains({domain}, options.ignore_port_in_host, /*at_most=*/false);
    if (!own.ok()) return everything;
    // Without what goes to others first.
    std::vector<std::string> before;
    for (uint32_t i = 0; i < hosts.size(); ++i) {
      if (i == index) continue;
      for (const std::string& other : hosts[i]->domains) {
        if (Precedes(other, domain)) before.push_back(other);
      }
    }
    if (!before.empty()) {
      const absl::StatusOr<Automaton> others =
          languages_.Domains(before, options.ignore_port_in_host, /*at_most=*/true);
      absl::StatusOr<Automaton> rest =
          others.ok() ? regex::Difference(*own, *others, budget) : others.status();
      if (rest.ok()) own = std::move(rest);
    }
    absl::StatusOr<Automaton> both = regex::Union(all, *own, budget);
    if (!both.ok()) return everything;
    all = *std::move(both);
  }
  Box box;
  if (!Restrict(&box, dimension, ValueSet::One(absent, all))) {
    return Single(dimension, ValueSet());
  }
  return box;
}

void Model::PreferHosts(const std::vector<std::string>& hosts, const TableOptions& options) {
  for (Dimension& dimension : dimensions_) {
    if (dimension.kind == Dimension::Kind::kHeader && dimension.name == HostHeader(options)) {
      dimension.preferred = hosts;
    }
  }
}

Value Model::Choose(int dimension, const ValueSet& set) const {
  if (set.hits().empty()) {
    for (const std::string& text : dimensions_[dimension].preferred) {
      if (set.texts().Accepts(text)) return {text};
    }
  }
  if (set.absent()) return {};
  if (set.hits().empty()) return {set.texts().Shortest()};
  // One value in all of the sets to be hit, or else few.
  Value value;
  std::vector<Automaton> open;
  for (const Automaton& hit : set.hits()) {
    bool met = false;
    for (Automaton& other : open) {
      regex::Budget budget(std::min<int64_t>(steps_per_rule_, 10'000));
      const absl::StatusOr<Automaton> both = regex::Intersection(other, hit, budget);
      if (!both.ok() || both->empty()) continue;
      other = *both;
      met = true;
      break;
    }
    if (!met) open.push_back(hit);
  }
  for (const Automaton& hit : open) value.push_back(hit.Shortest());
  return value;
}

Point Model::Ordinary() const {
  Point point;
  for (size_t d = 0; d < dimensions_.size(); ++d) {
    point.push_back(Choose(static_cast<int>(d), dimensions_[d].universe));
  }
  return point;
}

Point Model::Into(const Box& box, Point from) const {
  for (const auto& [dimension, set] : box.sets) {
    if (!set.Has(from[dimension])) from[dimension] = Choose(dimension, set);
  }
  return from;
}

}  // namespace mesh::route::proof
