#include "mesh/route/proof/random_table.h"

#include <utility>

namespace mesh::route::proof {

std::string RandomTable::PathText() {
  std::string text;
  for (uint32_t n = 1 + Below(3); n > 0; --n) text += "/" + Pick({"a", "b", "ab", "", "A"});
  return text;
}

std::string RandomTable::ValueText() { return Pick({"a", "b", "ab", "", "A", "1", "12", "-3"}); }

StringMatch RandomTable::String() {
  StringMatch match;
  match.kind = static_cast<StringMatch::Kind>(Below(5));
  match.ignore_case = OneIn(5);
  match.text = Pick({"a", "b", "ab", "A", "1"});
  if (match.kind == StringMatch::Kind::kExact) match.text = ValueText();
  if (match.kind == StringMatch::Kind::kRegex) {
    match.text = Pick({".*", ".+", "[ab]+", "a|b", "a.*", "[^a]*", "\\d+", "(?i)a", "a?", "\\pL+"});
  }
  return match;
}

PathMatch RandomTable::Path() {
  PathMatch match;
  switch (Below(12)) {
    case 0:
    case 1:
    case 2:
    case 3:
      match.kind = PathMatch::Kind::kPrefix;
      match.text = OneIn(3) ? "/" : PathText();
      break;
    case 4:
    case 5:
      match.kind = PathMatch::Kind::kExact;
      match.text = PathText();
      break;
    case 6:
      match.kind = PathMatch::Kind::kSeparatedPrefix;
      match.text = "/" + Pick({"a", "b", "ab", "a/b"});
      break;
    case 7:
      match.kind = PathMatch::Kind::kTemplate;
      match.text = Pick({"/*", "/{x}/b", "/a/**", "/{x=a/*}", "/{x}/{y}"});
      break;
    case 8:
      match.kind = PathMatch::Kind::kConnect;
      break;
    default:
      match.kind = PathMatch::Kind::kRegex;
      match.text =
          Pick({"/.*", "/[^/]+", "/[^/]*", "/(a|b)", "/a(/.*)?", ".*b", "/[a-b]+/.*", "/\\w*",
                "/a|/b/.*", "(?i)/a.*", "/\\pL+", "x.*", "/[^/]+/[^/]+", "/(a|b)/.+"});
      break;
  }
  match.ignore_case =
      OneIn(8) && match.kind != PathMatch::Kind::kRegex && match.kind != PathMatch::Kind::kTemplate;
  return match;
}

Condition RandomTable::AnyCondition() {
  switch (Below(12)) {
    case 0: {
      QueryMatch match;
      match.name = Pick({"q", "r"});
      if (OneIn(2)) match.value = String();
      match.present = !OneIn(4);
      return match;
    }
    case 1: {
      CookieMatch match;
      match.name = "c";
      match.value = String();
      match.invert = OneIn(3);
      return match;
    }
    case 2:
      return GrpcMatch();
    case 3: {
      TlsMatch match;
      if (OneIn(2)) match.presented = OneIn(2);
      if (OneIn(2)) match.validated = OneIn(2);
      return match;
    }
    case 4: {
      FractionMatch match;
      const uint32_t denominators[] = {100, 10'000, 1'000'000, 7};
      match.denominator = denominators[Below(4)];
      match.numerator = Below(match.denominator + 2);
      if (OneIn(4)) match.runtime_key = "key";
      return match;
    }
    case 5: {
      MetadataMatch match;
      match.filter = "f";
      match.path = {"p"};
      match.value.flag = OneIn(2);
      match.invert = OneIn(2);
      return match;
    }
    default: {
      HeaderMatch match;
      match.name = Pick({"x-a", "x-a", "x-b", ":method", ":scheme", ":authority", ":path", "host",
                         "content-type", "cookie", "x-forwarded-proto"});
      match.kind = static_cast<HeaderMatch::Kind>(Below(3));
      match.present = !OneIn(3);
      match.invert = OneIn(4);
      match.missing_is_empty = OneIn(4);
      match.value = String();
      if (match.name == ":method") {
        match.value.kind = StringMatch::Kind::kExact;
        match.value.text = Pick({"GET", "POST", "CONNECT"});
      }
      match.begin = static_cast<int64_t>(Below(20)) - 10;
      match.end = match.begin + Below(15);
      return match;
    }
  }
}

Rule RandomTable::AnyRule() {
  Rule rule;
  rule.id = next_id_++;
  rule.path = Path();
  for (uint32_t n = Below(4); n > 1; --n) rule.conditions.push_back(AnyCondition());
  if (OneIn(2)) rule.conditions.push_back(AnyCondition());
  return rule;
}

MatchTree::Predicate RandomTable::Predicate(int depth) {
  MatchTree::Predicate predicate;
  predicate.kind = static_cast<MatchTree::Predicate::Kind>(depth > 1 ? 0 : Below(4));
  if (predicate.kind == MatchTree::Predicate::Kind::kSingle) {
    predicate.header = Pick({"x-a", "x-b", ":method"});
    predicate.value = String();
    return predicate;
  }
  for (uint32_t n = 1 + Below(2); n > 0; --n) predicate.of.push_back(Predicate(depth + 1));
  return predicate;
}

MatchTree::OnMatch RandomTable::OnMatch(int depth) {
  MatchTree::OnMatch on;
  on.keep_matching = OneIn(6);
  if (depth < 2 && OneIn(3)) {
    on.tree = Tree(depth + 1);
    return on;
  }
  for (uint32_t n = 1 + Below(2); n > 0; --n) on.rules.push_back(AnyRule());
  return on;
}

std::shared_ptr<const MatchTree> RandomTable::Tree(int depth) {
  auto tree = std::make_shared<MatchTree>();
  tree->kind = static_cast<MatchTree::Kind>(Below(3));
  if (tree->kind == MatchTree::Kind::kList) {
    for (uint32_t n = 1 + Below(3); n > 0; --n) {
      tree->list.push_back({Predicate(0), OnMatch(depth)});
    }
  } else {
    tree->header = Pick({"x-a", "x-b"});
    for (const char* key : {"a", "ab", "b"}) {
      if (OneIn(2)) tree->map.push_back({key, OnMatch(depth)});
    }
  }
  if (OneIn(2)) tree->otherwise = OnMatch(depth);
  return tree;
}

std::vector<std::shared_ptr<const VirtualHost>> RandomTable::VirtualHosts() {
  next_id_ = 0;
  std::vector<std::shared_ptr<const VirtualHost>> hosts;
  const std::initializer_list<const char*> domains[] = {
      {"*"}, {"a.example"}, {"*.example", "b.example"}, {"a.*"}};
  const uint32_t count = 1 + Below(4);
  for (uint32_t i = 0; i < count; ++i) {
    auto host = std::make_shared<VirtualHost>();
    host->name = "host" + std::to_string(i);
    host->domains.assign(domains[i].begin(), domains[i].end());
    host->require_tls =
        OneIn(6) ? static_cast<TlsRequirement>(1 + Below(2)) : TlsRequirement::kNone;
    if (OneIn(6)) {
      host->tree = Tree(0);
    } else {
      for (uint32_t n = Below(9); n > 0; --n) host->rules.push_back(AnyRule());
    }
    hosts.push_back(std::move(host));
  }
  return hosts;
}

std::vector<std::shared_ptr<const VirtualHost>> RandomTable::Mutate(
    const std::vector<std::shared_ptr<const VirtualHost>>& hosts) {
  std::vector<std::shared_ptr<const VirtualHost>> out;
  for (const auto& host : hosts) {
    auto copy = std::make_shared<VirtualHost>(*host);
    std::vector<Rule>& rules = copy->rules;
    if (!rules.empty() && OneIn(2)) {
      const uint32_t at = Below(static_cast<uint32_t>(rules.size()));
      switch (Below(4)) {
        case 0:
          rules.erase(rules.begin() + at);
          break;
        case 1:
          rules.insert(rules.begin() + at, AnyRule());
          break;
        case 2:
          rules[at] = AnyRule();
          break;
        default:
          std::swap(rules[at], rules[0]);
          break;
      }
    }
    out.push_back(std::move(copy));
  }
  return out;
}

TableOptions RandomTable::Options() {
  TableOptions options;
  options.ignore_port_in_host = OneIn(4);
  options.ignore_path_parameters = OneIn(6);
  return options;
}

Witness RandomTable::AnyRequest() {
  Witness request;
  request.method = Pick({"GET", "GET", "POST", "CONNECT"});
  request.scheme = Pick({"http", "https"});
  request.authority = Pick(
      {"a.example", "b.example", "c.example", "a.com", "other", "A.EXAMPLE:80", "a", "b", "ab"});
  request.path = Pick({"/", "/", "/a", "/b", "/ab", "*"});
  if (*request.path != "*") {
    if (*request.path == "/") request.path = "";
    for (uint32_t n = Below(3); n > 0; --n)
      *request.path += Pick({"/a", "/b", "/ab", "/", "/A", ";p"});
    if (request.path->empty() || request.path->front() != '/') request.path = "/" + *request.path;
    if (OneIn(2)) *request.path += "?" + Pick({"q=a", "q", "q=b&r=1", "r=ab&q=A", "x"});
  }
  if (request.method == "CONNECT" && OneIn(2)) request.path.reset();
  for (const char* name : {"x-a", "x-b", "content-type"}) {
    if (OneIn(2)) request.headers.Add(name, ValueText());
    if (OneIn(6)) request.headers.Add(name, ValueText());
  }
  if (OneIn(4))
    request.headers.Set("content-type", Pick({"application/grpc", "application/grpc+x"}));
  if (OneIn(2)) request.headers.Add("cookie", "c=" + ValueText());
  if (OneIn(4)) request.headers.Add("x-forwarded-proto", Pick({"http", "https"}));
  if (OneIn(4)) request.headers.Add("x-envoy-internal", "true");
  if (OneIn(12)) request.headers.Add("upgrade", "connect-udp");
  request.certificate_presented = OneIn(2);
  request.certificate_validated = OneIn(2);
  request.random = Below(1'000'000);
  return request;
}

}  // namespace mesh::route::proof
