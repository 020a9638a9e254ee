#include "mesh/envoy/fault.h"

#include "envoy/extensions/filters/http/fault/v3/fault.pb.h"
#include "mesh/base/field_error.h"
#include "mesh/envoy/core_fields.h"

namespace mesh::envoy {
namespace {

using ::envoy::type::v3::FractionalPercent;

Fault::Share ToShare(const FractionalPercent& percent) {
  switch (percent.denominator()) {
    case FractionalPercent::TEN_THOUSAND:
      return {percent.numerator(), 10000};
    case FractionalPercent::MILLION:
      return {percent.numerator(), 1000000};
    default:
      return {percent.numerator(), 100};
  }
}

}  // namespace

absl::StatusOr<std::shared_ptr<const Fault>> LoadFault(const google::protobuf::Any& any) {
  FieldErrors errors("");
  ::envoy::extensions::filters::http::fault::v3::HTTPFault proto;
  auto fault = std::make_shared<Fault>();
  if (errors.Unpack(any, "", &proto)) {
    errors.Only(proto, "", {"delay", "abort"}, {"disable_downstream_cluster_stats"});
    if (proto.has_delay()) {
      errors.Only(proto.delay(), "delay", {"fixed_delay", "percentage"});
      fault->delay = ToDuration(proto.delay().fixed_delay());
      fault->delay_share = ToShare(proto.delay().percentage());
    }
    if (proto.has_abort()) {
      errors.Only(proto.abort(), "abort", {"http_status", "percentage"});
      fault->abort_status = proto.abort().http_status();
      fault->abort_share = ToShare(proto.abort().percentage());
    }
  }
  if (!errors.errors().empty()) return ToStatus(errors.errors());
  return fault;
}

}  // namespace mesh::envoy
