#include "mesh/xds/stream.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "grpcpp/grpcpp.h"
#include "grpcpp/impl/codegen/proto_utils.h"
#include "mesh/xds/wire.h"

namespace mesh::xds {

using envoy::service::discovery::v3::DiscoveryRequest;

namespace {

std::string OneLine(std::string text) {
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < ' ') c = ' ';
  }
  return text;
}

}  // namespace

Stream::Stream(StreamHost* host, std::string nonce_prefix)
    : host_(host), conversation_(std::move(nonce_prefix)) {}

Stream* Stream::Accept(StreamHost* host, const ListenAddress& listen,
                       grpc::CallbackServerContext* context, std::string nonce_prefix) {
  std::shared_ptr<Stream> stream(new Stream(host, std::move(nonce_prefix)));
  stream->self_ = stream;
  stream->peer_.address = context->peer();
  if (listen.authenticate != nullptr) {
    auto authenticated = listen.authenticate(*context);
    if (!authenticated.ok()) {
      stream->Say(LogLevel::kWarning, absl::StrCat("refused ", stream->peer_.address, ": ",
                                                   authenticated.status().message()));
      stream->End(grpc::Status(static_cast<grpc::StatusCode>(authenticated.status().code()),
                               std::string(authenticated.status().message())));
      return stream.get();
    }
    stream->peer_.authenticated = *std::move(authenticated);
  } else if (context->auth_context() != nullptr) {
    for (const grpc::string_ref& identity : context->auth_context()->GetPeerIdentity()) {
      stream->peer_.authenticated.emplace_back(identity.data(), identity.size());
    }
  }
  stream->StartRead(&stream->incoming_);
  return stream.get();
}

void Stream::Say(LogLevel level, const std::string& text) const {
  host_->options().log->Log(level, "xds", OneLine(text));
}

void Stream::OnReadDone(bool ok) {
  if (!ok) return End(grpc::Status::OK);
  DiscoveryRequest message;
  const grpc::Status parsed =
      grpc::SerializationTraits<DiscoveryRequest>::Deserialize(&incoming_, &message);
  incoming_.Clear();
  if (!parsed.ok()) {
    return End(grpc::Status(grpc::StatusCode::INVALID_ARGUMENT, "not a DiscoveryRequest"));
  }
  if (!admitted_) {
    if (message.node().id().empty()) {
      return End(grpc::Status(grpc::StatusCode::INVALID_ARGUMENT,
                              "the first request of a stream must carry node.id"));
    }
    admitted_ = true;
    peer_.node = message.node();
    peer_.connected_since = host_->options().clock->Now();
    Say(LogLevel::kInfo, absl::StrCat(peer_.node.id(), " connected from ", peer_.address));
    host_->Admit(shared_from_this());
  }
  OnRequest(message);
  Pump();
  StartRead(&incoming_);
}

void Stream::OnRequest(const DiscoveryRequest& message) {
  const ServerOptions& options = host_->options();
  const std::optional<Type> type = TypeFromUrl(message.type_url());
  if (!type.has_value()) {
    Say(LogLevel::kDebug,
        absl::StrCat(peer_.node.id(), " asks for ", message.type_url(), ", which is not served"));
    return;
  }
  Request request;
  request.type = *type;
  request.version = message.version_info();
  request.nonce = message.response_nonce();
  request.names.assign(message.resource_names().begin(), message.resource_names().end());
  request.rejected = message.has_error_detail();
  request.reason = OneLine(message.error_detail().message());

  Conversation::Meaning meaning;
  std::string version;
  {
    MutexLock lock(&mutex_);
    version = conversation_.SentVersion(*type);
    meaning = conversation_.OnRequest(request);
  }
  if (meaning == Conversation::Meaning::kRejected) {
    Say(LogLevel::kWarning,
        absl::StrCat(peer_.node.id(), " rejected ", std::string(ShortName(*type)), " ", version,
                     ": ", request.reason));
    if (options.observer != nullptr) {
      options.observer->OnRejected(peer_, *type, version, request.reason);
    }
  } else if (meaning == Conversation::Meaning::kAcknowledged && options.observer != nullptr) {
    options.observer->OnAcknowledged(peer_, *type, version);
  }
}

void Stream::Give(absl::StatusOr<ViewPtr> view) {
  if (!view.ok()) {
    Say(LogLevel::kWarning,
        absl::StrCat("no view for ", peer_.node.id(), ": ", view.status().message()));
    bool has_view;
    {
      MutexLock lock(&mutex_);
      has_view = conversation_.has_view();
    }
    if (!has_view) {
      End(grpc::Status(static_cast<grpc::StatusCode>(view.status().code()),
                       std::string(view.status().message())));
    }
    return;
  }
  {
    MutexLock lock(&mutex_);
    conversation_.SetView(*std::move(view));
  }
  Pump();
}

void Stream::Pump() {
  const ServerOptions& options = host_->options();
  std::optional<Response> response;
  ViewPtr synced;
  {
    MutexLock lock(&mutex_);
    if (writing_ || ending_) return;
    response = conversation_.Next();
    if (response.has_value()) {
      writing_ = true;
      outgoing_ = response->whole != nullptr
                      ? EncodeDiscoveryResponse(response->type, response->version, response->nonce,
                                                options.identifier, *response->whole)
                      : EncodeDiscoveryResponse(response->type, response->version, response->nonce,
                                                options.identifier, response->resources);
    } else if (conversation_.view() != synced_view_ && conversation_.InSync()) {
      synced = synced_view_ = conversation_.view();
    }
  }
  if (options.observer != nullptr) {
    if (response.has_value()) {
      options.observer->OnSent(peer_, response->type, response->version, outgoing_.Length());
    }
    if (synced != nullptr) options.observer->OnSynced(peer_, *synced);
  }
  if (response.has_value()) StartWrite(&outgoing_);
}

void Stream::OnWriteDone(bool ok) {
  bool end;
  {
    MutexLock lock(&mutex_);
    writing_ = false;
    outgoing_.Clear();
    end = ending_;
  }
  // After a failed write the read fails too, and ends the stream.
  if (end) {
    grpc::Status status;
    {
      MutexLock lock(&mutex_);
      status = end_status_;
    }
    Finish(std::move(status));
  } else if (ok) {
    Pump();
  }
}

void Stream::End(grpc::Status status) {
  {
    MutexLock lock(&mutex_);
    if (ending_) return;
    ending_ = true;
    end_status_ = status;
    if (writing_) return;  // OnWriteDone goes on
  }
  Finish(std::move(status));
}

void Stream::OnDone() {
  if (admitted_) {
    Say(LogLevel::kInfo, absl::StrCat(peer_.node.id(), " disconnected"));
    host_->Forget(this);
  }
  self_.reset();
}

PeerStatus Stream::Status() const {
  PeerStatus status;
  status.peer = peer_;
  MutexLock lock(&mutex_);
  for (Type type : kPushOrder) {
    status.types[static_cast<int>(type)] = conversation_.StatusOf(type);
  }
  status.in_sync = conversation_.InSync();
  if (conversation_.has_view()) status.generation = conversation_.view()->generation;
  if (synced_view_ != nullptr) status.acknowledged_generation = synced_view_->generation;
  return status;
}

Sent Stream::LastSent(Type type) const {
  MutexLock lock(&mutex_);
  return conversation_.LastSent(type);
}

}  // namespace mesh::xds
