// For this folder: conditions made ready, and a request looked at once however many conditions ask.
#ifndef MESH_AUTHZ_EVALUATE_H_
#define MESH_AUTHZ_EVALUATE_H_

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "mesh/authz/address.h"
#include "mesh/authz/condition.h"
#include "mesh/authz/request.h"
#include "re2/re2.h"

namespace mesh::authz {

// The request, with what must be derived from it derived when first asked for. Not thread-safe;
// lives as long as one decision.
class Subject {
 public:
  explicit Subject(const Request& request) : request_(request) {}
  Subject(const Subject&) = delete;
  Subject& operator=(const Subject&) = delete;

  const Request& request() const { return request_; }
  std::string_view host();            // lower case, no port, no dot at the end
  std::string_view host_with_port();  // the same with its port, where it has one
  std::string_view path() const { return path_; }
  // Parts of spiffe://DOMAIN/ns/NAMESPACE/sa/ACCOUNT; empty for another form.
  std::string_view trust_domain() const;
  std::string_view ns() const;
  std::string_view request_principal();
  const std::optional<Address>& source_ip() { return Parsed(&source_, request_.source_ip); }
  const std::optional<Address>& remote_ip() { return Parsed(&remote_, request_.remote_ip); }
  const std::optional<Address>& destination_ip() {
    return Parsed(&destination_, request_.destination_ip);
  }

  // Whether rules can judge it at all: a method, a path that begins with '/', no control bytes,
  // valid UTF-8. True for what is not HTTP.
  bool WellFormed() const;

 private:
  struct Lazy {
    bool done = false;
    std::optional<Address> address;
  };
  const std::optional<Address>& Parsed(Lazy* lazy, std::string_view text);
  void DeriveHost();

  const Request& request_;
  const std::string_view path_ = request_.path.substr(0, request_.path.find_first_of("?#"));
  Lazy source_, remote_, destination_;
  bool host_done_ = false;
  char host_buffer_[256];
  std::string host_overflow_;
  std::string_view host_, host_with_port_;
  std::optional<std::string> request_principal_;
  std::string host_port_overflow_;
};

// A condition with its regexes compiled, blocks parsed and texts in canonical form. Immutable,
// thread-safe.
class Evaluator {
 public:
  // Empty on success; else what is wrong with the condition.
  static std::string Build(const Condition& condition, Evaluator* out);

  bool Holds(Subject* subject) const;
  // The first condition that does not hold, in words; Holds() is false.
  std::string FirstFailure(Subject* subject) const;

  // Of a text, for indexes: as it is compared.
  const std::string& text() const { return text_; }

 private:
  bool HoldsLeaf(Subject* subject) const;
  bool TextHolds(std::string_view text) const;
  bool HeaderHolds(const Request& request) const;
  bool ClaimHolds(const Request& request) const;
  bool ValueHolds(const route::Value& value, bool words) const;

  const Condition* condition_ = nullptr;  // the rule's; it stays where it is
  std::vector<Evaluator> children_;
  std::string text_;
  std::shared_ptr<const RE2> regex_;
  AddressBlock block_;
};

}  // namespace mesh::authz

#endif  // MESH_AUTHZ_EVALUATE_H_
