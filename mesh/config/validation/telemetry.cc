#include "absl/strings/str_cat.h"
#include "mesh/config/validation/kinds.h"
#include "mesh/config/validation/parts.h"

namespace mesh::config {
namespace {

namespace tel = ::istio::telemetry::v1alpha1;

template <class Providers>
void CheckProviders(Checker* checker, const Path& path, const Providers& providers) {
  const Path list = path.Field("providers");
  for (int i = 0; i < providers.size(); ++i) {
    if (providers[i].name().empty()) checker->Fail(list.At(i), "name is missing");
  }
}

void CheckTag(Checker* checker, const Path& path, const std::string& name,
              const tel::Tracing::CustomTag& tag) {
  if (name.empty()) checker->Fail(path, "the tag needs a name");
  switch (tag.type_case()) {
    case tel::Tracing::CustomTag::kLiteral:
      if (tag.literal().value().empty()) checker->Fail(path.Field("literal"), "value is missing");
      break;
    case tel::Tracing::CustomTag::kEnvironment:
      if (tag.environment().name().empty()) {
        checker->Fail(path.Field("environment"), "name is missing");
      }
      break;
    case tel::Tracing::CustomTag::kHeader:
      if (tag.header().name().empty()) checker->Fail(path.Field("header"), "name is missing");
      break;
    default:
      break;
  }
}

void CheckTracing(Checker* checker, const Path& path, const tel::Tracing& tracing) {
  CheckProviders(checker, path, tracing.providers());
  if (tracing.has_random_sampling_percentage()) {
    const double percent = tracing.random_sampling_percentage().value();
    if (percent < 0 || percent > 100) {
      checker->Fail(path.Field("randomSamplingPercentage"),
                    absl::StrCat(percent, " is not a percentage, 0 to 100"));
    }
  }
  const Path tags = path.Field("customTags");
  for (const auto* tag : Sorted(tracing.custom_tags())) {
    CheckTag(checker, tags.Key(tag->first), tag->first, tag->second);
  }
}

void CheckOverride(Checker* checker, const Path& path, const tel::MetricsOverrides& change) {
  const Path tags = path.Field("tagOverrides");
  for (const auto* tag : Sorted(change.tag_overrides())) {
    const bool sets = tag->second.operation() == tel::MetricsOverrides::TagOverride::UPSERT;
    if (sets && tag->second.value().empty()) {
      checker->Fail(tags.Key(tag->first), "value is missing: what UPSERT sets the tag to");
    } else if (!sets && !tag->second.value().empty()) {
      checker->Fail(tags.Key(tag->first), "value goes with UPSERT only");
    }
  }
  if (change.match().metric_match_case() == tel::MetricSelector::kCustomMetric &&
      change.match().custom_metric().empty()) {
    checker->Fail(path.Field("match").Field("customMetric"), "is empty");
  }
}

}  // namespace

void CheckTelemetry(Checker* checker, const Path& path, const tel::Telemetry& telemetry) {
  CheckSelector(checker, path.Field("selector"), telemetry.selector());
  CheckTargets(checker, path, telemetry);
  for (int i = 0; i < telemetry.tracing_size(); ++i) {
    const Path list = path.Field("tracing");
    CheckTracing(checker, list.At(i), telemetry.tracing(i));
  }
  for (int i = 0; i < telemetry.metrics_size(); ++i) {
    const Path list = path.Field("metrics");
    const Path at = list.At(i);
    CheckProviders(checker, at, telemetry.metrics(i).providers());
    for (int k = 0; k < telemetry.metrics(i).overrides_size(); ++k) {
      const Path overrides = at.Field("overrides");
      CheckOverride(checker, overrides.At(k), telemetry.metrics(i).overrides(k));
    }
  }
  for (int i = 0; i < telemetry.access_logging_size(); ++i) {
    const auto& logging = telemetry.access_logging(i);
    const Path list = path.Field("accessLogging");
    const Path at = list.At(i);
    CheckProviders(checker, at, logging.providers());
    if (logging.has_filter() && logging.filter().expression().empty()) {
      checker->Fail(at.Field("filter"), "expression is missing");
    }
  }
}

}  // namespace mesh::config
