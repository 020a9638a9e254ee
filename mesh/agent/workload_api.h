// The SPIFFE Workload API: who this workload is and whom it trusts, for programs beside it that
// speak TLS themselves or show tokens. Private to mesh/agent.
#ifndef MESH_AGENT_WORKLOAD_API_H_
#define MESH_AGENT_WORKLOAD_API_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "api/spiffe/workload.grpc.pb.h"
#include "mesh/base/clock.h"
#include "mesh/base/mutex.h"
#include "mesh/ca/service/jwt_svid.h"
#include "mesh/ca/workload_certificate.h"

namespace mesh::agent {

// Thread-safe; calls run on gRPC's threads. A stream is answered once there is what it asks for,
// and at each change; every call must carry the metadata "workload.spiffe.io: true", as the
// standard asks against servers that a browser can be made to call. Tokens come from the authority,
// one call each, over a connection that shows this workload's certificate; they are verified here.
class WorkloadApi final : public SpiffeWorkloadAPI::WithCallbackMethod_FetchX509SVID<
                              SpiffeWorkloadAPI::WithCallbackMethod_FetchX509Bundles<
                                  SpiffeWorkloadAPI::WithCallbackMethod_FetchJWTSVID<
                                      SpiffeWorkloadAPI::WithCallbackMethod_FetchJWTBundles<
                                          SpiffeWorkloadAPI::WithCallbackMethod_ValidateJWTSVID<
                                              SpiffeWorkloadAPI::Service>>>>> {
 public:
  using Held = ca::WorkloadCertificate::Held;

  // `authority`: a channel to it; null before there is a certificate.
  WorkloadApi(std::function<std::shared_ptr<grpc::Channel>()> authority, const Clock* clock)
      : authority_(std::move(authority)), clock_(clock) {}

  void Set(const Held& held);
  void SetJwtBundle(const ca::JwtBundle& bundle);

  grpc::ServerWriteReactor<X509SVIDResponse>* FetchX509SVID(
      grpc::CallbackServerContext* context, const X509SVIDRequest* request) override;
  grpc::ServerWriteReactor<X509BundlesResponse>* FetchX509Bundles(
      grpc::CallbackServerContext* context, const X509BundlesRequest* request) override;
  grpc::ServerUnaryReactor* FetchJWTSVID(grpc::CallbackServerContext* context,
                                         const JWTSVIDRequest* request,
                                         JWTSVIDResponse* response) override;
  grpc::ServerWriteReactor<JWTBundlesResponse>* FetchJWTBundles(
      grpc::CallbackServerContext* context, const JWTBundlesRequest* request) override;
  grpc::ServerUnaryReactor* ValidateJWTSVID(grpc::CallbackServerContext* context,
                                            const ValidateJWTSVIDRequest* request,
                                            ValidateJWTSVIDResponse* response) override;

  // What there is to be told. For workload_api.cc.
  struct Known {
    std::shared_ptr<const Held> held;                 // null: nothing yet
    std::shared_ptr<const ca::JwtBundle> jwt_bundle;  // likewise
  };

 private:
  template <class Response>
  class Stream;
  // Anything that wants to hear of a change.
  class Listener {
   public:
    virtual ~Listener() = default;
    virtual void Push() = 0;
  };

  // `make`: nullopt where there is nothing to say yet.
  template <class Response>
  grpc::ServerWriteReactor<Response>* Open(grpc::CallbackServerContext* context,
                                           std::optional<Response> (*make)(const Known& known));
  Known known() const {
    MutexLock lock(&mutex_);
    return known_;
  }
  void Push();
  void Forget(const Listener* listener);

  grpc::Status Validate(const grpc::CallbackServerContext& context,
                        const ValidateJWTSVIDRequest& request, ValidateJWTSVIDResponse* response);

  const std::function<std::shared_ptr<grpc::Channel>()> authority_;
  const Clock* const clock_;
  mutable Mutex mutex_;
  Known known_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::shared_ptr<Listener>> listeners_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace mesh::agent

#endif  // MESH_AGENT_WORKLOAD_API_H_
