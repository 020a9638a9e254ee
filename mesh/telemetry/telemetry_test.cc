#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>
#include <sstream>
#include <thread>

#include "mesh/telemetry/access_log.h"
#include "mesh/telemetry/log_writer.h"
#include "mesh/telemetry/metrics_text.h"

namespace mesh::telemetry {
namespace {

std::string Format(std::string_view format, const AccessLogEntry& entry) {
  absl::StatusOr<AccessLogFormat> parsed = AccessLogFormat::Parse(format);
  if (!parsed.ok()) return std::string(parsed.status().message());
  ClockText clock;
  std::string out;
  parsed->Append(entry, &clock, &out);
  return out;
}

TEST(AccessLogTest, IstiosDefaultFormat) {
  http::HeaderList request({{"user-agent", "curl/8"}, {"x-request-id", "id-1"}});
  http::HeaderList response({{"x-envoy-upstream-service-time", "3"}});
  AccessLogEntry e;
  e.start = absl::FromUnixMillis(1700000000007);
  e.duration = absl::Milliseconds(4);
  e.method = "GET";
  e.path = "/reviews/0";
  e.authority = "reviews:9080";
  e.protocol = "HTTP/1.1";
  e.request_headers = request.view();
  e.response_headers = response.view();
  e.response_code = 200;
  e.bytes_sent = 295;
  e.upstream_host = "127.1.0.3:9080";
  e.upstream_cluster = "outbound|9080|v1|reviews.default.svc.cluster.local";
  e.upstream_local_address = "127.0.0.1:4000";
  e.downstream_local_address = "127.2.0.1:9080";
  e.downstream_remote_address = "127.0.0.1:5000";
  e.route_name = "default";
  EXPECT_EQ(
      Format("[%START_TIME%] \"%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%\" "
             "%RESPONSE_CODE% %RESPONSE_FLAGS% \"%DYNAMIC_METADATA(istio.mixer:status)%\" "
             "\"%UPSTREAM_TRANSPORT_FAILURE_REASON%\" %BYTES_RECEIVED% %BYTES_SENT% %DURATION% "
             "%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% \"%REQ(X-FORWARDED-FOR)%\" "
             "\"%REQ(USER-AGENT)%\" \"%REQ(X-REQUEST-ID)%\" \"%REQ(:AUTHORITY)%\" "
             "\"%UPSTREAM_HOST%\" %UPSTREAM_CLUSTER% %UPSTREAM_LOCAL_ADDRESS% "
             "%DOWNSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_REMOTE_ADDRESS% %REQUESTED_SERVER_NAME% "
             "%ROUTE_NAME%\n",
             e),
      "[2023-11-14T22:13:20.007Z] \"GET /reviews/0 HTTP/1.1\" 200 - \"-\" \"-\" 0 295 4 3 \"-\" "
      "\"curl/8\" \"id-1\" \"reviews:9080\" \"127.1.0.3:9080\" "
      "outbound|9080|v1|reviews.default.svc.cluster.local 127.0.0.1:4000 127.2.0.1:9080 "
      "127.0.0.1:5000 - default\n");
}

TEST(AccessLogTest, Operators) {
  http::HeaderList request({{"x", "123456"},
                            {"bad", "a\nb"},
                            {"tab", "a\tb"},
                            {"empty", ""},
                            {"x", "second"},
                            {"user-agent", "one"},
                            {"user-agent", "two"}});
  http::HeaderList response({{"none", ""}});
  http::HeaderList trailers({{"grpc-status", "7"}});
  AccessLogEntry e;
  e.start = absl::FromUnixSeconds(1700000000);
  e.request_headers = request.view();
  e.response_headers = response.view();
  e.response_trailers = trailers.view();
  e.path = "/p?q=1";
  e.downstream_remote_address = "[::1]:80";
  e.response_flags = static_cast<uint32_t>(ResponseFlag::kUpstreamConnectionFailure) |
                     static_cast<uint32_t>(ResponseFlag::kUpstreamRetryLimitExceeded);
  e.request_end = absl::Milliseconds(5);
  e.response_code_details = "via_upstream";
  const struct {
    const char* format;
    const char* want;
  } cases[] = {
      {"100%%", "100%"},
      {"%REQ(X):3%", "123"},
      {"%REQ(y)%", "-"},
      {"%REQ(y?x)%", "123456"},
      {"%REQ_WITHOUT_QUERY(:PATH)%", "/p"},
      {"%REQ(bad)%", "a_b"},
      {"%REQ(tab)%", "a\tb"},
      {"%REQ(empty)%|%REQ(empty?x)%|%REQ(absent)%", "||-"},
      {"%RESP(none)%|%RESP(absent)%", "|-"},
      {"%REQ(user-agent)%", "one,two"},
      {"%RESPONSE_FLAGS%", "URX,UF"},
      {"%REQUEST_DURATION% %RESPONSE_DURATION%", "5 -"},
      {"%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT% %DOWNSTREAM_REMOTE_PORT%", "::1 80"},
      {"%START_TIME(%Y/%m)%", "2023/11"},
      {"%GRPC_STATUS%", "7"},
      {"%RESPONSE_CODE_DETAILS%", "via_upstream"},
      {"%RESPONSE_COED%", "%RESPONSE_COED%: unknown operator, did you mean RESPONSE_CODE?"},
      {"%REQ()%", "%REQ%: the header is missing"},
      {"%REQ(x", "%REQ(: ')' is missing"},
      {"%PROTOCOL", "%PROTOCOL: the closing '%' is missing"},
      {"%REQ(x):y%", "%REQ:y%: the length is no number"},
  };
  for (const auto& c : cases) EXPECT_EQ(Format(c.format, e), c.want) << c.format;
}

TEST(LogWriterTest, WritesWhatManyThreadsHandOver) {
  const std::string path = ::testing::TempDir() + "/lines.log";
  std::remove(path.c_str());
  {
    LogWriter writer;
    absl::StatusOr<LogWriter::File*> file = writer.Open(path);
    ASSERT_TRUE(file.ok());
    EXPECT_EQ(*writer.Open(path), *file);
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&] {
        for (int i = 0; i < 100; ++i) writer.Write(*file, "a line\n");
      });
    }
    for (std::thread& t : threads) t.join();
    writer.Flush();
    std::ifstream in(path);
    std::string line;
    int lines = 0;
    while (std::getline(in, line)) lines += line == "a line" ? 1 : 0;
    EXPECT_EQ(lines, 400);
  }
}

TEST(LogWriterTest, AFileThatCannotBeOpenedIsAnError) {
  LogWriter writer;
  EXPECT_EQ(writer.Open("/nowhere/at/all").status().message(),
            "cannot open the access log \"/nowhere/at/all\": No such file or directory");
}

TEST(MetricsTextTest, WritesFamilies) {
  MetricsText text;
  text.Family("a_total", MetricsText::Kind::kCounter);
  text.Sample({}, 1);
  text.Sample({{"x", "q\"\\\n"}, {"y", ""}}, 2);
  text.Family("h", MetricsText::Kind::kHistogram);
  const double bounds[] = {1, 2.5};
  const uint64_t counts[] = {3, 4, 5};
  text.Histogram({{"x", "1"}}, {bounds, counts, 2, 10.5});
  EXPECT_EQ(text.text(),
            "# TYPE a_total counter\n"
            "a_total 1\n"
            "a_total{x=\"q\\\"\\\\\\n\",y=\"\"} 2\n"
            "# TYPE h histogram\n"
            "h_bucket{x=\"1\",le=\"1\"} 3\n"
            "h_bucket{x=\"1\",le=\"2.5\"} 7\n"
            "h_bucket{x=\"1\",le=\"+Inf\"} 12\n"
            "h_sum{x=\"1\"} 10.5\n"
            "h_count{x=\"1\"} 12\n");
}

}  // namespace
}  // namespace mesh::telemetry
