// What the .proto files of api/ say of their messages and fields.
#ifndef MESH_CTL_FIELD_COMMENTS_H_
#define MESH_CTL_FIELD_COMMENTS_H_

#include <string_view>

namespace mesh::ctl {

// The comment of a message ("istio.networking.v1alpha3.HTTPRoute"), of a field (".timeout" behind
// it, the name as in the .proto), of an enum or of a value of one (".NAME" behind the enum's).
// Empty where there is none. Lives forever. Cost: a binary search.
std::string_view CommentOf(std::string_view full_name);

}  // namespace mesh::ctl

#endif  // MESH_CTL_FIELD_COMMENTS_H_
