// meshctl route: what becomes of requests, and why.
#ifndef MESH_CTL_ROUTE_H_
#define MESH_CTL_ROUTE_H_

#include "mesh/ctl/command.h"

namespace mesh::ctl {

// `route test|match|prove|diff`; see route_test_verb.h for the first. All read RouteConfigurations
// or, with --proxy, Istio YAML.
//   match METHOD URL [-H 'k: v'] [--explain]: the rule taken; exit 1 where none is.
//   prove: rules that no request reaches; exit 79 where there is one.
//   diff --before PATH --after PATH: requests whose fate differs; exit 1 where there is one.
// match and diff take --from-log FILE: the requests of an access log.
void AddRoute(CLI::App* root, Context* context);

}  // namespace mesh::ctl

#endif  // MESH_CTL_ROUTE_H_
