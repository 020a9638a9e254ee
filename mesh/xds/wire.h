// DiscoveryResponse in protobuf's wire format, written around resources that are already encoded.
// Private to mesh/xds.
#ifndef MESH_XDS_WIRE_H_
#define MESH_XDS_WIRE_H_

#include <string>
#include <string_view>

#include "absl/types/span.h"
#include "grpcpp/support/byte_buffer.h"
#include "grpcpp/support/slice.h"
#include "mesh/xds/resource.h"

namespace mesh::xds {

// What stands before a message of that size when it is an element of DiscoveryResponse.resources:
// the tag and length of the element, and its Any up to the message.
std::string ResourceElementHead(std::string_view type_url, size_t message_size);

// envoy.service.discovery.v3.DiscoveryResponse. `resources` share their bytes with the result.
grpc::ByteBuffer EncodeDiscoveryResponse(Type type, std::string_view version,
                                         std::string_view nonce, std::string_view identifier,
                                         absl::Span<const EncodedResourcePtr> resources);

// The same with all of `list`, as one shared slice.
grpc::ByteBuffer EncodeDiscoveryResponse(Type type, std::string_view version,
                                         std::string_view nonce, std::string_view identifier,
                                         const ResourceList& list);

// The value of field 1 (length-delimited) of a message, which is the name of every resource type
// of ours; "" where there is none or the bytes are damaged. Borrows from `message`.
std::string_view FirstField(std::string_view message);

}  // namespace mesh::xds

#endif  // MESH_XDS_WIRE_H_
