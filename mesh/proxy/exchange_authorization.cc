// Whether a request may go on: the listener's filters, and the wait for a service that one of them
// asks. Meanwhile what comes of the body is kept, and its sender kept back once that is enough.

#include <utility>

#include "mesh/proxy/exchange.h"

namespace mesh::proxy {

RequestAuthorization::Input Exchange::AuthorizationInput() {
  const Routes* const routes = listener_config_->routes.get();
  return {manager(),
          *connection_,
          routes == nullptr ? nullptr : routes->config.get(),
          match_,
          head_,
          parts_,
          &listener_->stats,
          host_->wall_clock(),
          host_->explain_denials()};
}

void Exchange::Authorize() { TakeStep(authorization_.Run(AuthorizationInput())); }

void Exchange::TakeStep(RequestAuthorization::Step step) {
  switch (step) {
    case RequestAuthorization::Step::kGoOn:
      // A filter may have taken a token out of the query.
      route_request_.path = parts_->path;
      return FollowRoute();
    case RequestAuthorization::Step::kAnswer:
      return Reply(authorization_.reply());
    case RequestAuthorization::Step::kAsk:
      break;
  }
  if (host_->authorization() == nullptr) return OnAuthorization(AuthorizationAnswer());
  AuthorizationQuestion question = authorization_.Question(AuthorizationInput());
  asking_ = std::make_shared<Asking>(Asking{this});
  try_timer_for_ = TryTimer::kAsking;
  try_timer_.Arm(ToNanos(question.timeout));
  host_->authorization()->Ask(std::move(question),
                              [loop = host_->loop(), asking = asking_](AuthorizationAnswer answer) {
                                loop->Post([asking, answer = std::move(answer)] {
                                  if (asking->exchange != nullptr)
                                    asking->exchange->OnAuthorization(answer);
                                });
                              });
}

void Exchange::OnAuthorization(const AuthorizationAnswer& answer) {
  try_timer_.Disarm();
  if (asking_ != nullptr) std::exchange(asking_, nullptr)->exchange = nullptr;
  TakeStep(authorization_.Take(AuthorizationInput(), answer));
}

}  // namespace mesh::proxy
