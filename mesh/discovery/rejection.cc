#include "mesh/discovery/rejection.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "mesh/discovery/views.h"

namespace mesh::discovery {
namespace {

constexpr size_t kMostObjects = 3;

bool IsNameCharacter(char c) { return absl::ascii_isalnum(c) || c == '_' || c == '-' || c == '|'; }

// Whether `name` stands in `text` by itself, not as a part of a longer name.
bool Names(std::string_view text, std::string_view name) {
  if (name.empty()) return false;
  for (size_t at = text.find(name); at != text.npos; at = text.find(name, at + 1)) {
    const size_t end = at + name.size();
    if (at > 0 && IsNameCharacter(text[at - 1])) continue;
    if (end < text.size() && IsNameCharacter(text[end])) continue;
    return true;
  }
  return false;
}

// Words of `text` that may be paths of fields.
std::vector<std::string_view> Paths(std::string_view text) {
  const auto in_path = [](char c) {
    return absl::ascii_isalnum(c) || c == '_' || c == '.' || c == '[' || c == ']';
  };
  std::vector<std::string_view> paths;
  for (size_t i = 0; i < text.size();) {
    if (!absl::ascii_islower(text[i])) {
      ++i;
      continue;
    }
    size_t end = i;
    while (end < text.size() && in_path(text[end])) ++end;
    std::string_view word = text.substr(i, end - i);
    while (!word.empty() && word.back() == '.') word.remove_suffix(1);
    if (word.find_first_of("_[") != word.npos) paths.push_back(word);
    i = end;
  }
  return paths;
}

std::string_view Noun(std::string_view type_url) {
  if (type_url == translate::kListenerType) return "listener";
  if (type_url == translate::kClusterType) return "cluster";
  if (type_url == translate::kRouteType) return "route";
  return "endpoints";
}

std::string Words(const translate::Origin& origin) {
  std::string object = origin.object;
  if (!origin.field.empty()) absl::StrAppend(&object, " ", origin.field);
  const std::string position = origin.position.ToString();
  if (position.empty()) return object;
  return absl::StrCat(position, " (", object, ")");
}

std::string OriginsOf(const translate::Resource& resource, std::string_view reason) {
  for (std::string_view path : Paths(reason)) {
    // Only a path that this resource has: at least its first step must be known.
    const auto at = resource.provenance.lower_bound(path.substr(0, path.find_first_of(".[")));
    if (at == resource.provenance.end() || at->first.empty() ||
        path.substr(0, path.find_first_of(".[")) !=
            std::string_view(at->first).substr(0, at->first.find_first_of(".["))) {
      continue;
    }
    if (const translate::Origin* origin = resource.OriginOf(path)) return Words(*origin);
  }
  std::vector<std::string> objects, words;
  for (const auto& [path, origin] : resource.provenance) {
    if (std::find(objects.begin(), objects.end(), origin.object) != objects.end()) continue;
    objects.push_back(origin.object);
    if (words.size() < kMostObjects) {
      words.push_back(Words(translate::Origin{origin.object, "", origin.position}));
    }
  }
  if (objects.size() > kMostObjects) {
    words.push_back(absl::StrCat(objects.size() - kMostObjects, " more"));
  }
  return absl::StrJoin(words, ", ");
}

}  // namespace

std::string BlameFor(std::string_view reason, absl::Span<const translate::Resource* const> sent) {
  std::vector<std::string> blamed;
  for (const translate::Resource* resource : sent) {
    if (!Names(reason, resource->name)) continue;
    std::string text =
        absl::StrCat(std::string(Noun(resource->type_url)), " \"", resource->name, "\"");
    const std::string origins = OriginsOf(*resource, reason);
    if (!origins.empty()) absl::StrAppend(&text, ", made from ", origins);
    blamed.push_back(std::move(text));
    if (blamed.size() == kMostObjects) break;
  }
  return absl::StrJoin(blamed, "; ");
}

std::string BlameFor(std::string_view reason, absl::Span<const xds::EncodedResourcePtr> sent) {
  std::vector<const translate::Resource*> resources;
  for (const xds::EncodedResourcePtr& resource : sent)
    resources.push_back(&TranslatedOf(*resource));
  return BlameFor(reason, resources);
}

}  // namespace mesh::discovery
