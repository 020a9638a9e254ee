// The way of a message: TakeBlock collects whole lines and refuses unclean ones; ParseBlock has
// llhttp read them; DecideFraming says where the body ends; ReadChunks and the two counted states
// cut the body out of the input without copying it.
//
// 1. Nothing is interpreted before the empty line that ends its block has come.
// 2. A line ends with CR LF and contains no other control character but HT (none in a start line).
// 3. The bytes held for a message are never more than its head's limit and the input of one read.

#include "mesh/proxy/http1.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

#include "llhttp.h"
#include "mesh/http/host.h"

namespace mesh::proxy {
namespace {

constexpr size_t kMaxExtensionBytes = 4096;  // of all chunks of a message
constexpr int kMaxSizeDigits = 15;
constexpr std::string_view kBothFramings = "both Content-Length and Transfer-Encoding";
constexpr std::string_view kBothFramingsDetails = "http1.content_length_and_chunked_not_allowed";
constexpr std::string_view kTooLarge = "the headers are too large";

// RFC 9110 §5.6.2 token characters, as lower case; 0 for all others.
constexpr std::array<char, 256> MakeTokenTable() {
  std::array<char, 256> table = {};
  for (char c = '0'; c <= '9'; ++c) table[c] = c;
  for (char c = 'a'; c <= 'z'; ++c) table[c] = c;
  for (char c = 'A'; c <= 'Z'; ++c) table[c] = static_cast<char>(c + 32);
  for (char c : {'!', '#', '$', '%', '&', '\'', '*', '+', '-', '.', '^', '_', '`', '|', '~'}) {
    table[static_cast<unsigned char>(c)] = c;
  }
  return table;
}
constexpr std::array<char, 256> kToken = MakeTokenTable();

// What may stand in a field line: everything but control characters, and HT.
constexpr std::array<bool, 256> MakeLineTable() {
  std::array<bool, 256> table = {};
  for (int c = 0x20; c < 256; ++c) table[c] = c != 0x7f;
  table['\t'] = true;
  return table;
}
constexpr std::array<bool, 256> kInLine = MakeLineTable();

// True where all of `line` may stand in a field line. Eight bytes at a time: this sees every byte
// of every head.
bool IsClean(std::string_view line) {
  constexpr uint64_t kOnes = 0x0101010101010101, kHigh = kOnes * 0x80;
  size_t i = 0;
  for (; i + 8 <= line.size(); i += 8) {
    uint64_t word;
    std::memcpy(&word, line.data() + i, 8);
    const uint64_t del = word ^ (kOnes * 0x7f);
    // A high bit for bytes below 0x20 and for DEL, and now and then for one too many: then the
    // table decides.
    const uint64_t suspect = (((word - kOnes * 0x20) & ~word) | ((del - kOnes) & ~del)) & kHigh;
    if (suspect == 0) continue;
    for (size_t k = i; k < i + 8; ++k) {
      if (!kInLine[static_cast<unsigned char>(line[k])]) return false;
    }
  }
  for (; i < line.size(); ++i) {
    if (!kInLine[static_cast<unsigned char>(line[i])]) return false;
  }
  return true;
}

// In place; false where a character is none of a token.
bool LowerToken(char* text, size_t size) {
  for (size_t i = 0; i < size; ++i) {
    const char c = kToken[static_cast<unsigned char>(text[i])];
    if (c == 0) return false;
    text[i] = c;
  }
  return size > 0;
}

std::string_view TrimRight(std::string_view text) {
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// What llhttp tells while it reads one block.
struct BlockReading {
  MessageHead* head;
  HeaderMap* headers;
  size_t max_headers;
  const char* name = nullptr;
  size_t name_size = 0;
  bool too_many = false;
  bool bad_name = false;
  bool complete = false;
};

BlockReading* Reading(llhttp_t* parser) { return static_cast<BlockReading*>(parser->data); }

int OnTarget(llhttp_t* parser, const char* at, size_t size) {
  Reading(parser)->head->target = std::string_view(at, size);
  return 0;
}

int OnMethod(llhttp_t* parser, const char* at, size_t size) {
  Reading(parser)->head->method = std::string_view(at, size);
  return 0;
}

int OnReason(llhttp_t* parser, const char* at, size_t size) {
  Reading(parser)->head->reason = std::string_view(at, size);
  return 0;
}

int OnName(llhttp_t* parser, const char* at, size_t size) {
  BlockReading* const reading = Reading(parser);
  reading->name = at;
  reading->name_size = size;
  return 0;
}

int OnValue(llhttp_t* parser, const char* at, size_t size) {
  BlockReading* const reading = Reading(parser);
  // The block is ours, in an arena: the name can be put into lower case where it stands.
  if (!LowerToken(const_cast<char*>(reading->name), reading->name_size)) {
    reading->bad_name = true;
    return HPE_USER;
  }
  if (reading->headers->entries().size() == reading->max_headers) {
    reading->too_many = true;
    return HPE_USER;
  }
  reading->headers->AddView(std::string_view(reading->name, reading->name_size),
                            TrimRight(std::string_view(at, size)));
  return 0;
}

int OnHeadComplete(llhttp_t* parser) {
  Reading(parser)->complete = true;
  return HPE_PAUSED;
}

const llhttp_settings_t* Settings() {
  static const llhttp_settings_t settings = [] {
    llhttp_settings_t s;
    llhttp_settings_init(&s);
    s.on_url = OnTarget;
    s.on_method = OnMethod;
    s.on_status = OnReason;
    s.on_header_field = OnName;
    s.on_header_value = OnValue;
    s.on_headers_complete = OnHeadComplete;
    return s;
  }();
  return &settings;
}

// A plain decimal number of at most 18 digits.
bool ParseLength(std::string_view text, uint64_t* out) {
  if (text.empty() || text.size() > 18) return false;
  for (char c : text) {
    if (c < '0' || c > '9') return false;
  }
  std::from_chars(text.data(), text.data() + text.size(), *out);
  return true;
}

// Whether a line of the block begins with that name, for messages that are refused anyway.
bool HasField(std::string_view block, std::string_view name) {
  for (size_t at = 0; (at = block.find('\n', at)) != std::string_view::npos;) {
    ++at;
    if (block.size() > at + name.size() && block[at + name.size()] == ':' &&
        http::EqualsIgnoreCase(block.substr(at, name.size()), name)) {
      return true;
    }
  }
  return false;
}

// Fields that say how a message is framed or sent on, and so may not come behind it.
// RFC 9110 §6.5.1.
bool ForbiddenInTrailers(const HeaderMap::Entry& entry) {
  switch (entry.id) {
    case HeaderId::kConnection:
    case HeaderId::kContentLength:
    case HeaderId::kExpect:
    case HeaderId::kHost:
    case HeaderId::kKeepAlive:
    case HeaderId::kProxyConnection:
    case HeaderId::kTe:
    case HeaderId::kTrailer:
    case HeaderId::kTransferEncoding:
    case HeaderId::kUpgrade:
    case HeaderId::kXEnvoy:
    case HeaderId::kXForwardedClientCert:
    case HeaderId::kXForwardedFor:
    case HeaderId::kXForwardedProto:
      return true;
    default:
      return entry.name == "authorization" || entry.name == "cookie" ||
             entry.name == "set-cookie" || entry.name == "content-encoding" ||
             entry.name == "content-type" || entry.name == "content-range";
  }
}

}  // namespace

void MessageHead::Clear() {
  method = target = reason = std::string_view();
  status = 0;
  minor_version = 1;
  headers.Clear();
  framing = Framing::kNone;
  content_length = 0;
  keep_alive = upgrade = false;
}

void Http1Reader::Begin() {
  state_ = State::kHead;
  head_.Clear();
  trailers_.Clear();
  partial_.clear();
  scanned_ = searched_ = 0;
  head_request_ = false;
}

Http1Reader::Event Http1Reader::Fail(int status, std::string_view why, std::string_view details) {
  state_ = State::kError;
  error_status_ = status;
  error_ = why;
  error_details_ = details;
  return Event::kError;
}

Http1Reader::Event Http1Reader::Next(std::string_view* input) {
  switch (state_) {
    case State::kHead:
      return ReadHead(input);
    case State::kLength: {
      if (left_ == 0) {
        state_ = State::kEnd;
        return Event::kEnd;
      }
      if (input->empty()) return Event::kNeedMore;
      body_ = input->substr(0, static_cast<size_t>(std::min<uint64_t>(left_, input->size())));
      input->remove_prefix(body_.size());
      left_ -= body_.size();
      return Event::kBody;
    }
    case State::kUntilClose:
      if (input->empty()) return Event::kNeedMore;
      body_ = *input;
      *input = std::string_view();
      return Event::kBody;
    case State::kTrailers:
      return ReadTrailers(input);
    case State::kEnd:
      return Event::kEnd;
    case State::kError:
      return Event::kError;
    default:
      return ReadChunks(input);
  }
}

Http1Reader::Event Http1Reader::NextAtEnd() {
  if (state_ == State::kUntilClose || state_ == State::kEnd) {
    state_ = State::kEnd;
    return Event::kEnd;
  }
  if (state_ == State::kLength && left_ == 0) {
    state_ = State::kEnd;
    return Event::kEnd;
  }
  if (state_ == State::kHead && partial_.empty()) return Event::kNeedMore;
  return Fail(400, "the connection ended in the middle of a message");
}

Http1Reader::Event Http1Reader::TakeBlock(std::string_view* input, bool trailers,
                                          std::string_view* block) {
  // Empty lines before a start line are skipped (RFC 9112 §2.2).
  while (!trailers && partial_.empty() && input->size() >= 2 && (*input)[0] == '\r' &&
         (*input)[1] == '\n') {
    input->remove_prefix(2);
  }
  if (input->empty()) return Event::kNeedMore;
  const bool whole = partial_.empty();
  const size_t before = partial_.size();
  if (!whole) partial_.append(input->data(), input->size());
  const std::string_view data = whole ? *input : std::string_view(partial_);

  for (;;) {
    const size_t from = std::max(scanned_, searched_);
    const void* const found =
        from < data.size() ? std::memchr(data.data() + from, '\n', data.size() - from) : nullptr;
    if (found == nullptr) {
      if (data.size() > limits_.head_bytes) return Fail(431, kTooLarge, "http1.headers_too_large");
      searched_ = data.size();
      if (whole) partial_.assign(input->data(), input->size());
      *input = std::string_view();
      return Event::kNeedMore;
    }
    const size_t end = static_cast<const char*>(found) - data.data();
    // Before what is in the line: in pieces it would have been too large before it ended.
    if (end >= limits_.head_bytes) return Fail(431, kTooLarge, "http1.headers_too_large");
    if (end == scanned_ || data[end - 1] != '\r') return Fail(400, "a line ends without CR");
    const std::string_view line = data.substr(scanned_, end - 1 - scanned_);
    const bool first = scanned_ == 0;
    if (!first && !line.empty() && (line[0] == ' ' || line[0] == '\t')) {
      return Fail(400, "a line is folded");
    }
    const bool start_line = first && !trailers;
    if (!IsClean(line) || (start_line && line.find('\t') != std::string_view::npos)) {
      return Fail(400, "a line has a control character");
    }
    // A reason may be in any language, a target may not (RFC 9112 §3.2, RFC 3986 §2).
    if (start_line && kind_ == Kind::kRequest &&
        std::any_of(line.begin(), line.end(), [](char c) { return (c & 0x80) != 0; })) {
      return Fail(400, "the request line is not ASCII");
    }
    scanned_ = end + 1;
    if (line.empty() && (!first || trailers)) break;
    if (line.empty()) {  // before the start line, and it came in pieces
      input->remove_prefix(2 - before);
      partial_.clear();
      scanned_ = searched_ = 0;
      return TakeBlock(input, trailers, block);
    }
  }

  const size_t size = scanned_;
  *block = arena_->Copy(data.substr(0, size));
  input->remove_prefix(whole ? size : size - before);
  partial_.clear();
  scanned_ = searched_ = 0;
  return Event::kHead;
}

Http1Reader::Event Http1Reader::ReadHead(std::string_view* input) {
  std::string_view block;
  const Event event = TakeBlock(input, /*trailers=*/false, &block);
  if (event != Event::kHead) return event;
  if (!ParseBlock(block, /*trailers=*/false) || !DecideFraming()) return Event::kError;
  StartBody();
  return Event::kHead;
}

bool Http1Reader::ParseBlock(std::string_view block, bool trailers) {
  // Trailers have no start line of their own, which llhttp wants: it is given one.
  MessageHead unused(arena_);
  if (trailers) block = arena_->Concat("GET / HTTP/1.1\r\n", block);
  BlockReading reading{trailers ? &unused : &head_, trailers ? &trailers_ : &head_.headers,
                       limits_.headers};
  llhttp_t parser;
  const bool request = trailers || kind_ == Kind::kRequest;
  llhttp_init(&parser, request ? HTTP_REQUEST : HTTP_RESPONSE, Settings());
  parser.data = &reading;
  const llhttp_errno_t result = llhttp_execute(&parser, block.data(), block.size());
  if (reading.too_many)
    return Fail(431, "there are too many headers", "http1.too_many_headers"), false;
  if (reading.bad_name) return Fail(400, "a header's name is no token"), false;
  if (!reading.complete) {
    if (HasField(block, "content-length") && HasField(block, "transfer-encoding")) {
      return Fail(400, kBothFramings, kBothFramingsDetails), false;
    }
    return Fail(400, result == HPE_INVALID_METHOD ? "the method is not known"
                                                  : "the message is malformed"),
           false;
  }
  if (trailers) return true;

  const std::string_view line = block.substr(0, block.find('\r'));
  const std::string_view version =
      request ? line.substr(line.rfind(' ') + 1) : line.substr(0, line.find(' '));
  if (version == "HTTP/1.1") {
    head_.minor_version = 1;
  } else if (version == "HTTP/1.0") {
    head_.minor_version = 0;
  } else {
    return Fail(400, "the version is neither HTTP/1.1 nor HTTP/1.0"), false;
  }
  if (request) {
    // One blank between method, target and version.
    if (line.size() != head_.method.size() + head_.target.size() + version.size() + 2) {
      return Fail(400, "the request line is malformed"), false;
    }
  } else {
    head_.status = parser.status_code;
    if (head_.status < 100 || head_.status > 599) {
      return Fail(502, "the status is out of range"), false;
    }
  }
  return true;
}

bool Http1Reader::DecideFraming() {
  HeaderMap& headers = head_.headers;
  const int bad = 400;
  const size_t lengths = headers.Count(HeaderId::kContentLength);
  const size_t codings = headers.Count(HeaderId::kTransferEncoding);
  if (lengths > 1) return Fail(bad, "more than one Content-Length"), false;
  if (codings > 1) return Fail(bad, "more than one Transfer-Encoding"), false;
  if (lengths > 0 && codings > 0) {
    return Fail(bad, kBothFramings, kBothFramingsDetails), false;
  }
  bool close = head_.minor_version == 0;
  for (const HeaderMap::Entry& entry : headers.entries()) {
    if (entry.id == HeaderId::kProxyConnection && http::EqualsIgnoreCase(entry.value, "close")) {
      close = true;
    }
    if (entry.id != HeaderId::kConnection) continue;
    ForEachListMember(entry.value, [&](std::string_view member) {
      if (http::EqualsIgnoreCase(member, "close")) close = true;
      if (http::EqualsIgnoreCase(member, "upgrade")) head_.upgrade = true;
      if (http::EqualsIgnoreCase(member, "keep-alive") && head_.minor_version == 0) close = false;
    });
  }
  head_.upgrade = head_.upgrade && headers.Has(HeaderId::kUpgrade);
  head_.keep_alive = !close;

  if (codings > 0) {
    if (!http::EqualsIgnoreCase(*headers.Find(HeaderId::kTransferEncoding), "chunked")) {
      return Fail(bad, "a Transfer-Encoding other than chunked"), false;
    }
    if (head_.minor_version == 0) return Fail(bad, "Transfer-Encoding in HTTP/1.0"), false;
    head_.framing = Framing::kChunked;
  } else if (lengths > 0) {
    if (!ParseLength(*headers.Find(HeaderId::kContentLength), &head_.content_length)) {
      return Fail(bad, "Content-Length is no number"), false;
    }
    head_.framing =
        head_.content_length == 0 && kind_ == Kind::kRequest ? Framing::kNone : Framing::kLength;
  } else {
    head_.framing = kind_ == Kind::kRequest ? Framing::kNone : Framing::kUntilClose;
  }
  if (kind_ == Kind::kResponse) {
    // RFC 9112 §6.3: these have no body whatever their headers say.
    const bool informational = head_.status < 200;
    if (head_request_ || informational || head_.status == 204 || head_.status == 304) {
      head_.framing = Framing::kNone;
    }
    if (head_.framing == Framing::kUntilClose) head_.keep_alive = false;
  }
  return true;
}

void Http1Reader::StartBody() {
  switch (head_.framing) {
    case Framing::kNone:
      left_ = 0;
      state_ = State::kLength;
      break;
    case Framing::kLength:
      left_ = head_.content_length;
      state_ = State::kLength;
      break;
    case Framing::kUntilClose:
      state_ = State::kUntilClose;
      break;
    case Framing::kChunked:
      left_ = 0;
      size_digits_ = 0;
      extension_bytes_ = 0;
      state_ = State::kChunkSize;
      break;
  }
}

Http1Reader::Event Http1Reader::ReadChunks(std::string_view* input) {
  while (!input->empty()) {
    const char c = input->front();
    switch (state_) {
      case State::kChunkSize: {
        const int digit = HexDigit(c);
        if (digit >= 0) {
          if (++size_digits_ > kMaxSizeDigits) return Fail(400, "a chunk is too large");
          left_ = left_ * 16 + digit;
        } else if (size_digits_ == 0) {
          return Fail(400, "a chunk's size is no number");
        } else if (c == ';') {
          state_ = State::kChunkExtension;
        } else if (c == '\r') {
          state_ = State::kChunkSizeLf;
        } else {
          return Fail(400, "a chunk's size is no number");
        }
        break;
      }
      case State::kChunkExtension:
        if (c == '\r') {
          state_ = State::kChunkSizeLf;
        } else if (!kInLine[static_cast<unsigned char>(c)]) {
          return Fail(400, "a chunk extension has a control character");
        } else if (++extension_bytes_ > kMaxExtensionBytes) {
          return Fail(400, "the chunk extensions are too large");
        }
        break;
      case State::kChunkSizeLf:
        if (c != '\n') return Fail(400, "a chunk's size ends without LF");
        state_ = left_ == 0 ? State::kTrailers : State::kChunkData;
        if (state_ == State::kTrailers) {
          input->remove_prefix(1);
          return ReadTrailers(input);
        }
        break;
      case State::kChunkData:
        body_ = input->substr(0, static_cast<size_t>(std::min<uint64_t>(left_, input->size())));
        input->remove_prefix(body_.size());
        left_ -= body_.size();
        if (left_ == 0) state_ = State::kChunkDataCr;
        return Event::kBody;
      case State::kChunkDataCr:
        if (c != '\r') return Fail(400, "a chunk is longer than its size");
        state_ = State::kChunkDataLf;
        break;
      case State::kChunkDataLf:
        if (c != '\n') return Fail(400, "a chunk ends without LF");
        left_ = 0;
        size_digits_ = 0;
        state_ = State::kChunkSize;
        break;
      default:
        return Fail(400, "the message is malformed");
    }
    input->remove_prefix(1);
  }
  return Event::kNeedMore;
}

Http1Reader::Event Http1Reader::ReadTrailers(std::string_view* input) {
  std::string_view block;
  const Event event = TakeBlock(input, /*trailers=*/true, &block);
  if (event != Event::kHead) return event;
  if (block.size() > 2) {
    if (!ParseBlock(block, /*trailers=*/true)) return Event::kError;
    trailers_.RemoveIf(ForbiddenInTrailers);
  }
  state_ = State::kEnd;
  return Event::kEnd;
}

}  // namespace mesh::proxy
