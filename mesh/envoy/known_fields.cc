#include "mesh/envoy/known_fields.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "google/protobuf/descriptor.h"
#include "mesh/base/strings.h"

namespace mesh::envoy {

std::string Join(const std::string& path, std::string_view field) {
  return path.empty() ? std::string(field) : absl::StrCat(path, ".", Absl(field));
}

std::string At(const std::string& path, int index) { return absl::StrCat(path, "[", index, "]"); }

void FieldErrors::Add(const std::string& path, std::string message) {
  FieldError error;
  error.object = object_;
  error.field = path;
  error.message = std::move(message);
  errors_.push_back(std::move(error));
}

void FieldErrors::Only(const google::protobuf::Message& message, const std::string& path,
                       std::initializer_list<std::string_view> known,
                       std::initializer_list<std::string_view> ignored) {
  std::vector<const google::protobuf::FieldDescriptor*> set;
  message.GetReflection()->ListFields(message, &set);
  for (const auto* field : set) {
    const std::string_view name = field->name();
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    if (std::find(ignored.begin(), ignored.end(), name) != ignored.end()) continue;
    Add(Join(path, name), "not supported");
  }
}

bool FieldErrors::Unpack(const google::protobuf::Any& any, const std::string& path,
                         google::protobuf::Message* to) {
  const std::string& url = any.type_url();
  const std::string name = url.substr(url.rfind('/') + 1);
  if (name != to->GetDescriptor()->full_name()) {
    Add(path, absl::StrCat(name, " is not supported"));
    return false;
  }
  if (!to->ParseFromString(any.value())) {
    Add(path, absl::StrCat("the bytes are no ", name));
    return false;
  }
  return true;
}

}  // namespace mesh::envoy
