// A table and its actions together: what a proxy holds and swaps.
#ifndef MESH_ROUTE_ACTION_ROUTE_CONFIG_H_
#define MESH_ROUTE_ACTION_ROUTE_CONFIG_H_

#include <memory>
#include <string>
#include <vector>

#include "mesh/route/action/action.h"
#include "mesh/route/table.h"

namespace mesh::route::action {

// Immutable once shared; thread-safe.
//
//   const Match match = config->table->Find(request);
//   if (const Route* route = config->RouteOf(match)) ...
struct RouteConfig {
  std::string name;
  std::shared_ptr<const Table> table;
  HeaderEdits headers;
  FilterConfigs filters;
  bool most_specific_header_mutations_wins = false;
  std::vector<std::string> internal_only_headers;
  // Parallel to the table's virtual hosts.
  std::vector<std::shared_ptr<const VirtualHostActions>> virtual_hosts;

  // The route a match stands for, or null; borrows.
  const Route* RouteOf(const Match& match) const {
    if (!match.found()) return nullptr;
    const VirtualHostActions& host = *virtual_hosts[match.virtual_host];
    return match.rule < host.routes.size() ? &host.routes[match.rule] : nullptr;
  }
  const VirtualHostActions* HostOf(const Match& match) const {
    return match.outcome == Match::Outcome::kNoVirtualHost
               ? nullptr
               : virtual_hosts[match.virtual_host].get();
  }
};

}  // namespace mesh::route::action

#endif  // MESH_ROUTE_ACTION_ROUTE_CONFIG_H_
