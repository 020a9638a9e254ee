#include "mesh/envoy/filter_chain_match.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "mesh/base/strings.h"

// A tree with one level a criterion, in the order of precedence. Every match is written into it
// once for each combination of its values, "asks for nothing" being a value of its own: the least
// specific one. A connection walks down without ever turning back.
namespace mesh::envoy {
namespace {

// An address as bits, so that ranges are compared without text. IPv4 addresses stand apart from
// IPv6 ones.
struct Bits {
  int family = 0;
  std::array<unsigned char, 16> bytes = {};
};

std::optional<Bits> ParseBits(std::string_view text) {
  const std::string copy(text);
  Bits bits;
  if (inet_pton(AF_INET, copy.c_str(), bits.bytes.data()) == 1) {
    bits.family = AF_INET;
    return bits;
  }
  if (inet_pton(AF_INET6, copy.c_str(), bits.bytes.data()) == 1) {
    bits.family = AF_INET6;
    return bits;
  }
  return std::nullopt;
}

struct Prefix {
  Bits address;  // family 0: every address, less specific than a prefix of no bits
  int length = -1;

  bool Contains(const Bits& other) const {
    if (length < 0) return true;
    if (other.family != address.family) return false;
    const int whole = length / 8, rest = length % 8;
    if (std::memcmp(address.bytes.data(), other.bytes.data(), whole) != 0) return false;
    if (rest == 0) return true;
    const unsigned mask = 0xff00u >> rest & 0xff;
    return ((address.bytes[whole] ^ other.bytes[whole]) & mask) == 0;
  }
  friend bool operator==(const Prefix& a, const Prefix& b) {
    return a.length == b.length && a.address.family == b.address.family &&
           a.address.bytes == b.address.bytes;
  }
};

// The range with the bits behind its length cut off.
Prefix ToPrefix(const AddressRange& range) {
  Prefix prefix;
  const std::optional<Bits> bits = ParseBits(range.address);
  if (!bits.has_value()) return prefix;
  prefix.address = *bits;
  prefix.length = std::min<int>(range.prefix_bits, bits->family == AF_INET ? 32 : 128);
  for (int i = prefix.length; i < 128; ++i) prefix.address.bytes[i / 8] &= ~(0x80 >> i % 8);
  return prefix;
}

std::vector<Prefix> ToPrefixes(const std::vector<AddressRange>& ranges) {
  if (ranges.empty()) return {Prefix()};
  std::vector<Prefix> prefixes;
  for (const AddressRange& range : ranges) prefixes.push_back(ToPrefix(range));
  return prefixes;
}

template <class Next>
struct ByAddress {
  std::vector<std::pair<Prefix, std::unique_ptr<Next>>> entries;  // the longest first

  Next* At(const Prefix& prefix) {
    for (auto& [known, next] : entries) {
      if (known == prefix) return next.get();
    }
    const auto place = std::find_if(entries.begin(), entries.end(), [&prefix](const auto& entry) {
      return entry.first.length < prefix.length;
    });
    return entries.insert(place, {prefix, std::make_unique<Next>()})->second.get();
  }
  const Next* Find(const Bits& address) const {
    for (const auto& [prefix, next] : entries) {
      if (prefix.Contains(address)) return next.get();
    }
    return nullptr;
  }
};

template <class Key, class Next>
struct ByValue {
  absl::flat_hash_map<Key, std::unique_ptr<Next>> entries;

  Next* At(const Key& key) {
    std::unique_ptr<Next>& next = entries[key];
    if (next == nullptr) next = std::make_unique<Next>();
    return next.get();
  }
  template <class K>
  const Next* Find(const K& key) const {
    const auto found = entries.find(key);
    return found == entries.end() ? nullptr : found->second.get();
  }
};

// From the last criterion to the first.
struct Leaf {
  std::optional<size_t> chain;
};
using SourcePorts = ByValue<uint32_t, Leaf>;
using SourceAddresses = ByAddress<SourcePorts>;
struct Sources {
  std::array<SourceAddresses, 3> by_kind;
};
using DirectSources = ByAddress<Sources>;
using ApplicationProtocols = ByValue<std::string, DirectSources>;
using TransportProtocols = ByValue<std::string, ApplicationProtocols>;
using ServerNames = ByValue<std::string, TransportProtocols>;
using Destinations = ByAddress<ServerNames>;
using Ports = ByValue<uint32_t, Destinations>;

// "*.example.com" is kept as ".example.com".
std::string ServerNameKey(const std::string& name) {
  return name.rfind("*.", 0) == 0 ? name.substr(1) : name;
}

template <class T>
std::vector<T> OrNothing(const std::vector<T>& values, T nothing) {
  return values.empty() ? std::vector<T>{std::move(nothing)} : values;
}

const TransportProtocols* FindServerName(const ServerNames& names, std::string_view name) {
  if (!name.empty()) {
    if (const auto* exact = names.Find(Absl(name))) return exact;
    for (size_t dot = name.find('.', 1); dot != std::string_view::npos && dot + 1 < name.size();
         dot = name.find('.', dot + 1)) {
      if (const auto* wildcard = names.Find(Absl(name.substr(dot)))) return wildcard;
    }
  }
  return names.Find("");
}

const DirectSources* FindApplicationProtocol(const ApplicationProtocols& protocols,
                                             absl::Span<const std::string> offered) {
  for (const std::string& protocol : offered) {
    if (const auto* next = protocols.Find(protocol)) return next;
  }
  return protocols.Find("");
}

bool IsLoopback(const Bits& address) {
  if (address.family == AF_INET) return address.bytes[0] == 127;
  static constexpr std::array<unsigned char, 16> kLoopback = {0, 0, 0, 0, 0, 0, 0, 0,
                                                              0, 0, 0, 0, 0, 0, 0, 1};
  return address.family == AF_INET6 && address.bytes == kLoopback;
}

}  // namespace

struct FilterChainTable::Tree {
  Ports ports;
};

FilterChainTable::FilterChainTable() : tree_(std::make_unique<Tree>()) {}
FilterChainTable::~FilterChainTable() = default;

absl::StatusOr<std::shared_ptr<const FilterChainTable>> FilterChainTable::Build(
    absl::Span<const FilterChainMatch> matches) {
  std::shared_ptr<FilterChainTable> table(new FilterChainTable());
  std::optional<std::pair<size_t, size_t>> twice;
  for (size_t i = 0; i < matches.size(); ++i) {
    const FilterChainMatch& m = matches[i];
    table->depends_on_first_bytes_ |= !m.server_names.empty() || !m.transport_protocol.empty() ||
                                      !m.application_protocols.empty();
    Destinations* const destinations = table->tree_->ports.At(m.destination_port);
    const auto at_source = [&](SourceAddresses& sources) {
      for (const Prefix& prefix : ToPrefixes(m.source_ranges)) {
        for (uint32_t port : OrNothing<uint32_t>(m.source_ports, 0)) {
          Leaf* const leaf = sources.At(prefix)->At(port);
          if (!leaf->chain.has_value()) leaf->chain = i;
          if (*leaf->chain != i && !twice.has_value()) twice = {i, *leaf->chain};
        }
      }
    };
    for (const Prefix& destination : ToPrefixes(m.prefix_ranges)) {
      for (const std::string& name : OrNothing<std::string>(m.server_names, "")) {
        ApplicationProtocols* const protocols =
            destinations->At(destination)->At(ServerNameKey(name))->At(m.transport_protocol);
        for (const std::string& protocol : OrNothing<std::string>(m.application_protocols, "")) {
          for (const Prefix& direct : ToPrefixes(m.direct_source_ranges)) {
            Sources* const sources = protocols->At(protocol)->At(direct);
            at_source(sources->by_kind[static_cast<size_t>(m.source)]);
          }
        }
      }
    }
  }
  if (twice.has_value()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "filter_chains[", twice->first, "].filter_chain_match: the same as that of filter_chains[",
        twice->second, "]"));
  }
  return std::shared_ptr<const FilterChainTable>(std::move(table));
}

std::optional<size_t> FilterChainTable::Find(const ConnectionFacts& c) const {
  const Destinations* destinations = tree_->ports.Find(uint32_t{c.destination_port});
  if (destinations == nullptr || c.destination_port == 0) destinations = tree_->ports.Find(0u);
  if (destinations == nullptr) return std::nullopt;
  const Bits to = ParseBits(c.destination_ip).value_or(Bits());
  const Bits from = ParseBits(c.source_ip).value_or(Bits());
  const ServerNames* const names = destinations->Find(to);
  if (names == nullptr) return std::nullopt;
  const TransportProtocols* const transports = FindServerName(*names, c.server_name);
  if (transports == nullptr) return std::nullopt;
  const ApplicationProtocols* protocols = transports->Find(Absl(c.transport_protocol));
  if (protocols == nullptr) protocols = transports->Find("");
  if (protocols == nullptr) return std::nullopt;
  const DirectSources* const direct = FindApplicationProtocol(*protocols, c.application_protocols);
  const Sources* const sources = direct == nullptr ? nullptr : direct->Find(from);
  if (sources == nullptr) return std::nullopt;
  const bool local = IsLoopback(from) || (from.family == to.family && from.bytes == to.bytes);
  const SourceAddresses& of_kind = sources->by_kind[local ? 1 : 2];
  const SourceAddresses& addresses =
      of_kind.entries.empty()
          ? sources->by_kind[static_cast<size_t>(FilterChainMatch::Source::kAny)]
          : of_kind;
  const SourcePorts* const ports = addresses.Find(from);
  if (ports == nullptr) return std::nullopt;
  const Leaf* leaf = ports->Find(uint32_t{c.source_port});
  if (leaf == nullptr) leaf = ports->Find(0u);
  return leaf == nullptr ? std::nullopt : leaf->chain;
}

}  // namespace mesh::envoy
