// xDS to configuration: reads what the control plane sends, acknowledges what can be done.
#ifndef MESH_PROXY_ADS_H_
#define MESH_PROXY_ADS_H_

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "mesh/base/log.h"
#include "mesh/base/mutex.h"
#include "mesh/proxy/configuration.h"
#include "mesh/proxy/proxy.h"
#include "mesh/xds/client.h"

namespace mesh::proxy {

// Resources are parsed on the client's thread, taken on the configuration's. Of an update, what can
// be done is done; what cannot is named in the NACK and stays as it was.
class Ads {
 public:
  // What taking a batch gave: an error, and what to subscribe to from now on.
  struct Taken {
    absl::Status status;
    std::vector<std::string> endpoint_names;
    std::vector<std::string> route_names;
    std::vector<std::string> secret_names;
  };
  // Hands a batch to the configuration thread and waits for it.
  using Take = std::function<Taken(ConfigBatch)>;

  // What of the options is about the node, the control plane and the log.
  static absl::StatusOr<std::unique_ptr<Ads>> Start(const ProxyOptions& options, Take take);
  ~Ads();

  // The clusters and the listeners have come at least once.
  bool received() const;
  xds::ClientStats stats() const { return client_->stats(); }
  // Envoy's /config_dump: what is in force, as JSON.
  std::string Dump(const std::string& only) const;
  void Reconnect() { client_->Reconnect(); }
  void Stop();

 private:
  explicit Ads(Take take) : take_(std::move(take)) {}
  absl::Status OnUpdate(const xds::Update& update);

  const Take take_;
  std::unique_ptr<xds::Client> client_;
  // On the client's thread: routes as last loaded, so that what did not change is shared.
  std::map<std::string, std::shared_ptr<const route::action::RouteConfig>> routes_;
  mutable Mutex mutex_;
  struct Held {
    xds::ReceivedPtr resource;
    std::string version;
    absl::Time updated;
  };
  std::map<std::string, Held> held_[xds::kTypeCount] ABSL_GUARDED_BY(mutex_);
  bool received_[xds::kTypeCount] ABSL_GUARDED_BY(mutex_) = {};
};

}  // namespace mesh::proxy

#endif  // MESH_PROXY_ADS_H_
