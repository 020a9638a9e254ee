#include "examples/program/usage.h"

#include <string>

#include "absl/flags/usage.h"
#include "absl/flags/usage_config.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "mesh/base/strings.h"
#include "mesh/base/version.h"

namespace examples {
namespace {

bool IsMain(absl::string_view file) { return absl::EndsWith(file, "/main.cc"); }

std::string Version() {
  return absl::StrCat(mesh::kVersion, " (Istio ", mesh::kIstioSemantics, " semantics)\n");
}

}  // namespace

void SetUsage(std::string_view message) {
  absl::SetProgramUsageMessage(mesh::Absl(message));
  absl::FlagsUsageConfig config;
  config.contains_helpshort_flags = &IsMain;
  config.contains_help_flags = &IsMain;
  config.version_string = &Version;
  absl::SetFlagsUsageConfig(config);
}

}  // namespace examples
