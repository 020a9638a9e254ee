// A control plane of one's own out of the libraries: objects come from this program instead of
// files, each change goes to every proxy that connects.
//
//   control_plane 127.0.0.1:15010       then lines on stdin: the weight of reviews v1, 0 to 100

#include "mesh/discovery/control_plane.h"

#include <cstdio>
#include <iostream>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "mesh/base/log.h"
#include "mesh/config/source.h"

namespace {

// Where configuration comes from: here a number, elsewhere a database.
class Weights final : public mesh::config::Source {
 public:
  absl::Status Start(Callback callback) override {
    callback_ = std::move(callback);
    Set(100);
    return absl::OkStatus();
  }
  void Stop() override { callback_ = nullptr; }

  void Set(int v1) {
    if (callback_ == nullptr) return;
    mesh::config::Unit unit;
    unit.name = "weights";
    unit.content = mesh::config::ReadYaml(
        "weights", absl::StrCat("apiVersion: networking.istio.io/v1alpha3\nkind: VirtualService\n"
                                "metadata: {name: reviews}\nspec:\n  hosts: [reviews]\n  http:\n"
                                "  - route:\n    - destination: {host: reviews, subset: v1}\n"
                                "      weight: ",
                                v1,
                                "\n"
                                "    - destination: {host: reviews, subset: v2}\n"
                                "      weight: ",
                                100 - v1, "\n"));
    mesh::config::SourceUpdate update;
    update.units.push_back(std::move(unit));
    callback_(std::move(update));
  }

 private:
  Callback callback_;
};

}  // namespace

int main(int argc, char** argv) {
  mesh::StderrLog log;
  auto source = std::make_unique<Weights>();
  Weights* weights = source.get();  // lives as long as the control plane
  mesh::discovery::ControlPlaneOptions options;
  options.sources.push_back({"weights", std::move(source)});
  options.xds_address = argc > 1 ? argv[1] : "127.0.0.1:15010";
  options.monitoring_address = "";
  options.log = &log;
  auto control_plane = mesh::discovery::ControlPlane::Start(std::move(options));
  if (!control_plane.ok()) {
    std::fprintf(stderr, "%s\n", std::string(control_plane.status().message()).c_str());
    return 1;
  }
  std::printf("xDS on port %d\n", (*control_plane)->xds_port());
  for (std::string line; std::fflush(stdout), std::getline(std::cin, line);) {
    int v1 = 0;
    if (!absl::SimpleAtoi(line, &v1) || v1 < 0 || v1 > 100) {
      std::printf("a weight is a number from 0 to 100\n");
      continue;
    }
    const uint64_t before = (*control_plane)->snapshot()->generation();
    weights->Set(v1);
    const bool taken = (*control_plane)->WaitInSync(0, before + 1, absl::Seconds(5));
    std::printf("v1 has %d%%: %s by %d proxies\n", v1, taken ? "acknowledged" : "not acknowledged",
                static_cast<int>((*control_plane)->Status().size()));
  }
  (*control_plane)->Stop();
  return 0;
}
