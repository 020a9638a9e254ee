// Which chain takes a connection: Envoy's order of precedence.
#include "mesh/envoy/filter_chain_match.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace mesh::envoy {
namespace {

struct Connection {
  std::string to = "10.0.0.1";
  uint16_t port = 80;
  std::string from = "10.9.9.9";
  uint16_t from_port = 40000;
  bool tls = false;
  std::string server_name;
  std::vector<std::string> protocols;
};

// The index of the chain; -1 where none takes it.
int Find(const std::vector<FilterChainMatch>& matches, const Connection& c) {
  const auto table = FilterChainTable::Build(matches);
  EXPECT_TRUE(table.ok()) << table.status();
  if (!table.ok()) return -2;
  ConnectionFacts facts;
  facts.destination_ip = c.to;
  facts.destination_port = c.port;
  facts.source_ip = c.from;
  facts.source_port = c.from_port;
  facts.transport_protocol = c.tls ? "tls" : "raw_buffer";
  facts.server_name = c.server_name;
  facts.application_protocols = c.protocols;
  const auto found = (*table)->Find(facts);
  return found.has_value() ? static_cast<int>(*found) : -1;
}

FilterChainMatch Port(uint32_t port) {
  FilterChainMatch match;
  match.destination_port = port;
  return match;
}
FilterChainMatch Names(std::vector<std::string> names) {
  FilterChainMatch match;
  match.server_names = std::move(names);
  return match;
}
FilterChainMatch Protocols(const std::string& transport, std::vector<std::string> protocols) {
  FilterChainMatch match;
  match.transport_protocol = transport;
  match.application_protocols = std::move(protocols);
  return match;
}
FilterChainMatch To(std::vector<AddressRange> ranges) {
  FilterChainMatch match;
  match.prefix_ranges = std::move(ranges);
  return match;
}
FilterChainMatch From(std::vector<AddressRange> ranges, std::vector<uint32_t> ports = {}) {
  FilterChainMatch match;
  match.source_ranges = std::move(ranges);
  match.source_ports = std::move(ports);
  return match;
}
FilterChainMatch Source(FilterChainMatch::Source source) {
  FilterChainMatch match;
  match.source = source;
  return match;
}

TEST(FilterChainTableTest, TheMostSpecificValueOfTheFirstCriterionDecides) {
  FilterChainMatch port_and_name = Port(443);
  port_and_name.server_names = {"a.example.com"};
  FilterChainMatch direct;
  direct.direct_source_ranges = {{"10.9.0.0", 16}};
  const struct {
    const char* name;
    std::vector<FilterChainMatch> matches;
    Connection connection;
    int chain;
  } cases[] = {
      {"one that asks for nothing takes all", {{}}, {}, 0},
      {"none", {}, {}, -1},
      {"its port", {{}, Port(80)}, {}, 1},
      {"another port", {{}, Port(443)}, {}, 0},
      {"what fails behind a port does not come back to those without one",
       {{}, port_and_name},
       {.port = 443, .tls = true, .server_name = "b.example.com"},
       -1},
      {"the longest prefix", {To({{"10.0.0.0", 8}}), To({{"10.0.0.0", 24}}), {}}, {}, 1},
      {"no prefix is less than an empty one", {To({{"0.0.0.0", 0}}), {}}, {}, 0},
      {"an IPv6 destination is in no IPv4 prefix", {To({{"0.0.0.0", 0}}), {}}, {.to = "::1"}, 1},
      {"bits behind the prefix do not count", {To({{"10.0.0.7", 24}})}, {}, 0},
      {"a prefix that ends within a byte",
       {To({{"10.0.0.0", 31}}), To({{"10.0.0.2", 31}})},
       {.to = "10.0.0.3"},
       1},
      {"an exact name before a wildcard",
       {Names({"*.example.com"}), Names({"a.example.com"})},
       {.server_name = "a.example.com"},
       1},
      {"the longest wildcard",
       {Names({"*.com"}), Names({"*.example.com"})},
       {.server_name = "a.b.example.com"},
       1},
      {"a wildcard is not for the name itself",
       {Names({"*.example.com"})},
       {.server_name = "example.com"},
       -1},
      {"without a name, those that ask for none", {Names({"a"}), {}}, {}, 1},
      {"a name nobody knows, those that ask for none", {Names({"a"}), {}}, {.server_name = "b"}, 1},
      {"TLS", {{}, Protocols("tls", {})}, {.tls = true}, 1},
      {"plaintext where TLS has a chain", {{}, Protocols("tls", {})}, {}, 0},
      {"plaintext by its name", {{}, Protocols("raw_buffer", {})}, {}, 1},
      {"the client's first protocol that has a chain, not the chain's",
       {Protocols("tls", {"http/1.1"}), Protocols("tls", {"istio"})},
       {.tls = true, .protocols = {"x", "istio", "http/1.1"}},
       1},
      {"no protocol that is known",
       {Protocols("tls", {"istio"}), Protocols("tls", {})},
       {.tls = true, .protocols = {"x"}},
       1},
      {"what fails behind a transport protocol does not come back",
       {{}, Protocols("tls", {"istio"})},
       {.tls = true, .protocols = {"x"}},
       -1},
      {"protocols without a transport protocol",
       {Protocols("", {"istio"}), {}},
       {.tls = true, .protocols = {"istio"}},
       0},
      {"direct source before the kind of source", {{}, direct}, {}, 1},
      {"from the same machine",
       {{}, Source(FilterChainMatch::Source::kSameIpOrLoopback)},
       {.from = "127.0.0.1"},
       1},
      {"from the same address",
       {{}, Source(FilterChainMatch::Source::kSameIpOrLoopback)},
       {.from = "10.0.0.1"},
       1},
      {"from elsewhere", {{}, Source(FilterChainMatch::Source::kExternal)}, {}, 1},
      {"not from elsewhere",
       {{}, Source(FilterChainMatch::Source::kExternal)},
       {.from = "127.0.0.1"},
       0},
      {"source address", {From({{"10.9.9.0", 24}}), From({{"10.9.0.0", 16}})}, {}, 0},
      {"source port", {From({{"10.9.9.0", 24}}), From({{"10.9.9.0", 24}}, {40000})}, {}, 1},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    EXPECT_EQ(Find(c.matches, c.connection), c.chain);
  }
}

// The chains of virtualInbound, permissive, as a sidecar is sent them.
TEST(FilterChainTableTest, APermissiveSidecar) {
  const std::vector<AddressRange> everywhere = {{"0.0.0.0", 0}};
  const auto with = [](FilterChainMatch match, const std::vector<AddressRange>& ranges,
                       uint32_t port) {
    match.prefix_ranges = ranges;
    match.destination_port = port;
    return match;
  };
  const std::vector<FilterChainMatch> matches = {
      with(Protocols("tls", {"istio-peer-exchange", "istio"}), everywhere, 0),
      with({}, everywhere, 0),
      with(Protocols("tls", {"http/1.0", "http/1.1", "h2c", "istio-http/1.0", "istio-http/1.1",
                             "istio-h2"}),
           everywhere, 0),
      with(Protocols("", {"http/1.0", "http/1.1", "h2c"}), everywhere, 0),
      with(Protocols("", {"istio", "istio-http/1.0", "istio-http/1.1", "istio-h2"}), {}, 9080),
      Port(9080),
  };
  const std::vector<std::string> ours = {"istio-http/1.1", "istio", "http/1.1"};
  EXPECT_EQ(Find(matches, {.port = 9080, .tls = true, .protocols = ours}), 4);
  EXPECT_EQ(Find(matches, {.port = 9080, .tls = true, .protocols = {"h2"}}), 5);
  EXPECT_EQ(Find(matches, {.port = 9080}), 5);
  EXPECT_EQ(Find(matches, {.port = 7, .tls = true, .protocols = ours}), 2);
  EXPECT_EQ(Find(matches, {.port = 7, .tls = true, .protocols = {"istio-peer-exchange"}}), 0);
  EXPECT_EQ(Find(matches, {.port = 7, .protocols = {"http/1.1"}}), 3);
  EXPECT_EQ(Find(matches, {.port = 7}), 1);
}

TEST(FilterChainTableTest, TheSameMatchTwiceIsAMistake) {
  EXPECT_EQ(FilterChainTable::Build({{}, Port(1), {}}).status().message(),
            "filter_chains[2].filter_chain_match: the same as that of filter_chains[0]");
  EXPECT_EQ(FilterChainTable::Build({Names({"a", "b"}), Names({"c", "b"})}).status().message(),
            "filter_chains[1].filter_chain_match: the same as that of filter_chains[0]");
  EXPECT_FALSE(FilterChainTable::Build({To({{"10.0.0.1", 24}}), To({{"10.0.0.2", 24}})}).ok());
  EXPECT_TRUE(FilterChainTable::Build({Names({"a"}), Names({"*.a"})}).ok());
}

TEST(FilterChainTableTest, SaysWhetherFirstBytesAreNeeded) {
  EXPECT_FALSE((*FilterChainTable::Build({{}, Port(80)}))->depends_on_first_bytes());
  EXPECT_TRUE((*FilterChainTable::Build({Names({"a"})}))->depends_on_first_bytes());
  EXPECT_TRUE((*FilterChainTable::Build({Protocols("tls", {})}))->depends_on_first_bytes());
  EXPECT_TRUE((*FilterChainTable::Build({Protocols("", {"istio"})}))->depends_on_first_bytes());
}

}  // namespace
}  // namespace mesh::envoy
