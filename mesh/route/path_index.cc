#include "mesh/route/path_index.h"

#include <algorithm>

#include "mesh/base/strings.h"
#include "mesh/http/host.h"
#include "mesh/route/regex/literals.h"

namespace mesh::route {
namespace {

// An exact path's list is made complete while it is no longer than this.
constexpr size_t kMergedMost = 16;
// Choices of a template are written out while they are no more than this.
constexpr size_t kExpandedMost = 64;

// Longer starts of paths than this are copied on the heap to be lower case.
constexpr size_t kShort = 256;

void LowerCase(std::string_view text, char* lower) {
  size_t at = 0;
  for (; at + 8 <= text.size(); at += 8) {
    const uint64_t lowered = LowerCaseWord(Load64(text.data() + at));
    std::memcpy(lower + at, &lowered, 8);
  }
  for (; at < text.size(); ++at) lower[at] = http::LowerCase(text[at]);
}

// The same templates with every choice written out, or none where there would be too many.
std::vector<regex::Template> Expand(std::vector<regex::Template> templates) {
  std::vector<regex::Template> done;
  for (regex::Template& pattern : templates) {
    if (std::none_of(pattern.parts.begin(), pattern.parts.end(), [](const auto& part) {
          return part.kind == regex::TemplatePart::Kind::kChoice;
        })) {
      done.push_back(std::move(pattern));
      continue;
    }
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
  if (deterministic) shape.templates = Expand(std::move(templates));
  if (shape.templates.empty()) shape.literal_prefix = regex::LiteralPrefix(regex);
  return shape;
}

PathIndexBuilder::PathIndexBuilder(const std::vector<Rule>& rules, const TableOptions& options)
    : rules_(rules), options_(options) {
  index_.head_ = HeadRules(rules);
}

void PathIndexBuilder::Add(uint32_t i, const PathShape& shape) {
  const PathMatch& path = rules_[i].path;
  const bool unconditional = rules_[i].conditions.empty();
  const PathMatch& first = rules_[0].path;
  one_path_ = one_path_ && path.kind == first.kind && path.text == first.text &&
              path.ignore_case == first.ignore_case &&
              (path.kind == PathMatch::Kind::kPrefix || path.kind == PathMatch::Kind::kExact);
  if (i == 0 && path.kind == PathMatch::Kind::kPrefix && !path.ignore_case && unconditional) {
    index_.first_is_prefix_ = true;
    index_.first_prefix_ = path.text;
  }
  const auto add = [&](Entry::Kind kind) {
    if (path.text.size() >= PathTrieBuilder::kLongest) {
      index_.others_.push_back(i);
    } else if (path.ignore_case) {
      index_.longest_folded_ = std::max(index_.longest_folded_, path.text.size());
      folded_.Add(http::LowerCase(path.text), kind, i, unconditional);
    } else {
      trie_.Add(path.text, kind, i, unconditional);
    }
  };
  switch (path.kind) {
    case PathMatch::Kind::kPrefix:
      add(Entry::Kind::kAnything);
      break;
    case PathMatch::Kind::kSeparatedPrefix:
      add(Entry::Kind::kSeparated);
      break;
    case PathMatch::Kind::kExact: {
      if (path.ignore_case) {
        add(Entry::Kind::kEnd);
        break;
      }
      const auto [found, added] =
          exact_by_path_.emplace(Absl(path.text), static_cast<uint32_t>(exact_.size()));
      if (added) exact_.emplace_back().path = path.text;
      Exact& here = exact_[found->second];
      if (here.closed) break;
      here.entries.emplace_back(i, Entry::Kind::kEnd, unconditional);
      here.closed = unconditional;
      break;
    }
    case PathMatch::Kind::kTemplate:
    case PathMatch::Kind::kRegex:
      // Templates of the API see path parameters even where all else does not.
      if ((path.kind == PathMatch::Kind::kTemplate && options_.ignore_path_parameters) ||
          path.text.size() >= PathTrieBuilder::kLongest) {
        index_.others_.push_back(i);
      } else if (shape.templates.empty()) {
        trie_.Add(shape.literal_prefix, Entry::Kind::kAsk, i, unconditional);
      } else {
        for (const regex::Template& one : shape.templates) trie_.Add(one, i, unconditional);
      }
      break;
    case PathMatch::Kind::kConnect:
      index_.connect_.push_back(i);
      break;
  }
}

void PathIndexBuilder::AddExact(const Exact& exact, std::vector<Entry>* merged) {
  merged->clear();
  const MarkedPath path(exact.path);
  const std::string lower = index_.folded_.empty() ? "" : http::LowerCase(exact.path);
  const bool complete =
      exact.entries.size() <= kMergedMost &&
      index_.trie_.Collect(path, index_.lists_, kMergedMost, merged) &&
      index_.folded_.Collect(MarkedPath(lower), index_.lists_, kMergedMost, merged);
  if (!complete) merged->clear();
  // What leads here matches this path, wherever in the trie it stood.
  for (Entry& entry : *merged) {
    entry = Entry(entry.rule(), Entry::Kind::kAnything, entry.unconditional());
  }
  merged->insert(merged->end(), exact.entries.begin(), exact.entries.end());
  std::sort(merged->begin(), merged->end(), [](Entry a, Entry b) { return a.rule() < b.rule(); });
  const auto cut = std::find_if(merged->begin(), merged->end(),
                                [](Entry entry) { return entry.unconditional(); });
  if (cut != merged->end()) merged->erase(cut + 1, merged->end());
  uint32_t answer = complete ? PathIndex::kComplete : 0;
  if (merged->size() == 1 && (*merged)[0].unconditional()) {
    answer |= PathIndex::kOnly | (*merged)[0].rule();
    if (complete && index_.connect_.empty() && index_.others_.empty()) answer |= PathIndex::kWhole;
  } else {
    answer |= index_.lists_.Add(*merged, rules_.data());
  }
  index_.exact_.Add(exact.path, answer);
}

PathIndex PathIndexBuilder::Build(const RegexPool& pool) {
  index_.trie_ = trie_.Build(rules_.data(), pool, options_.regex_memory_bytes, &index_.lists_);
  index_.folded_ = folded_.Build(rules_.data(), pool, options_.regex_memory_bytes, &index_.lists_);
  size_t bytes = 0;
  for (const Exact& one : exact_) bytes += one.path.size();
  if (!exact_.empty()) index_.exact_.Reserve(exact_.size(), bytes);
  std::vector<Entry> merged;
  for (const Exact& one : exact_) AddExact(one, &merged);
  index_.exact_.Finish();
  index_.lists_.Finish();
  index_.helps_ = !one_path_ || !exact_.empty() || index_.lists_.has_groups();
  index_.only_trie_ = !index_.trie_.empty() && index_.folded_.empty() && index_.connect_.empty() &&
                      index_.others_.empty();
  return std::move(index_);
}

uint32_t PathIndex::FindBeside(const Input& input, const Rule* rules, const RegexPool& pool,
                               uint32_t known) const {
  Search search(input, rules, pool);
  if (only_trie_ && known == TextTable::kNone) {
    if (!input.has_path()) return Search::kNone;
    if (input.marked != nullptr) {
      trie_.Find(*input.marked, lists_, &search);
    } else {
      trie_.Find(MarkedPath(input.path), lists_, &search);
    }
    if (search.noted_count > 0) lists_.Resolve(&search);
    return search.best;
  }
  if (!connect_.empty() && IsConnect(input.request)) {
    lists_.NoteAsked(connect_, nullptr, &search);
  }
  if (!input.has_path()) {
    lists_.Resolve(&search);
    return search.best;
  }
  bool complete = false;
  if (known != TextTable::kNone) {
    complete = (known & kComplete) != 0;
    if ((known & kOnly) != 0) {
      search.best = std::min(search.best, known & kNumber);
    } else {
      lists_.NoteList(known & kNumber, input.path.size(), &search);
    }
  }
  if (!complete) {
    MarkedPath marks(input.path);
    if (!trie_.empty()) trie_.Find(marks, lists_, &search);
    if (!folded_.empty()) {
      // One byte more than any of its texts has, so that a longer path ends nowhere in it.
      const std::string_view start = input.path.substr(0, longest_folded_ + 1);
      if (start.size() <= kShort) {
        char lower[kShort];
        LowerCase(start, lower);
        // Case changes nothing in the marks; a cut does.
        if (start.size() < input.path.size()) marks.Cut(start.size());
        marks.text = std::string_view(lower, start.size());
        folded_.Find(marks, lists_, &search);
      } else {
        folded_.Find(MarkedPath(http::LowerCase(start)), lists_, &search);
      }
    }
  }
  if (!others_.empty()) lists_.NoteAsked(others_, nullptr, &search);
  lists_.Resolve(&search);
  return search.best;
}

size_t PathIndex::memory_bytes() const {
  return lists_.memory_bytes() + exact_.memory_bytes() + trie_.memory_bytes() +
         folded_.memory_bytes() + (connect_.capacity() + others_.capacity()) * sizeof(uint32_t);
}

}  // namespace mesh::route
