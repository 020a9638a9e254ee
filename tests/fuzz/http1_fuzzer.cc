// libFuzzer: the HTTP/1 reader and writer. The first byte says what is read (P requests, Q
// responses, R responses to HEAD, S requests with small limits; of other bytes the two low bits
// count), the second how the input is cut, the rest is what comes over the wire.
//
// 1. However the bytes are cut, the reader tells the same.
// 2. What it accepts, written again by our writer, reads as the same messages.
// 3. What asks for more has taken all that there was.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "mesh/proxy/buffer.h"
#include "mesh/proxy/headers.h"
#include "mesh/proxy/http1.h"

namespace {

using mesh::proxy::Arena;
using mesh::proxy::Buffer;
using mesh::proxy::Framing;
using mesh::proxy::HeaderId;
using mesh::proxy::HeaderMap;
using mesh::proxy::Http1Reader;
using mesh::proxy::MessageHead;
using Event = Http1Reader::Event;

struct Field {
  std::string name;
  std::string value;
};

struct Message {
  std::string method;
  std::string target;
  int status = 0;
  int minor_version = 1;
  std::vector<Field> fields;
  Framing framing = Framing::kNone;
  uint64_t content_length = 0;
  bool keep_alive = false;
  bool upgrade = false;
  std::string body;
  bool complete = false;
  std::vector<Field> trailers;
};

struct Reading {
  std::vector<Message> messages;
  int error_status = 0;  // 0: the stream ended between two messages
  std::string error;
};

struct Input {
  Http1Reader::Kind kind = Http1Reader::Kind::kRequest;
  bool head_request = false;
  Http1Reader::Limits limits;
};

// The sizes of the pieces that an input comes in.
class Cuts {
 public:
  explicit Cuts(uint64_t seed) : state_(seed * 6364136223846793005u + 1442695040888963407u) {}
  size_t Next() {
    state_ = state_ * 6364136223846793005u + 1442695040888963407u;
    const uint64_t random = state_ >> 33;
    return (random & 3) != 0 ? 1 + (random >> 2) % 5 : 1 + (random >> 2) % 200;
  }

 private:
  uint64_t state_;
};

[[noreturn]] void Fail(const char* what, const std::string& a, const std::string& b) {
  std::fprintf(stderr, "%s\n--- one\n%s\n--- the other\n%s\n", what, a.c_str(), b.c_str());
  std::abort();
}

std::vector<Field> FieldsOf(const HeaderMap& headers) {
  std::vector<Field> fields;
  for (const HeaderMap::Entry& entry : headers.entries()) {
    fields.push_back({std::string(entry.name), std::string(entry.value)});
  }
  return fields;
}

// `cuts` null: all at once.
Reading Read(const Input& how, std::string_view bytes, Cuts* cuts) {
  Arena arena;
  Http1Reader reader(how.kind, &arena);
  reader.set_limits(how.limits);
  reader.Begin();
  reader.set_head_request(how.head_request);
  Reading out;
  bool open = false;  // the last message has begun and not ended
  // A copy a piece, so that reading past its end is noticed.
  std::vector<char> piece;
  std::string_view input;
  for (;;) {
    Event event = reader.Next(&input);
    if (event == Event::kNeedMore) {
      if (!input.empty()) Fail("wants more and leaves some", std::string(input), "");
      if (!bytes.empty()) {
        const size_t size = cuts == nullptr ? bytes.size() : std::min(cuts->Next(), bytes.size());
        piece = std::vector<char>(bytes.begin(), bytes.begin() + size);
        input = std::string_view(piece.data(), piece.size());
        bytes.remove_prefix(size);
        continue;
      }
      event = reader.NextAtEnd();
      if (event == Event::kNeedMore) return out;
    }
    switch (event) {
      case Event::kNeedMore:
        break;
      case Event::kHead: {
        if (open) Fail("a head within a message", "", "");
        open = true;
        const MessageHead& head = reader.head();
        Message message;
        message.method = std::string(head.method);
        message.target = std::string(head.target);
        message.status = head.status;
        message.minor_version = head.minor_version;
        message.fields = FieldsOf(head.headers);
        message.framing = head.framing;
        message.content_length = head.content_length;
        message.keep_alive = head.keep_alive;
        message.upgrade = head.upgrade;
        out.messages.push_back(std::move(message));
        break;
      }
      case Event::kBody:
        if (!open || reader.body().empty()) Fail("a body without a message, or empty", "", "");
        out.messages.back().body.append(reader.body());
        break;
      case Event::kEnd:
        if (!open) Fail("an end without a message", "", "");
        open = false;
        out.messages.back().complete = true;
        out.messages.back().trailers = FieldsOf(reader.trailers());
        arena.Clear();
        reader.Begin();
        reader.set_head_request(how.head_request);
        break;
      case Event::kError:
        out.error_status = reader.error_status();
        out.error = std::string(reader.error());
        if (reader.Next(&input) != Event::kError) Fail("goes on after an error", out.error, "");
        return out;
    }
  }
}

std::string Text(const std::vector<Field>& fields) {
  std::string text;
  for (const Field& field : fields) text += "  " + field.name + "=" + field.value + "\n";
  return text;
}

// What must be the same after writing and reading again.
std::string Meaning(const Message& message) {
  std::vector<Field> fields;
  std::string host;
  bool has_host = false;
  for (const Field& field : message.fields) {
    if (message.status == 0 && field.name == "host") {
      if (!has_host) host = field.value;
      has_host = true;
      continue;
    }
    fields.push_back(field);
  }
  return message.method + " " + message.target + " " + std::to_string(message.status) + " host " +
         host + "\n" + Text(fields) + "framing " +
         std::to_string(static_cast<int>(message.framing)) + " " +
         std::to_string(message.content_length) + (message.upgrade ? " upgrade" : "") + "\n" +
         message.body + "\n" + Text(message.trailers) + (message.complete ? "complete\n" : "cut\n");
}

std::string Text(const Reading& reading) {
  std::string text;
  for (const Message& message : reading.messages) {
    text += Meaning(message) + Text(message.fields) + "1." + std::to_string(message.minor_version) +
            (message.keep_alive ? " persists\n" : "\n");
  }
  return text + std::to_string(reading.error_status) + " " + reading.error;
}

void Write(const Message& message, Buffer* out) {
  Arena arena;
  HeaderMap headers(&arena);
  std::string_view host;
  bool has_host = false;
  for (const Field& field : message.fields) {
    if (message.status == 0 && field.name == "host") {
      if (!has_host) host = field.value;
      has_host = true;
      continue;
    }
    headers.AddView(field.name, field.value);
  }
  if (message.status == 0) {
    AppendRequestHead(message.method, message.target, host, headers, out);
  } else {
    AppendResponseHead(message.status, message.minor_version, headers, out);
  }
  if (message.framing == Framing::kChunked) {
    // In two chunks, whatever they came in.
    const std::string_view body = message.body;
    mesh::proxy::AppendChunk(body.substr(0, body.size() / 2), out);
    mesh::proxy::AppendChunk(body.substr(body.size() / 2), out);
    HeaderMap trailers(&arena);
    for (const Field& field : message.trailers) trailers.AddView(field.name, field.value);
    mesh::proxy::AppendLastChunk(&trailers, out);
  } else {
    out->Append(message.body);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  Input how;
  how.kind = (data[0] & 3) == 1 || (data[0] & 3) == 2 ? Http1Reader::Kind::kResponse
                                                      : Http1Reader::Kind::kRequest;
  how.head_request = (data[0] & 3) == 2;
  if ((data[0] & 3) == 3) {
    how.limits.head_bytes = 100;
    how.limits.headers = 4;
  }
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 2, size - 2);
  const Reading whole = Read(how, bytes, nullptr);
  Cuts cuts(data[1]);
  const Reading cut = Read(how, bytes, &cuts);
  if (Text(whole) != Text(cut)) Fail("cutting changes what is read", Text(whole), Text(cut));

  Buffer written;
  std::string want;
  for (const Message& message : whole.messages) {
    if (!message.complete) break;
    Write(message, &written);
    want += Meaning(message);
  }
  Input again = how;
  again.limits = Http1Reader::Limits();
  again.limits.head_bytes *= 2;  // a Host field may have been added
  again.limits.headers *= 2;
  const Reading read = Read(again, written.view(), nullptr);
  std::string got;
  for (const Message& message : read.messages) got += Meaning(message);
  if (got != want || read.error_status != 0) {
    Fail("what is written reads otherwise", want, got + read.error);
  }
  return 0;
}
