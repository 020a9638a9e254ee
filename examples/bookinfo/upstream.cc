#include "examples/bookinfo/upstream.h"

#include <utility>

namespace bookinfo {

httplib::Headers ForwardedHeaders(const httplib::Request& request) {
  static constexpr const char* kNames[] = {
      "x-request-id",
      "x-b3-traceid",
      "x-b3-spanid",
      "x-b3-parentspanid",
      "x-b3-sampled",
      "x-b3-flags",
      "b3",
      "x-ot-span-context",
      "x-datadog-trace-id",
      "x-datadog-parent-id",
      "x-cloud-trace-context",
      "traceparent",
      "tracestate",
      "grpc-trace-bin",
      "authorization",
      "cookie",
      "user-agent",
      "end-user",
  };
  httplib::Headers headers;
  for (const char* name : kNames) {
    for (size_t i = 0; i < request.get_header_value_count(name); ++i) {
      headers.emplace(name, request.get_header_value(name, i));
    }
  }
  return headers;
}

Answer Upstream::Get(const std::string& service, const std::string& path, httplib::Headers headers,
                     std::chrono::milliseconds timeout) {
  std::unique_ptr<httplib::Client> client;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (!idle_.empty()) {
      client = std::move(idle_.back());
      idle_.pop_back();
    }
  }
  if (client == nullptr) {
    client = std::make_unique<httplib::Client>(address_, port_);
    client->set_keep_alive(true);
    client->set_tcp_nodelay(true);
  }
  client->set_connection_timeout(timeout);
  client->set_read_timeout(timeout);
  client->set_write_timeout(timeout);
  headers.emplace("Host", service + ":" + std::to_string(port_));
  const httplib::Result result = client->Get(path.c_str(), headers);
  Answer answer;
  answer.body = nlohmann::json(nlohmann::json::value_t::discarded);
  if (!result) return answer;  // and the connection goes with `client`
  answer.status = result->status;
  answer.body = nlohmann::json::parse(result->body, nullptr, /*allow_exceptions=*/false);
  std::lock_guard<std::mutex> lock(mutex_);
  if (idle_.size() < 64) idle_.push_back(std::move(client));
  return answer;
}

}  // namespace bookinfo
