// Istio's own Bookinfo: on its files, as its documentation has them applied, nothing is found but
// what is listed here, each with the reason why a careful person would want to know.
#include <cstdlib>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "mesh/analysis/analyze.h"
#include "mesh/analysis/input.h"
#include "mesh/config/read.h"

namespace mesh::analysis {
namespace {

using ::testing::IsEmpty;
using ::testing::UnorderedElementsAreArray;

std::string Read(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

// "CODE Kind/name" of what is found in these files together.
std::set<std::string> Find(const std::vector<std::string>& files) {
  const std::string folder = absl::StrCat(std::getenv("MESH_SHARED"), "/data/bookinfo/");
  std::vector<config::ReadResult> read;
  for (const std::string& file : files) {
    const std::string text = Read(folder + file);
    EXPECT_FALSE(text.empty()) << file;
    read.push_back(config::ReadYaml(file, text, ReadOptions()));
  }
  const Input input = ToInput(std::move(read));
  std::set<std::string> found;
  for (const Finding& f : Analyze(*input.snapshot, input.options)) {
    found.insert(absl::StrCat(f.code, " ", f.kind, "/", f.name));
  }
  return found;
}

constexpr char kServices[] = "platform/kube/bookinfo.yaml";
constexpr char kRules[] = "networking/destination-rule-all.yaml";
constexpr char kGateway[] = "networking/bookinfo-gateway.yaml";

TEST(Bookinfo, TheFilesThatEverybodyBeginsWithHaveNoFindings) {
  if (std::getenv("MESH_SHARED") == nullptr) GTEST_SKIP() << "MESH_SHARED is not set";
  EXPECT_THAT(Find({kServices}), IsEmpty());
  EXPECT_THAT(Find({kServices, kGateway}), IsEmpty());
  EXPECT_THAT(Find({kServices, kGateway, kRules}), IsEmpty());
  EXPECT_THAT(Find({kServices, kGateway, "networking/destination-rule-all-mtls.yaml"}), IsEmpty());
}

// It has a DestinationRule of its own in place of the one for all. Its second rule is never used,
// as the first has no match: that is so in Istio's repository.
TEST(Bookinfo, TheFaultOfDetails) {
  if (std::getenv("MESH_SHARED") == nullptr) GTEST_SKIP() << "MESH_SHARED is not set";
  EXPECT_THAT(Find({kServices, kGateway, "networking/fault-injection-details-v1.yaml"}),
              UnorderedElementsAreArray(
                  {"IST0130 VirtualService/details", "MSH0128 VirtualService/details"}));
}

TEST(Bookinfo, EveryTaskWithWhatItNeeds) {
  if (std::getenv("MESH_SHARED") == nullptr) GTEST_SKIP() << "MESH_SHARED is not set";
  struct Task {
    const char* file;
    std::vector<std::string> also;  // what its task deploys besides
    std::vector<std::string> wanted;
  };
  const Task kTasks[] = {
      {"virtual-service-all-v1.yaml", {}, {}},
      {"virtual-service-reviews-50-v3.yaml", {}, {}},
      {"virtual-service-reviews-80-20.yaml", {}, {}},
      {"virtual-service-reviews-90-10.yaml", {}, {}},
      {"virtual-service-reviews-jason-v2-v3.yaml", {}, {}},
      {"virtual-service-reviews-test-v2.yaml", {}, {}},
      {"virtual-service-reviews-v2-v3.yaml", {}, {}},
      {"virtual-service-reviews-v3.yaml", {}, {}},
      {"virtual-service-ratings-test-abort.yaml", {}, {}},
      {"virtual-service-ratings-test-delay.yaml", {}, {}},
      {"virtual-service-details-v2.yaml", {"platform/kube/bookinfo-details-v2.yaml"}, {}},
      {"virtual-service-ratings-db.yaml",
       {"platform/kube/bookinfo-ratings-v2.yaml", "platform/kube/bookinfo-db.yaml"},
       {}},
      {"virtual-service-ratings-mysql.yaml",
       {"platform/kube/bookinfo-ratings-v2-mysql.yaml", "platform/kube/bookinfo-mysql.yaml"},
       {}},
      {"virtual-service-ratings-mysql-vm.yaml",
       {"platform/kube/bookinfo-ratings-v2-mysql-vm.yaml"},
       {}},
      // TLS without an authority to verify the server by: Istio says so too.
      {"egress-rule-google-apis.yaml",
       {},
       {"IST0129 DestinationRule/originate-tls-for-googleapis"}},
  };
  for (const Task& task : kTasks) {
    std::vector<std::string> files = {kServices, kGateway, kRules,
                                      absl::StrCat("networking/", task.file)};
    files.insert(files.end(), task.also.begin(), task.also.end());
    EXPECT_THAT(Find(files), UnorderedElementsAreArray(task.wanted)) << task.file;
  }
}

}  // namespace
}  // namespace mesh::analysis
