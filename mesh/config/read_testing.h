// For tests of reading: what is read as texts, and an object to read.
#ifndef MESH_CONFIG_READ_TESTING_H_
#define MESH_CONFIG_READ_TESTING_H_

#include <string>
#include <vector>

#include "mesh/base/field_error.h"
#include "mesh/config/read.h"

namespace mesh::config {

inline std::vector<std::string> Texts(const std::vector<FieldError>& errors) {
  std::vector<std::string> texts;
  for (const FieldError& error : errors) texts.push_back(error.ToString());
  return texts;
}

// Of the objects that were read.
inline std::vector<std::string> Names(const ReadResult& read) {
  std::vector<std::string> names;
  for (const ResourcePtr& resource : read.resources) names.push_back(resource->ObjectName());
  return names;
}

inline constexpr char kBookinfo[] = R"(apiVersion: networking.istio.io/v1alpha3
kind: VirtualService
metadata:
  name: bookinfo
  labels:
    app.kubernetes.io/name: bookinfo
spec:
  hosts:
  - "*"
  http:
  - match:
    - uri:
        exact: /productpage
    - uri:
        prefix: /static
      headers:
        end-user:
          exact: jason
    route:
    - destination:
        host: productpage
        port:
          number: 9080
      weight: 100
    timeout: 1m30.5s
)";

}  // namespace mesh::config

#endif  // MESH_CONFIG_READ_TESTING_H_
