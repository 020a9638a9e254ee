#include "mesh/proxy/listener_state.h"

#include <algorithm>

namespace mesh::proxy {
namespace {

bool operator==(const envoy::AddressRange& a, const envoy::AddressRange& b) {
  return a.address == b.address && a.prefix_bits == b.prefix_bits;
}

bool SameRanges(const std::vector<envoy::AddressRange>& a,
                const std::vector<envoy::AddressRange>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const auto& x, const auto& y) { return x == y; });
}

bool SameMatch(const envoy::FilterChainMatch& a, const envoy::FilterChainMatch& b) {
  return a.destination_port == b.destination_port && SameRanges(a.prefix_ranges, b.prefix_ranges) &&
         a.server_names == b.server_names && a.transport_protocol == b.transport_protocol &&
         a.application_protocols == b.application_protocols &&
         SameRanges(a.direct_source_ranges, b.direct_source_ranges) && a.source == b.source &&
         SameRanges(a.source_ranges, b.source_ranges) && a.source_ports == b.source_ports;
}

bool SameTls(const envoy::TransportSocket& a, const envoy::TransportSocket& b) {
  return (a == nullptr) == (b == nullptr) && (a == nullptr || a->bytes == b->bytes);
}

// Whether connections of the one may go on with the other.
bool Continues(const envoy::FilterChain& a, const envoy::FilterChain& b) {
  return a.filter.index() == b.filter.index() && SameTls(a.tls, b.tls) &&
         SameMatch(a.match, b.match);
}

}  // namespace

ListenerChains::ListenerChains(std::shared_ptr<const ListenerPlan> plan)
    : counts_(new ListenerCounts()) {
  Update(std::move(plan));
}

std::vector<Ref<ListenerState>> ListenerChains::Update(std::shared_ptr<const ListenerPlan> plan) {
  std::vector<Ref<ListenerState>> old = std::move(chains_);
  chains_.clear();
  for (const auto& config : plan->chains) {
    const auto known = std::find_if(old.begin(), old.end(), [&config](const auto& chain) {
      return Continues(chain->config().chain, config->chain);
    });
    if (known == old.end()) {
      chains_.push_back(Ref<ListenerState>(new ListenerState(config, counts_)));
      continue;
    }
    (*known)->Update(config);
    chains_.push_back(std::move(*known));
    old.erase(known);
  }
  for (const Ref<ListenerState>& chain : old) chain->draining = true;
  plan_ = std::move(plan);
  return old;
}

void ListenerChains::Drain() {
  for (const Ref<ListenerState>& chain : chains_) chain->draining = true;
}

ListenerState* ListenerChains::Find(const envoy::ConnectionFacts& connection) const {
  const std::optional<size_t> found = plan_->table->Find(connection);
  if (found.has_value()) return chains_[*found].get();
  return plan_->has_default_chain ? chains_.back().get() : nullptr;
}

}  // namespace mesh::proxy
