#include "mesh/translate/resource.h"

#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/util/json_util.h"
#include "google/protobuf/util/type_resolver.h"
#include "google/protobuf/util/type_resolver_util.h"
#include "mesh/base/field_error.h"
#include "mesh/base/strings.h"

namespace mesh::translate {
namespace {

constexpr char kTypePrefix[] = "type.googleapis.com";

class JsonWriter {
 public:
  explicit JsonWriter(bool indent)
      : resolver_(google::protobuf::util::NewTypeResolverForDescriptorPool(
            kTypePrefix, google::protobuf::DescriptorPool::generated_pool())) {
    options_.add_whitespace = indent;
  }

  // Out of the bytes and not the message: maps are in order there.
  absl::StatusOr<std::string> Write(const Resource& resource) const {
    std::string json;
    const google::protobuf::util::Status status = google::protobuf::util::BinaryToJsonString(
        resolver_.get(), std::string(resource.type_url), resource.bytes, &json, options_);
    if (!status.ok()) {
      return absl::InternalError(absl::StrCat(resource.name, ": ", status.ToString()));
    }
    return json;
  }

 private:
  std::unique_ptr<google::protobuf::util::TypeResolver> resolver_;
  google::protobuf::util::JsonPrintOptions options_;
};

}  // namespace

bool operator==(const Origin& a, const Origin& b) {
  return a.object == b.object && a.field == b.field && a.position == b.position;
}

const Origin* Resource::OriginOf(std::string_view path) const {
  while (true) {
    if (const auto it = provenance.find(path); it != provenance.end()) return &it->second;
    if (path.empty()) return nullptr;
    const size_t end = path.find_last_of(".[");
    path = end == std::string_view::npos ? std::string_view() : path.substr(0, end);
  }
}

std::string Finding::ToString() const {
  return FieldError{origin.position, origin.object, origin.field, message}.ToString();
}

absl::StatusOr<std::string> ResourceToJson(const Resource& resource, bool indent) {
  return JsonWriter(indent).Write(resource);
}

absl::StatusOr<std::string> OutputToJson(const Output& output, const JsonOptions& options) {
  const JsonWriter writer(options.indent);
  const std::string newline = options.indent ? "\n" : "";
  struct Section {
    const char* key;
    const std::vector<ResourcePtr>& resources;
    bool wanted;
  };
  const Section sections[] = {
      {"listeners", output.listeners, options.listeners},
      {"clusters", output.clusters, options.clusters},
      {"routes", output.routes, options.routes},
      {"endpoints", output.endpoints, options.endpoints},
  };
  std::string json = absl::StrCat("{", newline);
  bool first_section = true;
  for (const Section& section : sections) {
    absl::StrAppend(&json, first_section ? "" : absl::StrCat(",", newline), "\"", section.key,
                    "\":[");
    first_section = false;
    if (section.wanted) {
      bool first = true;
      for (const ResourcePtr& resource : section.resources) {
        absl::StatusOr<std::string> text = writer.Write(*resource);
        if (!text.ok()) return text.status();
        while (!text->empty() && text->back() == '\n') text->pop_back();
        absl::StrAppend(&json, first ? "" : ",", newline, *text);
        first = false;
      }
    }
    absl::StrAppend(&json, "]");
  }
  absl::StrAppend(&json, newline, "}", newline);
  return json;
}

}  // namespace mesh::translate
