#include "mesh/proxy/http1.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

namespace mesh::proxy {
namespace {

// What a reader makes of a stream of bytes: "GET /a [body] | error 400: why", one part a message.
std::string Read(Http1Reader::Kind kind, const std::string& bytes, size_t piece, bool end,
                 Http1Reader::Limits limits = {}, bool head_request = false) {
  Arena arena;
  Http1Reader reader(kind, &arena);
  reader.set_limits(limits);
  reader.Begin();
  reader.set_head_request(head_request);
  std::string out, body;
  size_t at = 0;
  std::string held;
  while (true) {
    std::string_view input = held;
    const size_t before = input.size();
    Http1Reader::Event event = reader.Next(&input);
    if (event == Http1Reader::Event::kNeedMore && at >= bytes.size()) {
      if (!end) return absl::StrCat(out, "(more)");
      event = reader.NextAtEnd();
      if (event == Http1Reader::Event::kNeedMore) return out;
    }
    if (event == Http1Reader::Event::kBody) body.append(reader.body());
    held.erase(0, before - input.size());
    switch (event) {
      case Http1Reader::Event::kNeedMore: {
        EXPECT_TRUE(held.empty());
        held = bytes.substr(at, piece);
        at += held.size();
        break;
      }
      case Http1Reader::Event::kHead: {
        const MessageHead& head = reader.head();
        if (kind == Http1Reader::Kind::kRequest) {
          absl::StrAppend(&out, std::string(head.method), " ", std::string(head.target));
        } else {
          absl::StrAppend(&out, head.status);
        }
        for (const auto& entry : head.headers.entries()) {
          if (entry.id == HeaderId::kOther) {
            absl::StrAppend(&out, " ", std::string(entry.name), "=", std::string(entry.value));
          }
        }
        body.clear();
        break;
      }
      case Http1Reader::Event::kBody:
        break;
      case Http1Reader::Event::kEnd: {
        absl::StrAppend(&out, " [", body, "]");
        for (const auto& entry : reader.trailers().entries()) {
          absl::StrAppend(&out, " +", std::string(entry.name), "=", std::string(entry.value));
        }
        absl::StrAppend(&out, " | ");
        arena.Clear();
        reader.Begin();
        reader.set_head_request(head_request);
        break;
      }
      case Http1Reader::Event::kError:
        return absl::StrCat(out, out.empty() || out.back() == ' ' ? "" : " ", "error ",
                            reader.error_status(), ": ", std::string(reader.error()));
    }
  }
}

struct Case {
  const char* name;
  std::string bytes;
  std::string want;
};

void Check(Http1Reader::Kind kind, const std::vector<Case>& cases) {
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    EXPECT_EQ(Read(kind, c.bytes, 1 << 20, true), c.want);
    // However the bytes are cut, they mean the same.
    for (size_t piece : {1, 2, 3, 7}) {
      SCOPED_TRACE(piece);
      EXPECT_EQ(Read(kind, c.bytes, piece, true), c.want);
    }
  }
}

using namespace std::string_literals;

TEST(Http1RequestTest, GoodRequests) {
  Check(Http1Reader::Kind::kRequest,
        {
            {"a GET", "GET /x?y=1 HTTP/1.1\r\nHost: a\r\nX-One: 1\r\n\r\n",
             "GET /x?y=1 x-one=1 [] | "},
            {"a length", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
             "POST / [hello] | "},
            {"a length of nothing", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
             "POST / [] | "},
            {"chunks",
             "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
             "3\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n",
             "POST / [abc0123456789] | "},
            {"chunked in capitals",
             "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: CHUNKED\r\n\r\n0\r\n\r\n",
             "POST / [] | "},
            {"chunk extensions are dropped",
             "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
             "1;a=b\r\nx\r\n0;last\r\n\r\n",
             "POST / [x] | "},
            {"trailers",
             "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
             "1\r\nx\r\n0\r\nSum: 12\r\nContent-Length: 7\r\n\r\n",
             "POST / [x] +sum=12 | "},
            {"one after another",
             "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n",
             "GET /1 [] | GET /2 [] | "},
            {"an empty line between requests", "\r\nGET /1 HTTP/1.1\r\nHost: a\r\n\r\n",
             "GET /1 [] | "},
            {"values are trimmed", "GET / HTTP/1.1\r\nHost: a\r\nX: \t b c \t \r\n\r\n",
             "GET / x=b c [] | "},
            {"an empty value", "GET / HTTP/1.1\r\nHost: a\r\nX:\r\n\r\n", "GET / x= [] | "},
            {"bytes above 127 in a value", "GET / HTTP/1.1\r\nHost: a\r\nX: \xc3\xa4\r\n\r\n",
             "GET / x=\xc3\xa4 [] | "},
            {"HTTP/1.0", "GET / HTTP/1.0\r\n\r\n", "GET / [] | "},
            {"an absolute target", "GET http://a/b HTTP/1.1\r\nHost: a\r\n\r\n",
             "GET http://a/b [] | "},
        });
}

TEST(Http1RequestTest, SmugglingIsRefused) {
  const std::string post = "POST / HTTP/1.1\r\nHost: a\r\n";
  const std::string chunked = post + "Transfer-Encoding: chunked\r\n\r\n";
  // llhttp may refuse a message before we would say it better.
  const auto refused = [](const std::string& got) {
    return got.rfind("error 4", 0) == 0 || got.find(" error 4") != std::string::npos;
  };
  const std::vector<std::pair<const char*, std::string>> cases = {
      {"CL.TE", post + "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
      {"TE.CL", post + "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n"},
      {"TE.TE", post + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
      {"TE.TE, one unknown",
       post + "Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n0\r\n\r\n"},
      {"TE is a list", post + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"},
      {"TE twice in a list", post + "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n"},
      {"TE identity", post + "Transfer-Encoding: identity\r\n\r\n"},
      {"TE xchunked", post + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"},
      {"TE with a parameter", post + "Transfer-Encoding: chunked;a\r\n\r\n0\r\n\r\n"},
      {"TE in quotes", post + "Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n"},
      {"TE empty", post + "Transfer-Encoding:\r\n\r\n"},
      {"TE with a vertical tab", post + "Transfer-Encoding: \x0b"
                                        "chunked\r\n\r\n0\r\n\r\n"},
      {"TE with a blank in its name", post + "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n"},
      {"TE with a tab in its name", post + "Transfer-Encoding\t: chunked\r\n\r\n0\r\n\r\n"},
      {"TE folded", post + "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n"},
      {"TE in HTTP/1.0",
       "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
      {"two equal lengths", post + "Content-Length: 1\r\nContent-Length: 1\r\n\r\nx"},
      {"two lengths", post + "Content-Length: 1\r\nContent-Length: 2\r\n\r\nxy"},
      {"a list of lengths", post + "Content-Length: 1, 1\r\n\r\nx"},
      {"a length with a sign", post + "Content-Length: +1\r\n\r\nx"},
      {"a negative length", post + "Content-Length: -1\r\n\r\nx"},
      {"a hexadecimal length", post + "Content-Length: 0x1\r\n\r\nx"},
      {"a length with a blank inside", post + "Content-Length: 1 1\r\n\r\nx"},
      {"a length too long", post + "Content-Length: 99999999999999999999\r\n\r\nx"},
      {"an empty length", post + "Content-Length:\r\n\r\n"},
      {"a fraction for a length", post + "Content-Length: 1.0\r\n\r\nx"},
      {"a blank in the length's name", post + "Content-Length : 1\r\n\r\nx"},
      {"bare LF behind the request line", "GET / HTTP/1.1\nHost: a\r\n\r\n"},
      {"bare LF behind a header", "GET / HTTP/1.1\r\nHost: a\n\r\n"},
      {"bare LF at the end", "GET / HTTP/1.1\r\nHost: a\r\n\n"},
      {"bare CR in a value", "GET / HTTP/1.1\r\nHost: a\r\nX: a\rB: c\r\n\r\n"},
      {"bare CR for a line end", "GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n"},
      {"CR CR LF", "GET / HTTP/1.1\r\nHost: a\r\r\n\r\n"},
      {"NUL in a value", "GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n"s},
      {"NUL in a name", "GET / HTTP/1.1\r\nHost: a\r\nX\0: b\r\n\r\n"s},
      {"a folded header", "GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n"},
      {"a header folded with a tab", "GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n\tb\r\n\r\n"},
      {"a folded first header", "GET / HTTP/1.1\r\n Host: a\r\n\r\n"},
      {"a header without colon", "GET / HTTP/1.1\r\nHost: a\r\nX\r\n\r\n"},
      {"a header without name", "GET / HTTP/1.1\r\nHost: a\r\n: x\r\n\r\n"},
      {"a blank in a header's name", "GET / HTTP/1.1\r\nHost: a\r\nX Y: z\r\n\r\n"},
      {"a quote in a header's name", "GET / HTTP/1.1\r\nHost: a\r\n\"X\": z\r\n\r\n"},
      {"a tab in the request line", "GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n"},
      {"two blanks in the request line", "GET  / HTTP/1.1\r\nHost: a\r\n\r\n"},
      {"a blank behind the version", "GET / HTTP/1.1 \r\nHost: a\r\n\r\n"},
      {"a blank in the target", "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n"},
      {"bytes above 127 in the target", "GET /\xc3\xa4 HTTP/1.1\r\nHost: a\r\n\r\n"},
      {"no version", "GET /\r\nHost: a\r\n\r\n"},
      {"HTTP/0.9", "GET / HTTP/0.9\r\nHost: a\r\n\r\n"},
      {"HTTP/1.2", "GET / HTTP/1.2\r\nHost: a\r\n\r\n"},
      {"HTTP/2.0", "GET / HTTP/2.0\r\nHost: a\r\n\r\n"},
      {"HTTP/11", "GET / HTTP/11\r\nHost: a\r\n\r\n"},
      {"small letters", "GET / http/1.1\r\nHost: a\r\n\r\n"},
      {"another protocol", "GET / ICE/1.0\r\nHost: a\r\n\r\n"},
      {"the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"},
      {"a method nobody knows", "GOT / HTTP/1.1\r\nHost: a\r\n\r\n"},
      {"a method in small letters", "get / HTTP/1.1\r\nHost: a\r\n\r\n"},
      {"a TLS hello", "\x16\x03\x01\x02\x00\x01\r\n\r\n"},
      {"a blank before the method", " GET / HTTP/1.1\r\nHost: a\r\n\r\n"},
      {"a chunk size with 0x", chunked + "0x1\r\nx\r\n0\r\n\r\n"},
      {"a chunk size with a sign", chunked + "+1\r\nx\r\n0\r\n\r\n"},
      {"a negative chunk size", chunked + "-1\r\nx\r\n0\r\n\r\n"},
      {"a blank before a chunk size", chunked + " 1\r\nx\r\n0\r\n\r\n"},
      {"a blank behind a chunk size", chunked + "1 \r\nx\r\n0\r\n\r\n"},
      {"an empty chunk size", chunked + "\r\nx\r\n0\r\n\r\n"},
      {"a chunk size that overflows", chunked + "10000000000000001\r\nx\r\n0\r\n\r\n"},
      {"a chunk size of many zeros", chunked + std::string(20, '0') + "1\r\nx\r\n0\r\n\r\n"},
      {"a chunk size with an underscore", chunked + "1_0\r\nx\r\n0\r\n\r\n"},
      {"bare LF behind a chunk size", chunked + "1\nx\r\n0\r\n\r\n"},
      {"bare CR behind a chunk size", chunked + "1\rx\r\n0\r\n\r\n"},
      {"bare LF in a chunk extension", chunked + "1;a\nx\r\n0\r\n\r\n"},
      {"bare CR in a chunk extension", chunked + "1;a\rb\r\nx\r\n0\r\n\r\n"},
      {"NUL in a chunk extension", chunked + "1;\0\r\nx\r\n0\r\n\r\n"s},
      {"chunk extensions without end", chunked + "1;" + std::string(5000, 'a') + "\r\nx\r\n"},
      {"a chunk longer than its size", chunked + "1\r\nxy\r\n0\r\n\r\n"},
      {"bare LF behind a chunk", chunked + "1\r\nx\n0\r\n\r\n"},
      {"bare LF behind the last chunk", chunked + "0\r\n\n"},
      {"bare LF in trailers", chunked + "0\r\nA: b\n\r\n"},
      {"a folded trailer", chunked + "0\r\nA: b\r\n c\r\n\r\n"},
      {"a trailer without colon", chunked + "0\r\nGET / HTTP/1.1\r\n\r\n"},
      {"a body cut short", post + "Content-Length: 5\r\n\r\nabc"},
      {"chunks cut short", chunked + "5\r\nabc"},
      {"a head cut short", "GET / HTTP/1.1\r\nHost: a\r\n"},
  };
  for (const auto& [name, bytes] : cases) {
    for (size_t piece : {size_t{1} << 20, size_t{1}, size_t{2}, size_t{5}}) {
      SCOPED_TRACE(absl::StrCat(name, ", in pieces of ", piece));
      const std::string got = Read(Http1Reader::Kind::kRequest, bytes, piece, true);
      EXPECT_TRUE(refused(got)) << got;
      EXPECT_EQ(got.find("] |"), std::string::npos) << "a message was seen: " << got;
    }
  }
}

TEST(Http1RequestTest, SaysWhatIsWrong) {
  const std::vector<Case> cases = {
      {"both", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 1\r\n\r\nx",
       "error 400: the message is malformed"},
      {"folded", "GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n", "error 400: a line is folded"},
      {"bare LF", "GET / HTTP/1.1\nHost: a\r\n\r\n", "error 400: a line ends without CR"},
      {"control", "GET / HTTP/1.1\r\nHost: a\r\nX: \x01\r\n\r\n",
       "error 400: a line has a control character"},
      {"method", "GOT / HTTP/1.1\r\nHost: a\r\n\r\n", "error 400: the method is not known"},
      {"name", "GET / HTTP/1.1\r\nHost: a\r\nX Y: z\r\n\r\n",
       "error 400: a header's name is no token"},
      {"chunk", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nx",
       "POST / error 400: a chunk's size is no number"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    EXPECT_EQ(Read(Http1Reader::Kind::kRequest, c.bytes, 1 << 20, true), c.want);
  }
}

TEST(Http1RequestTest, EveryByteAtEveryPlaceOfAValue) {
  for (int byte = 0; byte < 256; ++byte) {
    const bool fine = byte >= 0x20 ? byte != 0x7f : byte == '\t';
    for (size_t place = 0; place < 20; ++place) {
      std::string value = "x23456789012345678xyz";
      value[1 + place % 19] = static_cast<char>(byte);
      const std::string got =
          Read(Http1Reader::Kind::kRequest, "GET / HTTP/1.1\r\nHost: a\r\nX: " + value + "\r\n\r\n",
               99, true);
      EXPECT_EQ(got.rfind("GET /", 0) == 0, fine) << byte << " at " << place << ": " << got;
    }
  }
}

TEST(Http1RequestTest, LimitsOfTheHead) {
  Http1Reader::Limits limits;
  limits.head_bytes = 1000;
  limits.headers = 10;
  std::string many = "GET / HTTP/1.1\r\n";
  for (int i = 0; i < 10; ++i) absl::StrAppend(&many, "a: b\r\n");
  EXPECT_EQ(Read(Http1Reader::Kind::kRequest, many + "\r\n", 99, true, limits).substr(0, 5),
            "GET /");
  EXPECT_EQ(Read(Http1Reader::Kind::kRequest, many + "a: b\r\n\r\n", 99, true, limits),
            "error 431: there are too many headers");
  const std::string large = "GET / HTTP/1.1\r\nA: " + std::string(1000, 'x') + "\r\n\r\n";
  for (size_t piece : {1, 100, 10000}) {
    EXPECT_EQ(Read(Http1Reader::Kind::kRequest, large, piece, true, limits),
              "error 431: the headers are too large");
  }
  // Without an end in sight.
  EXPECT_EQ(Read(Http1Reader::Kind::kRequest, "GET /" + std::string(2000, 'x'), 100, false, limits),
            "error 431: the headers are too large");
}

TEST(Http1ResponseTest, Responses) {
  Check(Http1Reader::Kind::kResponse,
        {
            {"a length", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", "200 [hi] | "},
            {"without reason", "HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nhi", "200 [hi] | "},
            {"chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
             "200 [hi] | "},
            {"until the end", "HTTP/1.1 200 OK\r\n\r\nhi", "200 [hi] | "},
            {"204 has no body", "HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
             "204 [] | 200 [] | "},
            {"304 has none, whatever its length",
             "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", "304 [] | "},
            {"100 comes first",
             "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx",
             "100 [] | 200 [x] | "},
            {"both framings",
             "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n",
             "error 400: both Content-Length and Transfer-Encoding"},
            {"cut short", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhi",
             "200 error 400: the connection ended in the middle of a message"},
        });
  EXPECT_EQ(Read(Http1Reader::Kind::kResponse, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", 99,
                 true, {}, /*head_request=*/true),
            "200 [] | ");
}

TEST(Http1WriterTest, WritesHeadsAndChunks) {
  Arena arena;
  HeaderMap headers(&arena);
  headers.Add("y", "a");
  headers.Add("x", "1");
  Buffer out;
  AppendRequestHead("GET", "/p?q", "h:80", headers, &out);
  EXPECT_EQ(out.view(), "GET /p?q HTTP/1.1\r\nhost: h:80\r\ny: a\r\nx: 1\r\n\r\n");
  out.Clear();
  AppendRequestHead("GET", "/", std::string_view(), HeaderMap(&arena), &out);
  EXPECT_EQ(out.view(), "GET / HTTP/1.1\r\nhost: \r\n\r\n");
  out.Clear();
  AppendResponseHead(404, 1, headers, &out);
  EXPECT_EQ(out.view(), "HTTP/1.1 404 Not Found\r\ny: a\r\nx: 1\r\n\r\n");
  out.Clear();
  AppendResponseHead(299, 0, HeaderMap(&arena), &out);
  EXPECT_EQ(out.view(), "HTTP/1.0 299 Unknown\r\n\r\n");
  out.Clear();
  AppendChunk(std::string(18, 'x'), &out);
  AppendChunk("", &out);
  AppendLastChunk(nullptr, &out);
  EXPECT_EQ(out.view(), "12\r\n" + std::string(18, 'x') + "\r\n0\r\n\r\n");
  out.Clear();
  AppendLastChunk(&headers, &out);
  EXPECT_EQ(out.view(), "0\r\ny: a\r\nx: 1\r\n\r\n");
}

TEST(HeaderMapTest, IdentifiesTheNamesItKnows) {
  for (int i = 1; i <= static_cast<int>(HeaderId::kXRequestId); ++i) {
    const auto id = static_cast<HeaderId>(i);
    if (id == HeaderId::kXEnvoy) continue;
    EXPECT_EQ(IdentifyHeader(HeaderName(id)), id) << HeaderName(id);
    EXPECT_NE(IdentifyHeader(std::string(HeaderName(id)) + "x"), id);
  }
  EXPECT_EQ(IdentifyHeader("x-envoy-anything"), HeaderId::kXEnvoy);
  EXPECT_EQ(IdentifyHeader("x-other"), HeaderId::kOther);
}

TEST(HeaderMapTest, SetLeavesOneValue) {
  Arena arena;
  HeaderMap headers(&arena);
  for (const char* value : {"1", "2", "3"}) headers.Add("x-request-id", value);
  headers.Add("other", "4");
  headers.SetView(HeaderId::kXRequestId, "5");
  EXPECT_EQ(headers.entries().size(), 2u);
  EXPECT_EQ(*headers.Find(HeaderId::kXRequestId), "5");
  headers.Set("other", "6");
  headers.Remove("x-request-id");
  ASSERT_EQ(headers.entries().size(), 1u);
  EXPECT_EQ(headers.entries()[0].value, "6");
}

TEST(ListTest, FindsMembersWithoutRegardToCase) {
  EXPECT_TRUE(ListHas("keep-alive, Upgrade", "upgrade"));
  EXPECT_TRUE(ListHas("CLOSE", "close"));
  EXPECT_FALSE(ListHas("closed,xclose", "close"));
  EXPECT_FALSE(ListHas(" , ,", "close"));
}

}  // namespace
}  // namespace mesh::proxy
