#include "examples/bookinfo/app.h"

#include <utility>

#include "examples/bookinfo/page.h"
#include "examples/bookinfo/upstream.h"
#include "nlohmann/json.hpp"

namespace bookinfo {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;

constexpr char kTitle[] = "The Comedy of Errors";
constexpr char kDescription[] =
    "Two pairs of identical twins, parted at sea, turn up in the same town on the same day, and "
    "nobody can tell who is who. One of Shakespeare's earliest and shortest plays. "
    "<a href=\"https://en.wikipedia.org/wiki/The_Comedy_of_Errors\">More at Wikipedia</a>.";

void SendJson(const json& value, int status, httplib::Response* response) {
  response->status = status;
  response->set_content(value.dump(-1, ' ', false, json::error_handler_t::replace),
                        "application/json");
}

void SendError(int status, const std::string& what, httplib::Response* response) {
  SendJson({{"error", what}}, status, response);
}

// The signed-in user. It is a demo: the name is in a cookie, and there is no password.
std::string CookieValue(const httplib::Request& request, const std::string& name) {
  const std::string cookies = request.get_header_value("Cookie");
  size_t begin = 0;
  while (begin < cookies.size()) {
    size_t end = cookies.find(';', begin);
    if (end == std::string::npos) end = cookies.size();
    while (begin < end && cookies[begin] == ' ') ++begin;
    if (cookies.compare(begin, name.size() + 1, name + "=") == 0) {
      return cookies.substr(begin + name.size() + 1, end - begin - name.size() - 1);
    }
    begin = end + 1;
  }
  return "";
}

// A user name becomes a header's value and a cookie's: letters, digits and a few marks.
bool IsUserName(const std::string& name) {
  if (name.empty() || name.size() > 64) return false;
  for (unsigned char c : name) {
    if (!std::isalnum(c) && c != '.' && c != '-' && c != '_' && c != '@') return false;
  }
  return true;
}

class ProductPage {
 public:
  ProductPage(const Options& options)
      : pod_(options.pod), upstream_(options.upstream_address, options.upstream_port) {}

  void Show(const httplib::Request& request, httplib::Response* response) {
    const std::string user = User(request);
    const httplib::Headers headers = HeadersFor(request, user);
    Page page{pod_,
              user,
              kTitle,
              kDescription,
              Details("0", headers).second,
              Reviews("0", headers).second};
    response->set_content(RenderPage(page), "text/html; charset=utf-8");
    response->set_header("Cache-Control", "no-store");
  }

  void Login(const httplib::Request& request, httplib::Response* response) {
    const std::string user = request.get_param_value("username");
    if (!IsUserName(user)) {
      return SendError(400, "a user name is 1 to 64 letters, digits, or any of . - _ @", response);
    }
    response->set_header("Set-Cookie", "user=" + user + "; Path=/; HttpOnly; SameSite=Lax");
    response->set_redirect("productpage");
  }

  void Logout(httplib::Response* response) {
    response->set_header("Set-Cookie", "user=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax");
    response->set_redirect("productpage");
  }

  void Products(httplib::Response* response) {
    SendJson(json::array({{{"id", 0}, {"title", kTitle}, {"descriptionHtml", kDescription}}}), 200,
             response);
  }

  // `part`: "", "reviews" or "ratings" of one product.
  void Product(const httplib::Request& request, const std::string& id, const std::string& part,
               httplib::Response* response) {
    if (id != "0") return SendError(404, "there is no product " + id, response);
    const httplib::Headers headers = HeadersFor(request, User(request));
    const auto [status, body] = part == "reviews"   ? Reviews(id, headers)
                                : part == "ratings" ? Ratings(id, headers)
                                                    : Details(id, headers);
    SendJson(body, status, response);
  }

 private:
  using Result = std::pair<int, json>;  // what to answer: status and body

  static std::string User(const httplib::Request& request) {
    const std::string user = CookieValue(request, "user");
    return IsUserName(user) ? user : "";
  }

  // Who is signed in becomes the header that routes may look at; it outdoes one that came along.
  static httplib::Headers HeadersFor(const httplib::Request& request, const std::string& user) {
    httplib::Headers headers = ForwardedHeaders(request);
    if (!user.empty()) {
      headers.erase("end-user");
      headers.emplace("end-user", user);
    }
    return headers;
  }

  static Result OrError(const Answer& answer, const char* what) {
    if (answer.ok()) return {200, answer.body};
    const int status = answer.status >= 400 ? answer.status : answer.status == 0 ? 503 : 502;
    return {status, json{{"error", std::string("Sorry, product ") + what +
                                       " are currently unavailable for this book."}}};
  }

  Result Details(const std::string& id, const httplib::Headers& headers) {
    return OrError(upstream_.Get("details", "/details/" + id, headers, milliseconds(3000)),
                   "details");
  }
  // Gives the reviews a second chance, each of three seconds: less than reviews themselves allow
  // ratings. A fault injected between the two shows what that leads to.
  Result Reviews(const std::string& id, const httplib::Headers& headers) {
    Answer answer;
    for (int attempt = 0; attempt < 2 && !answer.ok(); ++attempt) {
      answer = upstream_.Get("reviews", "/reviews/" + id, headers, milliseconds(3000));
    }
    return OrError(answer, "reviews");
  }
  Result Ratings(const std::string& id, const httplib::Headers& headers) {
    return OrError(upstream_.Get("ratings", "/ratings/" + id, headers, milliseconds(3000)),
                   "ratings");
  }

  const std::string pod_;
  Upstream upstream_;
};

void RegisterProductPage(const Options& options, httplib::Server* http) {
  auto page = std::make_shared<ProductPage>(options);
  using Request = httplib::Request;
  using Response = httplib::Response;
  http->Get("/productpage", [page](const Request& q, Response& r) { page->Show(q, &r); });
  http->Get("/", [](const Request&, Response& r) { r.set_redirect("productpage"); });
  http->Post("/login", [page](const Request& q, Response& r) { page->Login(q, &r); });
  http->Get("/logout", [page](const Request&, Response& r) { page->Logout(&r); });
  http->Get(R"(/static/[^/]+)", [](const Request& q, Response& r) {
    const StaticFile* file = FindStatic(q.path);
    if (file == nullptr) return SendError(404, "there is no such file", &r);
    r.set_header("Cache-Control", "max-age=300");
    r.set_content(file->content.data(), file->content.size(), std::string(file->content_type));
  });
  http->Get("/api/v1/products", [page](const Request&, Response& r) { page->Products(&r); });
  http->Get(R"(/api/v1/products/(\d{1,9})(?:/(reviews|ratings))?)",
            [page](const Request& q, Response& r) {
              page->Product(q, q.matches[1].str(), q.matches[2].str(), &r);
            });
}

void RegisterDetails(httplib::Server* http) {
  http->Get(R"(/details/(\d{1,9}))", [](const httplib::Request& request, httplib::Response& r) {
    SendJson({{"id", std::stoi(request.matches[1].str())},
              {"author", "William Shakespeare"},
              {"year", 1595},
              {"type", "paperback"},
              {"pages", 200},
              {"publisher", "PublisherA"},
              {"language", "English"},
              {"ISBN-10", "1234567890"},
              {"ISBN-13", "123-1234567890"}},
             200, &r);
  });
}

void RegisterRatings(httplib::Server* http) {
  http->Get(R"(/ratings/(\d{1,9}))", [](const httplib::Request& request, httplib::Response& r) {
    SendJson({{"id", std::stoi(request.matches[1].str())},
              {"ratings", {{"Reviewer1", 5}, {"Reviewer2", 4}}}},
             200, &r);
  });
}

// v1 knows no stars; v2 asks the ratings and paints them black, v3 red.
void RegisterReviews(const Options& options, httplib::Server* http) {
  auto upstream = std::make_shared<Upstream>(options.upstream_address, options.upstream_port);
  const std::string color = options.version == "v1"   ? ""
                            : options.version == "v2" ? "black"
                                                      : "red";
  http->Get(R"(/reviews/(\d{1,9}))", [=](const httplib::Request& request, httplib::Response& r) {
    const std::string id = request.matches[1].str();
    json first = {{"reviewer", "Reviewer1"},
                  {"text",
                   "I laughed on every page. Nobody listens to anybody, and it all comes out right "
                   "in the end."}};
    json second = {
        {"reviewer", "Reviewer2"},
        {"text", "Good fun, though his later comedies go deeper and do more than swap twins."}};
    if (!color.empty()) {
      const Answer answer = upstream->Get("ratings", "/ratings/" + id, ForwardedHeaders(request),
                                          milliseconds(color == "black" ? 10000 : 2500));
      for (json* review : {&first, &second}) {
        const json::json_pointer stars("/ratings/" + review->at("reviewer").get<std::string>());
        if (answer.ok() && answer.body.contains(stars)) {
          (*review)["rating"] = {{"stars", answer.body[stars]}, {"color", color}};
        } else {
          (*review)["rating"] = {{"error", "Ratings service is currently unavailable"}};
        }
      }
    }
    SendJson({{"id", id},
              {"podname", options.pod},
              {"version", options.version},
              {"reviews", {first, second}}},
             200, &r);
  });
}

}  // namespace

const std::vector<std::string>& Roles() {
  static const std::vector<std::string>& roles =
      *new std::vector<std::string>{"productpage", "details", "reviews", "ratings"};
  return roles;
}

void Register(const Options& given, Server* server) {
  Options options = given;
  if (options.pod.empty()) options.pod = options.role + "-" + options.version;
  httplib::Server& http = server->http();
  http.Get("/health", [options](const httplib::Request&, httplib::Response& response) {
    SendJson({{"status", "healthy"}, {"role", options.role}, {"version", options.version}}, 200,
             &response);
  });
  http.set_error_handler([](const httplib::Request&, httplib::Response& response) {
    if (response.body.empty()) {
      SendError(response.status, response.status == 404 ? "there is no such path" : "bad request",
                &response);
    }
  });
  if (options.role == "productpage") RegisterProductPage(options, &http);
  if (options.role == "details") RegisterDetails(&http);
  if (options.role == "ratings") RegisterRatings(&http);
  if (options.role == "reviews") RegisterReviews(options, &http);
}

}  // namespace bookinfo
