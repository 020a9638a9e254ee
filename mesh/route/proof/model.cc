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

}  // namespace mesh::route::proof
