// The route engine alone: rules in, decisions out. No protobuf, gRPC, YAML or TLS is linked.
//
//   route_only GET shop.example /cart?item=7

#include <cstdio>
#include <memory>

#include "mesh/route/table.h"

namespace route = mesh::route;

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fprintf(stderr, "usage: route_only METHOD HOST PATH\n");
    return 64;
  }
  route::Rule cart;
  cart.id = 1;
  cart.name = "cart";
  cart.path = {route::PathMatch::Kind::kSeparatedPrefix, false, "/cart"};
  route::HeaderMatch get;
  get.name = ":method";
  get.value.text = "GET";
  cart.conditions.push_back(get);
  route::Rule rest;
  rest.id = 2;
  rest.name = "everything else";

  auto shop = std::make_shared<route::VirtualHost>();
  shop->name = "shop";
  shop->domains = {"shop.example", "*.shop.example"};
  shop->rules = {cart, rest};
  const route::Table::Built built = route::Table::Build({shop}, {});
  for (const mesh::FieldError& error : built.errors) {
    std::fprintf(stderr, "%s\n", error.ToString().c_str());
  }
  if (built.table == nullptr) return 1;

  route::Request request;
  request.method = argv[1];
  request.authority = argv[2];
  request.path = argv[3];
  std::fputs(built.table->Explain(request).ToString().c_str(), stdout);
  return built.table->Find(request).found() ? 0 : 2;
}
