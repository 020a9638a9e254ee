#include "mesh/translate/route_action.h"

#include <cmath>
#include <map>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "envoy/extensions/retry/host/previous_hosts/v3/previous_hosts.pb.h"
#include "envoy/extensions/retry/priority/previous_priorities/v3/previous_priorities_config.pb.h"
#include "mesh/translate/proto.h"

namespace mesh::translate {
namespace {

namespace networking = ::istio::networking::v1alpha3;
namespace route_v3 = ::envoy::config::route::v3;
using envoy::type::v3::FractionalPercent;

FractionalPercent Millionths(const networking::Percent& percent) {
  FractionalPercent fraction;
  fraction.set_numerator(static_cast<uint32_t>(std::lround(percent.value() * 10000)));
  fraction.set_denominator(FractionalPercent::MILLION);
  return fraction;
}

FractionalPercent Hundredths(uint32_t percent) {
  FractionalPercent fraction;
  fraction.set_numerator(percent);
  fraction.set_denominator(FractionalPercent::HUNDRED);
  return fraction;
}

void AddHeaders(const google::protobuf::Map<std::string, std::string>& headers, bool append,
                google::protobuf::RepeatedPtrField<envoy::config::core::v3::HeaderValueOption>* out,
                std::string* authority) {
  using envoy::config::core::v3::HeaderValueOption;
  const std::map<std::string, std::string> sorted(headers.begin(), headers.end());
  for (const auto& [name, value] : sorted) {
    if (authority != nullptr && !append &&
        (name == ":authority" || absl::EqualsIgnoreCase(name, "host"))) {
      *authority = value;
      continue;
    }
    HeaderValueOption* option = out->Add();
    option->mutable_header()->set_key(name);
    option->mutable_header()->set_value(value);
    option->set_append_action(append ? HeaderValueOption::APPEND_IF_EXISTS_OR_ADD
                                     : HeaderValueOption::OVERWRITE_IF_EXISTS_OR_ADD);
  }
}

}  // namespace

route_v3::RetryPolicy DefaultRetries() {
  route_v3::RetryPolicy policy;
  policy.set_retry_on(
      "connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes");
  policy.mutable_num_retries()->set_value(2);
  policy.add_retriable_status_codes(503);
  auto* other_host = policy.add_retry_host_predicate();
  other_host->set_name("envoy.retry_host_predicates.previous_hosts");
  *other_host->mutable_typed_config() =
      Pack(envoy::extensions::retry::host::previous_hosts::v3::PreviousHostsPredicate());
  policy.set_host_selection_retry_max_attempts(5);
  return policy;
}

std::optional<route_v3::RetryPolicy> TranslateRetries(const networking::HTTPRetry* retries) {
  if (retries == nullptr) return DefaultRetries();
  if (retries->attempts() <= 0) return std::nullopt;
  route_v3::RetryPolicy policy = DefaultRetries();
  policy.mutable_num_retries()->set_value(retries->attempts());
  if (!retries->retry_on().empty()) {
    // Numbers among the words are status codes.
    policy.clear_retriable_status_codes();
    std::vector<std::string> words;
    for (absl::string_view part : absl::StrSplit(retries->retry_on(), ',')) {
      part = absl::StripAsciiWhitespace(part);
      uint32_t code = 0;
      if (absl::SimpleAtoi(part, &code)) {
        policy.add_retriable_status_codes(code);
      } else if (!part.empty()) {
        words.emplace_back(part);
      }
    }
    policy.set_retry_on(absl::StrJoin(words, ","));
  }
  if (retries->has_per_try_timeout()) {
    *policy.mutable_per_try_timeout() = retries->per_try_timeout();
  }
  if (retries->retry_remote_localities().value()) {
    envoy::extensions::retry::priority::previous_priorities::v3::PreviousPrioritiesConfig config;
    config.set_update_frequency(2);
    policy.mutable_retry_priority()->set_name("envoy.retry_priorities.previous_priorities");
    *policy.mutable_retry_priority()->mutable_typed_config() = Pack(config);
  }
  return policy;
}

std::optional<envoy::extensions::filters::http::fault::v3::HTTPFault> TranslateFault(
    const networking::HTTPFaultInjection& fault) {
  envoy::extensions::filters::http::fault::v3::HTTPFault out;
  if (fault.has_delay() && fault.delay().has_fixed_delay()) {
    *out.mutable_delay()->mutable_fixed_delay() = fault.delay().fixed_delay();
    *out.mutable_delay()->mutable_percentage() = fault.delay().has_percentage()
                                                     ? Millionths(fault.delay().percentage())
                                                     : Hundredths(fault.delay().percent());
  }
  if (fault.has_abort() && fault.abort().http_status() != 0) {
    out.mutable_abort()->set_http_status(fault.abort().http_status());
    if (fault.abort().has_percentage()) {
      *out.mutable_abort()->mutable_percentage() = Millionths(fault.abort().percentage());
    }
  }
  if (!out.has_delay() && !out.has_abort()) return std::nullopt;
  return out;
}

envoy::extensions::filters::http::cors::v3::CorsPolicy TranslateCors(
    const networking::CorsPolicy& cors) {
  envoy::extensions::filters::http::cors::v3::CorsPolicy out;
  for (const networking::StringMatch& origin : cors.allow_origins()) {
    auto* matcher = out.add_allow_origin_string_match();
    switch (origin.match_type_case()) {
      case networking::StringMatch::kPrefix:
        matcher->set_prefix(origin.prefix());
        break;
      case networking::StringMatch::kRegex:
        *matcher = WholeRegex(origin.regex());
        break;
      default:
        *matcher = Exactly(origin.exact());
        break;
    }
  }
  if (cors.allow_origins().empty()) {
    for (const std::string& origin : cors.allow_origin()) {
      *out.add_allow_origin_string_match() = Exactly(origin);
    }
  }
  out.set_allow_methods(absl::StrJoin(cors.allow_methods(), ","));
  out.set_allow_headers(absl::StrJoin(cors.allow_headers(), ","));
  out.set_expose_headers(absl::StrJoin(cors.expose_headers(), ","));
  if (cors.has_max_age()) out.set_max_age(absl::StrCat(cors.max_age().seconds()));
  if (cors.has_allow_credentials()) {
    out.mutable_allow_credentials()->set_value(cors.allow_credentials().value());
  }
  *out.mutable_filter_enabled()->mutable_default_value() = Hundredths(100);
  return out;
}

std::optional<envoy::config::core::v3::RuntimeFractionalPercent> MirrorShare(
    const networking::HTTPRoute& rule) {
  envoy::config::core::v3::RuntimeFractionalPercent share;
  if (rule.has_mirror_percentage()) {
    if (rule.mirror_percentage().value() <= 0) return std::nullopt;
    *share.mutable_default_value() = Millionths(rule.mirror_percentage());
  } else if (rule.has_mirror_percent()) {
    if (rule.mirror_percent().value() == 0) return std::nullopt;
    *share.mutable_default_value() = Hundredths(rule.mirror_percent().value());
  } else {
    *share.mutable_default_value() = Hundredths(100);
  }
  return share;
}

std::optional<route_v3::RouteAction::HashPolicy> TranslateHash(
    const networking::LoadBalancerSettings::ConsistentHashLB& hash) {
  route_v3::RouteAction::HashPolicy policy;
  switch (hash.hash_key_case()) {
    case networking::LoadBalancerSettings::ConsistentHashLB::kHttpHeaderName:
      policy.mutable_header()->set_header_name(hash.http_header_name());
      return policy;
    case networking::LoadBalancerSettings::ConsistentHashLB::kHttpCookie:
      policy.mutable_cookie()->set_name(hash.http_cookie().name());
      policy.mutable_cookie()->set_path(hash.http_cookie().path());
      if (hash.http_cookie().has_ttl()) {
        *policy.mutable_cookie()->mutable_ttl() = hash.http_cookie().ttl();
      }
      return policy;
    case networking::LoadBalancerSettings::ConsistentHashLB::kUseSourceIp:
      policy.mutable_connection_properties()->set_source_ip(hash.use_source_ip());
      return policy;
    case networking::LoadBalancerSettings::ConsistentHashLB::kHttpQueryParameterName:
      policy.mutable_query_parameter()->set_name(hash.http_query_parameter_name());
      return policy;
    default:
      return std::nullopt;
  }
}

template <class Target>
void AddHeaderOperations(const networking::Headers& headers, Target* target,
                         std::string* authority) {
  AddHeaders(headers.request().set(), false, target->mutable_request_headers_to_add(), authority);
  AddHeaders(headers.request().add(), true, target->mutable_request_headers_to_add(), nullptr);
  target->mutable_request_headers_to_remove()->MergeFrom(headers.request().remove());
  AddHeaders(headers.response().set(), false, target->mutable_response_headers_to_add(), nullptr);
  AddHeaders(headers.response().add(), true, target->mutable_response_headers_to_add(), nullptr);
  target->mutable_response_headers_to_remove()->MergeFrom(headers.response().remove());
}

template void AddHeaderOperations(const networking::Headers&, route_v3::Route*, std::string*);
template void AddHeaderOperations(const networking::Headers&,
                                  route_v3::WeightedCluster::ClusterWeight*, std::string*);

}  // namespace mesh::translate
