#include "mesh/route/compiled_host.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "mesh/base/strings.h"

namespace mesh::route {

namespace {

// A few rules are tried in less time than an index needs to find its way; but a regex that is a
// template costs an index less than RE2.
bool ScanIsCheaper(const std::vector<Rule>& rules) {
  constexpr size_t kFew = 3, kFewWithoutCase = 12;
  const bool without_case =
      rules.size() <= kFewWithoutCase &&
      std::any_of(rules.begin(), rules.end(), [](const Rule& rule) {
        return rule.path.ignore_case && rule.path.kind != PathMatch::Kind::kRegex;
      });
  return rules.size() <= (without_case ? kFewWithoutCase : kFew) &&
         std::none_of(rules.begin(), rules.end(), [](const Rule& rule) {
           return rule.path.kind == PathMatch::Kind::kTemplate ||
                  (rule.path.kind == PathMatch::Kind::kRegex &&
                   !ShapeOf(rule.path.text).templates.empty());
         });
}

}  // namespace

CompiledHost::CompiledHost(std::shared_ptr<const VirtualHost> source, const TableOptions& options)
    : source_(std::move(source)),
      rules_(source_->rules.data()),
      pool_(options.max_regex_program_size, options.regex_memory_bytes),
      require_tls_(source_->require_tls) {}

CompiledHost::Built CompiledHost::Build(std::shared_ptr<const VirtualHost> source,
                                        const TableOptions& options) {
  Built built;
  auto host = std::shared_ptr<CompiledHost>(new CompiledHost(std::move(source), options));
  const VirtualHost& plain = *host->source_;
  const std::string object = absl::StrCat("virtual host ", plain.name);
  host->indexed_ = options.index && plain.tree == nullptr && !ScanIsCheaper(plain.rules);
  if (!plain.rules.empty()) host->first_id_ = plain.rules[0].id;
  PathIndexBuilder index(plain.rules, options);
  for (size_t i = 0; i < plain.rules.size(); ++i) {
    const PathMatch& path = plain.rules[i].path;
    host->ids_ascend_ = host->ids_ascend_ && plain.rules[i].id == host->first_id_ + i;
    PathShape shape;
    if (host->indexed_ &&
        (path.kind == PathMatch::Kind::kRegex || path.kind == PathMatch::Kind::kTemplate)) {
      shape = ShapeOf(PathRegexText(path));
    }
    // A bound on the program's size is RE2's to check.
    const bool path_is_indexed =
        !shape.templates.empty() && options.max_regex_program_size == 0 &&
        !(path.kind == PathMatch::Kind::kTemplate && options.ignore_path_parameters);
    if (host->Compile(plain.rules[i], path_is_indexed, absl::StrCat("routes[", i, "]."),
                      &built.errors) &&
        host->indexed_) {
      index.Add(static_cast<uint32_t>(i), shape);
    }
  }
  if (host->indexed_) {
    host->index_ = index.Build(host->pool_);
    host->indexed_ = host->index_.helps();
  }
  if (plain.tree != nullptr) {
    if (!plain.rules.empty()) {
      built.errors.push_back(
          {plain.position, "", "matcher", "is set together with routes; use one of the two"});
    }
    host->CompileTree(*plain.tree, "matcher", &built.errors);
  }
  for (size_t i = 0; i < plain.virtual_clusters.size(); ++i) {
    const VirtualCluster& cluster = plain.virtual_clusters[i];
    const std::string field = absl::StrCat("virtual_clusters[", i, "]");
    if (cluster.headers.empty()) {
      built.errors.push_back({plain.position, "", field, "has no headers to match"});
    }
    for (size_t j = 0; j < cluster.headers.size(); ++j) {
      if (cluster.headers[j].kind != HeaderMatch::Kind::kValue) continue;
      const absl::Status status = CompileString(cluster.headers[j].value, &host->pool_);
      if (!status.ok()) {
        built.errors.push_back({plain.position, "", absl::StrCat(field, ".headers[", j, "]"),
                                std::string(Std(status.message()))});
      }
    }
  }
  for (FieldError& error : built.errors) error.object = object;
  if (built.errors.empty() || options.isolate_errors) built.host = std::move(host);
  return built;
}

bool CompiledHost::Compile(const Rule& rule, bool path_is_indexed, const std::string& field,
                           std::vector<FieldError>* errors) {
  std::vector<FieldError> found = CompileRule(rule, path_is_indexed, &pool_);
  if (found.empty()) return true;
  left_out_.insert(&rule);
  for (FieldError& error : found) {
    error.field = absl::StrCat(field, error.field);
    errors->push_back(std::move(error));
  }
  return false;
}

void CompiledHost::CompilePredicate(const MatchTree::Predicate& predicate, const std::string& field,
                                    std::vector<FieldError>* errors) {
  if (predicate.kind == MatchTree::Predicate::Kind::kSingle) {
    const absl::Status status = CompileString(predicate.value, &pool_);
    if (!status.ok()) {
      errors->push_back({source_->position, "", field, std::string(Std(status.message()))});
    }
  }
  for (const MatchTree::Predicate& one : predicate.of) CompilePredicate(one, field, errors);
}

void CompiledHost::CompileOnMatch(const MatchTree::OnMatch& on, const std::string& field,
                                  std::vector<FieldError>* errors) {
  if (on.tree != nullptr) return CompileTree(*on.tree, absl::StrCat(field, ".matcher"), errors);
  for (const Rule& rule : on.rules) {
    Compile(rule, false, absl::StrCat(field, ".action."), errors);
  }
}

void CompiledHost::CompileTree(const MatchTree& tree, const std::string& field,
                               std::vector<FieldError>* errors) {
  for (size_t i = 0; i < tree.list.size(); ++i) {
    const std::string item = absl::StrCat(field, ".matcher_list.matchers[", i, "]");
    CompilePredicate(tree.list[i].first, absl::StrCat(item, ".predicate"), errors);
    CompileOnMatch(tree.list[i].second, absl::StrCat(item, ".on_match"), errors);
  }
  for (const auto& [key, on] : tree.map) {
    CompileOnMatch(on, absl::StrCat(field, ".matcher_tree[\"", key, "\"]"), errors);
  }
  if (tree.otherwise) CompileOnMatch(*tree.otherwise, absl::StrCat(field, ".on_no_match"), errors);
}

bool CompiledHost::Holds(const MatchTree::Predicate& predicate, const Input& input) const {
  const auto holds = [&](const MatchTree::Predicate& one) { return Holds(one, input); };
  switch (predicate.kind) {
    case MatchTree::Predicate::Kind::kSingle: {
      // The inputs of matcher trees are joined, unlike the headers of a route's match.
      const JoinedValue header(input.request, predicate.header);
      return header.present() && MatchString(predicate.value, pool_, header.value());
    }
    case MatchTree::Predicate::Kind::kAnd:
      return std::all_of(predicate.of.begin(), predicate.of.end(), holds);
    case MatchTree::Predicate::Kind::kOr:
      return std::any_of(predicate.of.begin(), predicate.of.end(), holds);
    case MatchTree::Predicate::Kind::kNot:
      return std::none_of(predicate.of.begin(), predicate.of.end(), holds);
  }
  return false;
}

const MatchTree::OnMatch* CompiledHost::Enter(const MatchTree::OnMatch& on,
                                              const Input& input) const {
  const MatchTree::OnMatch* found = on.tree == nullptr ? &on : Walk(*on.tree, input);
  return on.keep_matching ? nullptr : found;
}

const MatchTree::OnMatch* CompiledHost::Walk(const MatchTree& tree, const Input& input) const {
  if (tree.kind == MatchTree::Kind::kList) {
    for (const auto& [predicate, on] : tree.list) {
      if (!Holds(predicate, input)) continue;
      if (const auto* found = Enter(on, input)) return found;
    }
  } else {
    const JoinedValue header(input.request, tree.header);
    if (header.present() && tree.kind == MatchTree::Kind::kExactMap) {
      for (const auto& [key, on] : tree.map) {
        if (key != header.value()) continue;
        if (const auto* found = Enter(on, input)) return found;
      }
    } else if (header.present()) {
      // The longest prefix first, shorter ones where it leads nowhere.
      size_t below = std::string::npos;
      while (true) {
        const std::pair<std::string, MatchTree::OnMatch>* best = nullptr;
        for (const auto& entry : tree.map) {
          if (entry.first.size() < below &&
              header.value().substr(0, entry.first.size()) == entry.first &&
              (best == nullptr || entry.first.size() > best->first.size())) {
            best = &entry;
          }
        }
        if (best == nullptr) break;
        if (const auto* found = Enter(best->second, input)) return found;
        below = best->first.size();
      }
    }
  }
  return tree.otherwise ? Enter(*tree.otherwise, input) : nullptr;
}

bool CompiledHost::FindByScan(const Input& input, uint32_t* id) const {
  if (source_->tree != nullptr || !left_out_.empty()) {
    const Rule* rule = Scan(input, nullptr);
    if (rule != nullptr) *id = rule->id;
    return rule != nullptr;
  }
  for (const Rule& rule : source_->rules) {
    if (!MatchesPath(rule, pool_, input)) continue;
    if (!rule.conditions.empty() && !MatchesConditions(rule, pool_, input.request)) continue;
    *id = rule.id;
    return true;
  }
  return false;
}

const Rule* CompiledHost::Scan(const Input& input,
                               const std::function<void(const Rule&)>& seen) const {
  const std::vector<Rule>* rules = &source_->rules;
  if (source_->tree != nullptr) {
    const MatchTree::OnMatch* action = Walk(*source_->tree, input);
    if (action == nullptr) return nullptr;
    rules = &action->rules;
  }
  for (const Rule& rule : *rules) {
    if (!left_out_.empty() && left_out_.contains(&rule)) continue;
    if (seen) seen(rule);
    if (MatchesPath(rule, pool_, input) && MatchesConditions(rule, pool_, input.request)) {
      return &rule;
    }
  }
  return nullptr;
}

}  // namespace mesh::route
