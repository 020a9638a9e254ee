#include "mesh/route/proof/trial.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "mesh/http/host.h"
#include "mesh/route/proof/condition_text.h"

namespace mesh::route::proof {
namespace {

constexpr size_t kMaxHosts = 3;
constexpr size_t kMaxRandoms = 8;

// Gives every rule a number of its own.
class Numbering {
 public:
  explicit Numbering(std::vector<const Rule*>* originals) : originals_(originals) {}

  void Number(const std::vector<Rule>& from, std::vector<Rule>* rules) {
    for (size_t i = 0; i < rules->size(); ++i) {
      (*rules)[i].id = static_cast<uint32_t>(originals_->size());
      originals_->push_back(&from[i]);
    }
  }

  void Number(const MatchTree::OnMatch& from, MatchTree::OnMatch* on) {
    Number(from.rules, &on->rules);
    if (from.tree != nullptr) on->tree = Copy(*from.tree);
  }

  std::shared_ptr<const MatchTree> Copy(const MatchTree& from) {
    auto tree = std::make_shared<MatchTree>(from);
    for (size_t i = 0; i < from.list.size(); ++i) {
      Number(from.list[i].second, &tree->list[i].second);
    }
    for (size_t i = 0; i < from.map.size(); ++i) Number(from.map[i].second, &tree->map[i].second);
    if (from.otherwise) Number(*from.otherwise, &*tree->otherwise);
    return tree;
  }

 private:
  std::vector<const Rule*>* originals_;
};

void FindFractions(const std::vector<Rule>& rules, std::vector<uint64_t>* randoms) {
  for (const Rule& rule : rules) {
    for (const Condition& condition : rule.conditions) {
      const auto* fraction = std::get_if<FractionMatch>(&condition);
      if (fraction == nullptr) continue;
      randoms->push_back(fraction->numerator);
      if (fraction->numerator > 0) randoms->push_back(fraction->numerator - 1);
    }
  }
}

void FindFractions(const MatchTree& tree, std::vector<uint64_t>* randoms);

void FindFractions(const MatchTree::OnMatch& on, std::vector<uint64_t>* randoms) {
  FindFractions(on.rules, randoms);
  if (on.tree != nullptr) FindFractions(*on.tree, randoms);
}

void FindFractions(const MatchTree& tree, std::vector<uint64_t>* randoms) {
  for (const auto& [predicate, on] : tree.list) FindFractions(on, randoms);
  for (const auto& [key, on] : tree.map) FindFractions(on, randoms);
  if (tree.otherwise) FindFractions(*tree.otherwise, randoms);
}

uint64_t NumberOf(const std::string& digits_lowest_first) {
  uint64_t number = 0;
  for (size_t i = digits_lowest_first.size(); i-- > 0;) {
    number = number * 10 + static_cast<uint64_t>(digits_lowest_first[i] - '0');
  }
  return number;
}

void AddQuery(const std::string& name, const std::string& value, Witness* witness) {
  if (!witness->path) return;
  absl::StrAppend(&*witness->path, witness->path->find('?') == std::string::npos ? "?" : "&", name,
                  "=", value);
}

// Adds `witness` with its query, in the forms of path and the random numbers worth trying.
void AddForms(Witness witness, const std::optional<std::string>& cut_path,
              const std::vector<std::pair<std::string, std::string>>& queries,
              const std::vector<uint64_t>& randoms, std::vector<Witness>* witnesses) {
  // Only a CONNECT has no path, only OPTIONS the path "*".
  if (!witness.path) witness.method = "CONNECT";
  if (witness.path == "*" && witness.method == "GET") witness.method = "OPTIONS";
  // Where path parameters are ignored, a path of its own unless a template asks for more.
  std::vector<std::optional<std::string>> paths = {witness.path};
  if (cut_path && cut_path != witness.path) paths.insert(paths.begin(), cut_path);
  if (witness.method == "CONNECT" && paths.back() == "/") paths.insert(paths.begin(), std::nullopt);
  for (const std::optional<std::string>& path : paths) {
    Witness one = witness;
    one.path = path;
    for (const auto& [name, value] : queries) AddQuery(name, value, &one);
    witnesses->push_back(one);
    for (size_t i = 0; i < std::min(randoms.size(), kMaxRandoms); ++i) {
      if (randoms[i] == witness.random) continue;
      one.random = randoms[i];
      witnesses->push_back(one);
    }
  }
}

}  // namespace

absl::StatusOr<Trial> Trial::Build(const Table& table) {
  Trial trial;
  Numbering numbering(&trial.originals_);
  std::vector<std::shared_ptr<const VirtualHost>> hosts;
  for (const std::shared_ptr<const VirtualHost>& host : table.virtual_hosts()) {
    auto copy = std::make_shared<VirtualHost>(*host);
    numbering.Number(host->rules, &copy->rules);
    if (host->tree != nullptr) copy->tree = numbering.Copy(*host->tree);
    hosts.push_back(std::move(copy));
  }
  Table::Built built = Table::Build(std::move(hosts), table.options());
  if (!built.errors.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("the table has errors; the first: ", built.errors[0].ToString()));
  }
  trial.table_ = std::move(built.table);
  for (uint32_t i = 0; i < table.virtual_hosts().size(); ++i) trial.FindHosts(i);
  return trial;
}

Trial::Answer Trial::Ask(const Witness& witness) const {
  Answer answer;
  answer.match = table_->Find(witness.AsRequest());
  if (answer.match.found()) {
    answer.rule = originals_[answer.match.rule];
    answer.match.rule = answer.rule->id;
  }
  return answer;
}

void Trial::FindHosts(uint32_t virtual_host) {
  hosts_.emplace_back();
  for (const std::string& domain : table_->virtual_hosts()[virtual_host]->domains) {
    for (const std::string& host : HostsLike(domain)) {
      const Witness witness = RequestTo(host, HostHeaders(table_->options()));
      const Match match = table_->Find(witness.AsRequest());
      if (match.outcome == Match::Outcome::kNoVirtualHost || match.virtual_host != virtual_host) {
        continue;
      }
      hosts_.back().push_back(host);
      break;
    }
    if (hosts_.back().size() >= kMaxHosts) return;
  }
}

std::vector<std::string> HostsLike(const std::string& domain) {
  static constexpr const char* kLabels[] = {"www", "a", "b", "some-other-host-0", "zz.zz"};
  if (domain == "*") return {"example.com", "host.example", "other.invalid", "some-other-host-0"};
  std::vector<std::string> hosts;
  if (!domain.empty() && domain.front() == '*') {
    for (const char* label : kLabels) hosts.push_back(absl::StrCat(label, domain.substr(1)));
  } else if (!domain.empty() && domain.back() == '*') {
    const std::string front = domain.substr(0, domain.size() - 1);
    for (const char* end : {"com", "example", "a", "b", "some-other-host-0"}) {
      hosts.push_back(absl::StrCat(front, end));
    }
  } else {
    hosts.push_back(http::LowerCase(domain));
  }
  return hosts;
}

std::vector<std::string> HostHeaders(const TableOptions& options) {
  if (options.host_header.empty()) return {};
  return {http::LowerCase(options.host_header)};
}

Witness RequestTo(const std::string& host, const std::vector<std::string>& host_headers) {
  Witness witness;
  witness.authority = host;
  for (const std::string& name : host_headers) {
    if (name[0] != ':' && name != "host") witness.headers.Set(name, host);
  }
  return witness;
}

std::vector<Witness> RequestsFor(const Model& model, const Point& point,
                                 const std::vector<std::string>& host_headers,
                                 const std::string& host, const std::vector<uint64_t>& randoms) {
  static const std::string* const kGrpc = new std::string(TextOf(Condition(GrpcMatch())));
  Witness witness = RequestTo(host, host_headers);
  std::optional<std::string> cut_path;
  std::string cookies;
  bool grpc = false;
  std::vector<std::pair<std::string, std::string>> queries;
  std::vector<std::pair<std::string, std::optional<std::string>>> joined;
  for (size_t d = 0; d < point.size(); ++d) {
    const Dimension& dimension = model.dimensions()[d];
    const Value& values = point[d];
    const std::optional<std::string> value =
        values.empty() ? std::nullopt : std::optional<std::string>(values[0]);
    switch (dimension.kind) {
      case Dimension::Kind::kPath:
        if (dimension.name == ";") {
          cut_path = value;
        } else {
          witness.path = value;
        }
        break;
      case Dimension::Kind::kHeader:
        if (!value) break;
        if (dimension.name == ":method") {
          witness.method = *value;
        } else if (dimension.name == ":scheme") {
          witness.scheme = *value;
        } else if (dimension.name == ":authority") {
          witness.authority = *value;
        } else if (!dimension.name.empty() && dimension.name[0] != ':') {
          witness.headers.Remove(dimension.name);
          for (const std::string& one : values) witness.headers.Add(dimension.name, one);
        }
        break;
      case Dimension::Kind::kJoined:
        joined.push_back({dimension.name, value});
        break;
      case Dimension::Kind::kQuery:
        if (value) queries.push_back({dimension.name, *value});
        break;
      case Dimension::Kind::kCookie:
        if (value) {
          absl::StrAppend(&cookies, cookies.empty() ? "" : "; ", dimension.name, "=", *value);
        }
        break;
      case Dimension::Kind::kCertificatePresented:
        witness.certificate_presented = value == "yes";
        break;
      case Dimension::Kind::kCertificateValidated:
        witness.certificate_validated = value == "yes";
        break;
      case Dimension::Kind::kRandom:
        if (value) witness.random = NumberOf(*value);
        break;
      case Dimension::Kind::kOpaque:
        if (value != "yes") break;
        grpc = grpc || dimension.name == *kGrpc;
        if (dimension.name == "upgrade: connect-udp") witness.headers.Set("upgrade", "connect-udp");
        break;
    }
  }
  if (!cookies.empty()) witness.headers.Set("cookie", cookies);
  if (grpc) {
    const std::string type(witness.headers.view().First("content-type").value_or(""));
    if (type.compare(0, 16, "application/grpc") != 0) {
      witness.headers.Set("content-type", "application/grpc");
    }
  }
  // What a tree sees as one value may be one, or what several are when joined.
  std::vector<Witness> header_forms = {witness};
  if (!joined.empty()) {
    Witness another = witness;
    for (const auto& [name, value] : joined) {
      if (value) header_forms[0].headers.Set(name, *value);
      if (witness.headers.view().Has(name)) another.headers.Add(name, "another");
    }
    header_forms.push_back(witness);
    header_forms.push_back(std::move(another));
  }
  std::vector<Witness> witnesses;
  for (const Witness& form : header_forms) {
    AddForms(form, cut_path, queries, randoms, &witnesses);
  }
  return witnesses;
}
std::vector<uint64_t> RandomsOf(const VirtualHost& host) {
  std::vector<uint64_t> randoms;
  FindFractions(host.rules, &randoms);
  if (host.tree != nullptr) FindFractions(*host.tree, &randoms);
  std::sort(randoms.begin(), randoms.end());
  randoms.erase(std::unique(randoms.begin(), randoms.end()), randoms.end());
  return randoms;
}

}  // namespace mesh::route::proof
