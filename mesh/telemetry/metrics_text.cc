#include "mesh/telemetry/metrics_text.h"

#include "absl/strings/str_cat.h"
#include "mesh/base/strings.h"

namespace mesh::telemetry {
namespace {

void AppendLabel(const Label& label, std::string* out) {
  absl::StrAppend(out, Absl(label.first), "=\"");
  for (char c : label.second) {
    if (c == '\\' || c == '"') {
      out->push_back('\\');
      out->push_back(c);
    } else if (c == '\n') {
      out->append("\\n");
    } else {
      out->push_back(c);
    }
  }
  out->push_back('"');
}

}  // namespace

void MetricsText::Family(std::string_view name, Kind kind) {
  name_ = std::string(name);
  const char* const type =
      kind == Kind::kCounter ? "counter" : (kind == Kind::kGauge ? "gauge" : "histogram");
  absl::StrAppend(&text_, "# TYPE ", name_, " ", type, "\n");
}

void MetricsText::Line(std::string_view suffix, const std::vector<Label>& labels, const Label* more,
                       std::string_view value) {
  absl::StrAppend(&text_, name_, Absl(suffix));
  if (!labels.empty() || more != nullptr) {
    text_.push_back('{');
    bool first = true;
    for (const Label& label : labels) {
      if (!first) text_.push_back(',');
      first = false;
      AppendLabel(label, &text_);
    }
    if (more != nullptr) {
      if (!first) text_.push_back(',');
      AppendLabel(*more, &text_);
    }
    text_.push_back('}');
  }
  absl::StrAppend(&text_, " ", Absl(value), "\n");
}

void MetricsText::Sample(const std::vector<Label>& labels, uint64_t value) {
  Line("", labels, nullptr, absl::StrCat(value));
}

void MetricsText::Histogram(const std::vector<Label>& labels, const HistogramValues& values) {
  uint64_t total = 0;
  for (size_t i = 0; i <= values.size; ++i) {
    total += values.counts[i];
    const std::string bound = i < values.size ? absl::StrCat(values.bounds[i]) : "+Inf";
    const Label le("le", bound);
    Line("_bucket", labels, &le, absl::StrCat(total));
  }
  Line("_sum", labels, nullptr, absl::StrCat(values.sum));
  Line("_count", labels, nullptr, absl::StrCat(total));
}

}  // namespace mesh::telemetry
