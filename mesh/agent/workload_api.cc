#include "mesh/agent/workload_api.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "grpcpp/grpcpp.h"

namespace mesh::agent {
namespace {

using Held = ca::WorkloadCertificate::Held;

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

X509SVIDResponse SvidOf(const Held& held) {
  X509SVIDResponse response;
  X509SVID* svid = response.add_svids();
  svid->set_spiffe_id(IdOf(held).ToString());
  svid->set_x509_svid(Ders(held.identity.chain));
  svid->set_x509_svid_key(DerOfPem(held.identity.key.ToPem()));
  svid->set_bundle(Ders(held.roots));
  return response;
}

X509BundlesResponse BundlesOf(const Held& held) {
  X509BundlesResponse response;
  (*response.mutable_bundles())["spiffe://" + IdOf(held).trust_domain()] = Ders(held.roots);
  return response;
}

bool SaysWhatItIs(const grpc::CallbackServerContext& context) {
  const auto [begin, end] = context.client_metadata().equal_range("workload.spiffe.io");
  return begin != end && begin->second == "true";
}

}  // namespace

// A write is in flight from the moment `writing_` is set until OnWriteDone; Finish waits for it.
template <class Response>
class WorkloadApi::Stream final : public grpc::ServerWriteReactor<Response>,
                                  public WorkloadApi::Listener {
 public:
  Stream(WorkloadApi* api, Response (*make)(const Held&)) : api_(api), make_(make) {}

  void Start(std::shared_ptr<Stream> self, bool allowed) {
    self_ = std::move(self);
    if (allowed) return Push();
    End(grpc::Status(grpc::StatusCode::INVALID_ARGUMENT,
                     "the metadata \"workload.spiffe.io: true\" is missing"));
  }

  void Push() override {
    const auto held = api_->held();
    if (held == nullptr) return;
    {
      MutexLock lock(&mutex_);
      if (writing_ || ending_ || held == sent_) return;
      sent_ = held;
      response_ = make_(*held);
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
  Response (*const make_)(const Held&);
  std::shared_ptr<Stream> self_;  // until OnDone
  Response response_;
  grpc::Status status_;
  Mutex mutex_;
  std::shared_ptr<const Held> sent_ ABSL_GUARDED_BY(mutex_);
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool ending_ ABSL_GUARDED_BY(mutex_) = false;
};

template <class Response>
grpc::ServerWriteReactor<Response>* WorkloadApi::Open(grpc::CallbackServerContext* context,
                                                      Response (*make)(const Held&)) {
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

void WorkloadApi::Forget(const Listener* listener) {
  MutexLock lock(&mutex_);
  listeners_.erase(std::remove_if(listeners_.begin(), listeners_.end(),
                                  [&](const auto& l) { return l.get() == listener; }),
                   listeners_.end());
}

void WorkloadApi::Set(const Held& held) {
  std::vector<std::shared_ptr<Listener>> listeners;
  {
    MutexLock lock(&mutex_);
    held_ = std::make_shared<const Held>(held);
    listeners = listeners_;
  }
  for (const auto& listener : listeners) listener->Push();
}

}  // namespace mesh::agent
