// Everything that Istio 1.7.3 sends for the recorded scenarios, against what we send, by meaning.
//
// Differences that are meant, taken out of both sides before they are compared:
//  - Without interception there are no virtual listeners: nothing would ever come to them.
//  - A raw_buffer socket has its typed configuration: today's Envoy finds no extension without it.
//  - A CORS policy stands as typed configuration of its filter; the judge looks for it in the
//  route,
//    and only its "@type" is left to differ.
//  - Header matchers in RBAC are spelled with string_match; the judge knows that of routes only.
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "mesh/translate/translate.h"
#include "nlohmann/json.hpp"
#include "tests/translate/recorded.h"

namespace mesh::translate {
namespace {

using nlohmann::json;

void Write(const std::string& path, const std::string& text) { std::ofstream(path) << text; }

// What the judge says: its last line, or all of it.
std::string Shell(const std::string& command) {
  std::string output;
  FILE* pipe = popen(command.c_str(), "r");
  char buffer[4096];
  while (size_t n = fread(buffer, 1, sizeof(buffer), pipe)) output.append(buffer, n);
  pclose(pipe);
  return output;
}

void DropWhatIsMeant(json& value) {
  if (value.is_array()) {
    for (json& item : value) DropWhatIsMeant(item);
  }
  if (!value.is_object()) return;
  if (value.value("name", json()) == "envoy.transport_sockets.raw_buffer") {
    value.erase("typedConfig");
  }
  if (value.contains("typedPerFilterConfig") &&
      value["typedPerFilterConfig"].contains("envoy.filters.http.cors")) {
    value["typedPerFilterConfig"]["envoy.filters.http.cors"].erase("@type");
  }
  if (value.contains("header") && value["header"].contains("stringMatch")) {
    json& header = value["header"];
    for (const auto& [kind, text] : header["stringMatch"].items()) header[kind + "Match"] = text;
    header.erase("stringMatch");
  }
  for (auto& [key, item] : value.items()) DropWhatIsMeant(item);
}

struct Scenario {
  const char* suite;
  const char* folder;
  const char* name;
  // Proxies that are sent what Istio sends, of seven.
  int equal;
};

class Golden : public testing::TestWithParam<Scenario> {};

TEST_P(Golden, EqualByMeaning) {
  const Scenario& scenario = GetParam();
  const absl::StatusOr<Recorded> recorded = LoadRecorded(scenario.folder, scenario.name);
  if (absl::IsUnavailable(recorded.status())) GTEST_SKIP() << recorded.status().message();
  ASSERT_TRUE(recorded.ok()) << recorded.status();
  const bool without_interception = std::string(scenario.folder) == "local_none";
  const std::string work = absl::StrCat(testing::TempDir(), "/", scenario.name);
  int equal = 0;
  for (const RecordedProxy& proxy : recorded->proxies) {
    const std::string& name = proxy.name;
    const Output output = Translate(*recorded->world, proxy.node);
    const absl::StatusOr<std::string> text = OutputToJson(output);
    ASSERT_TRUE(text.ok()) << text.status();
    json got = json::parse(*text, nullptr, false);
    DropWhatIsMeant(got);
    const std::string folder = absl::StrCat(work, "-", name);
    (void)Shell("mkdir -p '" + folder + "'");
    for (const char* type : {"lds", "cds", "rds", "eds"}) {
      json want =
          json::parse(ReadFile(absl::StrCat(proxy.golden, "/", type, ".json")), nullptr, false);
      if (without_interception && want.is_array()) {
        json kept = json::array();
        for (const json& resource : want) {
          const json known = resource.value("name", json());
          if (known != "virtualOutbound" && known != "virtualInbound") kept.push_back(resource);
        }
        want = kept;
      }
      Write(absl::StrCat(folder, "/", type, ".json"), want.dump());
    }
    Write(folder + "/got.json", got.dump());
    const std::string verdict = Shell(absl::StrCat("python3 '", recorded->judge, "' '", folder,
                                                   "/got.json' '", folder, "' --show 12"));
    if (verdict == "equal\n") {
      ++equal;
    } else {
      std::printf("%s %s:\n%s", scenario.name, name.c_str(), verdict.c_str());
    }
  }
  std::printf("conformance: %s %d/%d\n", scenario.suite, equal,
              static_cast<int>(recorded->proxies.size()));
  EXPECT_EQ(equal, scenario.equal) << "of the proxies of " << scenario.name;
}

INSTANTIATE_TEST_SUITE_P(
    Scenarios, Golden,
    testing::Values(
        Scenario{"xds local_none", "local_none", "demo", 7},
        Scenario{"xds 00-empty", "xds_golden", "00-empty", 7},
        Scenario{"xds 01-gateway", "xds_golden", "01-gateway", 7},
        Scenario{"xds 03-gateway-dr-mtls", "xds_golden", "03-gateway-dr-mtls", 7},
        Scenario{"xds 05-authz", "xds_golden", "05-authz", 7},
        Scenario{"xds 10-virtual-service-all-v1", "xds_golden", "10-virtual-service-all-v1", 7},
        Scenario{"xds 10-virtual-service-ratings-test-delay", "xds_golden",
                 "10-virtual-service-ratings-test-delay", 7},
        Scenario{"xds 10-virtual-service-reviews-90-10", "xds_golden",
                 "10-virtual-service-reviews-90-10", 7},
        Scenario{"xds 12-egress", "xds_golden", "12-egress", 7},
        Scenario{"xds 20-https-kitchen-sink", "xds_golden", "20-https-kitchen-sink", 7},
        Scenario{"xds 21-destinationrule-kitchen-sink", "xds_golden",
                 "21-destinationrule-kitchen-sink", 7},
        Scenario{"xds 24-two-vs-one-gateway-host", "xds_golden", "24-two-vs-one-gateway-host", 7}),
    [](const testing::TestParamInfo<Scenario>& info) {
      std::string name = info.param.suite + 4;
      for (char& c : name) {
        if (!isalnum(c)) c = '_';
      }
      return name;
    });

}  // namespace
}  // namespace mesh::translate
