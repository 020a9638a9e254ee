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
  // A host without a name (":") is no key.
  const auto by_host = [&] {
    std::string key = HostKey(c.text.value);
    return key.empty() ? none : one(By::kHost, std::move(key));
  };
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
    case Kind::kPrincipal: {
      if (exact) return one(By::kPrincipal, c.text.value);
      std::string_view text = c.text.value;
      if (c.text.kind != TextMatch::Kind::kContains || c.text.ignore_case || text.size() < 6 ||
          text.substr(0, 4) != "/ns/" || text.back() != '/') {
        return none;
      }
      text = text.substr(4, text.size() - 5);
      return text.find('/') == text.npos ? one(By::kNamespace, std::string(text)) : none;
    }
    case Kind::kNamespace:
      return exact ? one(By::kNamespace, c.text.value) : none;
    case Kind::kMethod:
      return exact ? one(By::kMethod, c.text.value) : none;
    case Kind::kHeader:
      if (c.name == ":method") return exact ? one(By::kMethod, c.text.value) : none;
      if (c.name != ":authority") return none;
      // "a.example:", whatever the port.
      if (c.text.kind == TextMatch::Kind::kPrefix && c.text.value.size() > 1 &&
          c.text.value[0] != '[' && c.text.value.find(':') == c.text.value.size() - 1) {
        return by_host();
      }
      [[fallthrough]];
    case Kind::kHost:
      return c.text.kind == TextMatch::Kind::kExact ? by_host() : none;
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

std::string_view RuleIndex::HostName(std::string_view host) {
  const size_t bracket = !host.empty() && host[0] == '[' ? host.find(']') : 0;
  host = host.substr(0, host.find(':', bracket == host.npos ? 0 : bracket));
  while (host.size() > 1 && host.back() == '.') host.remove_suffix(1);
  return host;
}

std::string RuleIndex::HostKey(std::string_view text) { return http::LowerCase(HostName(text)); }

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
