#include "mesh/config/resource.h"

#include "absl/strings/str_cat.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "mesh/base/strings.h"

namespace mesh::config {
namespace {

std::string Bytes(const google::protobuf::Message& message) {
  std::string bytes;
  {
    google::protobuf::io::StringOutputStream out(&bytes);
    google::protobuf::io::CodedOutputStream coded(&out);
    coded.SetSerializationDeterministic(true);
    message.SerializeToCodedStream(&coded);
  }
  return bytes;
}

bool SameMetadata(const Metadata& a, const Metadata& b) {
  if (a.owners.size() != b.owners.size()) return false;
  for (size_t i = 0; i < a.owners.size(); ++i) {
    if (a.owners[i].kind != b.owners[i].kind || a.owners[i].name != b.owners[i].name) return false;
  }
  // Not resource_version: it changes with every write, whatever is written.
  return a.name == b.name && a.ns == b.ns && a.labels == b.labels &&
         a.annotations == b.annotations && a.creation == b.creation && a.uid == b.uid;
}

}  // namespace

std::string ObjectName(Kind kind, std::string_view ns, std::string_view name) {
  if (ns.empty()) return absl::StrCat(Absl(KindName(kind)), " ", Absl(name));
  return absl::StrCat(Absl(KindName(kind)), " ", Absl(ns), "/", Absl(name));
}

SourcePosition Resource::PositionOf(std::string_view path) const {
  SourcePosition position = parts_.position;
  const Positions::Place place = parts_.positions.Find(path);
  if (place.line > 0) {
    position.line = place.line;
    position.column = place.column;
  }
  return position;
}

std::string Resource::ObjectName() const { return config::ObjectName(kind(), ns(), name()); }

FieldError Resource::Error(std::string_view path, std::string message) const {
  return FieldError{PositionOf(path), ObjectName(), std::string(path), std::move(message)};
}

ResourcePtr MakeResource(Kind kind, Metadata metadata, const google::protobuf::Message& spec) {
  Resource::Parts parts;
  parts.kind = kind;
  const KindInfo& info = InfoOf(kind);
  if (!info.versions.empty()) {
    parts.api_version = info.group.empty()
                            ? std::string(info.versions.back())
                            : absl::StrCat(Absl(info.group), "/", Absl(info.versions.back()));
  }
  parts.metadata = std::move(metadata);
  std::unique_ptr<google::protobuf::Message> copy(spec.New());
  copy->CopyFrom(spec);
  parts.spec = std::move(copy);
  return std::make_shared<const Resource>(std::move(parts));
}

bool SameContent(const Resource& a, const Resource& b) {
  return a.kind() == b.kind() && SameMetadata(a.metadata(), b.metadata()) &&
         Bytes(a.spec()) == Bytes(b.spec());
}

}  // namespace mesh::config
