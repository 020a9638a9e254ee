#include "mesh/discovery/gateway_credentials.h"

#include <memory>
#include <string>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "api/kubernetes/v1/kubernetes.pb.h"
#include "mesh/ca/service/secrets.h"
#include "mesh/tls/context.h"

namespace mesh::discovery {
namespace {

constexpr char kRootsSuffix[] = "-cacert";
constexpr char kKubernetes[] = "kubernetes://";

// The first of the keys that is there, decoded; nothing where none is.
class Data {
 public:
  explicit Data(const kubernetes::v1::Secret& secret) : secret_(secret) {}
  std::string Find(std::initializer_list<const char*> keys) const {
    for (const char* key : keys) {
      // As Kubernetes has it: stringData is written over data.
      const auto text = secret_.string_data().find(key);
      if (text != secret_.string_data().end()) return text->second;
      const auto encoded = secret_.data().find(key);
      if (encoded == secret_.data().end()) continue;
      std::string bytes;
      if (absl::Base64Unescape(encoded->second, &bytes)) return bytes;
    }
    return "";
  }

 private:
  const kubernetes::v1::Secret& secret_;
};

class Collector {
 public:
  Collector(const config::Resource& resource, std::vector<translate::Finding>* findings,
            std::vector<xds::EncodedResourcePtr>* out)
      : resource_(resource), findings_(findings), out_(out) {}

  void Collect() {
    const Data data(resource_.As<kubernetes::v1::Secret>());
    const std::string chain = data.Find({"tls.crt", "cert"}), key = data.Find({"tls.key", "key"});
    if (!chain.empty() || !key.empty()) {
      const auto identity = tls::Identity::FromPem(chain, key);
      if (identity.ok()) {
        Add(resource_.name(),
            [&](std::string_view name) { return ca::CertificateSecret(name, *identity); });
      } else {
        LeaveOut(absl::StrCat("the certificate and its key: ", identity.status().message()));
      }
    }
    const std::string roots = data.Find({"cacert", "ca.crt"});
    if (roots.empty()) return;
    const auto list = tls::Certificate::ListFromPem(roots);
    if (!list.ok()) return LeaveOut(absl::StrCat("cacert: ", list.status().message()));
    const bool named_so = absl::EndsWith(resource_.name(), kRootsSuffix);
    Add(absl::StrCat(resource_.name(), named_so ? "" : kRootsSuffix),
        [&](std::string_view name) { return ca::RootsSecret(name, *list); });
  }

 private:
  template <class Make>
  void Add(const std::string& name, const Make& make) {
    for (const std::string& called : {name, absl::StrCat(kKubernetes, name)}) {
      ca::Secret secret = make(called);
      const std::string bytes = secret.SerializeAsString();
      auto shown = std::make_shared<translate::Resource>();
      shown->name = called;
      shown->type_url = xds::TypeUrl(xds::Type::kSecret);
      shown->version = ca::SecretVersion(secret);
      if (secret.has_tls_certificate()) {
        secret.mutable_tls_certificate()->mutable_private_key()->set_inline_string("[redacted]");
      }
      shown->bytes = secret.SerializeAsString();
      shown->provenance.emplace("", Here());
      out_->push_back(
          xds::EncodedResource::Make(xds::Type::kSecret, called, shown->version, bytes, shown));
    }
  }
  translate::Origin Here() const { return {resource_.ObjectName(), "", resource_.position()}; }
  void LeaveOut(const std::string& why) {
    findings_->push_back({"MSH0133", Here(), absl::StrCat("no gateway is given it: ", why)});
  }

  const config::Resource& resource_;
  std::vector<translate::Finding>* const findings_;
  std::vector<xds::EncodedResourcePtr>* const out_;
};

}  // namespace

xds::ResourceListPtr GatewayCredentials(const config::Snapshot& snapshot, std::string_view ns,
                                        std::vector<translate::Finding>* findings) {
  std::vector<xds::EncodedResourcePtr> credentials;
  for (const config::ResourcePtr& resource : snapshot.List(config::Kind::kSecret)) {
    if (resource->ns() != ns) continue;
    Collector(*resource, findings, &credentials).Collect();
  }
  return xds::ResourceList::Make(std::move(credentials));
}

}  // namespace mesh::discovery
