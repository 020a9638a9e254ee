// What the values of Istio's annotations must be.
#ifndef MESH_ANALYSIS_CHECKS_ANNOTATION_VALUES_H_
#define MESH_ANALYSIS_CHECKS_ANNOTATION_VALUES_H_

#include <string>

namespace mesh::analysis {

enum class AnnotationValue {
  kAny,
  kNumber,
  kPort,
  kTrueOrFalse,
  kBoolean,  // as Go's strconv.ParseBool
  kPorts,
  kPortsOrAll,
  kRanges,
  kRangesOrAll,
  kInterception,
  kInterfaces,
  kQuantity,
  kProxyConfig,
};

// What the value must be, to be put after "must be"; empty where it is.
std::string AnnotationProblem(AnnotationValue wanted, const std::string& value);

}  // namespace mesh::analysis

#endif  // MESH_ANALYSIS_CHECKS_ANNOTATION_VALUES_H_
