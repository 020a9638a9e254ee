// Istio 1.7.3's analyzers over their own test data, and istioctl analyze over whole files: the same
// codes for the same objects. Istio says the line where an object's document begins, we say that of
// the field: ours must be inside that document.
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "gtest/gtest.h"
#include "mesh/analysis/analyze.h"
#include "mesh/analysis/input.h"
#include "mesh/config/read.h"
#include "nlohmann/json.hpp"

namespace mesh::analysis {
namespace {

using nlohmann::json;

constexpr int kAnalyzers = 75;
constexpr int kIstioctl = 91;

// Codes that Istio 1.7.3 reports; later ones and ours come beside them. Those of policies
// that 1.7.3 no longer reads are in its catalogue alone.
bool IsOf173(const std::string& code) {
  static const auto* const kNot =
      new std::set<std::string>{"IST0113", "IST0114", "IST0115", "IST0119", "IST0120", "IST0121"};
  return code <= "IST0129" && kNot->count(code) == 0;
}

// Which of our checks does the work of which of Istio's analyzers.
const std::map<std::string, std::string>& CheckOf() {
  static const auto* const kMap = new std::map<std::string, std::string>{
      {"annotations.K8sAnalyzer", "annotations"},
      {"auth.AuthorizationPoliciesAnalyzer", "authorization_policies"},
      {"deployment.MultiServiceAnalyzer", "deployment_services"},
      {"deprecation.DeprecationAnalyzer", "deprecation"},
      {"destinationrule.CaCertificateAnalyzer", "ca_certificates"},
      {"gateway.IngressGatewayPortAnalyzer", "gateway_ports"},
      {"gateway.SecretAnalyzer", "gateway_credentials"},
      {"injection.Analyzer", "injection"},
      {"injection.ImageAnalyzer", "proxy_images"},
      {"meshnetworks.MeshNetworksAnalyzer", "mesh_networks"},
      {"service.PortNameAnalyzer", "port_names"},
      {"sidecar.DefaultSelectorAnalyzer", "sidecar_defaults"},
      {"sidecar.SelectorAnalyzer", "sidecar_selectors"},
      {"virtualservice.ConflictingMeshGatewayHostsAnalyzer", "mesh_gateway_hosts"},
      {"virtualservice.DestinationHostAnalyzer", "virtual_service_hosts"},
      {"virtualservice.DestinationRuleAnalyzer", "virtual_service_subsets"},
      {"virtualservice.GatewayAnalyzer", "virtual_service_gateways"},
      {"virtualservice.RegexAnalyzer", "regexes"},
  };
  return *kMap;
}

std::string Read(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

// "Gateway default/g": Istio's "Gateway g.default", and "Gateway g" where the file has no
// namespace.
std::string Object(const std::string& origin) {
  const std::vector<std::string> kind_name = absl::StrSplit(origin, ' ');
  const size_t dot = kind_name[1].rfind('.');
  const std::string name = kind_name[1].substr(0, dot);
  std::string ns = dot == std::string::npos ? "default" : kind_name[1].substr(dot + 1);
  if (kind_name[0] == "Namespace") ns = "";
  return absl::StrCat(kind_name[0], " ", ns, "/", name);
}
std::string Object(const Finding& f) { return absl::StrCat(f.kind, " ", f.ns, "/", f.name); }

// The line where the document around a line begins.
int DocumentOf(const std::string& text, int line) {
  int number = 0, start = 1;
  for (absl::string_view row : absl::StrSplit(text, '\n')) {
    ++number;
    if (number >= line) break;
    if (absl::StartsWith(row, "---")) start = number + 1;
  }
  return start;
}

TEST(Conformance, Analyzers) {
  const char* shared = std::getenv("MESH_SHARED");
  if (shared == nullptr) GTEST_SKIP() << "MESH_SHARED is not set";
  const std::string folder = absl::StrCat(shared, "/conformance/analyzers/");
  const json cases = json::parse(Read(folder + "cases.json"), nullptr, false);
  ASSERT_TRUE(cases.is_array());
  int all = 0, equal = 0, extra = 0;
  for (const json& c : cases) {
    std::multiset<std::string> wanted;
    if (c["actual"].is_array()) {
      for (const json& message : c["actual"]) {
        const std::string full = message["Full"];
        const size_t close = full.find(')'), colon = full.rfind(':', close);
        // What is not of a file has no line.
        const size_t open = full.find('(');
        const bool line = colon != std::string::npos && colon > open;
        const std::string level = message["Level"];
        wanted.insert(absl::StrCat(message["Code"].get<std::string>(), " ",
                                   level == "Warn"   ? "warning"
                                   : level == "Info" ? "info"
                                                     : "error",
                                   " ", Object(message["Origin"]), " ",
                                   line ? full.substr(colon + 1, close - colon - 1) : "-"));
      }
    }
    all += wanted.size();
    const auto check = CheckOf().find(c["analyzer"]);
    if (check == CheckOf().end()) {
      std::cout << "not covered: " << c["analyzer"] << ", " << wanted.size() << " messages\n";
      continue;
    }
    std::map<std::string, std::string> texts;
    std::vector<config::ReadResult> files;
    for (const json& file : c["inputFiles"]) {
      const std::string name = file;
      texts[name] = Read(folder + name);
      ASSERT_FALSE(texts[name].empty()) << name;
      files.push_back(config::ReadYaml(name, texts[name], ReadOptions()));
    }
    Input input = ToInput(std::move(files));
    const std::string networks = c["meshNetworksFile"];
    if (!networks.empty()) AddMeshNetworks(networks, Read(folder + networks), &input);
    input.options.checks = {check->second};
    for (const Finding& f : Analyze(*input.snapshot, input.options)) {
      if (!IsOf173(f.code)) continue;
      const std::string line =
          f.kind == "MeshNetworks"
              ? "-"
              : absl::StrCat(DocumentOf(texts[*f.position.file], f.position.line));
      const std::string got =
          absl::StrCat(f.code, " ", std::string(LevelName(f.level)), " ", Object(f), " ", line);
      const auto match = wanted.find(got);
      if (match != wanted.end()) {
        ++equal;
        wanted.erase(match);
      } else {
        ++extra;
        std::cout << c["name"] << ": not wanted: " << got << " " << f.message << "\n";
      }
    }
    for (const std::string& missing : wanted) {
      std::cout << c["name"] << ": missing: " << missing << "\n";
    }
  }
  std::cout << "conformance: analyzers " << equal << "/" << all << std::endl;
  EXPECT_EQ(all, 75);
  EXPECT_EQ(extra, 0);
  EXPECT_EQ(equal, kAnalyzers);
}

// istioctl reports on the objects of one namespace, here default.
TEST(Conformance, Istioctl) {
  const char* shared = std::getenv("MESH_SHARED");
  if (shared == nullptr) GTEST_SKIP() << "MESH_SHARED is not set";
  const std::string folder = absl::StrCat(shared, "/conformance/");
  const json cases = json::parse(Read(folder + "istioctl/cases.json"), nullptr, false);
  ASSERT_TRUE(cases.is_array());
  int all = 0, equal = 0;
  for (const json& c : cases) {
    if (c["kind"] == "analyze-dir") continue;  // a folder: what is in it is judged file by file
    ++all;
    std::set<std::string> wanted;
    const std::string out = c["stdout"];
    const json list = json::parse(out, nullptr, false);
    if (list.is_array()) {
      for (const json& m : list) {
        wanted.insert(absl::StrCat(m["code"].get<std::string>(), " ", Object(m["origin"])));
      }
    } else {
      for (const std::string& line : std::vector<std::string>(absl::StrSplit(out, '\n'))) {
        const size_t open = line.find(" ["), paren = line.find(" (");
        if (open == std::string::npos || paren != open + 10) continue;
        const size_t first = line.find(' ', paren + 2);
        const size_t second = line.find_first_of(" )", first + 1);
        wanted.insert(absl::StrCat(line.substr(open + 2, 7), " ",
                                   Object(line.substr(paren + 2, second - paren - 2))));
      }
    }
    std::vector<config::ReadResult> files;
    for (const json& file : c["inputs"]) {
      const std::string name = file;
      files.push_back(config::ReadYaml(name, Read(folder + name), ReadOptions()));
    }
    const Input input = ToInput(std::move(files));
    std::set<std::string> got;
    for (const Finding& f : Analyze(*input.snapshot, input.options)) {
      if (!IsOf173(f.code)) {
        // What Istio lets pass must not fail: no exit code other than its.
        if (f.level == Level::kError && c["rc"] == 0) {
          ADD_FAILURE() << c["inputs"] << ": " << f.code << " " << Object(f) << " " << f.message;
        }
        continue;
      }
      if (f.ns == "default" || (f.kind == "Namespace" && f.name == "default")) {
        got.insert(absl::StrCat(f.code, " ", Object(f)));
      }
    }
    if (got == wanted) {
      ++equal;
      continue;
    }
    for (const std::string& g : got) {
      if (wanted.count(g) == 0) std::cout << c["inputs"] << ": not wanted: " << g << "\n";
    }
    for (const std::string& w : wanted) {
      if (got.count(w) == 0) std::cout << c["inputs"] << ": missing: " << w << "\n";
    }
  }
  std::cout << "conformance: istioctl " << equal << "/" << all << std::endl;
  EXPECT_EQ(equal, kIstioctl);
}

}  // namespace
}  // namespace mesh::analysis
