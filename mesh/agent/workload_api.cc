#include "mesh/agent/workload_api.h"

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "google/protobuf/util/json_util.h"
#include "grpcpp/grpcpp.h"

namespace mesh::agent {
namespace {

using Held = ca::WorkloadCertificate::Held;
using Known = WorkloadApi::Known;

constexpr std::chrono::seconds kTokenTimeout(5);

std::string Ders(absl::Span<const tls::Certificate> certificates) {
  std::string all;
  for (const tls::Certificate& certificate : certificates) all += certificate.der();
  return all;
}

// What stands between the lines of a PEM block.
std::string DerOfPem(const std::string& pem) {
  const size_t begin = pem.find('\n'), end = pem.find("\n-----END");
  std::string der;
  if (begin == std::string::npos || end == std::string::npos) return der;
  // Whitespace inside is skipped.
  absl::Base64Unescape(absl::string_view(pem).substr(begin, end - begin), &der);
  return der;
}

tls::SpiffeId IdOf(const Held& held) {
  return *held.identity.chain.front().SpiffeIdentity();  // WorkloadCertificate holds no other
}

std::optional<X509SVIDResponse> SvidOf(const Known& known) {
  if (known.held == nullptr) return std::nullopt;
  const Held& held = *known.held;
  X509SVIDResponse response;
  X509SVID* svid = response.add_svids();
  svid->set_spiffe_id(IdOf(held).ToString());
  svid->set_x509_svid(Ders(held.identity.chain));
  svid->set_x509_svid_key(DerOfPem(held.identity.key.ToPem()));
  svid->set_bundle(Ders(held.roots));
  return response;
}

std::optional<X509BundlesResponse> BundlesOf(const Known& known) {
  if (known.held == nullptr) return std::nullopt;
  X509BundlesResponse response;
  (*response.mutable_bundles())["spiffe://" + IdOf(*known.held).trust_domain()] =
      Ders(known.held->roots);
  return response;
}

std::optional<JWTBundlesResponse> JwtBundlesOf(const Known& known) {
  if (known.jwt_bundle == nullptr) return std::nullopt;
  JWTBundlesResponse response;
  (*response.mutable_bundles())["spiffe://" + known.jwt_bundle->trust_domain()] =
      known.jwt_bundle->json();
  return response;
}

bool SaysWhatItIs(const grpc::CallbackServerContext& context) {
  const auto [begin, end] = context.client_metadata().equal_range("workload.spiffe.io");
  return begin != end && begin->second == "true";
}
grpc::Status DoesNotSayWhatItIs() {
  return {grpc::StatusCode::INVALID_ARGUMENT,
          "the metadata \"workload.spiffe.io: true\" is missing"};
}

}  // namespace

// A write is in flight from the moment `writing_` is set until OnWriteDone; Finish waits for it.
template <class Response>
class WorkloadApi::Stream final : public grpc::ServerWriteReactor<Response>,
                                  public WorkloadApi::Listener {
 public:
  Stream(WorkloadApi* api, std::optional<Response> (*make)(const Known&))
      : api_(api), make_(make) {}

  void Start(std::shared_ptr<Stream> self, bool allowed) {
    self_ = std::move(self);
    if (allowed) return Push();
    End(DoesNotSayWhatItIs());
  }

  void Push() override {
    {
      MutexLock lock(&mutex_);
      if (writing_ || ending_) return;
      std::optional<Response> response = make_(api_->known());
      if (!response.has_value()) return;
      std::string bytes = response->SerializeAsString();  // maps of one entry: one spelling
      if (bytes == sent_) return;
      sent_ = std::move(bytes);
      response_ = *std::move(response);
      writing_ = true;
    }
    this->StartWrite(&response_);
  }

  void OnWriteDone(bool ok) override {
    bool finish = false;
    {
      MutexLock lock(&mutex_);
      writing_ = false;
      finish = ending_;
    }
    if (finish) return this->Finish(status_);
    if (ok) Push();  // what changed meanwhile
  }

  void OnCancel() override { End(grpc::Status::CANCELLED); }

  void OnDone() override {
    api_->Forget(this);
    self_.reset();
  }

 private:
  void End(grpc::Status status) {
    {
      MutexLock lock(&mutex_);
      if (ending_) return;
      ending_ = true;
      status_ = std::move(status);
      if (writing_) return;  // OnWriteDone goes on
    }
    this->Finish(status_);
  }

  WorkloadApi* const api_;
  std::optional<Response> (*const make_)(const Known&);
  std::shared_ptr<Stream> self_;  // until OnDone
  Response response_;
  grpc::Status status_;
  Mutex mutex_;
  std::string sent_ ABSL_GUARDED_BY(mutex_);
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool ending_ ABSL_GUARDED_BY(mutex_) = false;
};

template <class Response>
grpc::ServerWriteReactor<Response>* WorkloadApi::Open(
    grpc::CallbackServerContext* context, std::optional<Response> (*make)(const Known&)) {
  auto stream = std::make_shared<Stream<Response>>(this, make);
  {
    MutexLock lock(&mutex_);
    listeners_.push_back(stream);
  }
  stream->Start(stream, SaysWhatItIs(*context));
  return stream.get();
}

grpc::ServerWriteReactor<X509SVIDResponse>* WorkloadApi::FetchX509SVID(
    grpc::CallbackServerContext* context, const X509SVIDRequest*) {
  return Open<X509SVIDResponse>(context, SvidOf);
}

grpc::ServerWriteReactor<X509BundlesResponse>* WorkloadApi::FetchX509Bundles(
    grpc::CallbackServerContext* context, const X509BundlesRequest*) {
  return Open<X509BundlesResponse>(context, BundlesOf);
}

grpc::ServerWriteReactor<JWTBundlesResponse>* WorkloadApi::FetchJWTBundles(
    grpc::CallbackServerContext* context, const JWTBundlesRequest*) {
  return Open<JWTBundlesResponse>(context, JwtBundlesOf);
}

namespace {

// A call that the authority answers. Lives until both calls have ended.
class TokenCall final : public grpc::ServerUnaryReactor {
 public:
  void Start(const std::shared_ptr<grpc::Channel>& authority, const JWTSVIDRequest& request,
             JWTSVIDResponse* response) {
    stub_ = SpiffeWorkloadAPI::NewStub(authority);
    request_ = request;
    context_.set_deadline(std::chrono::system_clock::now() + kTokenTimeout);
    stub_->async()->FetchJWTSVID(
        &context_, &request_, response, [this](const grpc::Status& status) {
          if (status.ok()) return Finish(status);
          Finish({status.error_code(), "the authority: " + status.error_message()});
        });
  }
  void OnCancel() override { context_.TryCancel(); }
  void OnDone() override { delete this; }

 private:
  std::unique_ptr<SpiffeWorkloadAPI::Stub> stub_;
  grpc::ClientContext context_;
  JWTSVIDRequest request_;
};

}  // namespace

grpc::ServerUnaryReactor* WorkloadApi::FetchJWTSVID(grpc::CallbackServerContext* context,
                                                    const JWTSVIDRequest* request,
                                                    JWTSVIDResponse* response) {
  auto* call = new TokenCall();
  const auto held = known().held;
  const auto authority = authority_();
  if (!SaysWhatItIs(*context)) {
    call->Finish(DoesNotSayWhatItIs());
  } else if (request->audience().empty()) {
    call->Finish({grpc::StatusCode::INVALID_ARGUMENT, "no audience: whom is the token for?"});
  } else if (held == nullptr || authority == nullptr) {
    call->Finish({grpc::StatusCode::UNAVAILABLE, "this workload has no certificate yet"});
  } else if (!request->spiffe_id().empty() && request->spiffe_id() != IdOf(*held).ToString()) {
    call->Finish({grpc::StatusCode::PERMISSION_DENIED,
                  absl::StrCat("this workload is ", IdOf(*held).ToString())});
  } else {
    call->Start(authority, *request, response);
  }
  return call;
}

grpc::Status WorkloadApi::Validate(const grpc::CallbackServerContext& context,
                                   const ValidateJWTSVIDRequest& request,
                                   ValidateJWTSVIDResponse* response) {
  if (!SaysWhatItIs(context)) return DoesNotSayWhatItIs();
  const auto bundle = known().jwt_bundle;
  if (bundle == nullptr) {
    return {grpc::StatusCode::UNAVAILABLE, "the keys that verify tokens are not known yet"};
  }
  const auto bearer = bundle->Verify(request.svid(), request.audience(), clock_->Now());
  // The standard has one code for all that is wrong with a token.
  if (!bearer.ok()) {
    return {grpc::StatusCode::INVALID_ARGUMENT, std::string(bearer.status().message())};
  }
  response->set_spiffe_id(bearer->identity.ToString());
  const auto read =
      google::protobuf::util::JsonStringToMessage(bearer->claims_json, response->mutable_claims());
  if (!read.ok()) return {grpc::StatusCode::INVALID_ARGUMENT, "its payload is no JSON object"};
  return grpc::Status::OK;
}

grpc::ServerUnaryReactor* WorkloadApi::ValidateJWTSVID(grpc::CallbackServerContext* context,
                                                       const ValidateJWTSVIDRequest* request,
                                                       ValidateJWTSVIDResponse* response) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  reactor->Finish(Validate(*context, *request, response));
  return reactor;
}

void WorkloadApi::Forget(const Listener* listener) {
  MutexLock lock(&mutex_);
  listeners_.erase(std::remove_if(listeners_.begin(), listeners_.end(),
                                  [&](const auto& l) { return l.get() == listener; }),
                   listeners_.end());
}

void WorkloadApi::Push() {
  std::vector<std::shared_ptr<Listener>> listeners;
  {
    MutexLock lock(&mutex_);
    listeners = listeners_;
  }
  for (const auto& listener : listeners) listener->Push();
}

void WorkloadApi::Set(const Held& held) {
  {
    MutexLock lock(&mutex_);
    known_.held = std::make_shared<const Held>(held);
  }
  Push();
}

void WorkloadApi::SetJwtBundle(const ca::JwtBundle& bundle) {
  {
    MutexLock lock(&mutex_);
    known_.jwt_bundle = std::make_shared<const ca::JwtBundle>(bundle);
  }
  Push();
}

}  // namespace mesh::agent
