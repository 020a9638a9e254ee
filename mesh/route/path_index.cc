#include "mesh/route/path_index.h"

#include <algorithm>

#include "absl/container/flat_hash_map.h"
#include "absl/container/inlined_vector.h"
#include "mesh/base/strings.h"
#include "mesh/route/regex/literals.h"

namespace mesh::route {
namespace {

// An exact path's list is made complete while it is no longer than this.
constexpr size_t kMergedMost = 16;
// Choices of a template are written out while they are no more than this.
constexpr size_t kExpandedMost = 64;

// The same templates with every choice written out, or none where there would be too many.
std::vector<regex::Template> Expand(const std::vector<regex::Template>& templates) {
  std::vector<regex::Template> done;
  for (const regex::Template& pattern : templates) {
    std::vector<regex::Template> open(1);
    for (const regex::TemplatePart& part : pattern.parts) {
      if (part.kind != regex::TemplatePart::Kind::kChoice) {
        for (regex::Template& one : open) one.parts.push_back(part);
        continue;
      }
      if (open.size() * part.choices.size() > kExpandedMost) return {};
      std::vector<regex::Template> next;
      for (const regex::Template& one : open) {
        for (const std::string& choice : part.choices) {
          next.push_back(one);
          if (choice.empty()) continue;
          regex::TemplatePart literal;
          literal.literal = choice;
          next.back().parts.push_back(std::move(literal));
        }
      }
      open = std::move(next);
    }
    for (regex::Template& one : open) done.push_back(std::move(one));
    if (done.size() > kExpandedMost) return {};
  }
  return done;
}

}  // namespace

PathShape ShapeOf(const std::string& regex) {
  PathShape shape;
  std::vector<regex::Template> templates = regex::AsTemplates(regex);
  const bool deterministic =
      std::all_of(templates.begin(), templates.end(),
                  [](const regex::Template& pattern) { return pattern.deterministic; });
  if (deterministic) shape.templates = Expand(templates);
  if (shape.templates.empty()) shape.literal_prefix = regex::LiteralPrefix(regex);
  return shape;
}

PathIndex PathIndex::Build(const std::vector<CompiledRule>& rules,
                           const std::vector<PathShape>& shapes, const TableOptions& options) {
  PathIndex index;
  index.ids_.reserve(rules.size());
  PathTrieBuilder trie(false), folded(true);
  struct Exact {
    absl::string_view path;
    absl::InlinedVector<Entry, 1> entries;
    bool closed = false;  // an unconditional rule is among them
  };
  std::vector<Exact> exact;
  absl::flat_hash_map<absl::string_view, uint32_t> exact_by_path;
  for (uint32_t i = 0; i < rules.size(); ++i) {
    const Rule& rule = rules[i].rule();
    index.ids_.push_back(rule.id);
    const bool unconditional = rule.conditions.empty();
    PathTrieBuilder& builder = rule.path.ignore_case ? folded : trie;
    switch (rule.path.kind) {
      case PathMatch::Kind::kPrefix:
        builder.Add(rule.path.text, Entry::Kind::kAnything, i, unconditional);
        break;
      case PathMatch::Kind::kSeparatedPrefix:
        builder.Add(rule.path.text, Entry::Kind::kSeparated, i, unconditional);
        break;
      case PathMatch::Kind::kExact: {
        if (rule.path.ignore_case) {
          builder.Add(rule.path.text, Entry::Kind::kEnd, i, unconditional);
          break;
        }
        const auto [found, added] =
            exact_by_path.emplace(rule.path.text, static_cast<uint32_t>(exact.size()));
        if (added) exact.push_back({rule.path.text, {}, false});
        Exact& here = exact[found->second];
        if (here.closed) break;
        here.entries.emplace_back(i, Entry::Kind::kEnd, unconditional);
        here.closed = unconditional;
        break;
      }
      case PathMatch::Kind::kTemplate:
      case PathMatch::Kind::kRegex:
        // Templates of the API see path parameters even where all else does not.
        if (rule.path.kind == PathMatch::Kind::kTemplate && options.ignore_path_parameters) {
          index.others_.push_back(i);
        } else if (shapes[i].templates.empty()) {
          trie.Add(shapes[i].literal_prefix, Entry::Kind::kAsk, i, unconditional);
        } else {
          for (const regex::Template& one : shapes[i].templates) trie.Add(one, i, unconditional);
        }
        break;
      case PathMatch::Kind::kConnect:
        index.connect_.push_back(i);
        break;
    }
  }
  index.trie_ = trie.Build(rules, options.regex_memory_bytes, &index.lists_);
  index.folded_ = folded.Build(rules, options.regex_memory_bytes, &index.lists_);
  if (exact.empty()) return index;
  index.exact_.Reserve(exact.size());
  std::vector<Entry> merged;
  for (const Exact& one : exact) {
    const std::string_view path = Std(one.path);
    merged.clear();
    ExactPaths::Answer answer;
    answer.complete = one.entries.size() <= kMergedMost &&
                      index.trie_.Collect(path, index.lists_, kMergedMost, &merged) &&
                      index.folded_.Collect(path, index.lists_, kMergedMost, &merged);
    if (!answer.complete) merged.clear();
    // What leads here matches this path, wherever in the trie it stood.
    for (Entry& entry : merged) {
      entry = Entry(entry.rule(), Entry::Kind::kAnything, entry.unconditional());
    }
    merged.insert(merged.end(), one.entries.begin(), one.entries.end());
    std::sort(merged.begin(), merged.end(), [](Entry a, Entry b) { return a.rule() < b.rule(); });
    const auto cut = std::find_if(merged.begin(), merged.end(),
                                  [](Entry entry) { return entry.unconditional(); });
    if (cut != merged.end()) merged.erase(cut + 1, merged.end());
    answer.only = merged.size() == 1 && merged[0].unconditional();
    if (answer.only) {
      answer.rule = merged[0].rule();
      answer.id = index.ids_[answer.rule];
    } else {
      answer.rule = index.lists_.Add(merged, rules);
    }
    index.exact_.Add(path, answer);
  }
  index.exact_.Finish();
  return index;
}

bool PathIndex::Find(const Input& input, const std::vector<CompiledRule>& rules,
                     const RegexPool& pool, uint32_t* id) const {
  const std::string_view path = input.path;
  ExactPaths::Answer answer;
  bool known = input.has_path && !exact_.empty() && exact_.Find(path, &answer);
  if (known && answer.only && answer.complete && connect_.empty() && others_.empty()) {
    *id = answer.id;
    return true;
  }
  Search search(input, rules, pool);
  if (!connect_.empty() && IsConnect(input.request)) {
    for (const uint32_t rule : connect_) {
      if (rules[rule].MatchesConditions(input, pool)) {
        search.best = rule;
        break;
      }
    }
  }
  if (input.has_path) {
    if (known && answer.only) {
      search.best = std::min(search.best, answer.rule);
    } else if (known) {
      lists_.FindIn(answer.rule, path, path.size(), &search);
    }
    if (!known || !answer.complete) {
      trie_.Find(path, lists_, &search);
      folded_.Find(path, lists_, &search);
    }
    for (const uint32_t rule : others_) {
      if (rule >= search.best) break;
      if (rules[rule].Matches(input, pool)) search.best = rule;
    }
  }
  if (search.best == Search::kNone) return false;
  *id = ids_[search.best];
  return true;
}

size_t PathIndex::memory_bytes() const {
  return ids_.capacity() * sizeof(uint32_t) + lists_.memory_bytes() + exact_.memory_bytes() +
         trie_.memory_bytes() + folded_.memory_bytes();
}

}  // namespace mesh::route
