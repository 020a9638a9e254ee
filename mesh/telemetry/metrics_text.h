// Prometheus' text exposition format, version 0.0.4.
//
//   MetricsText text;
//   text.Family("envoy_cluster_upstream_rq", MetricsText::Kind::kCounter);
//   text.Sample({{"envoy_cluster_name", "a"}}, 7);
//   Serve(text.text());
#ifndef MESH_TELEMETRY_METRICS_TEXT_H_
#define MESH_TELEMETRY_METRICS_TEXT_H_

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mesh::telemetry {

using Label = std::pair<std::string_view, std::string_view>;

// Upper bounds and how many values were in each; not cumulative. One more count than bounds.
struct HistogramValues {
  const double* bounds = nullptr;
  const uint64_t* counts = nullptr;
  size_t size = 0;  // of bounds
  double sum = 0;
};

// Not thread-safe. Samples of one family must be given together.
class MetricsText {
 public:
  enum class Kind { kCounter, kGauge, kHistogram };
  // Opens a family; `name` should be a constant made of [a-zA-Z0-9_:].
  void Family(std::string_view name, Kind kind);
  void Sample(const std::vector<Label>& labels, uint64_t value);
  void Histogram(const std::vector<Label>& labels, const HistogramValues& values);

  const std::string& text() const { return text_; }
  static constexpr std::string_view kContentType = "text/plain; version=0.0.4; charset=utf-8";

 private:
  void Line(std::string_view suffix, const std::vector<Label>& labels, const Label* more,
            std::string_view value);

  std::string name_;
  std::string text_;
};

}  // namespace mesh::telemetry

#endif  // MESH_TELEMETRY_METRICS_TEXT_H_
