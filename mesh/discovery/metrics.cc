#include "mesh/discovery/metrics.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "mesh/telemetry/metrics_text.h"

namespace mesh::discovery {

using telemetry::MetricsText;
using Kind = MetricsText::Kind;

void PilotMetrics::CountPush(xds::Type type, size_t bytes) {
  ++pushes_[static_cast<int>(type)];
  bytes_[static_cast<int>(type)] += bytes;
}

void PilotMetrics::CountReject(xds::Type type) { ++rejects_[static_cast<int>(type)]; }

void PilotMetrics::CountConverged(absl::Duration after) {
  const double seconds = absl::ToDoubleSeconds(after);
  size_t bucket = 0;
  while (bucket < kSeconds.size() && seconds > kSeconds[bucket]) ++bucket;
  ++converged_[bucket];
  converged_us_ += static_cast<uint64_t>(std::max<int64_t>(0, absl::ToInt64Microseconds(after)));
}

void PilotMetrics::Write(const Now& now, telemetry::MetricsText* out) const {
  MetricsText& text = *out;
  text.Family("pilot_info", Kind::kGauge);
  text.Sample({{"version", now.version}}, 1);
  text.Family("pilot_xds", Kind::kGauge);
  text.Sample({{"version", now.version}}, now.proxies);
  text.Family("pilot_services", Kind::kGauge);
  text.Sample({}, now.services);
  text.Family("pilot_virt_services", Kind::kGauge);
  text.Sample({}, now.virtual_services);
  text.Family("pilot_xds_pushes", Kind::kCounter);
  for (xds::Type type : xds::kPushOrder) {
    text.Sample({{"type", xds::ShortName(type)}}, pushes_[static_cast<int>(type)]);
  }
  text.Family("pilot_xds_sent_bytes", Kind::kCounter);
  for (xds::Type type : xds::kPushOrder) {
    text.Sample({{"type", xds::ShortName(type)}}, bytes_[static_cast<int>(type)]);
  }
  // Proxies that reject what they should have at this moment.
  for (xds::Type type : xds::kPushOrder) {
    text.Family(absl::StrCat("pilot_xds_", std::string(xds::ShortName(type)), "_reject"),
                Kind::kGauge);
    text.Sample({}, now.rejected[static_cast<int>(type)]);
  }
  text.Family("pilot_total_xds_rejects", Kind::kCounter);
  for (xds::Type type : xds::kPushOrder) {
    text.Sample({{"type", xds::ShortName(type)}}, rejects_[static_cast<int>(type)]);
  }
  text.Family("pilot_total_rejected_configs", Kind::kCounter);
  text.Sample({}, rejected_configs_);
  text.Family("pilot_rejected_configs", Kind::kGauge);
  text.Sample({}, now.config_errors);
  text.Family("pilot_push_triggers", Kind::kCounter);
  text.Sample({{"type", "config"}}, triggers_);
  text.Family("pilot_proxy_convergence_time", Kind::kHistogram);
  std::array<uint64_t, kSeconds.size() + 1> counts;
  for (size_t i = 0; i < counts.size(); ++i) counts[i] = converged_[i];
  telemetry::HistogramValues values;
  values.bounds = kSeconds.data();
  values.counts = counts.data();
  values.size = kSeconds.size();
  values.sum = static_cast<double>(converged_us_) / 1e6;
  text.Histogram({}, values);
}

}  // namespace mesh::discovery
