// A listener that hands redirected connections to the listener of the address they were meant for.
// Without a redirection, that is the address they came to.
#include <gtest/gtest.h>

#include <string>

#include "mesh/proxy/testing.h"

namespace mesh::proxy {
namespace {

using testing::Connect;
using testing::HttpListener;
using testing::Peer;

std::string Answering(const std::string& text) {
  return R"({"name":"all","domains":["*"],"routes":[{"match":{"prefix":"/"},
    "direct_response":{"status":200,"body":{"inline_string":")" +
         text + R"("}}}]})";
}

std::string Get(uint16_t port) {
  Peer client = Connect(port);
  client.Send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  const auto answer = client.Read();
  return answer.has_value() ? answer->body : "no answer";
}

TEST(HandOffTest, ConnectionsGoToTheListenerOfTheAddressTheyWereMeantFor) {
  envoy::Listener first = HttpListener(Answering("nobody's"), "", "virtualOutbound");
  first.hands_off = first.inspection.original_destination = true;
  auto proxy = testing::StartProxy({.listeners = {first}});
  const uint16_t port = proxy->ListenerPort("virtualOutbound");
  EXPECT_EQ(Get(port), "nobody's");

  envoy::Listener any = HttpListener(Answering("of the port"), "", "any");
  any.bind_to_port = false;
  any.address = {"0.0.0.0", port};
  ASSERT_TRUE(proxy->Apply({.listeners = {any}}).ok());
  EXPECT_EQ(Get(port), "of the port");

  envoy::Listener own = HttpListener(Answering("of the address"), "", "own");
  own.bind_to_port = false;
  own.address = {"127.0.0.1", port};
  ASSERT_TRUE(proxy->Apply({.listeners = {own}}).ok());
  EXPECT_EQ(Get(port), "of the address");

  ASSERT_TRUE(proxy->Apply({.removed_listeners = {"own", "any"}}).ok());
  EXPECT_EQ(Get(port), "nobody's");
}

TEST(HandOffTest, AListenerWithoutSocketsTakesNoPort) {
  envoy::Listener one = HttpListener(Answering("one"), "", "one");
  auto proxy = testing::StartProxy({.listeners = {one}});
  envoy::Listener same = HttpListener(Answering("two"), "", "two");
  same.bind_to_port = false;
  same.address = {"127.0.0.1", proxy->ListenerPort("one")};
  ASSERT_TRUE(proxy->Apply({.listeners = {same}}).ok());
  // Nothing hands anything to it.
  EXPECT_EQ(Get(proxy->ListenerPort("one")), "one");
}

}  // namespace
}  // namespace mesh::proxy
