// A stream's two directions: the thread that gRPC gives it reads what the Envoy asks, another one
// reads what the control plane answers. All types but secrets pass as they are, with their versions
// and nonces. Secrets of this workload and of the control plane are put together into answers of
// our own; what the control plane sends of them is acknowledged at once.
#include "mesh/agent/ads_relay.h"

#include <pthread.h>

#include <algorithm>
#include <map>
#include <thread>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "grpcpp/grpcpp.h"
#include "mesh/base/strings.h"
#include "mesh/ca/service/secrets.h"
#include "mesh/tls/digest.h"

namespace mesh::agent {
namespace {

using envoy::service::discovery::v3::AggregatedDiscoveryService;
using envoy::service::discovery::v3::DiscoveryRequest;
using envoy::service::discovery::v3::DiscoveryResponse;

constexpr char kSecretType[] =
    "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret";

bool IsOwn(const std::string& name) {
  return name == ca::kWorkloadSecret || name == ca::kRootsSecret;
}

}  // namespace

class AdsRelay::Stream {
 public:
  using Down = grpc::ServerReaderWriter<DiscoveryResponse, DiscoveryRequest>;
  Stream(AdsRelay* relay, grpc::ServerContext* context, Down* down)
      : relay_(relay), context_(context), down_(down) {}

  grpc::Status Run(const std::shared_ptr<grpc::Channel>& control_plane) {
    const auto stub = AggregatedDiscoveryService::NewStub(control_plane);
    up_ = stub->StreamAggregatedResources(&up_context_);
    std::thread answers([this] {
      pthread_setname_np(pthread_self(), "ads-relay");
      DiscoveryResponse answer;
      while (up_->Read(&answer)) TakeAnswer(answer);
      context_->TryCancel();  // the Envoy asks anew
    });
    DiscoveryRequest request;
    while (down_->Read(&request)) TakeRequest(request);
    up_context_.TryCancel();
    answers.join();
    {
      MutexLock lock(&down_mutex_);
      ended_ = true;
    }
    const grpc::Status status = up_->Finish();
    if (status.error_code() != grpc::StatusCode::CANCELLED) {
      // The Envoy tries again and again while the control plane is away.
      const bool away = status.error_code() == grpc::StatusCode::UNAVAILABLE;
      relay_->log_->Log(away ? LogLevel::kDebug : LogLevel::kWarning, "agent",
                        absl::StrCat("the control plane ends the stream of the Envoy beside: ",
                                     status.error_message()));
    }
    return status;
  }

  // Sends those secrets that the Envoy asked for and has not.
  void PushSecrets() {
    MutexLock lock(&down_mutex_);
    if (ended_) return;
    const auto held = relay_->held();
    DiscoveryResponse response;
    std::string contents;
    const auto add = [&](const std::string& bytes) {
      auto* const resource = response.add_resources();
      resource->set_type_url(kSecretType);
      resource->set_value(bytes);
      absl::StrAppend(&contents, bytes.size(), ":", bytes);
    };
    for (const std::string& name : wanted_) {
      if (IsOwn(name)) {
        if (held == nullptr) continue;
        add((name == ca::kRootsSecret ? ca::RootsSecret(name, held->roots)
                                      : ca::CertificateSecret(name, held->identity))
                .SerializeAsString());
      } else if (const auto found = others_.find(name); found != others_.end()) {
        add(found->second);
      }
    }
    if (response.resources().empty()) return;
    const std::string version = absl::BytesToHexString(tls::Sha256(contents)).substr(0, 16);
    if (version == sent_version_) return;
    sent_version_ = version;
    response.set_version_info(version);
    response.set_nonce(absl::StrCat("agent-", ++nonce_));
    response.set_type_url(kSecretType);
    down_->Write(response);
  }

 private:
  void TakeRequest(const DiscoveryRequest& request) {
    if (Std(request.type_url()) != kSecretType) {
      MutexLock lock(&up_mutex_);
      up_->Write(request);
      return;
    }
    if (request.has_error_detail()) {
      relay_->log_->Log(LogLevel::kWarning, "agent",
                        absl::StrCat("the Envoy beside refuses a secret: ",
                                     absl::CHexEscape(request.error_detail().message())));
    }
    std::vector<std::string> names(request.resource_names().begin(),
                                   request.resource_names().end());
    {
      MutexLock lock(&down_mutex_);
      if (names != wanted_) sent_version_.clear();  // asked anew: answered anew
      wanted_ = names;
    }
    names.erase(std::remove_if(names.begin(), names.end(), IsOwn), names.end());
    {
      MutexLock lock(&up_mutex_);
      if (names != asked_) {
        asked_ = names;
        AskForOthers(request.has_node() ? &request.node() : nullptr);
      }
    }
    PushSecrets();
  }

  void TakeAnswer(const DiscoveryResponse& answer) {
    if (Std(answer.type_url()) != kSecretType) {
      MutexLock lock(&down_mutex_);
      down_->Write(answer);
      return;
    }
    {
      MutexLock lock(&down_mutex_);
      for (const auto& any : answer.resources()) {
        ca::Secret secret;
        if (!secret.ParseFromString(any.value()) || IsOwn(secret.name())) continue;
        others_[secret.name()] = any.value();
      }
    }
    {
      MutexLock lock(&up_mutex_);
      version_ = answer.version_info();
      up_nonce_ = answer.nonce();
      AskForOthers(nullptr);
    }
    PushSecrets();
  }

  // Also the acknowledgement of the last answer.
  void AskForOthers(const envoy::config::core::v3::Node* node)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(up_mutex_) {
    DiscoveryRequest request;
    if (node != nullptr) *request.mutable_node() = *node;
    request.set_type_url(kSecretType);
    request.set_version_info(version_);
    request.set_response_nonce(up_nonce_);
    for (const std::string& name : asked_) request.add_resource_names(name);
    up_->Write(request);
  }

  AdsRelay* const relay_;
  grpc::ServerContext* const context_;
  Down* const down_;
  grpc::ClientContext up_context_;
  std::unique_ptr<grpc::ClientReaderWriter<DiscoveryRequest, DiscoveryResponse>> up_;

  Mutex up_mutex_;  // held to write there
  std::vector<std::string> asked_ ABSL_GUARDED_BY(up_mutex_);
  std::string version_ ABSL_GUARDED_BY(up_mutex_), up_nonce_ ABSL_GUARDED_BY(up_mutex_);

  Mutex down_mutex_;  // held to write there
  bool ended_ ABSL_GUARDED_BY(down_mutex_) = false;
  std::vector<std::string> wanted_ ABSL_GUARDED_BY(down_mutex_);
  std::map<std::string, std::string> others_ ABSL_GUARDED_BY(down_mutex_);  // by name
  std::string sent_version_ ABSL_GUARDED_BY(down_mutex_);
  uint64_t nonce_ ABSL_GUARDED_BY(down_mutex_) = 0;
};

grpc::Status AdsRelay::StreamAggregatedResources(grpc::ServerContext* context,
                                                 Stream::Down* stream) {
  const auto control_plane = control_plane_();
  if (control_plane == nullptr) {
    return {grpc::StatusCode::UNAVAILABLE, "this workload has no certificate yet"};
  }
  const auto relayed = std::make_shared<Stream>(this, context, stream);
  {
    MutexLock lock(&mutex_);
    streams_.push_back(relayed);
  }
  grpc::Status status = relayed->Run(control_plane);
  MutexLock lock(&mutex_);
  streams_.erase(std::find(streams_.begin(), streams_.end(), relayed));
  return status;
}

void AdsRelay::Set(const Held& held) {
  std::vector<std::shared_ptr<Stream>> streams;
  {
    MutexLock lock(&mutex_);
    held_ = std::make_shared<const Held>(held);
    streams = streams_;
  }
  for (const auto& stream : streams) stream->PushSecrets();
}

}  // namespace mesh::agent
