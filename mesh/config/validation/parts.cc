#include "mesh/config/validation/parts.h"

#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "mesh/config/validation/values.h"

namespace mesh::config {

namespace net = ::istio::networking::v1alpha3;

void CheckLabels(Checker* checker, const Path& path, const StringMap& labels) {
  for (const auto* label : Sorted(labels)) {
    checker->Check(path.Key(label->first), CheckLabelKey(label->first));
    checker->Check(path.Key(label->first), CheckLabelValue(label->second));
  }
}

void CheckSelectorLabels(Checker* checker, const Path& path, const StringMap& labels) {
  for (const auto* label : Sorted(labels)) {
    if (label->first.empty()) checker->Fail(path, "the key of a label is empty");
    if (label->first.find('*') != std::string::npos ||
        label->second.find('*') != std::string::npos) {
      checker->Fail(path.Key(label->first), absl::StrCat("\"", label->first, "=", label->second,
                                                         "\": a selector takes no wildcards"));
    }
  }
}

void CheckSelector(Checker* checker, const Path& path, const net::WorkloadSelector& selector) {
  CheckSelectorLabels(checker, path.Field("labels"), selector.labels());
}

void CheckSelector(Checker* checker, const Path& path,
                   const istio::type::v1beta1::WorkloadSelector& selector) {
  CheckSelectorLabels(checker, path.Field("matchLabels"), selector.match_labels());
}

void CheckTarget(Checker* checker, const Path& path,
                 const istio::type::v1beta1::PolicyTargetReference& target) {
  if (target.name().empty()) checker->Fail(path, "name is missing");
  if (!target.namespace_().empty()) {
    checker->Fail(path.Field("namespace"), "is the policy's own, and is left out");
  }
  const std::pair<const char*, const char*> kKinds[] = {
      {"", "Service"},
      {"core", "Service"},
      {"networking.istio.io", "ServiceEntry"},
      {"gateway.networking.k8s.io", "Gateway"},
      {"gateway.networking.k8s.io", "GatewayClass"},
  };
  const bool known = std::any_of(std::begin(kKinds), std::end(kKinds), [&](const auto& kind) {
    return target.group() == kind.first && target.kind() == kind.second;
  });
  if (!known) {
    checker->Fail(path, absl::StrCat("kind \"", target.kind(), "\" of group \"", target.group(),
                                     "\" cannot be a target; Service, ServiceEntry of "
                                     "networking.istio.io, Gateway and GatewayClass of "
                                     "gateway.networking.k8s.io can"));
  }
}

void CheckExportTo(Checker* checker, const Path& path, const Strings& export_to,
                   bool is_service_entry) {
  std::set<std::string> seen;
  for (int i = 0; i < export_to.size(); ++i) {
    const std::string& entry = export_to[i];
    const std::string& ns = entry == "." ? checker->resource().ns() : entry;
    if (seen.count(ns) > 0) {
      checker->Fail(path.At(i), absl::StrCat("namespace \"", ns, "\" is there twice",
                                             entry == "." ? ": . is this namespace" : ""));
    } else if (ns != "*" && ns != "~" && !IsDnsLabel(ns)) {
      checker->Fail(path.At(i),
                    absl::StrCat("\"", entry, "\" is not a namespace; . is this one, * all",
                                 is_service_entry ? ", ~ none" : ""));
    } else {
      seen.insert(ns);
    }
  }
  if (seen.count("*") > 0 && export_to.size() > 1) {
    checker->Fail(path, "* stands alone: it is all namespaces");
  }
  if (seen.count("~") > 0) {
    if (!is_service_entry) {
      checker->Fail(path, "~ (none) is for ServiceEntry only; . is this namespace, * all");
    } else if (export_to.size() > 1) {
      checker->Fail(path, "~ stands alone: it is no namespace");
    }
  }
}

void CheckGatewayNames(Checker* checker, const Path& path, const Strings& gateways) {
  for (int i = 0; i < gateways.size(); ++i) {
    const std::string& name = gateways[i];
    const size_t slash = name.find('/');
    if (slash == std::string::npos) {
      checker->Check(path.At(i), CheckFqdn(name));
      // Istio looks at no name after the first one without a namespace.
      return;
    }
    const std::string ns = name.substr(0, slash);
    const std::string rest = name.substr(slash + 1);
    if (!IsDnsLabel(ns) || !IsDnsLabel(rest)) {
      checker->Fail(path.At(i),
                    absl::StrCat("\"", name, "\" is not NAME or NAMESPACE/NAME of a gateway"));
    }
  }
}

void CheckNamespacedHost(Checker* checker, const Path& path, const std::string& host,
                         bool is_gateway) {
  const size_t slash = host.find('/');
  std::string name = host;
  if (slash == std::string::npos) {
    if (!is_gateway) {
      checker->Fail(path,
                    absl::StrCat("\"", host, "\" is not NAMESPACE/HOST, such as ./* or */", host));
      return;
    }
  } else {
    const std::string ns = host.substr(0, slash);
    name = host.substr(slash + 1);
    const bool special = ns == "*" || ns == "." || (!is_gateway && ns == "~");
    if (!special && !IsDnsLabel(ns)) {
      checker->Fail(path, absl::StrCat("\"", ns, "\" is not a namespace; . is this one, * any",
                                       is_gateway ? "" : ", ~ none"));
    }
  }
  if (name != "*" && name.find('.') == std::string::npos && !name.empty()) {
    checker->Fail(
        path, absl::StrCat("\"", name, "\" is a short name; write the whole one, such as ", name,
                           ".NAMESPACE.svc.cluster.local"));
  }
  const std::string problem = CheckWildcardDomain(name);
  if (!problem.empty() && !(is_gateway && IsIpAddress(name))) checker->Fail(path, problem);
}

void CheckDestination(Checker* checker, const Path& path, const net::Destination& destination) {
  checker->Check(path.Field("host"), destination.host() == "*"
                                         ? "* is no host that requests can be sent to"
                                         : CheckWildcardDomain(destination.host()));
  if (!destination.subset().empty()) {
    checker->Check(path.Field("subset"), CheckSubsetName(destination.subset()));
  }
  if (destination.has_port()) {
    checker->Check(path.Field("port").Field("number"), CheckPort(destination.port().number()));
  }
}

void CheckServerTls(Checker* checker, const Path& path, const net::ServerTLSSettings& tls) {
  const auto forbid = [&](std::string_view field, const std::string& value) {
    if (value.empty()) return;
    checker->Fail(path.Field(field),
                  "ISTIO_MUTUAL uses the mesh's own certificates; leave this out, or use MUTUAL");
  };
  const auto require = [&](std::string_view field, const std::string& value) {
    if (!value.empty()) return;
    checker->Fail(path, absl::StrCat(net::ServerTLSSettings::TLSmode_Name(tls.mode()), " needs ",
                                     std::string(field), ", or a credentialName"));
  };
  if (tls.mode() == net::ServerTLSSettings::ISTIO_MUTUAL) {
    forbid("serverCertificate", tls.server_certificate());
    forbid("privateKey", tls.private_key());
    forbid("caCertificates", tls.ca_certificates());
    forbid("credentialNames", tls.credential_names().empty() ? "" : tls.credential_names(0));
    if (!tls.tls_certificates().empty()) forbid("tlsCertificates", "some");
    return;
  }
  // None of them where the certificate and key of a file are half given: that is said below.
  const int sources = (!tls.server_certificate().empty() && !tls.private_key().empty()) +
                      !tls.credential_name().empty() + !tls.credential_names().empty() +
                      !tls.tls_certificates().empty();
  if (sources > 1 && (!tls.credential_names().empty() || !tls.tls_certificates().empty())) {
    checker->Fail(path,
                  "certificates come from one place: serverCertificate and privateKey, "
                  "tlsCertificates, credentialName or credentialNames");
  }
  const bool mutual = tls.mode() == net::ServerTLSSettings::MUTUAL ||
                      tls.mode() == net::ServerTLSSettings::OPTIONAL_MUTUAL;
  if (tls.mode() != net::ServerTLSSettings::SIMPLE && !mutual) return;
  if (!tls.credential_name().empty() || !tls.credential_names().empty()) return;
  if (!tls.ca_crl().empty() && !mutual) {
    checker->Fail(path.Field("caCrl"),
                  "is for clients' certificates, which SIMPLE does not ask for");
  }
  for (int i = 0; i < tls.tls_certificates_size(); ++i) {
    const Path list = path.Field("tlsCertificates");
    const Path at = list.At(i);
    if (tls.tls_certificates(i).server_certificate().empty() ||
        tls.tls_certificates(i).private_key().empty()) {
      checker->Fail(at, "a certificate needs serverCertificate and privateKey");
    }
  }
  if (tls.tls_certificates().empty()) {
    require("serverCertificate", tls.server_certificate());
    require("privateKey", tls.private_key());
  }
  if (mutual) require("caCertificates", tls.ca_certificates());
}

}  // namespace mesh::config
