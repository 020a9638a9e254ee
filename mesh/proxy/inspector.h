// What a connection's first bytes say, before its filter chain is chosen: Envoy's tls_inspector and
// http_inspector.
#ifndef MESH_PROXY_INSPECTOR_H_
#define MESH_PROXY_INSPECTOR_H_

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "mesh/proxy/event_loop.h"
#include "mesh/proxy/listener_state.h"
#include "mesh/proxy/server_connection.h"

namespace mesh::proxy {

// "http/1.0", "http/1.1" or "h2c" where that is what begins here; "" where it is something else;
// "?" as long as it may still become one. Looks at the first line alone.
std::string_view InspectHttp(std::string_view bytes);

// What they said.
struct Inspected {
  std::string_view transport_protocol = "raw_buffer";
  std::vector<std::string> application_protocols;
};

// Holds an accepted connection until enough has come. What is read is handed on with it: nothing
// is consumed. Deletes itself when it is done.
class Inspector final : public EventHandler, public TrackedConnection {
 public:
  // The connection, which from now on is the receiver's.
  using Done = std::function<void(const Ref<ListenerChains>& listener, Accepted accepted,
                                  const Inspected& inspected)>;

  Inspector(EventLoop* loop, ConnectionTracker* tracker, Ref<ListenerChains> listener,
            Accepted accepted, Done done);
  ~Inspector() override;
  void Start();

  // Whoever has said nothing yet has nothing under way.
  void Drain() override;
  bool busy() const override { return !accepted_.first_bytes.empty(); }
  void Terminate() override { Close(); }
  const ListenerState* listener() const override { return nullptr; }

 private:
  void OnReady(const ReadyEvent& event) override;
  // True where a decision has been made.
  bool Read();
  bool Look(bool at_end);
  void OnTimeout();
  void HandOn();
  void Close();
  // The connection is no longer ours to speak of.
  void Leave();

  EventLoop* const loop_;
  ConnectionTracker* const tracker_;
  const Ref<ListenerChains> listener_;
  const Done done_;
  Accepted accepted_;
  Inspected inspected_;
  bool watched_ = false;
  bool drains_ = false;
  Timer timer_;
};

}  // namespace mesh::proxy

#endif  // MESH_PROXY_INSPECTOR_H_
