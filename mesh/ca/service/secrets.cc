#include "mesh/ca/service/secrets.h"

#include <algorithm>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "mesh/base/strings.h"
#include "mesh/tls/digest.h"

namespace mesh::ca {
namespace {

using envoy::service::discovery::v3::DiscoveryRequest;
using envoy::service::discovery::v3::DiscoveryResponse;

constexpr char kTypeUrl[] = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret";

}  // namespace

Secret CertificateSecret(std::string_view name, const tls::Identity& identity) {
  Secret secret;
  secret.set_name(std::string(name));
  auto* certificate = secret.mutable_tls_certificate();
  certificate->mutable_certificate_chain()->set_inline_bytes(tls::ToPem(identity.chain));
  certificate->mutable_private_key()->set_inline_bytes(identity.key.ToPem());
  return secret;
}

Secret RootsSecret(std::string_view name, absl::Span<const tls::Certificate> roots) {
  Secret secret;
  secret.set_name(std::string(name));
  secret.mutable_validation_context()->mutable_trusted_ca()->set_inline_bytes(tls::ToPem(roots));
  return secret;
}

Secret TextSecret(std::string_view name, std::string text) {
  Secret secret;
  secret.set_name(std::string(name));
  secret.mutable_generic_secret()->mutable_secret()->set_inline_string(std::move(text));
  return secret;
}

std::string SecretVersion(const Secret& secret) {
  return absl::BytesToHexString(tls::Sha256(secret.SerializeAsString()));
}

// One stream. A write is in flight from the moment `writing_` is set until OnWriteDone; Finish
// waits for it, so that nothing is started behind it.
class SecretService::Stream final
    : public grpc::ServerBidiReactor<DiscoveryRequest, DiscoveryResponse> {
 public:
  explicit Stream(SecretService* service) : service_(service) {}

  void Start(std::shared_ptr<Stream> self, absl::StatusOr<std::string> peer_chain) {
    self_ = std::move(self);
    if (!peer_chain.ok()) {
      service_->log_->Log(LogLevel::kWarning, "sds",
                          absl::StrCat("refused a stream: ", peer_chain.status().message()));
      {
        MutexLock lock(&mutex_);
        closing_ = true;
      }
      Finish(grpc::Status(static_cast<grpc::StatusCode>(peer_chain.status().code()),
                          std::string(peer_chain.status().message())));
      return;
    }
    {
      MutexLock lock(&mutex_);
      status_.peer_chain = *std::move(peer_chain);
    }
    StartRead(&request_);
  }

  void OnReadDone(bool ok) override {
    if (!ok) {
      bool finish = false;
      {
        MutexLock lock(&mutex_);
        closing_ = true;
        finish = !writing_;
      }
      if (finish) Finish(grpc::Status::OK);
      return;
    }
    Take();
    Push();
    StartRead(&request_);
  }

  // Sends what the peer has not; at most one answer is under way.
  void Push() {
    {
      MutexLock lock(&mutex_);
      if (writing_ || closing_ || names_.empty()) return;
      const auto entries = service_->entries();
      DiscoveryResponse response;
      std::string versions;
      std::map<std::string, std::string> contents;
      for (const std::string& name : names_) {
        const auto found = entries->find(name);
        if (found == entries->end()) continue;
        contents[name] = found->second.version;
        absl::StrAppend(&versions, name, "=", found->second.version, ";");
        auto* resource = response.add_resources();
        resource->set_type_url(kTypeUrl);
        resource->set_value(found->second.bytes);
      }
      if (versions.empty()) return;
      const std::string version = absl::BytesToHexString(tls::Sha256(versions)).substr(0, 16);
      if (version == status_.sent_version) return;
      response.set_version_info(version);
      response.set_nonce(absl::StrCat(++nonce_));
      response.set_type_url(kTypeUrl);
      status_.sent_version = version;
      sent_ = std::move(contents);
      response_ = std::move(response);
      writing_ = true;
    }
    StartWrite(&response_);
  }

  void OnWriteDone(bool ok) override {
    bool finish = false;
    {
      MutexLock lock(&mutex_);
      writing_ = false;
      finish = closing_;
    }
    if (finish) return Finish(grpc::Status::OK);
    if (ok) Push();  // what changed meanwhile
  }

  void OnDone() override {
    service_->Forget(this);
    self_.reset();
  }

  StreamStatus status() const {
    MutexLock lock(&mutex_);
    return status_;
  }

 private:
  void Take() {
    MutexLock lock(&mutex_);
    if (request_.has_node()) status_.node = request_.node().id();
    names_.assign(request_.resource_names().begin(), request_.resource_names().end());
    if (status_.names != names_) status_.sent_version.clear();  // asked anew: answered anew
    status_.names = names_;
    if (request_.response_nonce() != absl::StrCat(nonce_)) return;
    if (request_.has_error_detail()) {
      status_.refusal = request_.error_detail().message();
      service_->log_->Log(LogLevel::kWarning, "sds",
                          absl::StrCat(absl::CHexEscape(status_.node),
                                       " refuses a secret: ", absl::CHexEscape(status_.refusal)));
    } else {
      status_.acknowledged_version = request_.version_info();
      status_.acknowledged = sent_;
      status_.refusal.clear();
    }
  }

  SecretService* const service_;
  std::shared_ptr<Stream> self_;
  DiscoveryRequest request_;
  DiscoveryResponse response_;
  mutable Mutex mutex_;
  std::vector<std::string> names_ ABSL_GUARDED_BY(mutex_);
  StreamStatus status_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, std::string> sent_ ABSL_GUARDED_BY(mutex_);  // of the last answer
  uint64_t nonce_ ABSL_GUARDED_BY(mutex_) = 0;
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool closing_ ABSL_GUARDED_BY(mutex_) = false;
};

grpc::ServerBidiReactor<DiscoveryRequest, DiscoveryResponse>* SecretService::StreamSecrets(
    grpc::CallbackServerContext* context) {
  absl::StatusOr<std::string> peer_chain = std::string();
  if (admit_ != nullptr) peer_chain = admit_(*context);
  auto stream = std::make_shared<Stream>(this);
  {
    MutexLock lock(&mutex_);
    streams_.push_back(stream);
  }
  stream->Start(stream, std::move(peer_chain));
  return stream.get();
}

void SecretService::Forget(const Stream* stream) {
  MutexLock lock(&mutex_);
  streams_.erase(std::remove_if(streams_.begin(), streams_.end(),
                                [&](const auto& s) { return s.get() == stream; }),
                 streams_.end());
}

std::shared_ptr<const SecretService::Entries> SecretService::entries() const {
  MutexLock lock(&mutex_);
  return entries_;
}

void SecretService::Put(Entries* entries, const Secret& secret) {
  Entry entry;
  entry.bytes = secret.SerializeAsString();
  entry.version = SecretVersion(secret);
  (*entries)[secret.name()] = std::move(entry);
}

void SecretService::Replace(Entries entries) {
  std::vector<std::shared_ptr<Stream>> streams;
  {
    MutexLock lock(&mutex_);
    entries_ = std::make_shared<const Entries>(std::move(entries));
    streams = streams_;
  }
  for (const auto& stream : streams) stream->Push();
}

void SecretService::SetAll(absl::Span<const Secret> secrets) {
  MutexLock lock(&change_);
  Entries next = *entries();
  for (const Secret& secret : secrets) Put(&next, secret);
  Replace(std::move(next));
}

void SecretService::SetWorkload(const WorkloadCertificate::Held& held) {
  MutexLock lock(&change_);
  Entries next = *entries();
  Put(&next, CertificateSecret(kWorkloadSecret, held.identity));
  Put(&next, RootsSecret(kRootsSecret, held.roots));
  Replace(std::move(next));
}

void SecretService::Remove(std::string_view name) {
  MutexLock lock(&change_);
  Entries next = *entries();
  const auto found = next.find(name);
  if (found == next.end()) return;
  next.erase(found);
  Replace(std::move(next));
}

std::vector<SecretService::StreamStatus> SecretService::streams() const {
  std::vector<std::shared_ptr<Stream>> streams;
  {
    MutexLock lock(&mutex_);
    streams = streams_;
  }
  std::vector<StreamStatus> out;
  for (const auto& stream : streams) out.push_back(stream->status());
  return out;
}

}  // namespace mesh::ca
