// The canonical form of a request's path, and its parts.
#ifndef MESH_HTTP_PATH_H_
#define MESH_HTTP_PATH_H_

#include <optional>
#include <string>
#include <string_view>

namespace mesh::http {

// The path without query and fragment: what ends before the first '?' or '#'.
inline std::string_view WithoutQuery(std::string_view path) {
  // Twice a memchr: find_first_of is one for each byte.
  path = path.substr(0, path.find('?'));
  return path.substr(0, path.find('#'));
}

// What stands behind the first '?' (fragment included, as Envoy reads it); "" where there is none.
std::string_view QueryOf(std::string_view path);

// The first value of a query parameter, not decoded: "" for `a` in "?a" and "?a=", nullopt where
// the name does not occur. Names are compared byte by byte. Allocates nothing.
std::optional<std::string_view> QueryParameter(std::string_view path, std::string_view name);

// The value of a cookie in one Cookie header, without surrounding quotes; nullopt where the name
// does not occur. The first of several wins. RFC 6265 §5.4.
std::optional<std::string_view> Cookie(std::string_view header, std::string_view name);

// Envoy's HttpConnectionManager.path_with_escaped_slashes_action, for %2F, %2f, %5C, %5c in a path.
enum class EscapedSlashes { kKeep, kReject, kUnescapeAndRedirect, kUnescapeAndForward };

// envoy.extensions.filters.network.http_connection_manager.v3: normalize_path, merge_slashes,
// path_with_escaped_slashes_action. Applied in the order escaped slashes, normalise, merge.
struct PathNormalization {
  bool normalize = false;
  bool merge_slashes = false;
  EscapedSlashes escaped_slashes = EscapedSlashes::kKeep;
};

enum class PathOutcome {
  kUnchanged,
  kChanged,   // go on with the new path
  kRedirect,  // answer 307 with the new path
  kReject,    // answer 400
};

// Brings `path` (with its query, which is left alone) into canonical form: one that does not change
// when it is brought into it again. What has none is rejected.
PathOutcome NormalizePath(const PathNormalization& options, std::string* path);

}  // namespace mesh::http

#endif  // MESH_HTTP_PATH_H_
