#include "mesh/route/proof/condition_text.h"

#include <cstring>

#include "absl/strings/str_cat.h"

namespace mesh::route::proof {
namespace {

void Put(const std::string& text, std::string* out) {
  absl::StrAppend(out, text.size(), ":", text, ",");
}

void Put(int64_t number, std::string* out) { absl::StrAppend(out, number, ","); }

uint64_t Bits(double number) {
  uint64_t bits = 0;
  std::memcpy(&bits, &number, sizeof bits);
  return bits;
}

void Put(double number, std::string* out) { absl::StrAppend(out, Bits(number), ","); }

void Put(const StringMatch& match, std::string* out) {
  Put(static_cast<int64_t>(match.kind), out);
  Put(static_cast<int64_t>(match.ignore_case), out);
  Put(match.text, out);
}

void Put(const std::optional<StringMatch>& match, std::string* out) {
  Put(static_cast<int64_t>(match.has_value()), out);
  if (match) Put(*match, out);
}

void Put(const HeaderMatch& match, std::string* out) {
  Put(match.name, out);
  Put(static_cast<int64_t>(match.kind), out);
  Put(static_cast<int64_t>(match.present), out);
  Put(static_cast<int64_t>(match.invert), out);
  Put(static_cast<int64_t>(match.missing_is_empty), out);
  Put(match.value, out);
  Put(match.begin, out);
  Put(match.end, out);
}

void Put(const QueryMatch& match, std::string* out) {
  Put(match.name, out);
  Put(match.value, out);
  Put(static_cast<int64_t>(match.present), out);
}

void Put(const CookieMatch& match, std::string* out) {
  Put(match.name, out);
  Put(match.value, out);
  Put(static_cast<int64_t>(match.invert), out);
}

void Put(const GrpcMatch&, std::string*) {}

void Put(const TlsMatch& match, std::string* out) {
  Put(static_cast<int64_t>(match.presented ? *match.presented : 2), out);
  Put(static_cast<int64_t>(match.validated ? *match.validated : 2), out);
}

void Put(const FractionMatch& match, std::string* out) {
  Put(static_cast<int64_t>(match.numerator), out);
  Put(static_cast<int64_t>(match.denominator), out);
  Put(match.runtime_key, out);
}

void Put(const ValueMatch& match, std::string* out) {
  Put(static_cast<int64_t>(match.kind), out);
  Put(static_cast<int64_t>(match.flag), out);
  Put(match.begin, out);
  Put(match.end, out);
  Put(match.text, out);
  Put(static_cast<int64_t>(match.of.size()), out);
  for (const ValueMatch& one : match.of) Put(one, out);
}

void Put(const MetadataMatch& match, std::string* out) {
  Put(match.filter, out);
  Put(static_cast<int64_t>(match.path.size()), out);
  for (const std::string& key : match.path) Put(key, out);
  Put(match.value, out);
  Put(static_cast<int64_t>(match.invert), out);
}

void Put(const FilterStateMatch& match, std::string* out) {
  Put(match.key, out);
  Put(match.text, out);
  Put(static_cast<int64_t>(match.ranges.size()), out);
  for (const std::string& range : match.ranges) Put(range, out);
  Put(static_cast<int64_t>(match.invert_ranges), out);
}

void Put(const Condition& condition, std::string* out) {
  Put(static_cast<int64_t>(condition.index()), out);
  std::visit([out](const auto& match) { Put(match, out); }, condition);
}

void Put(const Rule& rule, std::string* out) {
  absl::StrAppend(out, TextOf(rule.path));
  Put(static_cast<int64_t>(rule.conditions.size()), out);
  for (const Condition& condition : rule.conditions) Put(condition, out);
}

void Put(const MatchTree::Predicate& predicate, std::string* out) {
  Put(static_cast<int64_t>(predicate.kind), out);
  Put(predicate.header, out);
  Put(predicate.value, out);
  Put(static_cast<int64_t>(predicate.of.size()), out);
  for (const MatchTree::Predicate& one : predicate.of) Put(one, out);
}

void Put(const MatchTree::OnMatch& on, std::string* out) {
  Put(static_cast<int64_t>(on.tree != nullptr), out);
  if (on.tree != nullptr) absl::StrAppend(out, TextOf(*on.tree));
  Put(static_cast<int64_t>(on.keep_matching), out);
  Put(static_cast<int64_t>(on.rules.size()), out);
  for (const Rule& rule : on.rules) Put(rule, out);
}

}  // namespace

std::string TextOf(const StringMatch& match) {
  std::string out;
  Put(match, &out);
  return out;
}

std::string TextOf(const PathMatch& match) {
  std::string out;
  Put(static_cast<int64_t>(match.kind), &out);
  Put(static_cast<int64_t>(match.ignore_case), &out);
  Put(match.text, &out);
  return out;
}

std::string TextOf(const Condition& condition) {
  std::string out;
  Put(condition, &out);
  return out;
}

std::string TextOf(const Rule& rule) {
  std::string out;
  Put(rule, &out);
  return out;
}

std::string TextOf(const MatchTree& tree) {
  std::string out;
  Put(static_cast<int64_t>(tree.kind), &out);
  Put(static_cast<int64_t>(tree.list.size()), &out);
  for (const auto& [predicate, on] : tree.list) {
    Put(predicate, &out);
    Put(on, &out);
  }
  Put(tree.header, &out);
  Put(static_cast<int64_t>(tree.map.size()), &out);
  for (const auto& [key, on] : tree.map) {
    Put(key, &out);
    Put(on, &out);
  }
  Put(static_cast<int64_t>(tree.otherwise.has_value()), &out);
  if (tree.otherwise) Put(*tree.otherwise, &out);
  return out;
}

}  // namespace mesh::route::proof
