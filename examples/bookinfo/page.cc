#include "examples/bookinfo/page.h"

namespace bookinfo {
namespace {

using nlohmann::json;

constexpr char kStyle[] = R"css(:root {
  --ink: #1d2733; --soft: #5b6b7c; --line: #dfe5ec; --paper: #ffffff; --ground: #f3f5f8;
  --brand: #23466b; --red: #c8232c; --warn-ground: #fff4e5; --warn: #8a4b00;
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--ground); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
}
header { background: var(--brand); color: #fff; }
header .row {
  max-width: 62rem; margin: 0 auto; padding: .9rem 1.25rem;
  display: flex; flex-wrap: wrap; gap: .75rem; align-items: center; justify-content: space-between;
}
header .name { font-size: 1.15rem; font-weight: 650; letter-spacing: .01em; }
header form { display: flex; gap: .5rem; align-items: center; margin: 0; }
header input {
  font: inherit; width: 11rem; padding: .3rem .6rem; border: 0; border-radius: .4rem;
}
header button, header a.button {
  font: inherit; padding: .3rem .8rem; border: 1px solid #ffffff80; border-radius: .4rem;
  background: transparent; color: #fff; cursor: pointer; text-decoration: none;
}
header button:hover, header a.button:hover { background: #ffffff22; }
a { color: var(--brand); }
main { max-width: 62rem; margin: 0 auto; padding: 1.5rem 1.25rem 3rem; }
h1 { font-size: 2rem; line-height: 1.2; margin: .5rem 0 .75rem; }
h2 { font-size: 1.2rem; margin: 0 0 1rem; }
.lead { max-width: 50rem; color: var(--soft); margin: 0 0 1.75rem; }
.columns { display: grid; grid-template-columns: minmax(15rem, 1fr) 2fr; gap: 1.25rem; }
@media (max-width: 44rem) { .columns { grid-template-columns: 1fr; } }
section {
  background: var(--paper); border: 1px solid var(--line); border-radius: .75rem;
  padding: 1.25rem 1.4rem;
}
dl { display: grid; grid-template-columns: auto 1fr; gap: .45rem 1.1rem; margin: 0; }
dt { color: var(--soft); }
dd { margin: 0; overflow-wrap: anywhere; }
blockquote { margin: 0 0 1.1rem; padding: 0 0 1.1rem; border-bottom: 1px solid var(--line); }
blockquote:last-of-type { border-bottom: 0; margin-bottom: 0; }
blockquote p { margin: 0 0 .35rem; font-size: 1.05rem; }
cite { font-style: normal; color: var(--soft); }
.stars { margin-left: .6rem; letter-spacing: .12em; font-size: 1.15rem; }
.stars.black { color: #16191d; }
.stars.red { color: var(--red); }
.stars .off { opacity: .22; }
.served {
  display: inline-block; margin-top: .5rem; padding: .15rem .7rem; border-radius: 1rem;
  background: var(--ground); border: 1px solid var(--line); color: var(--soft); font-size: .9rem;
}
.served b { color: var(--ink); }
.error {
  background: var(--warn-ground); color: var(--warn); border-radius: .5rem; padding: .8rem 1rem;
}
.error b { display: block; }
.note { color: var(--soft); font-size: .9rem; }
footer {
  max-width: 62rem; margin: 0 auto; padding: 0 1.25rem 2rem; color: var(--soft); font-size: .85rem;
}
)css";

constexpr char kIcon[] =
    R"svg(<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="7" fill="#23466b"/><path d="M6 9c4-1 7 0 10 2 3-2 6-3 10-2v14c-4-1-7 0-10 2-3-2-6-3-10-2z" fill="#fff"/><path d="M16 11v14" stroke="#23466b" stroke-width="1.5"/></svg>
)svg";

constexpr StaticFile kFiles[] = {
    {"/static/bookinfo.css", "text/css; charset=utf-8", {kStyle, sizeof(kStyle) - 1}},
    {"/static/bookinfo.svg", "image/svg+xml", {kIcon, sizeof(kIcon) - 1}},
};

// The value under `key` as text, whatever its type.
std::string Text(const json& object, const char* key) {
  const auto it = object.find(key);
  if (it == object.end()) return "";
  return EscapeHtml(it->is_string() ? it->get<std::string>()
                                    : it->dump(-1, ' ', false, json::error_handler_t::replace));
}

std::string ErrorBox(const char* what, const json& answer) {
  return std::string("<div class=\"error\"><b>") + what + "</b>" + Text(answer, "error") +
         "</div>\n";
}

std::string Header(const Page& page) {
  std::string html =
      "<header><div class=\"row\"><span class=\"name\">Simple Bookstore App</span>\n";
  if (page.user.empty()) {
    html +=
        "<form method=\"post\" action=\"login\">"
        "<input name=\"username\" placeholder=\"User name\" aria-label=\"User name\" "
        "autocomplete=\"username\" maxlength=\"64\" required>"
        "<button>Sign in</button></form>\n";
  } else {
    html += "<span>Signed in as <b>" + EscapeHtml(page.user) +
            "</b> &nbsp;<a class=\"button\" href=\"logout\">Sign out</a></span>\n";
  }
  return html + "</div></header>\n";
}

std::string Details(const json& details) {
  std::string html = "<section id=\"details\"><h2>Book details</h2>\n";
  if (details.contains("error")) {
    return html + ErrorBox("Error fetching product details!", details) + "</section>\n";
  }
  static constexpr const char* kRows[][2] = {
      {"author", "Author"},   {"year", "Year"},           {"type", "Type"},
      {"pages", "Pages"},     {"publisher", "Publisher"}, {"language", "Language"},
      {"ISBN-10", "ISBN-10"}, {"ISBN-13", "ISBN-13"},
  };
  html += "<dl>";
  for (const auto& [key, label] : kRows) {
    if (!details.contains(key)) continue;
    html += std::string("<dt>") + label + "</dt><dd>" + Text(details, key) + "</dd>\n";
  }
  return html + "</dl></section>\n";
}

std::string Stars(const json& rating) {
  if (rating.contains("error")) {
    return "<p class=\"note\">" + Text(rating, "error") + "</p>";
  }
  const auto stars = rating.find("stars");
  if (stars == rating.end() || !stars->is_number_integer()) return "";
  const int given = std::min(5, std::max(0, stars->get<int>()));
  const bool red = rating.value("color", "") == "red";
  std::string html = std::string("<span class=\"stars ") + (red ? "red" : "black") +
                     "\" role=\"img\" aria-label=\"" + std::to_string(given) + " of 5 " +
                     (red ? "red" : "black") + " stars\">";
  for (int i = 0; i < given; ++i) html += "★";
  if (given < 5) html += "<span class=\"off\">";
  for (int i = given; i < 5; ++i) html += "★";
  if (given < 5) html += "</span>";
  return html + "</span>";
}

std::string Reviews(const json& reviews) {
  const std::string version = reviews.contains("error") ? "" : Text(reviews, "version");
  std::string html =
      "<section id=\"reviews\" data-reviews-version=\"" + version + "\"><h2>Book reviews</h2>\n";
  const auto list = reviews.find("reviews");
  if (reviews.contains("error") || list == reviews.end() || !list->is_array()) {
    return html + ErrorBox("Error fetching product reviews!", reviews) + "</section>\n";
  }
  for (const json& review : *list) {
    if (!review.is_object()) continue;
    html += "<blockquote><p>“" + Text(review, "text") + "”</p><cite>— " + Text(review, "reviewer") +
            "</cite>";
    const auto rating = review.find("rating");
    if (rating != review.end() && rating->is_object()) html += Stars(*rating);
    html += "</blockquote>\n";
  }
  return html + "<span class=\"served\">Reviews served by <b>reviews " + version + "</b> (" +
         Text(reviews, "podname") + ")</span></section>\n";
}

}  // namespace

std::string EscapeHtml(std::string_view text) {
  std::string html;
  html.reserve(text.size());
  for (char c : text) {
    switch (c) {
      case '&':
        html += "&amp;";
        break;
      case '<':
        html += "&lt;";
        break;
      case '>':
        html += "&gt;";
        break;
      case '"':
        html += "&quot;";
        break;
      case '\'':
        html += "&#39;";
        break;
      default:
        html += c;
    }
  }
  return html;
}

std::string RenderPage(const Page& page) {
  return "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
         "<title>Simple Bookstore App</title>\n"
         "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
         "<link rel=\"icon\" href=\"static/bookinfo.svg\">\n"
         "<link rel=\"stylesheet\" href=\"static/bookinfo.css\">\n</head><body>\n" +
         Header(page) + "<main>\n<h1>" + EscapeHtml(page.title) + "</h1>\n<p class=\"lead\">" +
         page.description_html + "</p>\n<div class=\"columns\">\n" + Details(page.details) +
         Reviews(page.reviews) + "</div>\n</main>\n<footer>This page came from " +
         EscapeHtml(page.pod) +
         ". Reload it: the mesh picks the version of the reviews anew for each request.</footer>\n"
         "</body></html>\n";
}

const StaticFile* FindStatic(std::string_view path) {
  for (const StaticFile& file : kFiles) {
    if (file.path == path) return &file;
  }
  return nullptr;
}

}  // namespace bookinfo
