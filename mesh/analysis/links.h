// What ties objects to each other by name: what an object defines, and what it uses. Private.
#ifndef MESH_ANALYSIS_LINKS_H_
#define MESH_ANALYSIS_LINKS_H_

#include <cstdint>
#include <vector>

#include "mesh/config/resource.h"

namespace mesh::analysis {

// A name, such as that of a gateway or of a subset of a host, as a number. Two names of one number
// do no harm: an object too many is looked at.
using LinkName = uint64_t;

struct Links {
  // That the object is there under the name; what else it says does not matter to those who use it.
  std::vector<LinkName> defines;
  // The same, and every change of the object matters.
  std::vector<LinkName> describes;
  std::vector<LinkName> uses;
};

//  name                   defined by               used by
//  a gateway              Gateway                  VirtualServices bound to it
//  a subset of a host     DestinationRule          VirtualServices that send there
//  the same, sent to      VirtualService           the DestinationRules that have it
//  a host's rules         DestinationRule          the DestinationRules for the same host
//  a host in the mesh     VirtualService           the VirtualServices that claim it, too
//  a host at a gateway    VirtualService           the VirtualServices that have it there, too
//  a host that is         VirtualService that      VirtualServices of gateways that send to the
//  whole
//    narrowed               sends to its subset,     host
//                           DestinationRule
//  a secret               Secret                   Gateways that serve with it
//  delegation             VirtualServices that delegate or are delegated to: all of them
Links LinksOf(const config::Resource& object);

}  // namespace mesh::analysis

#endif  // MESH_ANALYSIS_LINKS_H_
