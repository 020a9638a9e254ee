// The SPIFFE Workload API for X.509: who this workload is and whom it trusts, for programs beside
// it that speak TLS themselves. Private to mesh/agent.
#ifndef MESH_AGENT_WORKLOAD_API_H_
#define MESH_AGENT_WORKLOAD_API_H_

#include <functional>
#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "api/spiffe/workload.grpc.pb.h"
#include "mesh/base/mutex.h"
#include "mesh/ca/workload_certificate.h"

namespace mesh::agent {

// Thread-safe; calls run on gRPC's threads. A stream is answered once there is a certificate, and
// at each change; every call must carry the metadata "workload.spiffe.io: true", as the standard
// asks against servers that a browser can be made to call. JWT-SVIDs are UNIMPLEMENTED: the
// authority signs no tokens.
class WorkloadApi final
    : public SpiffeWorkloadAPI::WithCallbackMethod_FetchX509SVID<
          SpiffeWorkloadAPI::WithCallbackMethod_FetchX509Bundles<SpiffeWorkloadAPI::Service>> {
 public:
  using Held = ca::WorkloadCertificate::Held;

  void Set(const Held& held);

  grpc::ServerWriteReactor<X509SVIDResponse>* FetchX509SVID(
      grpc::CallbackServerContext* context, const X509SVIDRequest* request) override;
  grpc::ServerWriteReactor<X509BundlesResponse>* FetchX509Bundles(
      grpc::CallbackServerContext* context, const X509BundlesRequest* request) override;

 private:
  template <class Response>
  class Stream;
  // Anything that wants to hear of a change.
  class Listener {
   public:
    virtual ~Listener() = default;
    virtual void Push() = 0;
  };

  template <class Response>
  grpc::ServerWriteReactor<Response>* Open(grpc::CallbackServerContext* context,
                                           Response (*make)(const Held& held));
  std::shared_ptr<const Held> held() const {
    MutexLock lock(&mutex_);
    return held_;
  }
  void Forget(const Listener* listener);

  mutable Mutex mutex_;
  std::shared_ptr<const Held> held_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::shared_ptr<Listener>> listeners_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace mesh::agent

#endif  // MESH_AGENT_WORKLOAD_API_H_
