// The access log of mesh-proxy and its answers beside Envoy's: the same requests, byte for byte, to
// the same listeners with the same configuration, once with each of them in the place; then the
// lines, operator by operator, and the answers, header by header. What has to differ (times, ports,
// random ids) is compared by its shape.

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netinet/in.h>

#include <cstdlib>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "mesh/proxy/testing.h"
#include "mesh/testing/mesh.h"
#include "tests/e2e/traffic.h"
#include "tests/route/envoy_peer.h"

namespace {

using mesh::Case;
using mesh::Then;
using mesh::proxy::testing::Peer;
using mesh::testing::Mesh;

// Istio's default format, each operator under a name of its own; and two more that say why.
constexpr const char* kOperators[][2] = {
    {"case", "%REQ(X-CASE)%"},
    {"start", "%START_TIME%"},
    {"method", "%REQ(:METHOD)%"},
    {"path", "%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%"},
    {"protocol", "%PROTOCOL%"},
    {"code", "%RESPONSE_CODE%"},
    {"flags", "%RESPONSE_FLAGS%"},
    {"status", "%DYNAMIC_METADATA(istio.mixer:status)%"},
    {"failure", "%UPSTREAM_TRANSPORT_FAILURE_REASON%"},
    {"received", "%BYTES_RECEIVED%"},
    {"sent", "%BYTES_SENT%"},
    {"duration", "%DURATION%"},
    {"service-time", "%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)%"},
    {"forwarded-for", "%REQ(X-FORWARDED-FOR)%"},
    {"user-agent", "%REQ(USER-AGENT)%"},
    {"request-id", "%REQ(X-REQUEST-ID)%"},
    {"authority", "%REQ(:AUTHORITY)%"},
    {"upstream", "%UPSTREAM_HOST%"},
    {"cluster", "%UPSTREAM_CLUSTER%"},
    {"upstream-local", "%UPSTREAM_LOCAL_ADDRESS%"},
    {"local", "%DOWNSTREAM_LOCAL_ADDRESS%"},
    {"remote", "%DOWNSTREAM_REMOTE_ADDRESS%"},
    {"server-name", "%REQUESTED_SERVER_NAME%"},
    {"route", "%ROUTE_NAME%"},
    {"details", "%RESPONSE_CODE_DETAILS%"},
    {"attempts", "%UPSTREAM_REQUEST_ATTEMPT_COUNT%"},
};
// No header value can hold it.
constexpr char kBetween = '\x1f';

using Fields = std::map<std::string, std::string>;

Fields Parse(const std::string& line) {
  Fields fields;
  for (absl::string_view part : absl::StrSplit(line, kBetween)) {
    const std::pair<std::string, std::string> field = absl::StrSplit(part, absl::MaxSplits('=', 1));
    fields[field.first] = field.second;
  }
  return fields;
}

bool IsNumber(const std::string& text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string::npos;
}

// Letters, digits and everything else: "9999-99-99T99:99:99.999Z".
std::string Shape(std::string text) {
  for (char& c : text) {
    if (absl::ascii_isdigit(c)) c = '9';
  }
  return text;
}

bool IsUuid(const std::string& text) {
  std::string shape = text;
  for (char& c : shape) {
    if (absl::ascii_isxdigit(c)) c = 'x';
  }
  return shape == "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
}

// The host's first address that is not on loopback.
std::string HostAddress() {
  std::string found = "127.0.0.1";
  ifaddrs* all = nullptr;
  if (getifaddrs(&all) != 0) return found;
  for (const ifaddrs* it = all; it != nullptr; it = it->ifa_next) {
    if (it->ifa_addr == nullptr || it->ifa_addr->sa_family != AF_INET) continue;
    const in_addr address = reinterpret_cast<const sockaddr_in*>(it->ifa_addr)->sin_addr;
    if (ntohl(address.s_addr) >> 24 == 127) continue;
    char text[INET_ADDRSTRLEN];
    found = inet_ntop(AF_INET, &address, text, sizeof(text));
    break;
  }
  freeifaddrs(all);
  return found;
}

// What of a value must be the same on both sides.
std::string Comparable(const std::string& name, const std::string& value) {
  if (name == "start") return Shape(value);
  if (name == "duration" || name == "service-time") return IsNumber(value) ? "a number" : value;
  if (name == "request-id") {
    // One that a client may choose stays; a random one is another each time.
    return IsUuid(value) && !absl::StartsWith(value, "00000000-") ? "random" : value;
  }
  if (name == "upstream-local" || name == "remote") {
    const size_t colon = value.rfind(':');
    return colon == std::string::npos || !IsNumber(value.substr(colon + 1))
               ? value
               : value.substr(0, colon) + ":port";
  }
  if (name == "forwarded-for") {
    // Of a client on loopback Envoy's gateway says the host's own address instead.
    return absl::StrReplaceAll(value, {{HostAddress(), "127.0.0.1"}});
  }
  return value;
}

// What docs/differences.md says of mesh-proxy and Envoy.
bool IsMeant(const std::string& name, const std::string& field) {
  return (name == "an upgrade nobody knows" && field == "cluster") ||
         (name == "100-continue" && field == "interim");
}

std::string Text(const Fields& fields) {
  std::string text;
  for (const auto& [field, value] : fields) absl::StrAppend(&text, " ", field, "=", value);
  return text;
}

// A line each.
std::string Differences(const std::map<std::string, Fields>& ours,
                        const std::map<std::string, Fields>& theirs) {
  std::string differences;
  for (const auto& [name, want] : theirs) {
    const auto found = ours.find(name);
    if (found == ours.end()) {
      absl::StrAppend(&differences, name, ": only Envoy has it:", Text(want), "\n");
      continue;
    }
    Fields both = want;
    both.insert(found->second.begin(), found->second.end());
    for (const auto& [field, unused] : both) {
      const auto value = [&field = field](const Fields& fields) {
        const auto it = fields.find(field);
        return it == fields.end() ? "absent" : absl::CEscape(Comparable(field, it->second));
      };
      if (value(found->second) == value(want) || IsMeant(name, field)) continue;
      absl::StrAppend(&differences, name, ": ", field, " is ", value(found->second), ", Envoy's ",
                      value(want), "\n");
    }
  }
  for (const auto& [name, line] : ours) {
    if (theirs.count(name) > 0) continue;
    absl::StrAppend(&differences, name, ": only mesh-proxy has it:", Text(line), "\n");
  }
  return differences;
}

// A place where a proxy stands: its pod, and where a client reaches it.
struct Place {
  const char* pod;
  std::string address;
  int port;
};

class AccessLogTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const absl::StatusOr<std::string> binary = mesh::FindEnvoy();
    if (!binary.ok()) {
      if (std::getenv("REQUIRE_PEERS") != nullptr) FAIL() << binary.status().message();
      GTEST_SKIP() << binary.status().message();
    }
    binary_ = *binary;
    std::string format;
    for (const auto& [name, op] : kOperators) {
      if (!format.empty()) absl::StrAppend(&format, "\\x1f");
      absl::StrAppend(&format, name, "=", op);
    }
    mesh::testing::MeshOptions options;
    options.documents["workload.yaml"] = mesh::kTrafficWorkload;
    options.mesh_config = absl::StrCat(
        "enableAutoMtls: false\naccessLogFile: /dev/stdout\nrootNamespace: istio-system\n"
        "trustDomain: cluster.local\naccessLogFormat: \"",
        format, "\\n\"\n");
    absl::StatusOr<std::unique_ptr<Mesh>> mesh = Mesh::Start(std::move(options));
    ASSERT_TRUE(mesh.ok()) << mesh.status();
    mesh_ = *std::move(mesh);
    const absl::Status routes =
        mesh_->Apply("routes.yaml",
                     mesh::TrafficRoutes(mesh_->gateway_address(), upstream_.port(), dead_.port()));
    ASSERT_TRUE(routes.ok()) << routes;
  }

  // The answer.
  Fields Send(const Place& place, const Case& c) {
    SCOPED_TRACE(c.name);
    upstream_.Begin();
    Peer client = mesh::ConnectTo(place.address, place.port);
    EXPECT_TRUE(client.Send(c.request));
    if (c.then == Then::kLeave) {
      EXPECT_TRUE(upstream_.WaitForSlow());
      return {};
    }
    Fields seen;
    // Informational answers are not the answer; of some, only the head is to be had.
    const bool to_head =
        absl::StartsWith(c.request, "HEAD") || absl::StrContains(c.request, " /half-reset ");
    while (const auto answer = client.Read(to_head)) {
      if (answer->status() == 100) {
        seen["interim"] = answer->start;
        continue;
      }
      seen["start"] = answer->start;
      for (const auto& [name, value] : answer->headers) {
        const std::string key = absl::AsciiStrToLower(name);
        const bool varies = key == "date" || key == "x-envoy-upstream-service-time";
        absl::StrAppend(&seen[key], varies ? Shape(value).substr(0, 1) : value, ";");
      }
      seen["body"] = answer->body;
      break;
    }
    upstream_.HasArrived();
    if (to_head && c.request[0] == 'G') client.ReadAll();
    return seen;
  }
  // Sends all cases; the line of each.
  // What one proxy made of all cases, by their names.
  struct Round {
    std::map<std::string, Fields> lines, answers;
  };
  Round Ask(const Place& place) {
    const size_t before = mesh_->AccessLog(place.pod).size();
    const int run = ++runs_;
    Round round;
    for (const Case& c : mesh::Cases(run)) round.answers[c.name] = Send(place, c);
    const char kLast[] = "the last";
    Send(place, {kLast, mesh::GetRequest(absl::StrCat(run, "/", kLast), "/ok")});
    for (const char* name : {"the client leaves", "the client leaves in its body", kLast}) {
      const auto line = mesh_->WaitForLine(
          place.pod, absl::StrCat("case=", run, "/", name, std::string(1, kBetween)));
      EXPECT_TRUE(line.ok()) << line.status();
    }
    // Those of whose head nothing was understood, by their order.
    int unnamed = 0;
    const std::vector<std::string> all = mesh_->AccessLog(place.pod);
    for (size_t i = before; i < all.size(); ++i) {
      Fields fields = Parse(all[i]);
      std::string name = fields["case"];
      name.erase(0, name.find('/') + 1);
      fields.erase("case");
      if (name == "-") name = absl::StrCat("without a name ", ++unnamed);
      if (round.lines.count(name) > 0) absl::StrAppend(&name, " (again)");
      round.lines[name] = std::move(fields);
    }
    return round;
  }
  void Compare(const Place& place) {
    SCOPED_TRACE(place.pod);
    const Round ours = Ask(place);
    const absl::Status envoy = mesh_->UseEnvoy(place.pod, binary_);
    ASSERT_TRUE(envoy.ok()) << envoy;
    const Round theirs = Ask(place);
    EXPECT_GT(theirs.lines.size(), 60u);
    EXPECT_EQ(Differences(ours.lines, theirs.lines), "") << "in the access log";
    EXPECT_EQ(Differences(ours.answers, theirs.answers), "") << "in what the client is sent";
  }

  int runs_ = 0;
  std::string binary_;
  mesh::Upstream upstream_;
  mesh::DeadPort dead_;
  std::unique_ptr<Mesh> mesh_;
};

TEST_F(AccessLogTest, OfAGatewayIsEnvoys) {
  Compare({Mesh::kGateway, mesh_->gateway_address(), mesh_->gateway_port()});
}

TEST_F(AccessLogTest, OfASidecarIsEnvoys) {
  const char kPod[] = "client-0";
  ASSERT_NE(mesh_->outbound_address(kPod), "") << ::testing::PrintToString(mesh_->Workloads());
  Compare({kPod, mesh_->outbound_address(kPod), mesh_->outbound_port()});
}

}  // namespace
