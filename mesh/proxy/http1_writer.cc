#include <charconv>
#include <cstring>

#include "mesh/proxy/http1.h"

namespace mesh::proxy {
namespace {

char* Put(char* at, std::string_view text) {
  if (!text.empty()) std::memcpy(at, text.data(), text.size());
  return at + text.size();
}

size_t FieldBytes(const HeaderMap& headers) {
  size_t bytes = 0;
  for (const HeaderMap::Entry& entry : headers.entries()) {
    bytes += entry.name.size() + entry.value.size() + 4;
  }
  return bytes;
}

char* PutFields(char* at, const HeaderMap& headers) {
  for (const HeaderMap::Entry& entry : headers.entries()) {
    at = Put(at, entry.name);
    at = Put(at, ": ");
    at = Put(at, entry.value);
    at = Put(at, "\r\n");
  }
  return at;
}

}  // namespace

bool IsIdempotent(std::string_view method) {
  return method == "GET" || method == "HEAD" || method == "PUT" || method == "DELETE" ||
         method == "OPTIONS" || method == "TRACE";
}

std::string_view ReasonPhrase(int status) {
  switch (status) {
    case 100:
      return "Continue";
    case 101:
      return "Switching Protocols";
    case 102:
      return "Processing";
    case 103:
      return "Early Hints";
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 202:
      return "Accepted";
    case 203:
      return "Non-Authoritative Information";
    case 204:
      return "No Content";
    case 205:
      return "Reset Content";
    case 206:
      return "Partial Content";
    case 207:
      return "Multi-Status";
    case 208:
      return "Already Reported";
    case 226:
      return "IM Used";
    case 300:
      return "Multiple Choices";
    case 301:
      return "Moved Permanently";
    case 302:
      return "Found";
    case 303:
      return "See Other";
    case 304:
      return "Not Modified";
    case 305:
      return "Use Proxy";
    case 307:
      return "Temporary Redirect";
    case 308:
      return "Permanent Redirect";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 402:
      return "Payment Required";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 406:
      return "Not Acceptable";
    case 407:
      return "Proxy Authentication Required";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 410:
      return "Gone";
    case 411:
      return "Length Required";
    case 412:
      return "Precondition Failed";
    case 413:
      return "Payload Too Large";
    case 414:
      return "URI Too Long";
    case 415:
      return "Unsupported Media Type";
    case 416:
      return "Range Not Satisfiable";
    case 417:
      return "Expectation Failed";
    case 421:
      return "Misdirected Request";
    case 422:
      return "Unprocessable Entity";
    case 423:
      return "Locked";
    case 424:
      return "Failed Dependency";
    case 425:
      return "Too Early";
    case 426:
      return "Upgrade Required";
    case 428:
      return "Precondition Required";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 451:
      return "Unavailable For Legal Reasons";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    case 505:
      return "HTTP Version Not Supported";
    case 506:
      return "Variant Also Negotiates";
    case 507:
      return "Insufficient Storage";
    case 508:
      return "Loop Detected";
    case 510:
      return "Not Extended";
    case 511:
      return "Network Authentication Required";
    default:
      return "Unknown";
  }
}

void AppendRequestHead(std::string_view method, std::string_view target, std::string_view authority,
                       const HeaderMap& headers, Buffer* out) {
  constexpr std::string_view kVersion = " HTTP/1.1\r\nhost: ";
  char* at = out->Extend(method.size() + 1 + target.size() + kVersion.size() + authority.size() +
                         2 + FieldBytes(headers) + 2);
  at = Put(at, method);
  at = Put(at, " ");
  at = Put(at, target);
  at = Put(at, kVersion);
  at = Put(at, authority);
  at = Put(at, "\r\n");
  at = PutFields(at, headers);
  Put(at, "\r\n");
}

void AppendResponseHead(int status, int minor_version, const HeaderMap& headers, Buffer* out) {
  const std::string_view version = minor_version == 0 ? "HTTP/1.0 " : "HTTP/1.1 ";
  const std::string_view reason = ReasonPhrase(status);
  char* at = out->Extend(version.size() + 4 + reason.size() + 2 + FieldBytes(headers) + 2);
  at = Put(at, version);
  *at++ = static_cast<char>('0' + status / 100 % 10);
  *at++ = static_cast<char>('0' + status / 10 % 10);
  *at++ = static_cast<char>('0' + status % 10);
  *at++ = ' ';
  at = Put(at, reason);
  at = Put(at, "\r\n");
  at = PutFields(at, headers);
  Put(at, "\r\n");
}

void AppendChunk(std::string_view bytes, Buffer* out) {
  if (bytes.empty()) return;  // an empty chunk would be the last
  char size[20];
  char* const end = std::to_chars(size, size + 16, bytes.size(), 16).ptr;
  end[0] = '\r';
  end[1] = '\n';
  const std::string_view line(size, end + 2 - size);
  char* at = out->Extend(line.size() + bytes.size() + 2);
  at = Put(at, line);
  at = Put(at, bytes);
  Put(at, "\r\n");
}

void AppendLastChunk(const HeaderMap* trailers, Buffer* out) {
  out->Append("0\r\n");
  if (trailers != nullptr && !trailers->empty()) {
    PutFields(out->Extend(FieldBytes(*trailers)), *trailers);
  }
  out->Append("\r\n");
}

}  // namespace mesh::proxy
