// The state of the world protocol of one ADS stream as a plain state machine: requests and views
// in, the next response out. No I/O, no locks, no clock. Private to mesh/xds.
//
// Invariants:
//  1. At most one response of a type is unanswered; the next is computed from the newest view when
//     the stream can write, so a newer view replaces what was not sent.
//  2. The version of a type is a hash over what this stream is to have of it: of endpoints also
//     over the clusters of the same names, because a client that is given a changed cluster waits
//     for its endpoints again (Envoy's cluster warming), and on a new stream still does.
//  3. Nothing is sent twice: a type is due when its version is not the one last sent (or first
//     claimed by the client), or when the client added names.
//  4. Order: clusters, endpoints, listeners, routes. What a new view changes waits until the types
//     before it are answered, except that endpoints which the client asks for are sent at once, as
//     are secrets: clusters and listeners that are not warm without them must not wait for each
//     other.
//  5. Clusters (and their endpoints) that a view drops stay in what is sent until listeners and
//     routes of that view are acknowledged; only then are they removed (make before break).
#ifndef MESH_XDS_CONVERSATION_H_
#define MESH_XDS_CONVERSATION_H_

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mesh/xds/resource.h"
#include "mesh/xds/server.h"

namespace mesh::xds {

// What of a DiscoveryRequest matters to the conversation.
struct Request {
  Type type = Type::kCluster;
  std::string version;
  std::string nonce;
  std::vector<std::string> names;
  bool rejected = false;  // error_detail is present
  std::string reason;     // error_detail.message
};

struct Response {
  Type type = Type::kCluster;
  std::string version;
  std::string nonce;
  ResourceListPtr whole;                      // all of it, where not null,
  std::vector<EncodedResourcePtr> resources;  // or these
};

class Conversation {
 public:
  // What a request turned out to be.
  enum class Meaning {
    kSubscribed,    // the first of its type, or names changed where nothing was sent yet
    kAcknowledged,  // of the response last sent
    kRejected,      // of the response last sent
    kStale,         // of an earlier response: ignored
  };

  // `nonce_prefix` makes the nonces of this stream unlike those of others.
  explicit Conversation(std::string nonce_prefix) : nonce_prefix_(std::move(nonce_prefix)) {}

  Meaning OnRequest(const Request& request);
  void SetView(ViewPtr view);

  // The next response to write, or nothing as long as no other call comes. Cost: O(names of the
  // types that are due).
  std::optional<Response> Next();

  bool has_view() const { return view_ != nullptr; }
  const ViewPtr& view() const { return view_; }
  TypeStatus StatusOf(Type type) const;
  // See PeerStatus::in_sync.
  bool InSync() const;
  // The version of the response last sent, whether answered or not.
  const std::string& SentVersion(Type type) const { return state(type).sent_version; }
  // What was last sent.
  Sent LastSent(Type type) const;

 private:
  struct TypeState {
    bool subscribed = false;
    bool wildcard = false;
    bool named_once = false;         // names were given at some time: empty then means none
    std::vector<std::string> names;  // sorted, unique
    bool asked = false;              // must be answered even if the version stays

    std::string nonce;  // of the response last sent; empty: none on this stream
    bool unanswered = false;
    std::string sent_version;       // of that response, or what the client claimed at first
    ResourceListPtr sent_list;      // what that version was made from; null: not known
    ResourceListPtr sent_clusters;  // the clusters of that time (invariant 2)
    std::string acknowledged;
    bool nacked = false;
    std::string reason;

    std::string current_version;  // of what the view holds for this stream
  };

  const TypeState& state(Type type) const { return states_[static_cast<int>(type)]; }
  TypeState& state(Type type) { return states_[static_cast<int>(type)]; }
  // The view's list, and with clusters and endpoints those that linger.
  const ResourceListPtr& Current(Type type) const;
  // Takes over what a request subscribes to.
  void Subscribe(const Request& request, bool first);
  // Brings current_version up to date; to be called when view, lingering lists or names changed.
  void Measure(Type type);
  void Linger();
  bool Due(Type type) const;
  bool Settled(Type type) const;

  const std::string nonce_prefix_;
  uint64_t next_nonce_ = 1;
  ViewPtr view_;
  // Invariant 5: the view's clusters and endpoints together with those that the client's old routes
  // still use; null when there are none such. By Type, the first two.
  std::array<ResourceListPtr, 2> lingering_;
  std::array<TypeState, kTypeCount> states_;
};

}  // namespace mesh::xds

#endif  // MESH_XDS_CONVERSATION_H_
