// Rules and conditions of a VirtualService that say what an earlier one has said: Istio's own, by
// the words. rule_proofs.cc goes by what requests there can be.
#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "api/networking/v1alpha3/virtual_service.pb.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "mesh/analysis/checks/checks.h"
#include "mesh/config/field_path.h"

namespace mesh::analysis {
namespace {

namespace net = ::istio::networking::v1alpha3;
using config::IndexPath;

// Equal for equal messages: maps are sorted.
std::string KeyOf(const google::protobuf::Message& message) {
  std::string bytes;
  google::protobuf::io::StringOutputStream stream(&bytes);
  google::protobuf::io::CodedOutputStream coded(&stream);
  coded.SetSerializationDeterministic(true);
  message.SerializeToCodedStream(&coded);
  coded.Trim();
  return bytes;
}
// A condition's name says nothing.
std::string KeyOf(const net::HTTPMatchRequest& match) {
  if (match.name().empty()) return KeyOf(static_cast<const google::protobuf::Message&>(match));
  net::HTTPMatchRequest nameless = match;
  nameless.clear_name();
  return KeyOf(static_cast<const google::protobuf::Message&>(nameless));
}

class Reader {
 public:
  Reader(const config::Resource& object, Findings* findings)
      : object_(object), findings_(findings) {}

  template <class Rules>
  void Read(const Rules& rules, const std::string& path) {
    std::map<std::string, int> seen;  // by the condition, the first rule that has it
    int without = -1;                 // the first rule without condition
    for (int i = 0; i < rules.size(); ++i) {
      if (without >= 0) {
        Unreachable(IndexPath(path, i), absl::StrCat(IndexPath(path, without),
                                                     " before it has no match and takes "
                                                     "everything"));
        continue;
      }
      if (rules[i].match().empty()) {
        without = i;
        continue;
      }
      int repeated = 0;
      for (int j = 0; j < rules[i].match_size(); ++j) {
        const auto [at, first] = seen.emplace(KeyOf(rules[i].match(j)), i);
        if (first) continue;
        ++repeated;
        Ineffective(IndexPath(IndexPath(path, i) + ".match", j),
                    absl::StrCat(IndexPath(path, at->second), " has the same match already"));
      }
      if (repeated == rules[i].match_size()) {
        Unreachable(IndexPath(path, i), "rules before it have all its matches");
      }
    }
  }

  // Conditions under a longer prefix than an earlier one's that is no narrower otherwise.
  void ReadPrefixes(const net::VirtualService& spec) {
    struct Place {
      const net::HTTPMatchRequest* match;
      int rule, index;

      std::string Path() const { return IndexPath(IndexPath("spec.http", rule) + ".match", index); }
    };
    std::vector<Place> earlier;
    for (int i = 0; i < spec.http_size(); ++i) {
      if (spec.http(i).match().empty()) return;
      for (int j = 0; j < spec.http(i).match_size(); ++j) {
        const net::HTTPMatchRequest& match = spec.http(i).match(j);
        if (match.uri().match_type_case() != net::StringMatch::kPrefix) continue;
        const Place place{&match, i, j};
        // What is there already has been said of.
        const auto same = [&](const Place& one) {
          return one.match->uri().prefix() == match.uri().prefix() &&
                 KeyOf(*one.match) == KeyOf(match);
        };
        if (std::any_of(earlier.begin(), earlier.end(), same)) continue;
        const auto wide = std::find_if(earlier.begin(), earlier.end(),
                                       [&](const Place& one) { return Covers(*one.match, match); });
        if (wide != earlier.end()) {
          Ineffective(place.Path(),
                      absl::StrCat(wide->Path(), " with the prefix ", wide->match->uri().prefix(),
                                   " takes its requests"));
        }
        earlier.push_back(place);
        if (earlier.size() > kMostCompared) return;
      }
    }
  }

 private:
  // Beyond so many in one VirtualService only the proofs look.
  static constexpr size_t kMostCompared = 200;

  // Whether `wide` takes all that `narrow` does, all else but prefix and method being the same.
  static bool Covers(const net::HTTPMatchRequest& wide, const net::HTTPMatchRequest& narrow) {
    if (narrow.uri().prefix() == wide.uri().prefix() ||
        !absl::StartsWith(narrow.uri().prefix(), wide.uri().prefix()) ||
        wide.ignore_uri_case() != narrow.ignore_uri_case() ||
        (wide.has_method() && KeyOf(wide.method()) != KeyOf(narrow.method()))) {
      return false;
    }
    net::HTTPMatchRequest a = wide, b = narrow;
    for (net::HTTPMatchRequest* match : {&a, &b}) {
      match->clear_uri();
      match->clear_method();
    }
    return KeyOf(a) == KeyOf(b);
  }

  void Unreachable(const std::string& path, const std::string& why) {
    Report("IST0130", object_, path, absl::StrCat("the rule is never used: ", why),
           "delete it, or put it before the other", findings_);
  }
  void Ineffective(const std::string& path, const std::string& why) {
    Report("IST0131", object_, path, absl::StrCat("the match has no effect: ", why),
           "delete it, or put the narrower match first", findings_);
  }
  const config::Resource& object_;
  Findings* findings_;
};

}  // namespace

void CheckRepeatedMatches(const Facts& facts, Findings* findings) {
  for (const config::ResourcePtr& service : facts.snapshot().List(config::Kind::kVirtualService)) {
    const auto& spec = service->As<net::VirtualService>();
    Reader reader(*service, findings);
    reader.Read(spec.http(), "spec.http");
    reader.ReadPrefixes(spec);
    reader.Read(spec.tcp(), "spec.tcp");
    reader.Read(spec.tls(), "spec.tls");
  }
}

}  // namespace mesh::analysis
