// The parts that route.cc puts together. Private to //mesh/envoy:route.
#ifndef MESH_ENVOY_ROUTE_PARTS_H_
#define MESH_ENVOY_ROUTE_PARTS_H_

#include <string>
#include <vector>

#include "absl/time/time.h"
#include "envoy/config/route/v3/route.pb.h"
#include "envoy/type/matcher/v3/string.pb.h"
#include "mesh/base/field_error.h"
#include "mesh/envoy/route.h"
#include "mesh/route/action/action.h"
#include "mesh/route/rule.h"
#include "xds/type/matcher/v3/matcher.pb.h"

namespace mesh::envoy::routes {

// Where errors of one part go. `path` is the field they stand in.
class Problems {
 public:
  Problems(std::vector<FieldError>* errors, std::string object, SourcePosition position)
      : errors_(errors), object_(std::move(object)), position_(std::move(position)) {}
  void Add(const std::string& path, std::string message) {
    errors_->push_back({position_, object_, path, std::move(message)});
  }

 private:
  std::vector<FieldError>* errors_;
  std::string object_;
  SourcePosition position_;
};

absl::Duration DurationOf(const google::protobuf::Duration& duration);
route::Value ValueOf(const google::protobuf::Value& value);
route::action::Metadata MetadataOf(const ::envoy::config::core::v3::Metadata& metadata);

// route_match.cc
route::StringMatch LoadString(const ::envoy::type::matcher::v3::StringMatcher& proto,
                              const std::string& path, Problems* problems);
route::StringMatch LoadString(const ::xds::type::matcher::v3::StringMatcher& proto,
                              const std::string& path, Problems* problems);
route::HeaderMatch LoadHeaderMatch(const ::envoy::config::route::v3::HeaderMatcher& proto,
                                   const std::string& path, Problems* problems);
route::FractionMatch LoadFraction(const ::envoy::config::core::v3::RuntimeFractionalPercent& proto);
void LoadMatch(const ::envoy::config::route::v3::RouteMatch& proto, const std::string& path,
               Problems* problems, route::Rule* rule);

// route_action.cc
route::action::HeaderEdits LoadHeaderEdits(
    const google::protobuf::RepeatedPtrField<::envoy::config::core::v3::HeaderValueOption>&
        request_add,
    const google::protobuf::RepeatedPtrField<std::string>& request_remove,
    const google::protobuf::RepeatedPtrField<::envoy::config::core::v3::HeaderValueOption>&
        response_add,
    const google::protobuf::RepeatedPtrField<std::string>& response_remove, const std::string& path,
    Problems* problems);
route::action::FilterConfigs LoadFilters(
    const google::protobuf::Map<std::string, google::protobuf::Any>& proto, const std::string& path,
    const RouteOptions& options, Problems* problems);
route::action::Cors LoadCors(const ::envoy::config::route::v3::CorsPolicy& proto,
                             const std::string& path, Problems* problems);

// What routes inherit.
struct Inherited {
  const ::envoy::config::route::v3::RouteConfiguration* config;
  const ::envoy::config::route::v3::VirtualHost* host;
  bool check_clusters = false;
};
route::action::Route LoadRoute(const ::envoy::config::route::v3::Route& proto,
                               const Inherited& inherited, const std::string& path,
                               const RouteOptions& options, Problems* problems);

}  // namespace mesh::envoy::routes

#endif  // MESH_ENVOY_ROUTE_PARTS_H_
