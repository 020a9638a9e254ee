// Reads objects out of YAML and JSON, with the position of every field and all errors at once.
#ifndef MESH_CONFIG_READ_H_
#define MESH_CONFIG_READ_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "google/protobuf/struct.pb.h"
#include "mesh/base/field_error.h"
#include "mesh/base/source_position.h"
#include "mesh/config/positions.h"
#include "mesh/config/resource.h"

namespace mesh::config {

struct ReadOptions {
  // For objects of namespaced kinds that name none.
  std::string default_namespace = "default";
  // A larger input is refused before it is looked at.
  size_t max_bytes = 50 << 20;
  // Objects of unknown kinds keep what they hold, for those who look at such kinds themselves.
  bool keep_unknown = false;
};

// What a document holds, whatever it means, and where.
struct Document {
  google::protobuf::Struct content;
  Positions positions;
};

// One object of the input, read or not, in the order of the input. An item of a `kind: List` counts
// as an object, the list itself does not.
struct ReadObject {
  SourcePosition position;  // of its first key
  std::string kind;         // as written; empty where a broken document does not say
  std::string api_version;
  std::string ns;    // with the default applied
  std::string name;  // may be empty
  // Null where `errors` is not empty or the object was skipped.
  ResourcePtr resource;
  std::vector<FieldError> errors;
  // Why it was not read, such as "unknown kind". Empty for objects that were.
  std::string skipped;
  // Of an unknown kind with ReadOptions::keep_unknown, and of ReadDocuments; else null.
  std::shared_ptr<const Document> document;
};

struct ReadResult {
  // The objects without errors.
  std::vector<ResourcePtr> resources;
  // Of all objects, in order.
  std::vector<FieldError> errors;
  // Indices into `objects`.
  std::vector<size_t> skipped;
  std::vector<ReadObject> objects;
  // Some document is so broken that what it holds is not known: nothing follows from an object's
  // not being in this result.
  bool incomplete = false;
};

// Multi-document YAML (JSON is a part of it), `kind: List`, anchors, merges. Every document stands
// for itself: an error in one, be it of syntax, leaves the others alone.
//
// Istio's kinds are read strictly: an unknown field, a key given twice, a value of another type
// (`exact: y` is a boolean in YAML), a number in quotes are errors that say what to write.
// Kubernetes' kinds are read for the fields of api/kubernetes, others are skipped, and defaults are
// set as Kubernetes sets them (targetPort is port, protocol is TCP, replicas is 1).
// A null is as good as absent. Nesting is limited to 100, and what aliases expand to to 100,000
// values.
//
//   ReadResult read = ReadYaml("bookinfo.yaml", bytes);
//   for (const FieldError& error : read.errors) std::cerr << error.ToString() << "\n";
//
// `file` is only for messages and positions. Thread-safe. Nothing borrows from `bytes`.
// Does not look for the same object twice: that is the Store's, over all inputs.
ReadResult ReadYaml(std::string_view file, std::string_view bytes, const ReadOptions& options = {});

// Reads one document that is a MeshConfig on top of DefaultMeshConfig(): the result has one object
// of Kind::kMeshConfig, or its errors. Fields are at "connectTimeout", "defaultConfig.concurrency".
// A Kubernetes ConfigMap with a key "mesh" is not read here.
ReadResult ReadMeshConfig(std::string_view file, std::string_view bytes,
                          const ReadOptions& options = {});

// Every document as it is: mappings of any form, with neither kind nor name. Errors are those of
// YAML.
ReadResult ReadDocuments(std::string_view file, std::string_view bytes,
                         const ReadOptions& options = {});

// What ReadYaml says of an input of so many bytes, where that is more than it reads: for those who
// can tell the size before they read.
std::optional<ReadResult> RefuseSize(std::string_view file, uint64_t bytes,
                                     const ReadOptions& options = {});

// The same where only that is known: that there is more than is read.
ReadResult RefuseLarger(std::string_view file, const ReadOptions& options = {});

// The error of the second of two objects with one key: "... is also at a.yaml:3:1, which stays in
// force: delete one of the two or rename it".
FieldError DuplicateError(const Resource& first, const Resource& second);

// For tools that read several inputs once: of objects with one key the first stays a resource, the
// others get a DuplicateError and lose theirs. A Store does the same for itself.
void RefuseDuplicates(std::vector<ReadResult>* inputs);

}  // namespace mesh::config

#endif  // MESH_CONFIG_READ_H_
