// What is wrong with each object by itself: what the reader and the validators say.
#include "mesh/analysis/checks/checks.h"
#include "mesh/config/validate.h"

namespace mesh::analysis {
namespace {

constexpr char kRemedy[] = "correct the field: an invalid object is not used";

}  // namespace

void CheckSchema(const Facts& facts, Findings* findings) {
  for (const config::KindInfo& kind : config::AllKinds()) {
    if (!kind.istio || kind.kind == config::Kind::kMeshConfig) continue;
    for (const config::ResourcePtr& object : facts.snapshot().List(kind.kind)) {
      for (const FieldError& error : config::ValidateResource(*object)) {
        Report("IST0106", *object, error.field, error.message, kRemedy, findings);
      }
    }
  }
  for (const UnreadObject& object : facts.options().unread) {
    for (const FieldError& error : object.errors) {
      Report("IST0106", object, error.position, error.field, error.message, kRemedy, findings);
    }
  }
}

}  // namespace mesh::analysis
