#include "mesh/proxy/admin.h"

#include <string.h>

#include <utility>

#include "absl/strings/str_cat.h"

namespace mesh::proxy {

class AdminServer::Connection final : public Socket {
 public:
  Connection(AdminServer* server, int fd) : Socket(server->loop_), server_(server) {
    server_->connections_.insert(this);
    reader_.Begin();
    Open(fd);
  }

 private:
  void OnData(std::string_view bytes) override {
    held_.append(bytes);
    Process();
  }

  void Process() {
    while (open() && !answering_) {
      std::string_view input = held_;
      const Http1Reader::Event event = reader_.Next(&input);
      const std::string rest(input);
      switch (event) {
        case Http1Reader::Event::kNeedMore:
          held_.clear();
          return;
        case Http1Reader::Event::kHead:
        case Http1Reader::Event::kBody:
          break;
        case Http1Reader::Event::kError:
          Send({reader_.error_status(), "text/plain", ""}, /*close=*/true);
          return;
        case Http1Reader::Event::kEnd:
          answering_ = true;
          Answer();
          break;
      }
      held_ = rest;
    }
    // Nobody needs to send more than the next request.
    if (held_.size() > 64 * 1024) Close();
  }

  void Answer() {
    const std::string method(reader_.head().method);
    const std::string target(reader_.head().target);
    const bool keep_alive = reader_.head().keep_alive;
    // The answer may come after the connection has gone.
    std::weak_ptr<Connection*> self = self_;
    server_->handler_(method, target, [self, keep_alive](AdminAnswer answer) {
      const std::shared_ptr<Connection*> alive = self.lock();
      if (alive == nullptr) return;
      Connection* const connection = *alive;
      if (!connection->open()) return;
      connection->Send(std::move(answer), !keep_alive);
      if (!keep_alive) return;
      connection->arena_.Clear();
      connection->reader_.Begin();
      connection->answering_ = false;
      if (!connection->held_.empty()) connection->next_.Arm(0);
    });
  }

  void Send(AdminAnswer answer, bool close) {
    const bool head = reader_.head().method == "HEAD";
    Arena arena;
    HeaderMap headers(&arena);
    headers.Add("content-type", answer.content_type);
    headers.Add("content-length", absl::StrCat(answer.body.size()));
    headers.Add("cache-control", "no-cache, max-age=0");
    headers.Add("x-content-type-options", "nosniff");
    headers.Add("server", "mesh-proxy");
    if (close) headers.Add("connection", "close");
    AppendResponseHead(answer.status, 1, headers, &out());
    if (!head) out().Append(answer.body);
    FlushSoon();
    if (close) CloseWhenFlushed();
  }

  void OnEnd() override {
    if (unsent() > 0) {
      CloseWhenFlushed();
    } else {
      Close();
    }
  }
  void OnError(int) override {}
  void OnClosed() override {
    self_.reset();
    server_->connections_.erase(this);
    loop()->DeleteLater(std::unique_ptr<EventHandler>(this));
  }

  AdminServer* const server_;
  Arena arena_;
  Http1Reader reader_{Http1Reader::Kind::kRequest, &arena_};
  std::string held_;
  bool answering_ = false;
  std::shared_ptr<Connection*> self_ = std::make_shared<Connection*>(this);
  Timer next_{loop(), [this] { Process(); }};
};

class AdminServer::Acceptor final : public EventHandler {
 public:
  Acceptor(AdminServer* server, int fd) : server_(server), fd_(fd) {
    server_->loop_->network().Watch(fd, this, {/*reads=*/true, /*writes=*/false});
  }
  ~Acceptor() override { server_->loop_->network().Close(fd_); }

  void OnReady(const ReadyEvent&) override {
    for (int i = 0; i < 16; ++i) {
      Address peer;
      const int fd = server_->loop_->network().Accept(fd_, &peer);
      if (fd < 0) return;
      new Connection(server_, fd);
    }
  }

 private:
  AdminServer* const server_;
  const int fd_;
};

AdminServer::AdminServer(EventLoop* loop, Handler handler)
    : loop_(loop), handler_(std::move(handler)) {}
AdminServer::~AdminServer() { Stop(); }

absl::Status AdminServer::Listen(const Address& address) {
  const int fd = ListenOn(address, /*shared=*/false, 64);
  if (fd < 0) {
    return absl::UnavailableError(
        absl::StrCat("cannot listen on ", address.ToString(), " for admin: ", strerror(-fd)));
  }
  address_ = Address::LocalOf(fd);
  acceptor_ = std::make_unique<Acceptor>(this, fd);
  return absl::OkStatus();
}

void AdminServer::Stop() {
  if (acceptor_ != nullptr) loop_->DeleteLater(std::move(acceptor_));
  while (!connections_.empty()) (*connections_.begin())->Close();
}

}  // namespace mesh::proxy
