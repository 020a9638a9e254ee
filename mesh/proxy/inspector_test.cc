#include "mesh/proxy/inspector.h"

#include <gtest/gtest.h>

#include <string>

namespace mesh::proxy {
namespace {

TEST(InspectHttpTest, FirstLines) {
  const struct {
    const char* name;
    std::string bytes;
    const char* what;
  } cases[] = {
      {"nothing yet", "", "?"},
      {"a method that has begun", "GE", "?"},
      {"half a line", "GET / HTTP/1.1\r", "?"},
      {"a request", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "http/1.1"},
      {"an old one", "GET / HTTP/1.0\r\n", "http/1.0"},
      {"an empty line before", "\r\nGET / HTTP/1.1\r\n", "http/1.1"},
      {"a method of one's own", "BREW /pot HTTP/1.1\r\n", "http/1.1"},
      {"HTTP/2 that has begun", "PRI * HT", "?"},
      {"HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "h2c"},
      {"a line without a version", "GET /\r\n", ""},
      {"HTTP/0.9 and below", "HELLO world\r\n", ""},
      {"bytes", std::string("\0\1\2", 3), ""},
      {"TLS", "\x16\x03\x01", ""},

      {"a blank first", " GET / HTTP/1.1\r\n", ""},
      {"a method without end", std::string(100, 'A'), ""},
      {"a line without end", "GET /" + std::string(70000, 'a'), ""},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    EXPECT_EQ(InspectHttp(c.bytes), c.what);
  }
}

}  // namespace
}  // namespace mesh::proxy
