// The rule "a field we do not do is an error that names it", kept by reflection: a loader lists the
// fields it knows, everything else that is set is reported.
#ifndef MESH_ENVOY_KNOWN_FIELDS_H_
#define MESH_ENVOY_KNOWN_FIELDS_H_

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "google/protobuf/any.pb.h"
#include "google/protobuf/message.h"
#include "mesh/base/field_error.h"

namespace mesh::envoy {

// Collects the errors of one resource. Not thread-safe.
class FieldErrors {
 public:
  // `object` opens every line: `listener "a"`.
  explicit FieldErrors(std::string object) : object_(std::move(object)) {}

  void Add(const std::string& path, std::string message);
  // Reports each field of `message` that is set and stands in neither list. `known` fields are read
  // by the caller, `ignored` ones change nothing that this proxy does.
  void Only(const google::protobuf::Message& message, const std::string& path,
            std::initializer_list<std::string_view> known,
            std::initializer_list<std::string_view> ignored = {});
  // Unpacks `any`, or reports why not.
  bool Unpack(const google::protobuf::Any& any, const std::string& path,
              google::protobuf::Message* to);

  const std::vector<FieldError>& errors() const { return errors_; }

 private:
  const std::string object_;
  std::vector<FieldError> errors_;
};

// "a.b" from "a" and "b"; "b" where the first is empty.
std::string Join(const std::string& path, std::string_view field);
// "a[3]".
std::string At(const std::string& path, int index);

}  // namespace mesh::envoy

#endif  // MESH_ENVOY_KNOWN_FIELDS_H_
