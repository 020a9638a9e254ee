// Which of a user's objects a proxy's rejection is about. Private to mesh/discovery.
#ifndef MESH_DISCOVERY_REJECTION_H_
#define MESH_DISCOVERY_REJECTION_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/types/span.h"
#include "mesh/translate/resource.h"
#include "mesh/xds/resource.h"

namespace mesh::discovery {

// The resources that the words name, and the user's objects that these were made from: of the field
// where the words hold a path in the resource ("virtual_hosts[2].routes[0]"), else all of them, at
// most three. E.g. `listener "0.0.0.0_9080", made from bookinfo.yaml:14:9 (VirtualService
// default/bookinfo spec.http[0])`; "" where the words name nothing that was sent.
std::string BlameFor(std::string_view reason, absl::Span<const translate::Resource* const> sent);
std::string BlameFor(std::string_view reason, absl::Span<const xds::EncodedResourcePtr> sent);

}  // namespace mesh::discovery

#endif  // MESH_DISCOVERY_REJECTION_H_
