#include "mesh/proxy/upstream.h"

#include <algorithm>
#include <map>
#include <utility>

#include "mesh/proxy/client_connection.h"

namespace mesh::proxy {
namespace {

// A min-heap by deadline.
struct Later {
  template <class T>
  bool operator()(const T& a, const T& b) const {
    return a.deadline > b.deadline;
  }
};

void CloseIdleOf(Host* host) {
  // Closing takes a connection out of the list.
  std::vector<ClientConnection*> idle;
  idle.swap(host->idle);
  for (ClientConnection* connection : idle) connection->Close();
}

}  // namespace

void ClusterState::Update(std::shared_ptr<const ClusterConfig> config) {
  config_ = std::move(config);
  // By address and how connections are made.
  using Key = std::pair<std::string_view, std::string_view>;
  const auto settings = [](const std::shared_ptr<const UpstreamTls>& tls) {
    return tls == nullptr ? std::string_view() : std::string_view(tls->settings);
  };
  std::map<Key, Ref<Host>> old;
  for (const Ref<Host>& host : hosts_) old.emplace(Key(host->text, settings(host->tls)), host);
  std::vector<Ref<Host>> hosts;
  std::vector<std::shared_ptr<const UpstreamTls>> kept;  // whose settings are keys of `old`
  for (const UpstreamAddress& address : config_->endpoints->all) {
    const auto known = old.find(Key(address.text, settings(address.tls)));
    if (known != old.end()) {
      hosts.push_back(known->second);
      kept.push_back(std::exchange(hosts.back()->tls, address.tls));
    } else {
      hosts.push_back(Ref<Host>(new Host(address)));
      old.emplace(Key(hosts.back()->text, settings(hosts.back()->tls)), hosts.back());
    }
  }
  for (const Ref<Host>& host : hosts_) host->removed = true;
  for (const Ref<Host>& host : hosts) host->removed = false;
  for (const Ref<Host>& host : hosts_) {
    if (host->removed) CloseIdleOf(host.get());
  }
  old.clear();
  hosts_ = std::move(hosts);
  usable_ = config_->endpoints->usable;

  next_ = usable_.empty() ? 0 : static_cast<uint32_t>(random_->Below(usable_.size()));
  turns_.clear();
  if (!config_->endpoints->equal_weights) {
    for (uint32_t i = 0; i < usable_.size(); ++i) {
      // A random first turn, so that many proxies do not begin with the same host.
      const double weight = config_->endpoints->all[usable_[i]].weight;
      turns_.push_back({static_cast<double>(random_->Below(1 << 20)) / (1 << 20) / weight, i});
    }
    std::make_heap(turns_.begin(), turns_.end(), Later());
  }
  WakeWaiting();
}

void ClusterState::Remove() {
  removed_ = true;
  for (const Ref<Host>& host : hosts_) {
    host->removed = true;
    CloseIdleOf(host.get());
  }
  usable_.clear();
  turns_.clear();
  WakeWaiting();
}

void ClusterState::CloseIdle() {
  for (const Ref<Host>& host : hosts_) CloseIdleOf(host.get());
}

Host* ClusterState::PickOne() {
  if (usable_.empty()) return nullptr;
  const auto at = [this](uint32_t i) { return hosts_[usable_[i]].get(); };
  switch (config_->cluster.balancing) {
    case envoy::Cluster::Balancing::kRandom:
      return at(static_cast<uint32_t>(random_->Below(usable_.size())));
    case envoy::Cluster::Balancing::kLeastRequest: {
      Host* best = nullptr;
      double best_load = 0;
      for (uint32_t i = 0; i < config_->cluster.least_request_choices; ++i) {
        const auto index = static_cast<uint32_t>(random_->Below(usable_.size()));
        Host* const host = at(index);
        const double load =
            (host->active_requests + 1.0) / config_->endpoints->all[usable_[index]].weight;
        if (best == nullptr || load < best_load) {
          best = host;
          best_load = load;
        }
      }
      return best;
    }
    case envoy::Cluster::Balancing::kRoundRobin:
      break;
  }
  if (turns_.empty()) {
    if (next_ >= usable_.size()) next_ = 0;
    return at(next_++);
  }
  std::pop_heap(turns_.begin(), turns_.end(), Later());
  Turn& turn = turns_.back();
  Host* const host = at(turn.host);
  turn.deadline += 1.0 / config_->endpoints->all[usable_[turn.host]].weight;
  std::push_heap(turns_.begin(), turns_.end(), Later());
  return host;
}

Host* ClusterState::Pick(absl::Span<const Ref<Host>> avoid, int64_t attempts) {
  Host* host = nullptr;
  for (int64_t i = 0; i < std::max<int64_t>(attempts, 1); ++i) {
    host = PickOne();
    const bool tried = std::any_of(avoid.begin(), avoid.end(),
                                   [host](const Ref<Host>& h) { return h.get() == host; });
    if (!tried) break;
  }
  return host;
}

void ClusterState::StopWaiting(ConnectionWaiter* waiter) {
  waiting_.erase(std::remove(waiting_.begin(), waiting_.end(), waiter), waiting_.end());
}

void ClusterState::ServeWaiting() {
  if (waiting_.empty()) return;
  ConnectionWaiter* const first = waiting_.front();
  waiting_.erase(waiting_.begin());
  first->OnConnectionFree();
}

}  // namespace mesh::proxy
