#include "mesh/route/regex/random_regex.h"

namespace mesh::route::regex {

std::string RandomRegex::Pick(std::initializer_list<const char*> from) {
  return *(from.begin() + Below(static_cast<uint32_t>(from.size())));
}

std::string RandomRegex::Regex() { return Alternation(0); }

std::string RandomRegex::Alternation(int depth) {
  std::string out = Concatenation(depth);
  while (Below(4) == 0) out += "|" + Concatenation(depth);
  return out;
}

std::string RandomRegex::Concatenation(int depth) {
  std::string out;
  for (uint32_t n = Below(5); n > 0; --n) {
    out += Atom(depth);
    if (Below(3) == 0) {
      out += Pick(
          {"*", "+", "?", "{2}", "{1,2}", "{0,3}", "{2,}", "{0}", "{,2}", "*?", "+?", "{1,3}?"});
    }
  }
  return out;
}

std::string RandomRegex::Atom(int depth) {
  switch (Below(depth < 3 ? 14 : 10)) {
    case 0:
    case 1:
    case 2:
    case 3:
      return Pick({"a", "b", "/", "-", "k", "s", "K", "1", "ab", "_", " "});
    case 4:
      return Pick({".", ".", "\\.", "\\d", "\\w", "\\s", "\\W", "\\D", "\\S", "\\C"});
    case 5:
    case 6:
      return Class();
    case 7:
      return Pick({"^", "$", "\\A", "\\z", "\\b", "\\B", "(?i)", "(?s)", "(?m)", "(?-i)", "(?U)"});
    case 8:
      return Pick(
          {"\xC3\xA9", "\xE2\x82\xAC", "\\x{e9}", "\\x61", "\\x{10ffff}", "\\141",   "\\n",
           "\\t",      "\\Qa.b\\E",    "\\Q/\\E", "\\pL",  "\\PN",        "\\p{Lu}", "\\p{^Ll}",
           "\\pP",     "\\p{Greek}",   "\\/",     "\\-",   "\\_",         "{",       "}",
           "]"});
    case 9:
      return Pick({"[^/]+", "[^/]*", ".*", ".+", "\\w+"});
    default:
      return Pick({"(", "(?:", "(?i:", "(?s:", "(?m:", "(?P<n>", "(?-s:", "(?im-s:"}) +
             Alternation(depth + 1) + ")";
  }
}

std::string RandomRegex::Class() {
  std::string out = Below(3) == 0 ? "[^" : "[";
  if (Below(12) == 0) out += "]";
  for (uint32_t n = 1 + Below(3); n > 0; --n) out += ClassItem();
  if (Below(10) == 0) out += "-";
  return out + "]";
}

std::string RandomRegex::ClassItem() {
  return Pick({"a",
               "b",
               "k",
               "S",
               "/",
               "a-c",
               "a-z",
               "A-Z",
               "0-9",
               "\\d",
               "\\w",
               "\\W",
               "\\s",
               "\\S",
               "\\n",
               "\\-",
               "\\]",
               ".",
               "[:alpha:]",
               "[:^digit:]",
               "[:punct:]",
               "[:word:]",
               "\xC3\xA9",
               "\xC3\xA0-\xC3\xBF",
               "\\x{80}-\\x{10ffff}",
               "\\x00-\\x7f",
               "\\x{100}-\\x{ffff}",
               "\\pL",
               "\\P{Nd}",
               "\\pS",
               "^",
               "-"});
}

std::string RandomRegex::PathRegex() {
  std::string out = Below(6) == 0 ? "^" : "";
  for (uint32_t n = 1 + Below(4); n > 0; --n) {
    out += Pick({"/", "/", "/", "/a", "/b", "-", ""});
    out +=
        Pick({"a",     "b",        "ab",   "[^/]+",        "[^/]*",  "[a-z]+",         "\\w+",
              "(a|b)", "(?:ab|a)", ".*",   ".+",           "\\d{2}", "[a-z0-9-]{1,3}", "(/.*)?",
              "/?",    "(a|b/)?",  "[^/]", "(\\.[a-z]+)?", "(?i:a)", "[^/]+b",         "(|/a|/b)"});
  }
  if (Below(4) == 0) out += Pick({"$", "/?", "/.*", "(/.*)?"});
  return out;
}

std::string RandomRegex::Text() {
  std::string out;
  for (uint32_t n = Below(9); n > 0; --n) {
    out += Pick({"a",
                 "a",
                 "b",
                 "b",
                 "/",
                 "/",
                 "-",
                 "k",
                 "K",
                 "s",
                 "S",
                 "1",
                 "12",
                 "_",
                 " ",
                 "\n",
                 "\xC3\xA9",
                 "\xC3\x89",
                 "\xE2\x82\xAC",
                 "\xE2\x84\xAA",
                 "\xC5\xBF",
                 "\xFF",
                 "\xC3",
                 "\xA9",
                 "\xE0\x80\x80",
                 "\xED\xA0\x80",
                 "\xF4\xBF\xBF\xBF",
                 "\xF0\x80\x80\x80",
                 "\xF4\x8F\xBF\xBF",
                 ".",
                 "a.b",
                 "{",
                 "}",
                 "{,2}",
                 "]",
                 "z"});
  }
  return out;
}

}  // namespace mesh::route::regex
