// Collects what is wrong with one resource, with the path of each field.
#ifndef MESH_CONFIG_VALIDATION_CHECKER_H_
#define MESH_CONFIG_VALIDATION_CHECKER_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "mesh/base/field_error.h"
#include "mesh/config/field_path.h"
#include "mesh/config/resource.h"

namespace mesh::config {

// The path of a field while the checks walk, written out only when there is something to say.
// Borrows its parent: made on the stack on the way down.
class Path {
 public:
  // At the root of the object.
  Path() = default;
  Path Field(std::string_view name) const { return Path(this, name, 0, Type::kField); }
  Path At(size_t index) const { return Path(this, {}, index, Type::kIndex); }
  Path Key(std::string_view key) const { return Path(this, key, 0, Type::kKey); }

  std::string ToString() const {
    if (parent_ == nullptr) return "";
    const std::string above = parent_->ToString();
    return type_ == Type::kField   ? FieldPath(above, name_)
           : type_ == Type::kIndex ? IndexPath(above, index_)
                                   : KeyPath(above, name_);
  }

 private:
  enum class Type { kField, kIndex, kKey };
  Path(const Path* parent, std::string_view name, size_t index, Type type)
      : parent_(parent), name_(name), index_(index), type_(type) {}

  const Path* parent_ = nullptr;
  std::string_view name_;
  size_t index_ = 0;
  Type type_ = Type::kField;
};

class Checker {
 public:
  // More of one object help nobody.
  static constexpr size_t kMostErrors = 1000;

  explicit Checker(const Resource& resource) : resource_(resource) {}

  void Fail(const Path& path, std::string message) {
    if (errors_.size() > kMostErrors) return;
    if (errors_.size() == kMostErrors) {
      errors_.push_back(
          resource_.Error("", "has more errors than these; what follows is not said"));
      return;
    }
    errors_.push_back(resource_.Error(path.ToString(), std::move(message)));
  }
  // Fails with `problem` where it is not empty.
  void Check(const Path& path, std::string problem) {
    if (!problem.empty()) Fail(path, std::move(problem));
  }
  // Whether the field is in the file, if only as [] or {}: messages do not tell. False for
  // resources without a file.
  bool IsWritten(const Path& path) const { return resource_.positions().Has(path.ToString()); }

  const Resource& resource() const { return resource_; }
  std::vector<FieldError> Take() { return std::move(errors_); }

 private:
  const Resource& resource_;
  std::vector<FieldError> errors_;
};

}  // namespace mesh::config

#endif  // MESH_CONFIG_VALIDATION_CHECKER_H_
