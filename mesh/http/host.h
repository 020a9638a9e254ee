// The canonical form of a host: lower case, with or without its port.
#ifndef MESH_HTTP_HOST_H_
#define MESH_HTTP_HOST_H_

#include <cstddef>
#include <string>
#include <string_view>

namespace mesh::http {

// Where the port of an authority begins (at its ':'), or npos. The colons of an IPv6 address in
// brackets are not a port's: "[::1]" has none, "[::1]:80" has one. RFC 3986 §3.2.
size_t PortStart(std::string_view authority);

// The authority without its port.
std::string_view WithoutPort(std::string_view authority);

// ASCII lower case: hosts are compared so (RFC 9110 §4.2.3).
std::string LowerCase(std::string_view text);

inline char LowerCase(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }
bool EqualsIgnoreCase(std::string_view a, std::string_view b);
bool StartsWithIgnoreCase(std::string_view text, std::string_view prefix);

}  // namespace mesh::http

#endif  // MESH_HTTP_HOST_H_
