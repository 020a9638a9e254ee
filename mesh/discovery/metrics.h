// What a control plane counts, under Istio's names. Private to mesh/discovery.
#ifndef MESH_DISCOVERY_METRICS_H_
#define MESH_DISCOVERY_METRICS_H_

#include <array>
#include <atomic>
#include <cstdint>
#include <string>

#include "absl/time/time.h"
#include "mesh/telemetry/metrics_text.h"
#include "mesh/xds/server.h"

namespace mesh::discovery {

// Thread-safe.
class PilotMetrics {
 public:
  void CountPush(xds::Type type, size_t bytes);
  void CountReject(xds::Type type);
  void CountConverged(absl::Duration after);
  void CountRejectedConfigs(size_t count) { rejected_configs_ += count; }
  void CountTrigger() { ++triggers_; }

  struct Now {
    size_t proxies = 0;
    size_t services = 0;
    size_t virtual_services = 0;
    size_t config_errors = 0;
    // Types that proxies reject at this moment.
    std::array<size_t, xds::kTypeCount> rejected = {};
    std::string version;
  };
  void Write(const Now& now, telemetry::MetricsText* text) const;

 private:
  // Upper bounds in seconds of pilot_proxy_convergence_time. Istio's, and finer ones below.
  static constexpr std::array<double, 11> kSeconds = {.005, .01, .025, .05, .1, .5,
                                                      1,    3,   5,    10,  30};

  std::array<std::atomic<uint64_t>, xds::kTypeCount> pushes_ = {};
  std::array<std::atomic<uint64_t>, xds::kTypeCount> bytes_ = {};
  std::array<std::atomic<uint64_t>, xds::kTypeCount> rejects_ = {};
  std::array<std::atomic<uint64_t>, kSeconds.size() + 1> converged_ = {};
  std::atomic<uint64_t> converged_us_{0};
  std::atomic<uint64_t> rejected_configs_{0};
  std::atomic<uint64_t> triggers_{0};
};

}  // namespace mesh::discovery

#endif  // MESH_DISCOVERY_METRICS_H_
