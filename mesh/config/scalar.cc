#include "mesh/config/scalar.h"

#include <cmath>
#include <limits>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "mesh/base/strings.h"

namespace mesh::config {
namespace {

bool OneOf(std::string_view text, std::initializer_list<std::string_view> words) {
  for (std::string_view word : words) {
    if (text == word) return true;
  }
  return false;
}

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

int DigitValue(char c) {
  if (IsDigit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return 99;
}

// Go's strconv.ParseInt with base 0, underscores taken out before.
bool ParseInteger(std::string_view text, Scalar* out) {
  bool negative = false;
  if (!text.empty() && (text[0] == '+' || text[0] == '-')) {
    negative = text[0] == '-';
    text.remove_prefix(1);
  }
  unsigned base = 10;
  if (text.size() > 1 && text[0] == '0') {
    const char letter = absl::ascii_tolower(text[1]);
    if (letter == 'x' || letter == 'o' || letter == 'b') {
      base = letter == 'x' ? 16 : letter == 'o' ? 8 : 2;
      text.remove_prefix(2);
    } else {
      base = 8;
      text.remove_prefix(1);
    }
  }
  bool any = false;
  uint64_t value = 0;
  for (char c : text) {
    if (c == '_') continue;
    const unsigned digit = DigitValue(c);
    if (digit >= base) return false;
    if (value > (std::numeric_limits<uint64_t>::max() - digit) / base) return false;
    value = value * base + digit;
    any = true;
  }
  if (!any || (negative && value > (uint64_t{1} << 63))) return false;
  out->type = Scalar::Type::kInteger;
  out->negative = negative && value != 0;
  out->magnitude = value;
  out->number = negative ? -static_cast<double>(value) : static_cast<double>(value);
  return true;
}

// [-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?
bool ParseFloat(std::string_view text, Scalar* out) {
  std::string plain;
  for (char c : text) {
    if (c != '_') plain += c;
  }
  size_t i = 0;
  if (i < plain.size() && (plain[i] == '+' || plain[i] == '-')) ++i;
  size_t digits = 0;
  while (i < plain.size() && IsDigit(plain[i])) ++i, ++digits;
  if (i < plain.size() && plain[i] == '.') {
    ++i;
    while (i < plain.size() && IsDigit(plain[i])) ++i, ++digits;
  }
  if (digits == 0) return false;
  if (i < plain.size() && (plain[i] == 'e' || plain[i] == 'E')) {
    ++i;
    if (i < plain.size() && (plain[i] == '+' || plain[i] == '-')) ++i;
    const size_t begin = i;
    while (i < plain.size() && IsDigit(plain[i])) ++i;
    if (i == begin) return false;
  }
  if (i != plain.size()) return false;
  double value = 0;
  if (!absl::SimpleAtod(plain[0] == '+' ? plain.substr(1) : plain, &value)) return false;
  out->type = Scalar::Type::kFloat;
  out->number = value;
  return true;
}

// False for most of what is a string, at the cost of a look: words are short, and a number has no
// other characters than these.
bool MayMean(std::string_view text) {
  constexpr size_t kLongestWord = 5;  // false
  switch (text[0]) {
    case '~':
    case 'n':
    case 'N':
    case 'y':
    case 'Y':
    case 't':
    case 'T':
    case 'f':
    case 'F':
    case 'o':
    case 'O':
      return text.size() <= kLongestWord;
    case '+':
    case '-':
    case '.':
      return true;
    default:
      break;
  }
  if (!IsDigit(text[0])) return false;
  for (const char c : text) {
    if (DigitValue(c) > 15 && c != '_' && c != '.' && c != '+' && c != '-' && c != 'x' &&
        c != 'X' && c != 'o' && c != 'O') {
      return false;
    }
  }
  return true;
}

}  // namespace

Scalar ResolvePlain(std::string_view text) {
  Scalar scalar;
  if (text.empty()) {
    scalar.type = Scalar::Type::kNull;
    return scalar;
  }
  if (!MayMean(text)) return scalar;
  switch (text[0]) {
    case '~':
    case 'n':
    case 'N':
      if (OneOf(text, {"~", "null", "Null", "NULL"})) scalar.type = Scalar::Type::kNull;
      if (OneOf(text, {"n", "N", "no", "No", "NO"})) scalar.type = Scalar::Type::kBool;
      return scalar;
    case 'y':
    case 'Y':
    case 't':
    case 'T':
      if (OneOf(text, {"y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE"})) {
        scalar.type = Scalar::Type::kBool;
        scalar.boolean = true;
      }
      return scalar;
    case 'f':
    case 'F':
    case 'o':
    case 'O':
      if (OneOf(text, {"false", "False", "FALSE", "off", "Off", "OFF"})) {
        scalar.type = Scalar::Type::kBool;
      } else if (OneOf(text, {"on", "On", "ON"})) {
        scalar.type = Scalar::Type::kBool;
        scalar.boolean = true;
      }
      return scalar;
    default:
      break;
  }
  if (!IsDigit(text[0]) && text[0] != '+' && text[0] != '-' && text[0] != '.') return scalar;
  if (OneOf(text, {".nan", ".NaN", ".NAN"})) {
    scalar.type = Scalar::Type::kFloat;
    scalar.number = std::numeric_limits<double>::quiet_NaN();
    return scalar;
  }
  if (OneOf(text, {".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF", "-.inf", "-.Inf", "-.INF"})) {
    scalar.type = Scalar::Type::kFloat;
    scalar.number = text[0] == '-' ? -std::numeric_limits<double>::infinity()
                                   : std::numeric_limits<double>::infinity();
    return scalar;
  }
  if (ParseInteger(text, &scalar)) return scalar;
  ParseFloat(text, &scalar);
  return scalar;
}

Scalar ResolveQuotedInteger(std::string_view text) {
  const Scalar scalar = ResolvePlain(text);
  const bool written_so = scalar.type == Scalar::Type::kInteger &&
                          absl::StrCat(scalar.negative ? "-" : "", scalar.magnitude) == Absl(text);
  return written_so ? scalar : Scalar();
}

absl::StatusOr<absl::Duration> ParseGoDuration(std::string_view text) {
  const auto bad = [text](std::string_view why) {
    return absl::InvalidArgumentError(absl::StrCat("\"", Absl(text),
                                                   "\" is not a duration: ", Absl(why),
                                                   "; write one such as 1.5s, 300ms or 1h30m"));
  };
  std::string_view rest = text;
  bool negative = false;
  if (!rest.empty() && (rest[0] == '-' || rest[0] == '+')) {
    negative = rest[0] == '-';
    rest.remove_prefix(1);
  }
  if (rest == "0") return absl::ZeroDuration();
  if (rest.empty()) return bad("it is empty");
  // In nanoseconds, as Go has it: at most 2^63 - 1 of them, some 292 years.
  __extension__ typedef unsigned __int128 Wide;
  const Wide kLimit = uint64_t{1} << 63;
  Wide total = 0;
  while (!rest.empty()) {
    Wide whole = 0;
    size_t digits = 0;
    while (!rest.empty() && IsDigit(rest[0])) {
      whole = whole * 10 + (rest[0] - '0');
      if (whole > kLimit) return bad("it is longer than 292 years");
      rest.remove_prefix(1);
      ++digits;
    }
    Wide fraction = 0;
    Wide scale = 1;
    if (!rest.empty() && rest[0] == '.') {
      rest.remove_prefix(1);
      while (!rest.empty() && IsDigit(rest[0])) {
        if (scale < kLimit / 10) {
          fraction = fraction * 10 + (rest[0] - '0');
          scale *= 10;
        }
        rest.remove_prefix(1);
        ++digits;
      }
    }
    if (digits == 0) return bad("a number is wanted");
    size_t end = 0;
    while (end < rest.size() && rest[end] != '.' && !IsDigit(rest[end])) ++end;
    const std::string_view unit = rest.substr(0, end);
    rest.remove_prefix(end);
    uint64_t nanos = 0;
    if (unit == "ns") {
      nanos = 1;
    } else if (unit == "us" || unit == "\xC2\xB5s" || unit == "\xCE\xBCs") {
      nanos = 1000;
    } else if (unit == "ms") {
      nanos = 1000000;
    } else if (unit == "s") {
      nanos = 1000000000;
    } else if (unit == "m") {
      nanos = 60000000000;
    } else if (unit == "h") {
      nanos = 3600000000000;
    } else if (unit.empty()) {
      return bad("it has no unit");
    } else {
      return bad(absl::StrCat("\"", Absl(unit), "\" is no unit of time"));
    }
    total += whole * nanos + fraction * nanos / scale;
    if (total > kLimit) return bad("it is longer than 292 years");
  }
  if (total == kLimit && !negative) return bad("it is longer than 292 years");
  const absl::Duration duration = absl::Nanoseconds(static_cast<int64_t>(
      total == kLimit ? std::numeric_limits<int64_t>::max() : static_cast<int64_t>(total)));
  return negative ? -duration : duration;
}

std::string FormatGoDuration(absl::Duration duration) {
  if (duration == absl::ZeroDuration()) return "0s";
  return absl::FormatDuration(duration);
}

}  // namespace mesh::config
