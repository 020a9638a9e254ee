#include "tests/route/differential.h"

#include <algorithm>
#include <memory>

#include "absl/strings/str_cat.h"
#include "google/protobuf/util/json_util.h"
#include "mesh/base/strings.h"
#include "mesh/envoy/route.h"
#include "mesh/route/random_table.h"
#include "tests/route/envoy_json.h"
#include "tests/route/envoy_peer.h"

namespace mesh {
namespace {

using Json = nlohmann::ordered_json;

struct Tested {
  Json json;
  std::shared_ptr<const route::action::RouteConfig> config;
};

absl::StatusOr<Tested> MakeTable(uint64_t seed) {
  route::Random random(seed);
  route::RandomOptions options;
  options.regexes = seed % 5 != 0;
  options.max_rules = seed % 9 == 0 ? 120 : 20;
  route::TableOptions table;
  table.ignore_path_parameters = seed % 7 == 0;
  table.ignore_port_in_host = seed % 6 == 0;
  Tested tested;
  tested.json = EnvoyJson(route::RandomTable(&random, options), table);
  ::envoy::config::route::v3::RouteConfiguration proto;
  const auto status = google::protobuf::util::JsonStringToMessage(tested.json.dump(), &proto);
  if (!status.ok()) return absl::InternalError(std::string(status.message()));
  auto config = envoy::LoadRoutes(proto);
  if (!config.ok()) return config.status();
  tested.config = *std::move(config);
  return tested;
}

std::string OnTheWire(const route::RandomRequest& request) {
  std::string text = absl::StrCat(request.method, " ", request.path,
                                  " HTTP/1.1\r\nHost: ", request.authority, "\r\n");
  for (const auto& [name, value] : request.headers.entries()) {
    absl::StrAppend(&text, name, ": ", value, "\r\n");
  }
  return text + "\r\n";
}

std::string OurAnswer(const Tested& tested, const route::RandomRequest& made) {
  const route::Request request = made.request();
  const route::Match match = tested.config->table->Find(request);
  if (match.outcome == route::Match::Outcome::kTlsRequired) return "301 ";
  if (!match.found()) return "404 ";
  return absl::StrCat("200 ", match.virtual_host, "/", match.rule);
}

}  // namespace

absl::StatusOr<DifferentialResult> CompareWithEnvoy(const std::string& envoy,
                                                    const std::string& directory, uint64_t seed,
                                                    int tables, int requests) {
  constexpr int kTablesAtOnce = 200;
  constexpr int kRequestsAtOnce = 100;
  DifferentialResult result;
  for (int first = 0; first < tables; first += kTablesAtOnce) {
    std::vector<Tested> batch;
    std::vector<Json> configs;
    for (int i = first; i < std::min(tables, first + kTablesAtOnce); ++i) {
      absl::StatusOr<Tested> tested = MakeTable(seed + i);
      if (!tested.ok()) return tested.status();
      configs.push_back(tested->json);
      batch.push_back(*std::move(tested));
    }
    auto peer = EnvoyPeer::Start(envoy, absl::StrCat(directory, "/", first), configs);
    if (!peer.ok()) return peer.status();
    for (size_t i = 0; i < batch.size(); ++i) {
      ++result.tables;
      route::Random random((seed + first + i) * 1000003 + 17);
      PeerClient client((*peer)->SocketOf(i));
      for (int done = 0; done < requests;) {
        std::vector<route::RandomRequest> asked;
        std::vector<std::string> wire;
        for (int j = 0; j < std::min(kRequestsAtOnce, requests - done); ++j) {
          asked.push_back(route::MakeRandomRequest(&random));
          // Envoy's HTTP/1 takes neither bytes above 127 nor fragments in a request line.
          std::string& path = asked.back().path;
          path.erase(
              std::remove_if(path.begin(), path.end(), [](char c) { return c < 0 || c == '#'; }),
              path.end());
          wire.push_back(OnTheWire(asked.back()));
        }
        done += static_cast<int>(asked.size());
        const std::vector<PeerClient::Response> answers = client.Ask(wire);
        for (size_t j = 0; j < answers.size(); ++j) {
          ++result.requests;
          if (answers[j].status == 200) ++result.routed;
          const std::string theirs =
              !answers[j].location.empty()
                  ? "301 "
                  : absl::StrCat(answers[j].status, " ",
                                 answers[j].status == 200 ? answers[j].body : "");
          const std::string ours = OurAnswer(batch[i], asked[j]);
          if (theirs == ours) continue;
          result.differences.push_back(
              absl::StrCat("table seed ", seed + first + i, ": ", asked[j].ToString(),
                           "\nEnvoy: ", theirs, "\nwe: ", ours, "\n",
                           batch[i].config->table->Explain(asked[j].request()).ToString()));
          if (result.differences.size() >= 20) return result;
        }
      }
    }
  }
  return result;
}

}  // namespace mesh
