// HTTP/1 messages off and onto the wire (RFC 9112), strict about where a message ends.
//
// What two parsers could read in two ways is refused: bare CR or LF, folded lines, NUL and other
// control characters, blanks around names, Content-Length together with or beside
// Transfer-Encoding, more than one of either, chunk sizes that are not plain hexadecimal. llhttp
// reads a head, once it is complete and its lines are found clean here; the body is framed here,
// because the packaged llhttp 8.1.0 takes a bare CR for a line end (CVE-2023-30589) and chunk
// extensions without limit (CVE-2024-22019).
#ifndef MESH_PROXY_HTTP1_H_
#define MESH_PROXY_HTTP1_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "mesh/proxy/buffer.h"
#include "mesh/proxy/headers.h"

namespace mesh::proxy {

enum class Framing : uint8_t {
  kNone,        // no body
  kLength,      // Content-Length
  kChunked,     // Transfer-Encoding: chunked
  kUntilClose,  // responses only
};

// The first part of a message. Views live as long as the arena's content.
struct MessageHead {
  explicit MessageHead(Arena* arena) : headers(arena) {}
  void Clear();

  // Requests. The target as received.
  std::string_view method;
  std::string_view target;
  // Responses.
  int status = 0;
  std::string_view reason;

  int minor_version = 1;  // HTTP/1.minor
  HeaderMap headers;
  Framing framing = Framing::kNone;
  uint64_t content_length = 0;
  bool keep_alive = false;  // the sender would have the connection persist
  bool upgrade = false;     // Connection: upgrade
};

// Takes messages out of a stream of bytes, one after another. Not thread-safe.
//
//   std::string_view input = ...;
//   for (;;) {
//     switch (reader.Next(&input)) {
//       case Http1Reader::Event::kHead: ... reader.head() ...
//       case Http1Reader::Event::kBody: ... reader.body() ...
//       ...
class Http1Reader {
 public:
  enum class Kind { kRequest, kResponse };
  enum class Event {
    kNeedMore,  // all input is used up
    kHead,      // head() is complete
    kBody,      // body() is the next piece, a part of the input
    kEnd,       // the message is complete; trailers() came with it. Begin starts the next one
    kError,     // error_status() and error() say why; nothing more can be read
  };
  struct Limits {
    size_t head_bytes = 60 * 1024;
    size_t headers = 100;
  };

  Http1Reader(Kind kind, Arena* arena)
      : kind_(kind), arena_(arena), head_(arena), trailers_(arena) {}

  void set_limits(const Limits& limits) { limits_ = limits; }
  // Forgets the last message; its arena may be cleared before.
  void Begin();
  // Responses: what was asked decides whether there is a body.
  void set_head_request(bool is_head) { head_request_ = is_head; }
  // Takes what it can from the front of `input`. After kEnd nothing is taken until Begin.
  Event Next(std::string_view* input);
  // The stream has ended: kEnd where that ends the message, kError where it cuts one off,
  // kNeedMore where no message had begun.
  Event NextAtEnd();

  MessageHead& head() { return head_; }
  std::string_view body() const { return body_; }
  HeaderMap& trailers() { return trailers_; }
  // True between messages: not one byte of the next one was seen.
  bool idle() const { return state_ == State::kHead && partial_.empty(); }
  bool in_head() const { return state_ == State::kHead; }
  // What to answer (400, 431, 426 ...) and a few words for logs.
  int error_status() const { return error_status_; }
  std::string_view error() const { return error_; }
  // Envoy's word for it (%RESPONSE_CODE_DETAILS%): "http1.codec_error" where it has no better one.
  std::string_view error_details() const { return error_details_; }

 private:
  enum class State : uint8_t {
    kHead,
    kLength,
    kUntilClose,
    kChunkSize,
    kChunkExtension,
    kChunkSizeLf,
    kChunkData,
    kChunkDataCr,
    kChunkDataLf,
    kTrailers,
    kEnd,
    kError,
  };

  Event Fail(int status, std::string_view why, std::string_view details = "http1.codec_error");
  // Moves a block of lines, up to and with its empty one, from the input into the arena.
  // kNeedMore, kError, or kHead with `*block`.
  Event TakeBlock(std::string_view* input, bool trailers, std::string_view* block);
  Event ReadHead(std::string_view* input);
  Event ReadTrailers(std::string_view* input);
  Event ReadChunks(std::string_view* input);
  bool ParseBlock(std::string_view block, bool trailers);
  bool DecideFraming();
  void StartBody();

  const Kind kind_;
  Arena* const arena_;
  Limits limits_;
  State state_ = State::kHead;
  bool head_request_ = false;
  MessageHead head_;
  HeaderMap trailers_;
  std::string_view body_;
  uint64_t left_ = 0;    // of the body or the chunk
  int size_digits_ = 0;  // of the chunk size so far
  size_t extension_bytes_ = 0;
  std::string partial_;  // lines that are not complete yet
  size_t scanned_ = 0;   // of them, in whole lines
  size_t searched_ = 0;  // of them, for the next line's end
  int error_status_ = 0;
  std::string_view error_, error_details_;
};

// RFC 9110 §9.2.2: doing it twice is doing it once.
bool IsIdempotent(std::string_view method);

// "Not Found" of 404; "Unknown" where nobody knows better.
std::string_view ReasonPhrase(int status);

// `authority` becomes the Host field, in front of all others; `headers` has none.
void AppendRequestHead(std::string_view method, std::string_view target, std::string_view authority,
                       const HeaderMap& headers, Buffer* out);
void AppendResponseHead(int status, int minor_version, const HeaderMap& headers, Buffer* out);
void AppendChunk(std::string_view bytes, Buffer* out);
// The end of a chunked body.
void AppendLastChunk(const HeaderMap* trailers, Buffer* out);

}  // namespace mesh::proxy

#endif  // MESH_PROXY_HTTP1_H_
