#include "mesh/route/proof/witness.h"

#include "absl/strings/str_cat.h"

namespace mesh::route::proof {

std::string Witness::Url() const {
  if (!path) return authority;
  return absl::StrCat(scheme, "://", authority, *path);
}

Request Witness::AsRequest() const {
  Request request;
  request.method = method;
  request.scheme = scheme;
  request.authority = authority;
  request.path = path ? std::string_view(*path) : std::string_view();
  request.headers = headers.view();
  request.certificate_presented = certificate_presented;
  request.certificate_validated = certificate_validated;
  request.random = random;
  return request;
}

}  // namespace mesh::route::proof
