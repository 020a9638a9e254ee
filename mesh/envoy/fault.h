// Envoy's fault filter as a plain value.
#ifndef MESH_ENVOY_FAULT_H_
#define MESH_ENVOY_FAULT_H_

#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace google::protobuf {
class Any;
}

namespace mesh::envoy {

inline constexpr char kFaultFilter[] = "envoy.filters.http.fault";

// envoy.extensions.filters.http.fault.v3.HTTPFault with a fixed delay and an HTTP status.
struct Fault {
  // Of requests: so many of `of`.
  struct Share {
    uint32_t numerator = 0;
    uint32_t of = 100;
  };
  absl::Duration delay = absl::ZeroDuration();
  Share delay_share;
  int abort_status = 0;  // 0: none
  Share abort_share;
};

// InvalidArgument names every field that this proxy does not do.
absl::StatusOr<std::shared_ptr<const Fault>> LoadFault(const google::protobuf::Any& any);

}  // namespace mesh::envoy

#endif  // MESH_ENVOY_FAULT_H_
