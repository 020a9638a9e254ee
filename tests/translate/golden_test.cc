// Everything that Istio 1.7.3 sends for the recorded scenarios, against what we send, by meaning.
//
// Differences that are meant, taken out of both sides before they are compared:
//  - Without interception there are no virtual listeners: nothing would ever come to them.
//  - A raw_buffer socket has its typed configuration: today's Envoy finds no extension without it.
//  - A CORS policy stands as typed configuration of its filter; the judge looks for it in the
//  route,
//    and only its "@type" is left to differ.
//  - Header matchers in RBAC are spelled with string_match; the judge knows that of routes only.
//
// Beside that, what the judge says of them as they are, by kind of resource: everything equal but
// those raw_buffer sockets.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
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

// What the judge found, a line each.
std::vector<std::string> Differences(const std::string& judge, const json& got,
                                     const std::string& folder) {
  Write(folder + "/got.json", got.dump());
  const std::string verdict = Shell(
      absl::StrCat("python3 '", judge, "' '", folder, "/got.json' '", folder, "' --show 100000"));
  std::vector<std::string> lines = absl::StrSplit(verdict, '\n', absl::SkipEmpty());
  // The last line counts them.
  if (lines.empty()) return {"the judge said nothing"};
  if (lines.back() == "equal") return {};
  lines.pop_back();
  return lines;
}

// Of "clusters/NAME/transportSocketMatches/1/transportSocket/typedConfig: want ..., got ...".
bool IsTypeOfRawBuffer(const std::string& difference) {
  return absl::StrContains(difference, "/transportSocket/typedConfig: want \"none\", got ") &&
         absl::StrContains(difference, "raw_buffer.v3.RawBuffer\"");
}

struct Scenario {
  const char* suite;
  const char* folder;
  const char* name;
  // Proxies that are sent what Istio sends, of seven.
  int equal;
  // Whether nothing but the type of raw_buffer tells the two sides apart as they are.
  bool raw = false;
};

constexpr const char* kKinds[] = {"clusters", "endpoints", "listeners", "routes"};

class Golden : public testing::TestWithParam<Scenario> {};

TEST_P(Golden, EqualByMeaning) {
  const Scenario& scenario = GetParam();
  const absl::StatusOr<Recorded> recorded = LoadRecorded(scenario.folder, scenario.name);
  if (absl::IsUnavailable(recorded.status())) GTEST_SKIP() << recorded.status().message();
  ASSERT_TRUE(recorded.ok()) << recorded.status();
  const bool without_interception = std::string(scenario.folder) == "local_none";
  const std::string work = absl::StrCat(testing::TempDir(), "/", scenario.name);
  const int proxies = static_cast<int>(recorded->proxies.size());
  int equal = 0, types_of_raw_buffer = 0;
  std::map<std::string, int> equal_as_they_are;
  for (const RecordedProxy& proxy : recorded->proxies) {
    const std::string& name = proxy.name;
    const Output output = Translate(*recorded->world, proxy.node);
    const absl::StatusOr<std::string> text = OutputToJson(output);
    ASSERT_TRUE(text.ok()) << text.status();
    json got = json::parse(*text, nullptr, false);
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
    if (scenario.raw) {
      const std::vector<std::string> differences = Differences(recorded->judge, got, folder);
      for (const char* kind : kKinds) {
        const bool same = std::none_of(
            differences.begin(), differences.end(),
            [kind](const std::string& difference) { return absl::StartsWith(difference, kind); });
        equal_as_they_are[kind] += same ? 1 : 0;
      }
      for (const std::string& difference : differences) {
        EXPECT_TRUE(IsTypeOfRawBuffer(difference)) << name << " " << difference;
        ++types_of_raw_buffer;
      }
    }
    DropWhatIsMeant(got);
    const std::vector<std::string> differences = Differences(recorded->judge, got, folder);
    equal += differences.empty() ? 1 : 0;
    if (!differences.empty()) {
      std::printf("%s %s: %d differences\n", scenario.name, name.c_str(),
                  static_cast<int>(differences.size()));
    }
    for (size_t i = 0; i < differences.size() && i < 12; ++i) {
      std::printf("%s\n", differences[i].c_str());
    }
  }
  std::printf("conformance: %s %d/%d\n", scenario.suite, equal, proxies);
  if (scenario.raw) {
    for (const char* kind : kKinds) {
      std::printf("conformance as it is: xds_golden %s %d/%d\n", kind, equal_as_they_are[kind],
                  proxies);
    }
    std::printf("conformance note: xds_golden: types of raw_buffer, which Envoy demands: %d\n",
                types_of_raw_buffer);
  }
  EXPECT_EQ(equal, scenario.equal) << "of the proxies of " << scenario.name;
}

INSTANTIATE_TEST_SUITE_P(
    Scenarios, Golden,
    testing::Values(Scenario{"xds local_none", "local_none", "demo", 7},
                    Scenario{"xds 00-empty", "xds_golden", "00-empty", 7, true},
                    Scenario{"xds 01-gateway", "xds_golden", "01-gateway", 7, true},
                    Scenario{"xds 03-gateway-dr-mtls", "xds_golden", "03-gateway-dr-mtls", 7, true},
                    Scenario{"xds 05-authz", "xds_golden", "05-authz", 7},
                    Scenario{"xds 10-virtual-service-all-v1", "xds_golden",
                             "10-virtual-service-all-v1", 7, true},
                    Scenario{"xds 10-virtual-service-ratings-test-delay", "xds_golden",
                             "10-virtual-service-ratings-test-delay", 7, true},
                    Scenario{"xds 10-virtual-service-reviews-90-10", "xds_golden",
                             "10-virtual-service-reviews-90-10", 7, true},
                    Scenario{"xds 12-egress", "xds_golden", "12-egress", 7},
                    Scenario{"xds 20-https-kitchen-sink", "xds_golden", "20-https-kitchen-sink", 7},
                    Scenario{"xds 21-destinationrule-kitchen-sink", "xds_golden",
                             "21-destinationrule-kitchen-sink", 7},
                    Scenario{"xds 24-two-vs-one-gateway-host", "xds_golden",
                             "24-two-vs-one-gateway-host", 7, true}),
    [](const testing::TestParamInfo<Scenario>& info) {
      std::string name = info.param.suite + 4;
      for (char& c : name) {
        if (!isalnum(c)) c = '_';
      }
      return name;
    });

}  // namespace
}  // namespace mesh::translate
