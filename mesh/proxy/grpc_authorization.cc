#include "mesh/proxy/grpc_authorization.h"

#include <map>
#include <set>
#include <string_view>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "envoy/service/auth/v3/external_auth.grpc.pb.h"
#include "grpcpp/grpcpp.h"
#include "mesh/base/mutex.h"
#include "mesh/http/host.h"

namespace mesh::proxy {
namespace {

namespace auth = ::envoy::service::auth::v3;
using ::envoy::config::core::v3::HeaderValueOption;

void SetPeer(const std::string& ip, uint16_t port, const std::string& principal,
             auth::AttributeContext::Peer* peer) {
  auto* const address = peer->mutable_address()->mutable_socket_address();
  address->set_address(ip);
  address->set_port_value(port);
  peer->set_principal(principal);
}

// protobuf's strings are UTF-8; what is not would fail to be sent, and so would the question.
std::string Utf8(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size();) {
    const auto byte = static_cast<uint8_t>(text[i]);
    size_t size = byte < 0x80                   ? 1
                  : byte >= 0xc2 && byte < 0xe0 ? 2
                  : (byte & 0xf0) == 0xe0       ? 3
                  : byte >= 0xf0 && byte < 0xf5 ? 4
                                                : 0;
    bool good = size > 0 && i + size <= text.size();
    for (size_t k = 1; good && k < size; ++k) {
      good = (static_cast<uint8_t>(text[i + k]) & 0xc0) == 0x80;
    }
    if (good && size == 3) {
      const auto second = static_cast<uint8_t>(text[i + 1]);
      good = !(byte == 0xe0 && second < 0xa0) && !(byte == 0xed && second >= 0xa0);
    } else if (good && size == 4) {
      const auto second = static_cast<uint8_t>(text[i + 1]);
      good = !(byte == 0xf0 && second < 0x90) && !(byte == 0xf4 && second >= 0x90);
    }
    if (!good) size = 1;
    // As Envoy does.
    good ? out.append(text.substr(i, size)) : out.append("!");
    i += size;
  }
  return out;
}

auth::CheckRequest ToRequest(const AuthorizationQuestion& question) {
  auth::CheckRequest request;
  auto* const attributes = request.mutable_attributes();
  SetPeer(question.source_ip, question.source_port, question.source_principal,
          attributes->mutable_source());
  SetPeer(question.destination_ip, question.destination_port, question.destination_principal,
          attributes->mutable_destination());
  auto* const time = attributes->mutable_request()->mutable_time();
  const int64_t nanos = absl::ToUnixNanos(question.time);
  time->set_seconds(nanos / 1000000000);
  time->set_nanos(static_cast<int32_t>(nanos % 1000000000));
  auto* const http = attributes->mutable_request()->mutable_http();
  http->set_id(Utf8(question.id));
  http->set_method(Utf8(question.method));
  http->set_path(Utf8(question.path));
  http->set_host(Utf8(question.host));
  http->set_scheme(question.scheme);
  http->set_protocol(question.protocol);
  http->set_size(question.size);
  auto* const headers = http->mutable_headers();
  (*headers)[":method"] = http->method();
  (*headers)[":path"] = http->path();
  (*headers)[":authority"] = http->host();
  (*headers)[":scheme"] = question.scheme;
  for (const auto& [name, value] : question.headers) {
    std::string& joined = (*headers)[Utf8(name)];
    absl::StrAppend(&joined, joined.empty() ? "" : ",", Utf8(value));
  }
  return request;
}

bool CleanName(const std::string& name) {
  if (name.empty() || name[0] == ':') return false;
  for (char c : name) {
    if (c <= ' ' || c == ':' || static_cast<unsigned char>(c) >= 0x7f) return false;
  }
  return true;
}
bool CleanValue(const std::string& value) {
  for (char c : value) {
    if (c == '\r' || c == '\n' || c == '\0') return false;
  }
  return true;
}
// What frames a message or says whose it is stays the proxy's to say.
bool MayBeChanged(const std::string& name) {
  for (const char* const own : {"host", "content-length", "transfer-encoding", "connection",
                                "upgrade", "te", "trailer", "keep-alive"}) {
    if (name == own) return false;
  }
  return true;
}

AuthorizationAnswer Nonsense(std::string what) {
  AuthorizationAnswer answer;
  answer.error = std::move(what);
  return answer;
}

template <class List>
bool TakeHeaders(const List& list, AuthorizationAnswer* answer) {
  for (const HeaderValueOption& option : list) {
    const std::string name = http::LowerCase(option.header().key());
    const std::string& value =
        option.header().raw_value().empty() ? option.header().value() : option.header().raw_value();
    if (!CleanName(name) || !CleanValue(value)) return false;
    if (!MayBeChanged(name)) continue;
    answer->headers.push_back({name, value, option.append().value()});
  }
  return true;
}

AuthorizationAnswer ToAnswer(const grpc::Status& status, const auth::CheckResponse& response) {
  if (!status.ok()) return Nonsense(status.error_message());
  AuthorizationAnswer answer;
  if (response.status().code() == 0) {
    answer.kind = AuthorizationAnswer::Kind::kAllowed;
    const auth::OkHttpResponse& fine = response.ok_response();
    if (!TakeHeaders(fine.headers(), &answer)) return Nonsense("a header that is none");
    for (const std::string& name : fine.headers_to_remove()) {
      const std::string lower = http::LowerCase(name);
      if (CleanName(lower) && MayBeChanged(lower)) answer.remove_headers.push_back(lower);
    }
    return answer;
  }
  answer.kind = AuthorizationAnswer::Kind::kDenied;
  const auth::DeniedHttpResponse& denied = response.denied_response();
  const int code = static_cast<int>(denied.status().code());
  if (code != 0) answer.status = code;
  if (answer.status < 200 || answer.status > 599) return Nonsense("a status that is none");
  if (!TakeHeaders(denied.headers(), &answer)) return Nonsense("a header that is none");
  answer.body = denied.body();
  return answer;
}

struct Call {
  grpc::ClientContext context;
  auth::CheckRequest request;
  auth::CheckResponse response;
  std::function<void(AuthorizationAnswer)> done;
};

}  // namespace

// What is under way. Outlives its owner while callbacks are on their way.
class GrpcAuthorization::Calls {
 public:
  explicit Calls(TargetOf target_of) : target_of_(std::move(target_of)) {}

  bool stopped() const {
    MutexLock lock(&mutex_);
    return stopped_;
  }

  // On the configuration thread.
  void Begin(const AuthorizationQuestion& question, absl::Time deadline,
             std::function<void(AuthorizationAnswer)> done) {
    if (stopped()) return done(Nonsense("stopping"));
    const std::string target = target_of_(question.cluster);
    if (target.empty()) return done(Nonsense("no endpoint to ask"));
    std::shared_ptr<grpc::Channel>& channel = channels_[target];
    if (channel == nullptr) {
      channel = grpc::CreateChannel(target, grpc::InsecureChannelCredentials());
    }
    auto call = std::make_unique<Call>();
    call->request = ToRequest(question);
    call->done = std::move(done);
    call->context.set_deadline(absl::ToChronoTime(deadline));
    call->context.set_authority(question.authority.empty() ? question.cluster : question.authority);
    Call* const started = call.get();
    {
      MutexLock lock(&mutex_);
      if (stopped_) return call->done(Nonsense("stopping"));
      calls_.emplace(started, std::move(call));
    }
    auth::Authorization::Stub stub(channel);
    stub.async()->Check(&started->context, &started->request, &started->response,
                        [this, started](const grpc::Status& status) { End(started, status); });
  }

  void Stop() {
    MutexLock lock(&mutex_);
    stopped_ = true;
    for (const auto& [call, owned] : calls_) call->context.TryCancel();
    while (!calls_.empty()) none_.Wait(&mutex_);
  }

 private:
  void End(Call* call, const grpc::Status& status) {
    call->done(ToAnswer(status, call->response));
    MutexLock lock(&mutex_);
    calls_.erase(call);
    if (calls_.empty()) none_.NotifyAll();
  }

  const TargetOf target_of_;
  std::map<std::string, std::shared_ptr<grpc::Channel>> channels_;  // of the configuration thread
  mutable Mutex mutex_;
  CondVar none_;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  absl::flat_hash_map<Call*, std::unique_ptr<Call>> calls_ ABSL_GUARDED_BY(mutex_);
};

GrpcAuthorization::GrpcAuthorization(EventLoop* loop, TargetOf target_of)
    : loop_(loop), calls_(std::make_shared<Calls>(std::move(target_of))) {}

GrpcAuthorization::~GrpcAuthorization() { Stop(); }

void GrpcAuthorization::Ask(AuthorizationQuestion question,
                            std::function<void(AuthorizationAnswer)> done) {
  const absl::Time deadline = absl::Now() + question.timeout;
  loop_->Post([calls = calls_, question = std::move(question), deadline, done = std::move(done)] {
    calls->Begin(question, deadline, done);
  });
}

void GrpcAuthorization::Stop() { calls_->Stop(); }

}  // namespace mesh::proxy
