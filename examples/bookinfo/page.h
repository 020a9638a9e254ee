// The page of the bookstore: HTML out of what the services answered.
#ifndef EXAMPLES_BOOKINFO_PAGE_H_
#define EXAMPLES_BOOKINFO_PAGE_H_

#include <string>
#include <string_view>

#include "nlohmann/json.hpp"

namespace bookinfo {

// "a<b" -> "a&lt;b"; also &, ", '.
std::string EscapeHtml(std::string_view text);

struct Page {
  std::string pod;               // of the product page itself
  std::string user;              // empty: nobody signed in
  std::string title;             // of the book
  std::string description_html;  // trusted
  nlohmann::json details;        // an object, or {"error": "..."}
  nlohmann::json reviews;        // an object, or {"error": "..."}
};

// Everything but `description_html` is escaped.
std::string RenderPage(const Page& page);

// /static/...: null when there is no such file.
struct StaticFile {
  std::string_view path;  // "/static/bookinfo.css"
  std::string_view content_type;
  std::string_view content;
};
const StaticFile* FindStatic(std::string_view path);

}  // namespace bookinfo

#endif  // EXAMPLES_BOOKINFO_PAGE_H_
