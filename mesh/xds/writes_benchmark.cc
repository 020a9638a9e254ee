// What it costs to send the same resources to many ADS streams, three ways:
//   typed   one DiscoveryResponse a stream, its Anys copied from encoded resources
//   parsed  the same, the Anys packed from messages for each stream
//   slices  a ByteBuffer a stream around slices that all streams share
//   whole   as slices, the resources of the list joined to one slice beforehand
// The streams' other ends run in a forked process, so that CPU and memory are the server's own.
//   writes_benchmark MODE [STREAMS] [RESOURCES] [BYTES_PER_RESOURCE] [PUSHES]
// prints one line: user and system CPU for each push to all streams, peak memory during pushes.
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "envoy/config/core/v3/base.pb.h"
#include "envoy/service/discovery/v3/ads.grpc.pb.h"
#include "grpcpp/generic/generic_stub.h"
#include "grpcpp/grpcpp.h"
#include "mesh/base/content_hash.h"
#include "mesh/xds/resource.h"
#include "mesh/xds/wire.h"

namespace {

using envoy::service::discovery::v3::AggregatedDiscoveryService;
using envoy::service::discovery::v3::DiscoveryRequest;
using envoy::service::discovery::v3::DiscoveryResponse;
using mesh::xds::EncodedResource;
using mesh::xds::EncodedResourcePtr;
using mesh::xds::Type;

struct Counter {
  std::mutex mutex;
  std::condition_variable changed;
  int value = 0;
  void Add() {
    std::lock_guard<std::mutex> lock(mutex);
    ++value;
    changed.notify_all();
  }
  void Await(int at_least) {
    std::unique_lock<std::mutex> lock(mutex);
    changed.wait(lock, [&] { return value >= at_least; });
  }
};

// One stream; `Response` is what is written.
template <class Request, class Response>
class Stream : public grpc::ServerBidiReactor<Request, Response> {
 public:
  explicit Stream(Counter* answered) : answered_(answered) { this->StartRead(&request_); }
  void Push(Response response) {
    response_ = std::move(response);
    this->StartWrite(&response_);
  }
  void OnReadDone(bool ok) override {
    if (!ok) return this->Finish(grpc::Status::OK);
    answered_->Add();
    this->StartRead(&request_);
  }
  void OnWriteDone(bool) override { response_ = Response(); }
  void OnDone() override {}

 private:
  Counter* answered_;
  Request request_;
  Response response_;
};

template <class Request, class Response, class Base>
class Service : public Base {
 public:
  grpc::ServerBidiReactor<Request, Response>* StreamAggregatedResources(
      grpc::CallbackServerContext*) override {
    std::lock_guard<std::mutex> lock(mutex);
    streams.push_back(std::make_unique<Stream<Request, Response>>(&answered));
    return streams.back().get();
  }
  std::mutex mutex;
  std::vector<std::unique_ptr<Stream<Request, Response>>> streams;
  Counter answered;
};
using Typed = Service<DiscoveryRequest, DiscoveryResponse,
                      AggregatedDiscoveryService::WithCallbackMethod_StreamAggregatedResources<
                          AggregatedDiscoveryService::Service>>;
using Raw = Service<grpc::ByteBuffer, grpc::ByteBuffer,
                    AggregatedDiscoveryService::WithRawCallbackMethod_StreamAggregatedResources<
                        AggregatedDiscoveryService::Service>>;

// Reads one stream and answers each message with one request.
class Reader : public grpc::ClientBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer> {
 public:
  Reader(grpc::GenericStub* stub, const std::string& request)
      : request_slice_(request), request_(&request_slice_, 1) {
    stub->PrepareBidiStreamingCall(
        &context_,
        "/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources", {},
        this);
    StartWrite(&request_);
    StartRead(&response_);
    StartCall();
  }
  void OnReadDone(bool ok) override {
    if (!ok) return;
    response_.Clear();
    StartWrite(&request_);
    StartRead(&response_);
  }
  void OnDone(const grpc::Status&) override {}

 private:
  grpc::ClientContext context_;
  grpc::Slice request_slice_;
  grpc::ByteBuffer request_, response_;
};

[[noreturn]] void Read(int port_pipe, int count) {
  int port = 0;
  if (read(port_pipe, &port, sizeof(port)) != sizeof(port)) _exit(1);
  std::vector<std::unique_ptr<grpc::GenericStub>> stubs;
  std::vector<std::unique_ptr<Reader>> readers;
  const std::string request = DiscoveryRequest().SerializeAsString();
  for (int i = 0; i < count; ++i) {
    if (i % 20 == 0) {
      grpc::ChannelArguments arguments;
      arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
      arguments.SetMaxReceiveMessageSize(-1);
      stubs.push_back(std::make_unique<grpc::GenericStub>(grpc::CreateCustomChannel(
          "127.0.0.1:" + std::to_string(port), grpc::InsecureChannelCredentials(), arguments)));
    }
    readers.push_back(std::make_unique<Reader>(stubs.back().get(), request));
  }
  for (;;) pause();
}

double Seconds(const timeval& t) { return t.tv_sec + t.tv_usec * 1e-6; }

long ResidentMb() {
  long size = 0, resident = 0;
  FILE* file = std::fopen("/proc/self/statm", "r");
  if (file == nullptr || std::fscanf(file, "%ld %ld", &size, &resident) != 2) resident = 0;
  if (file != nullptr) std::fclose(file);
  return resident * 4 / 1024;
}

template <class S, class Make>
[[noreturn]] void Run(const char* mode, pid_t reader, int port_pipe, int streams, int pushes,
                      Make make) {
  S service;
  int port = 0;
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(&service);
  auto server = builder.BuildAndStart();
  if (write(port_pipe, &port, sizeof(port)) != sizeof(port)) std::abort();
  service.answered.Await(streams);
  const long idle_mb = ResidentMb();
  std::atomic<bool> done{false};
  std::atomic<long> peak_mb{0};
  std::thread sampler([&] {
    while (!done) {
      peak_mb = std::max<long>(peak_mb, ResidentMb());
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
  });
  rusage before, after;
  getrusage(RUSAGE_SELF, &before);
  for (int push = 1; push <= pushes; ++push) {
    for (auto& stream : service.streams) stream->Push(make(push));
    service.answered.Await(streams * (push + 1));
  }
  getrusage(RUSAGE_SELF, &after);
  done = true;
  sampler.join();
  std::printf("%-7s streams %d: user %.3f s, system %.3f s a push; %ld MB idle, %ld MB peak\n",
              mode, streams, (Seconds(after.ru_utime) - Seconds(before.ru_utime)) / pushes,
              (Seconds(after.ru_stime) - Seconds(before.ru_stime)) / pushes, idle_mb,
              peak_mb.load());
  std::fflush(stdout);
  kill(reader, SIGKILL);
  waitpid(reader, nullptr, 0);
  _exit(0);  // the streams are still open
}

}  // namespace

int main(int argc, char** argv) {
  const std::string mode = argc > 1 ? argv[1] : "slices";
  const int streams = argc > 2 ? std::atoi(argv[2]) : 1000;
  const int resources = argc > 3 ? std::atoi(argv[3]) : 500;
  const int bytes = argc > 4 ? std::atoi(argv[4]) : 2000;
  const int pushes = argc > 5 ? std::atoi(argv[5]) : 3;
  int port_pipe[2];
  if (pipe(port_pipe) != 0) return 1;
  const pid_t reader = fork();
  if (reader == 0) Read(port_pipe[0], streams);

  std::vector<EncodedResourcePtr> encoded;
  std::vector<envoy::config::core::v3::Node> messages;
  for (int i = 0; i < resources; ++i) {
    // A message of many small parts, as resources are.
    envoy::config::core::v3::Node message;
    message.set_id("outbound|9080||service-" + std::to_string(i) + ".default.svc.cluster.local");
    while (message.ByteSizeLong() < static_cast<size_t>(bytes)) {
      auto* extension = message.add_extensions();
      extension->set_name("10.244.1." + std::to_string(message.extensions_size()));
      extension->set_category("9080");
    }
    encoded.push_back(
        EncodedResource::Make(Type::kCluster, message.id(), "v", message.SerializeAsString()));
    messages.push_back(std::move(message));
  }
  const std::string url(mesh::xds::TypeUrl(Type::kCluster));
  auto typed = [&](int push) {
    DiscoveryResponse response;
    response.set_version_info(std::to_string(push));
    response.set_type_url(url);
    response.set_nonce(std::to_string(push));
    return response;
  };
  if (mode == "typed") {
    Run<Typed>("typed", reader, port_pipe[1], streams, pushes, [&](int push) {
      DiscoveryResponse response = typed(push);
      for (const EncodedResourcePtr& resource : encoded) {
        auto* any = response.add_resources();
        any->set_type_url(url);
        any->set_value(resource->message().data(), resource->message().size());
      }
      return response;
    });
  } else if (mode == "parsed") {
    Run<Typed>("parsed", reader, port_pipe[1], streams, pushes, [&](int push) {
      DiscoveryResponse response = typed(push);
      for (const auto& message : messages) response.add_resources()->PackFrom(message);
      return response;
    });
  } else if (mode == "whole") {
    const auto list = mesh::xds::ResourceList::Make(encoded);
    Run<Raw>("whole", reader, port_pipe[1], streams, pushes, [&](int push) {
      return mesh::xds::EncodeDiscoveryResponse(Type::kCluster, std::to_string(push),
                                                std::to_string(push), "", *list);
    });
  } else {
    Run<Raw>("slices", reader, port_pipe[1], streams, pushes, [&](int push) {
      return mesh::xds::EncodeDiscoveryResponse(Type::kCluster, std::to_string(push),
                                                std::to_string(push), "", encoded);
    });
  }
}
