#include "mesh/authz/rule_index.h"

#include <algorithm>

#include "mesh/http/host.h"

namespace mesh::authz {
namespace {

using Kind = Condition::Kind;

// A port range wider than this is no key.
constexpr int kMaxPorts = 16;

}  // namespace

int RuleIndex::Keys::cost() const {
  if (!known) return 1 << 30;
  int worst = 0;
  for (const Key& key : keys) worst = std::max(worst, static_cast<int>(key.by));
  return worst * 10000 + static_cast<int>(std::min<size_t>(keys.size(), 9999));
}

RuleIndex::Keys RuleIndex::KeysOf(const Condition& c) {
  Keys none;
  const auto one = [](By by, std::string text) { return Keys{true, {{by, std::move(text)}}}; };
  const bool exact =
      c.text.kind == TextMatch::Kind::kExact && !c.text.ignore_case && !c.text.value.empty();
  switch (c.kind) {
    case Kind::kNever:
      return {true, {}};
    case Kind::kAll: {
      Keys best;
      for (const Condition& child : c.children) {
        Keys keys = KeysOf(child);
        if (keys.known && keys.cost() < best.cost()) best = std::move(keys);
      }
      return best;
    }
    case Kind::kAny: {
      Keys all{true, {}};
      for (const Condition& child : c.children) {
        Keys keys = KeysOf(child);
        if (!keys.known) return none;
        all.keys.insert(all.keys.end(), keys.keys.begin(), keys.keys.end());
      }
      return all;
    }
    case Kind::kPrincipal:
      return exact ? one(By::kPrincipal, c.text.value) : none;
    case Kind::kNamespace:
      return exact ? one(By::kNamespace, c.text.value) : none;
    case Kind::kMethod:
      return exact ? one(By::kMethod, c.text.value) : none;
    case Kind::kHost: {
      if (c.text.kind != TextMatch::Kind::kExact || c.text.value.empty()) return none;
      std::string host = http::LowerCase(http::WithoutPort(c.text.value));
      if (host.size() > 1 && host.back() == '.') host.pop_back();
      return one(By::kHost, std::move(host));
    }
    case Kind::kPath:
      if (exact) return one(By::kPath, c.text.value);
      if (c.text.kind == TextMatch::Kind::kPrefix && !c.text.ignore_case && !c.text.value.empty()) {
        return one(By::kPrefix, c.text.value);
      }
      return none;
    case Kind::kDestinationPort: {
      if (c.last_port - c.first_port >= kMaxPorts) return none;
      Keys ports{true, {}};
      for (int port = c.first_port; port <= c.last_port; ++port) {
        ports.keys.push_back({By::kPort, "", static_cast<uint16_t>(port)});
      }
      return ports;
    }
    default:
      return none;
  }
}

void RuleIndex::Add(uint32_t number, const Condition& condition) {
  const Keys keys = KeysOf(condition);
  if (!keys.known) {
    always_.push_back(number);
    return;
  }
  const auto put = [number](std::vector<uint32_t>* list) {
    if (list->empty() || list->back() != number) list->push_back(number);
  };
  for (const Key& key : keys.keys) {
    switch (key.by) {
      case By::kPrincipal:
        put(&principals_[key.text]);
        break;
      case By::kPath:
        put(&paths_[key.text]);
        break;
      case By::kHost:
        put(&hosts_[key.text]);
        break;
      case By::kNamespace:
        put(&namespaces_[key.text]);
        break;
      case By::kPrefix:
        put(&prefixes_[key.text]);
        prefix_sizes_.push_back(key.text.size());
        break;
      case By::kPort:
        put(&ports_[key.port]);
        break;
      case By::kMethod:
        put(&methods_[key.text]);
        break;
    }
  }
}

void RuleIndex::Finish() {
  std::sort(prefix_sizes_.begin(), prefix_sizes_.end());
  prefix_sizes_.erase(std::unique(prefix_sizes_.begin(), prefix_sizes_.end()), prefix_sizes_.end());
}

}  // namespace mesh::authz
