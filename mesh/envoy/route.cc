#include "mesh/envoy/route.h"

#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "envoy/type/matcher/v3/http_inputs.pb.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "mesh/base/content_hash.h"
#include "mesh/envoy/constraints.h"
#include "mesh/envoy/route_parts.h"
#include "mesh/http/host.h"

namespace mesh::envoy {
namespace {

namespace envoy_route = ::envoy::config::route::v3;
namespace xds_matcher = ::xds::type::matcher::v3;
namespace action = route::action;
using routes::Problems;

// One virtual host on its way.
class HostLoader {
 public:
  HostLoader(const envoy_route::RouteConfiguration& config, const envoy_route::VirtualHost& proto,
             int index, const RouteOptions& options, std::vector<FieldError>* errors)
      : proto_(proto),
        index_(index),
        options_(options),
        errors_(errors),
        host_(std::make_shared<route::VirtualHost>()),
        actions_(std::make_shared<action::VirtualHostActions>()),
        problems_(errors, Object(), PositionOf("")) {
    inherited_.config = &config;
    inherited_.host = &proto;
    inherited_.check_clusters =
        options.cluster_exists != nullptr &&
        (!config.has_validate_clusters() || config.validate_clusters().value());
  }

  void Load() {
    host_->name = actions_->name = proto_.name();
    host_->position = PositionOf("");
    for (const std::string& domain : proto_.domains()) host_->domains.push_back(domain);
    switch (proto_.require_tls()) {
      case envoy_route::VirtualHost::EXTERNAL_ONLY:
        host_->require_tls = route::TlsRequirement::kExternalOnly;
        break;
      case envoy_route::VirtualHost::ALL:
        host_->require_tls = route::TlsRequirement::kAll;
        break;
      default:
        break;
    }
    actions_->headers = routes::LoadHeaderEdits(
        proto_.request_headers_to_add(), proto_.request_headers_to_remove(),
        proto_.response_headers_to_add(), proto_.response_headers_to_remove(), "", &problems_);
    actions_->filters = routes::LoadFilters(proto_.typed_per_filter_config(),
                                            "typed_per_filter_config", options_, &problems_);
    actions_->metadata = routes::MetadataOf(proto_.metadata());
    actions_->include_request_attempt_count = proto_.include_request_attempt_count();
    actions_->include_attempt_count_in_response = proto_.include_attempt_count_in_response();
    if (proto_.has_cors()) actions_->cors = routes::LoadCors(proto_.cors(), "cors", &problems_);
    if (proto_.route_specifiers_size() > 0) {
      problems_.Add("route_specifiers", "route specifiers are not supported");
    }
    for (int i = 0; i < proto_.routes_size(); ++i) {
      const std::string path = absl::StrCat("routes[", i, "]");
      if (std::optional<route::Rule> rule = Add(proto_.routes(i), path)) {
        host_->rules.push_back(*std::move(rule));
      }
    }
    if (proto_.has_matcher()) {
      if (proto_.routes_size() > 0) {
        problems_.Add("matcher", "cannot set both matcher and routes on virtual host");
      } else {
        host_->tree = LoadTree(proto_.matcher(), "matcher");
      }
    }
    for (int i = 0; i < proto_.virtual_clusters_size(); ++i) {
      const envoy_route::VirtualCluster& one = proto_.virtual_clusters(i);
      const std::string path = absl::StrCat("virtual_clusters[", i, "]");
      route::VirtualCluster cluster;
      cluster.name = one.name();
      for (int j = 0; j < one.headers_size(); ++j) {
        cluster.headers.push_back(routes::LoadHeaderMatch(
            one.headers(j), absl::StrCat(path, ".headers[", j, "]"), &problems_));
      }
      host_->virtual_clusters.push_back(std::move(cluster));
    }
  }

  std::shared_ptr<const route::VirtualHost> host() const { return host_; }
  std::shared_ptr<action::VirtualHostActions> actions() const { return actions_; }

 private:
  std::string Object() const { return absl::StrCat("virtual host ", proto_.name()); }

  SourcePosition PositionOf(const std::string& below) const {
    if (!options_.position) return {};
    return options_.position(
        absl::StrCat("virtual_hosts[", index_, "]", below.empty() ? "" : ".", below));
  }

  // The route's action gets the next number; nothing where it is left out for its errors.
  std::optional<route::Rule> Add(const envoy_route::Route& proto, const std::string& path) {
    const size_t before = errors_->size();
    route::Rule rule;
    rule.id = static_cast<uint32_t>(actions_->routes.size());
    rule.name = proto.name();
    rule.position = PositionOf(path);
    Problems problems(errors_, Object(), rule.position);
    for (FieldError& error : CheckConstraints(proto, path)) {
      problems.Add(error.field, std::move(error.message));
    }
    routes::LoadMatch(proto.match(), absl::StrCat(path, ".match"), &problems, &rule);
    action::Route route = routes::LoadRoute(proto, inherited_, path, options_, &problems);
    route.position = rule.position;
    actions_->routes.push_back(std::move(route));
    if (errors_->size() > before) return std::nullopt;
    return rule;
  }

  // The name of the header that a matcher's input reads.
  std::string LoadInput(const ::xds::core::v3::TypedExtensionConfig& proto,
                        const std::string& path) {
    ::envoy::type::matcher::v3::HttpRequestHeaderMatchInput input;
    if (!proto.typed_config().UnpackTo(&input)) {
      problems_.Add(path, absl::StrCat("Route table can only match on request headers, saw ",
                                       proto.typed_config().type_url()));
    }
    return http::LowerCase(std::string_view(input.header_name()));
  }

  route::MatchTree::Predicate LoadPredicate(
      const xds_matcher::Matcher::MatcherList::Predicate& proto, const std::string& path) {
    using Predicate = route::MatchTree::Predicate;
    using Proto = xds_matcher::Matcher::MatcherList::Predicate;
    Predicate predicate;
    const auto all = [&](const Proto::PredicateList& list, const char* name) {
      for (int i = 0; i < list.predicate_size(); ++i) {
        predicate.of.push_back(
            LoadPredicate(list.predicate(i), absl::StrCat(path, ".", name, ".predicate[", i, "]")));
      }
    };
    switch (proto.match_type_case()) {
      case Proto::kSinglePredicate: {
        const auto& single = proto.single_predicate();
        const std::string here = absl::StrCat(path, ".single_predicate");
        predicate.header = LoadInput(single.input(), absl::StrCat(here, ".input"));
        if (single.has_custom_match()) {
          problems_.Add(absl::StrCat(here, ".custom_match"), "custom matchers are not supported");
        }
        predicate.value = routes::LoadString(single.value_match(),
                                             absl::StrCat(here, ".value_match"), &problems_);
        break;
      }
      case Proto::kOrMatcher:
        predicate.kind = Predicate::Kind::kOr;
        all(proto.or_matcher(), "or_matcher");
        break;
      case Proto::kAndMatcher:
        predicate.kind = Predicate::Kind::kAnd;
        all(proto.and_matcher(), "and_matcher");
        break;
      case Proto::kNotMatcher:
        predicate.kind = Predicate::Kind::kNot;
        predicate.of.push_back(
            LoadPredicate(proto.not_matcher(), absl::StrCat(path, ".not_matcher")));
        break;
      case Proto::MATCH_TYPE_NOT_SET:
        break;
    }
    return predicate;
  }

  route::MatchTree::OnMatch LoadOnMatch(const xds_matcher::Matcher::OnMatch& proto,
                                        const std::string& path) {
    route::MatchTree::OnMatch on;
    on.keep_matching = proto.keep_matching();
    if (proto.has_matcher()) {
      on.tree = LoadTree(proto.matcher(), absl::StrCat(path, ".matcher"));
      return on;
    }
    const std::string here = absl::StrCat(path, ".action");
    const google::protobuf::Any& any = proto.action().typed_config();
    envoy_route::Route one;
    envoy_route::RouteList list;
    if (any.UnpackTo(&one)) {
      if (std::optional<route::Rule> rule = Add(one, here)) on.rules.push_back(*std::move(rule));
    } else if (any.UnpackTo(&list)) {
      for (int i = 0; i < list.routes_size(); ++i) {
        if (auto rule = Add(list.routes(i), absl::StrCat(here, ".routes[", i, "]"))) {
          on.rules.push_back(*std::move(rule));
        }
      }
    } else if (proto.has_action()) {
      problems_.Add(
          here, absl::StrCat("Didn't find a registered implementation for '", proto.action().name(),
                             "' with type URL: '", any.type_url(), "'"));
    }
    return on;
  }

  std::shared_ptr<const route::MatchTree> LoadTree(const xds_matcher::Matcher& proto,
                                                   const std::string& path) {
    auto tree = std::make_shared<route::MatchTree>();
    if (proto.has_matcher_list()) {
      for (int i = 0; i < proto.matcher_list().matchers_size(); ++i) {
        const auto& one = proto.matcher_list().matchers(i);
        const std::string here = absl::StrCat(path, ".matcher_list.matchers[", i, "]");
        route::MatchTree::Predicate predicate =
            LoadPredicate(one.predicate(), absl::StrCat(here, ".predicate"));
        tree->list.emplace_back(std::move(predicate),
                                LoadOnMatch(one.on_match(), absl::StrCat(here, ".on_match")));
      }
    } else if (proto.has_matcher_tree()) {
      const auto& map = proto.matcher_tree();
      const bool exact = map.has_exact_match_map();
      tree->kind = exact ? route::MatchTree::Kind::kExactMap : route::MatchTree::Kind::kPrefixMap;
      const std::string here = absl::StrCat(path, ".matcher_tree");
      tree->header = LoadInput(map.input(), absl::StrCat(here, ".input"));
      if (map.has_custom_match()) {
        problems_.Add(absl::StrCat(here, ".custom_match"), "custom matchers are not supported");
      }
      const auto& entries = exact ? map.exact_match_map().map() : map.prefix_match_map().map();
      // In the order of the keys, so that numbers do not depend on the map's order.
      std::vector<std::string> keys;
      for (const auto& [key, on] : entries) keys.push_back(key);
      std::sort(keys.begin(), keys.end());
      for (const std::string& key : keys) {
        tree->map.emplace_back(
            key, LoadOnMatch(entries.at(key),
                             absl::StrCat(here, exact ? ".exact_match_map" : ".prefix_match_map",
                                          ".map[\"", key, "\"]")));
      }
    }
    if (proto.has_on_no_match()) {
      tree->otherwise = LoadOnMatch(proto.on_no_match(), absl::StrCat(path, ".on_no_match"));
    }
    return tree;
  }

  const envoy_route::VirtualHost& proto_;
  const int index_;
  const RouteOptions& options_;
  std::vector<FieldError>* const errors_;
  routes::Inherited inherited_;
  const std::shared_ptr<route::VirtualHost> host_;
  const std::shared_ptr<action::VirtualHostActions> actions_;
  Problems problems_;
};

// Of all that a virtual host's compiled form is made from, but for positions.
std::string VersionOf(const envoy_route::RouteConfiguration& config,
                      const envoy_route::VirtualHost& host) {
  std::string bytes;
  {
    google::protobuf::io::StringOutputStream stream(&bytes);
    google::protobuf::io::CodedOutputStream coded(&stream);
    coded.SetSerializationDeterministic(true);
    host.SerializeToCodedStream(&coded);
    for (const auto& mirror : config.request_mirror_policies()) {
      mirror.SerializeToCodedStream(&coded);
    }
    coded.WriteVarint32(config.max_direct_response_body_size_bytes().value());
    coded.WriteVarint32(!config.has_validate_clusters() || config.validate_clusters().value());
  }
  return ContentHash(bytes);
}

// The configuration without its virtual hosts, to be checked by itself.
std::vector<FieldError> CheckTop(const envoy_route::RouteConfiguration& proto) {
  envoy_route::RouteConfiguration top = proto;
  top.clear_virtual_hosts();
  return CheckConstraints(top);
}

}  // namespace

LoadedRoutes LoadRouteConfig(const envoy_route::RouteConfiguration& proto,
                             const RouteOptions& options) {
  LoadedRoutes loaded;
  auto config = std::make_shared<action::RouteConfig>();
  config->name = proto.name();
  const std::string object = proto.name().empty()
                                 ? "route configuration"
                                 : absl::StrCat("route configuration ", proto.name());
  Problems problems(&loaded.errors, object,
                    options.position ? options.position("") : SourcePosition());
  for (FieldError& error : CheckTop(proto)) problems.Add(error.field, std::move(error.message));
  config->headers = routes::LoadHeaderEdits(
      proto.request_headers_to_add(), proto.request_headers_to_remove(),
      proto.response_headers_to_add(), proto.response_headers_to_remove(), "", &problems);
  config->filters = routes::LoadFilters(proto.typed_per_filter_config(), "typed_per_filter_config",
                                        options, &problems);
  config->most_specific_header_mutations_wins = proto.most_specific_header_mutations_wins();
  for (const std::string& name : proto.internal_only_headers()) {
    config->internal_only_headers.push_back(http::LowerCase(std::string_view(name)));
  }
  if (proto.has_vhds()) problems.Add("vhds", "discovery of virtual hosts is not supported");
  if (proto.cluster_specifier_plugins_size() > 0) {
    problems.Add("cluster_specifier_plugins", "cluster specifier plug-ins are not supported");
  }
  if (proto.route_specifiers_size() > 0) {
    problems.Add("route_specifiers", "route specifiers are not supported");
  }
  route::TableOptions table;
  table.name = proto.name();
  table.ignore_port_in_host = proto.ignore_port_in_host_matching();
  table.ignore_path_parameters = proto.ignore_path_parameters_in_path_matching();
  table.host_header = http::LowerCase(std::string_view(proto.vhost_header()));
  table.max_regex_program_size = options.max_regex_program_size;
  table.isolate_errors = options.isolate_errors;

  // Unchanged virtual hosts of the previous configuration, by content. Positions move without the
  // content, so that with positions nothing is shared.
  absl::flat_hash_map<std::string, size_t> known;
  if (options.previous != nullptr && !options.position) {
    for (size_t i = 0; i < options.previous->virtual_hosts.size(); ++i) {
      const std::string& version = options.previous->virtual_hosts[i]->version;
      if (!version.empty()) known.emplace(version, i);
    }
  }
  std::vector<std::shared_ptr<const route::VirtualHost>> hosts;
  for (int i = 0; i < proto.virtual_hosts_size(); ++i) {
    const envoy_route::VirtualHost& host = proto.virtual_hosts(i);
    const std::string version = options.cluster_exists ? "" : VersionOf(proto, host);
    if (const auto found = known.find(version); found != known.end() && !version.empty()) {
      hosts.push_back(options.previous->table->virtual_hosts()[found->second]);
      config->virtual_hosts.push_back(options.previous->virtual_hosts[found->second]);
      continue;
    }
    const size_t before = loaded.errors.size();
    Problems of_host(&loaded.errors, absl::StrCat("virtual host ", host.name()),
                     options.position ? options.position(absl::StrCat("virtual_hosts[", i, "]"))
                                      : SourcePosition());
    envoy_route::VirtualHost without_routes = host;
    without_routes.clear_routes();
    for (FieldError& error : CheckConstraints(without_routes)) {
      of_host.Add(error.field, std::move(error.message));
    }
    HostLoader loader(proto, host, i, options, &loaded.errors);
    loader.Load();
    if (loaded.errors.size() == before) loader.actions()->version = version;
    hosts.push_back(loader.host());
    config->virtual_hosts.push_back(loader.actions());
  }
  route::Table::Built built =
      route::Table::Build(std::move(hosts), table,
                          options.previous == nullptr ? nullptr : options.previous->table.get());
  for (FieldError& error : built.errors) loaded.errors.push_back(std::move(error));
  config->table = std::move(built.table);
  if (config->table != nullptr && (loaded.errors.empty() || options.isolate_errors)) {
    loaded.config = std::move(config);
  }
  return loaded;
}

absl::StatusOr<std::shared_ptr<const action::RouteConfig>> LoadRoutes(
    const envoy_route::RouteConfiguration& proto, const RouteOptions& options) {
  LoadedRoutes loaded = LoadRouteConfig(proto, options);
  if (loaded.config == nullptr) return ToStatus(loaded.errors);
  return std::move(loaded.config);
}

}  // namespace mesh::envoy
