#include "mesh/xds/conversation.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "mesh/base/content_hash.h"

namespace mesh::xds {
namespace {

bool Contains(const std::vector<std::string>& sorted, std::string_view name) {
  auto it = std::lower_bound(sorted.begin(), sorted.end(), name);
  return it != sorted.end() && *it == name;
}

// The resources of `list` that are named. Cost: O(names log resources).
std::vector<EncodedResourcePtr> Select(const std::vector<std::string>& names,
                                       const ResourceList& list) {
  std::vector<EncodedResourcePtr> selected;
  for (const std::string& name : names) {
    if (EncodedResourcePtr resource = list.Find(name)) selected.push_back(std::move(resource));
  }
  return selected;
}

// What stands of `list` in a response to that subscription.
struct Selection {
  ResourceListPtr whole;                  // where it is all of the list
  std::vector<EncodedResourcePtr> parts;  // otherwise

  absl::Span<const EncodedResourcePtr> resources() const {
    return whole != nullptr ? whole->resources() : absl::MakeConstSpan(parts);
  }
};

Selection SelectFrom(const ResourceListPtr& list, bool wildcard,
                     const std::vector<std::string>& names) {
  Selection selection;
  if (wildcard) {
    selection.whole = list;
    return selection;
  }
  selection.parts = Select(names, *list);
  if (selection.parts.size() == list->resources().size()) {
    selection.parts.clear();
    selection.whole = list;
  }
  return selection;
}

// Invariant 2.
std::string VersionOf(const Selection& selection, const ResourceListPtr& clusters) {
  std::string version = selection.whole != nullptr ? selection.whole->version()
                                                   : ResourceList::VersionOf(selection.parts);
  if (clusters == nullptr) return version;
  std::vector<EncodedResourcePtr> served;
  for (const EncodedResourcePtr& endpoints : selection.resources()) {
    if (EncodedResourcePtr cluster = clusters->Find(endpoints->name())) {
      served.push_back(std::move(cluster));
    }
  }
  if (served.empty()) return version;
  return ContentHash(absl::StrCat(version, ResourceList::VersionOf(served)));
}

// `list` and those of `before` whose names it lacks; null when it lacks none.
ResourceListPtr WithThoseOf(const ResourceListPtr& before, const ResourceListPtr& list) {
  std::vector<EncodedResourcePtr> all;
  for (const EncodedResourcePtr& resource : before->resources()) {
    if (list->Find(resource->name()) == nullptr) all.push_back(resource);
  }
  if (all.empty()) return nullptr;
  all.insert(all.end(), list->resources().begin(), list->resources().end());
  return ResourceList::Make(std::move(all));
}

}  // namespace

const ResourceListPtr& Conversation::Current(Type type) const {
  const size_t index = static_cast<size_t>(type);
  if (index < lingering_.size() && lingering_[index] != nullptr) return lingering_[index];
  return view_->list(type);
}

void Conversation::Measure(Type type) {
  TypeState& s = state(type);
  if (view_ == nullptr || !s.subscribed) return;
  const ResourceListPtr clusters = type == Type::kEndpoint ? Current(Type::kCluster) : nullptr;
  s.current_version = VersionOf(SelectFrom(Current(type), s.wildcard, s.names), clusters);
  if (s.sent_list == nullptr && !s.asked && s.nonce.empty() &&
      s.current_version == s.sent_version) {
    // The client came with what it should have.
    s.sent_list = Current(type);
    s.sent_clusters = clusters;
  }
}

void Conversation::Subscribe(const Request& request, bool first) {
  TypeState& s = state(request.type);
  std::vector<std::string> names = request.names;
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  s.named_once |= !names.empty();
  const bool wildcard =
      (names.empty() && !s.named_once && IsWildcardType(request.type)) || Contains(names, "*");
  if (first) {
    s.subscribed = true;
    s.sent_version = request.version;
    s.acknowledged = request.version;
    s.asked = request.version.empty();
  } else if (wildcard == s.wildcard && names == s.names) {
    return;
  } else {
    const bool added = (wildcard && !s.wildcard) ||
                       std::any_of(names.begin(), names.end(), [&](const std::string& name) {
                         return !Contains(s.names, name);
                       });
    if (added) {
      s.asked = true;
    } else if (s.sent_list != nullptr) {
      // What the client keeps of the response it has is, by content, another version.
      const std::string before = s.sent_version;
      s.sent_version = VersionOf(SelectFrom(s.sent_list, wildcard, names), s.sent_clusters);
      if (s.acknowledged == before) s.acknowledged = s.sent_version;
    }
  }
  s.wildcard = wildcard;
  s.names = std::move(names);
  Measure(request.type);
}

Conversation::Meaning Conversation::OnRequest(const Request& request) {
  TypeState& s = state(request.type);
  if (!s.subscribed) {
    Subscribe(request, true);
    return Meaning::kSubscribed;
  }
  if (!s.nonce.empty() && request.nonce != s.nonce) return Meaning::kStale;
  Meaning meaning = Meaning::kSubscribed;
  if (s.unanswered) {
    s.unanswered = false;
    s.nacked = request.rejected;
    s.reason = request.rejected ? request.reason : "";
    if (!request.rejected) s.acknowledged = s.sent_version;
    meaning = request.rejected ? Meaning::kRejected : Meaning::kAcknowledged;
  }
  Subscribe(request, false);
  return meaning;
}

void Conversation::SetView(ViewPtr view) {
  view_ = std::move(view);
  lingering_ = {};
  for (Type type : kPushOrder) Measure(type);
  Linger();
}

void Conversation::Linger() {
  const TypeState& clusters = state(Type::kCluster);
  if (!clusters.subscribed || clusters.sent_list == nullptr) return;
  // Only what listeners and routes of an earlier view may still use has to stay.
  if (Settled(Type::kListener) && Settled(Type::kRoute) && !state(Type::kListener).nacked &&
      !state(Type::kRoute).nacked) {
    return;
  }
  for (Type type : {Type::kCluster, Type::kEndpoint}) {
    if (state(type).sent_list == nullptr) continue;
    lingering_[static_cast<int>(type)] = WithThoseOf(state(type).sent_list, view_->list(type));
  }
  if (lingering_[0] == nullptr) lingering_[1] = nullptr;
  Measure(Type::kCluster);
  Measure(Type::kEndpoint);
}

bool Conversation::Due(Type type) const {
  const TypeState& s = state(type);
  if (view_ == nullptr || !s.subscribed) return false;
  return s.current_version != s.sent_version || (s.asked && !s.nacked);
}

bool Conversation::Settled(Type type) const {
  return !state(type).subscribed || (!Due(type) && !state(type).unanswered);
}

std::optional<Response> Conversation::Next() {
  if (view_ == nullptr) return std::nullopt;
  if (lingering_[0] != nullptr &&
      std::all_of(kPushOrder.begin(), kPushOrder.end(), [this](Type type) {
        return type == Type::kSecret || (Settled(type) && !state(type).nacked);
      })) {
    lingering_ = {};
    Measure(Type::kCluster);
    Measure(Type::kEndpoint);
  }
  for (Type type : kPushOrder) {
    TypeState& s = state(type);
    if (!Due(type) || s.unanswered) continue;
    // Invariant 4.
    const bool clusters_settled = Settled(Type::kCluster);
    if (type == Type::kEndpoint && !clusters_settled && !s.asked) continue;
    if (type == Type::kListener || type == Type::kRoute) {
      if (!clusters_settled || !Settled(Type::kEndpoint)) continue;
      if (type == Type::kRoute && Due(Type::kListener)) continue;
    }
    Response response;
    response.type = type;
    response.version = s.current_version;
    response.nonce = absl::StrCat(nonce_prefix_, next_nonce_++);
    Selection selection = SelectFrom(Current(type), s.wildcard, s.names);
    response.whole = std::move(selection.whole);
    response.resources = std::move(selection.parts);
    s.asked = false;
    s.nonce = response.nonce;
    s.unanswered = true;
    s.nacked = false;
    s.reason.clear();
    s.sent_version = s.current_version;
    s.sent_list = Current(type);
    s.sent_clusters = type == Type::kEndpoint ? Current(Type::kCluster) : nullptr;
    return response;
  }
  return std::nullopt;
}

TypeStatus Conversation::StatusOf(Type type) const {
  const TypeState& s = state(type);
  TypeStatus status;
  status.type = type;
  status.subscribed = s.subscribed;
  if (!s.subscribed || view_ == nullptr) return status;
  status.version = s.current_version;
  status.acknowledged = s.acknowledged;
  status.resources = SelectFrom(Current(type), s.wildcard, s.names).resources().size();
  const bool lingers = static_cast<size_t>(type) < lingering_.size() &&
                       lingering_[static_cast<size_t>(type)] != nullptr;
  if (s.nacked && s.current_version == s.sent_version) {
    status.state = SyncState::kNacked;
    status.reason = s.reason;
  } else if (!Settled(type) || lingers) {
    status.state =
        s.nonce.empty() && s.acknowledged.empty() ? SyncState::kNotSent : SyncState::kStale;
  } else {
    status.state = SyncState::kSynced;
  }
  return status;
}

bool Conversation::InSync() const {
  if (view_ == nullptr || lingering_[0] != nullptr) return false;
  // Proxies come to listeners last; gRPC's servers ask for nothing but listeners, by name.
  const TypeState& listeners = state(Type::kListener);
  if (!listeners.subscribed) return false;
  if (!state(Type::kCluster).subscribed && !listeners.named_once) return false;
  // A proxy that came back asks for routes a moment after listeners: until then it has old ones.
  if (listeners.wildcard && !state(Type::kRoute).subscribed && Current(Type::kRoute) != nullptr &&
      !Current(Type::kRoute)->resources().empty()) {
    return false;
  }
  return std::all_of(kPushOrder.begin(), kPushOrder.end(),
                     [this](Type type) { return Settled(type) && !state(type).nacked; });
}

Sent Conversation::LastSent(Type type) const {
  const TypeState& s = state(type);
  Sent sent;
  if (s.sent_list == nullptr) return sent;
  sent.version = s.sent_version;
  const Selection selection = SelectFrom(s.sent_list, s.wildcard, s.names);
  sent.resources.assign(selection.resources().begin(), selection.resources().end());
  return sent;
}

}  // namespace mesh::xds
