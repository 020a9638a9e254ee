#include "mesh/analysis/input.h"

#include <utility>

namespace mesh::analysis {

Input ToInput(std::vector<config::ReadResult> files) {
  config::RefuseDuplicates(&files);
  Input input;
  std::vector<config::ResourcePtr> resources;
  for (config::ReadResult& file : files) {
    for (config::ReadObject& object : file.objects) {
      if (object.resource != nullptr) {
        resources.push_back(object.resource);
      } else {
        input.options.unread.push_back(
            {object.kind, object.ns, object.name, object.position, std::move(object.errors)});
      }
    }
  }
  input.snapshot = config::Snapshot::Of(std::move(resources));
  return input;
}

}  // namespace mesh::analysis
