// meshctl route test: a RouteConfiguration against assertions in the format of Envoy's
// router_check_tool.
#ifndef MESH_CTL_ROUTE_TEST_VERB_H_
#define MESH_CTL_ROUTE_TEST_VERB_H_

#include "mesh/ctl/command.h"

namespace mesh::ctl {

// `test --config RDS --tests TESTS [--coverage] [-o table|json|yaml|junit]` below `route`. Exit 1
// when a test fails (or, with --coverage, nothing else: rules without a test are listed only).
void AddRouteTest(CLI::App* route, Context* context);

}  // namespace mesh::ctl

#endif  // MESH_CTL_ROUTE_TEST_VERB_H_
