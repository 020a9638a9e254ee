#include "examples/demo/screen.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace demo {
namespace {

constexpr char kPlain[] = "";
constexpr char kBold[] = "1";
constexpr char kDim[] = "2";
constexpr char kRed[] = "31";
constexpr char kGreen[] = "32";
constexpr char kYellow[] = "33";
constexpr char kBlue[] = "34";

struct Span {
  std::string text;
  const char* style = kPlain;
};
using Line = std::vector<Span>;

bool BeginsCharacter(char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }

size_t Width(std::string_view text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), BeginsCharacter));
}

// The line's first `width` characters, the last of them "…" when that is not all.
std::string Render(const Line& line, const ScreenForm& form) {
  size_t total = 0;
  for (const Span& span : line) total += Width(span.text);
  const bool cut = total > form.width;
  size_t room = cut ? form.width - std::min<size_t>(form.width, 1) : form.width;
  std::string text;
  for (const Span& span : line) {
    std::string part;
    for (const char c : span.text) {
      if (BeginsCharacter(c)) {
        if (room == 0) break;
        --room;
      }
      part += static_cast<unsigned char>(c) < 0x20 || c == 0x7F ? '?' : c;
    }
    if (part.empty()) continue;
    const bool styled = form.color && span.style[0] != '\0';
    absl::StrAppend(&text, styled ? absl::StrCat("\033[", span.style, "m") : "", part,
                    styled ? "\033[0m" : "");
  }
  if (cut && form.width > 0) text += form.unicode ? "…" : "~";
  return text;
}

std::string Padded(std::string text, size_t width) {
  const size_t have = Width(text);
  if (have < width) text.append(width - have, ' ');
  return text;
}

constexpr size_t kTitle = 11;  // characters of "requests   ", in front of each section

Line Titled(const std::string& title, Line rest) {
  rest.insert(rest.begin(), {Padded(title, kTitle), kBold});
  return rest;
}

Line Head(const ScreenState& state, const ScreenForm& form) {
  Line line = {{"Bookinfo through the mesh", kBold}, {"  " + state.url, kBlue}};
  const size_t used = Width(line[0].text) + Width(line[1].text) + state.time.size();
  if (used + 2 <= form.width) line.push_back({std::string(form.width - used, ' ') + state.time});
  return line;
}

Line Requests(const ScreenState& state) {
  Line line = {{absl::StrFormat("%.1f pages a second", state.pages_per_second)}};
  if (state.latency) {
    line.push_back({absl::StrFormat("   latency p50 %d ms  p99 %d ms", state.latency->p50,
                                    state.latency->p99)});
    line.push_back({absl::StrFormat("   %d failed", state.latency->failed),
                    state.latency->failed > 0 ? kRed : kPlain});
    line.push_back(
        {absl::StrFormat(" of %d in %d s", state.latency->requests, state.seconds), kDim});
  }
  return Titled("requests", std::move(line));
}

void AddReviews(const ScreenState& state, const ScreenForm& form, std::vector<Line>* lines) {
  uint64_t total = 0;
  size_t widest = 0;
  for (const auto& [version, count] : state.reviews) {
    total += count;
    widest = std::max(widest, Width(version));
  }
  const char* title = "reviews";
  const size_t taken = kTitle + widest + 7;
  const size_t room = std::min<size_t>(form.width > taken ? form.width - taken : 0, 50);
  for (const auto& [version, count] : state.reviews) {
    const double share = total == 0 ? 0 : static_cast<double>(count) / total;
    const size_t filled = static_cast<size_t>(share * static_cast<double>(room) + 0.5);
    std::string bar, rest;
    for (size_t i = 0; i < room; ++i) {
      (i < filled ? bar : rest) +=
          form.unicode ? (i < filled ? "█" : "░") : (i < filled ? "#" : ".");
    }
    lines->push_back(Titled(
        title, {{absl::StrCat(Padded(version, widest), absl::StrFormat(" %3.0f%%  ", 100 * share))},
                {bar, kGreen},
                {rest, kDim}}));
    title = "";
  }
  if (state.reviews.empty()) lines->push_back(Titled(title, {{"none yet", kDim}}));
}

bool Well(const ProxyState& proxy) {
  return proxy.ready && proxy.sync == ProxyState::Sync::kInSync;
}

Line ProxyLine(const ProxyState& proxy, size_t widest) {
  Line line = {{std::string(kTitle, ' ') + Padded(proxy.name, widest) + "  "}};
  switch (proxy.sync) {
    case ProxyState::Sync::kInSync:
      line.push_back({"in sync", kGreen});
      break;
    case ProxyState::Sync::kWaiting:
      line.push_back({"behind", kYellow});
      break;
    case ProxyState::Sync::kRejected:
      line.push_back({"rejected: " + proxy.reason, kRed});
      break;
    case ProxyState::Sync::kNotConnected:
      line.push_back({"not connected", kRed});
      break;
  }
  if (!proxy.ready) line.push_back({", pod not ready", kRed});
  if (proxy.restarts > 0) {
    line.push_back({absl::StrCat(", restarts: ", proxy.restarts), kYellow});
  }
  return line;
}

void AddProxies(const ScreenState& state, bool all, std::vector<Line>* lines) {
  if (!state.meshd_answers) {
    lines->push_back(Titled("proxies", {{"meshd does not answer", kRed}}));
    return;
  }
  size_t in_sync = 0, widest = 0;
  for (const ProxyState& proxy : state.proxies) {
    in_sync += proxy.sync == ProxyState::Sync::kInSync ? 1 : 0;
    widest = std::max(widest, Width(proxy.name));
  }
  lines->push_back(
      Titled("proxies", {{absl::StrFormat("%d of %d in sync", in_sync, state.proxies.size()),
                          in_sync == state.proxies.size() ? kGreen : kYellow}}));
  for (const ProxyState& proxy : state.proxies) {
    if (all || !Well(proxy)) lines->push_back(ProxyLine(proxy, widest));
  }
}

// Parts of at most `width` characters, broken at blanks; what does not fit into three of them is
// left to the last one.
std::vector<std::string> Wrapped(const std::string& text, size_t width) {
  std::vector<std::string> parts = {""};
  for (absl::string_view word : absl::StrSplit(text, ' ')) {
    const size_t needed =
        Width(parts.back()) + 1 + Width(std::string_view(word.data(), word.size()));
    if (parts.back().empty()) {
      parts.back() = std::string(word);
    } else if (needed > width && parts.size() < 3) {
      parts.emplace_back(word);
    } else {
      absl::StrAppend(&parts.back(), " ", word);
    }
  }
  return parts;
}

void AddConfiguration(const ScreenState& state, const ScreenForm& form, std::vector<Line>* lines) {
  lines->push_back(
      Titled("changes", {state.change.empty() ? Span{"none so far; edit the YAML and save it", kDim}
                                              : Span{state.change}}));
  // Whole: its end says what to write instead.
  const size_t room = form.width > kTitle ? form.width - kTitle : 0;
  for (const std::string& finding : state.findings) {
    for (std::string& part : Wrapped(finding, room)) {
      lines->push_back({{std::string(kTitle, ' ')}, {std::move(part), kRed}});
    }
  }
}

std::vector<Line> Lines(const ScreenState& state, const ScreenForm& form, bool blanks,
                        bool all_proxies) {
  std::vector<Line> lines;
  const auto blank = [&] {
    if (blanks) lines.emplace_back();
  };
  lines.push_back(Head(state, form));
  blank();
  lines.push_back(Requests(state));
  blank();
  AddReviews(state, form, &lines);
  blank();
  AddConfiguration(state, form, &lines);
  blank();
  AddProxies(state, all_proxies, &lines);
  if (!state.security.empty()) {
    blank();
    lines.push_back(Titled("mutual TLS", {{state.security}}));
  }
  if (!state.events.empty()) {
    blank();
    const size_t shown = std::min<size_t>(state.events.size(), 3);
    for (size_t i = state.events.size() - shown; i < state.events.size(); ++i) {
      lines.push_back(
          Titled(i + shown == state.events.size() ? "events" : "", {{state.events[i]}}));
    }
  }
  blank();
  lines.push_back({{"Ctrl-C ends it and all that it started", kDim}});
  return lines;
}

}  // namespace

std::string DrawScreen(const ScreenState& state, const ScreenForm& form) {
  std::vector<Line> lines = Lines(state, form, true, true);
  if (lines.size() > form.height) lines = Lines(state, form, false, true);
  if (lines.size() > form.height) lines = Lines(state, form, false, false);
  if (lines.size() > form.height) lines.resize(form.height);
  return absl::StrJoin(lines, "\n", [&form](std::string* out, const Line& line) {
    out->append(Render(line, form));
  });
}

std::optional<GatewayAnswer> ReadGatewayLine(std::string_view line) {
  // [TIME] "METHOD PATH PROTOCOL" CODE FLAGS "DETAILS" "FAILURE" RECEIVED SENT DURATION …
  const absl::string_view text(line.data(), line.size());
  const std::vector<absl::string_view> quoted = absl::StrSplit(text, '"');
  if (quoted.size() < 7 || !absl::StartsWith(text, "[")) return std::nullopt;
  if (absl::StrContains(quoted[1], " /health ")) return std::nullopt;  // the demo's own question
  const std::vector<absl::string_view> answer =
      absl::StrSplit(quoted[2], ' ', absl::SkipWhitespace());
  const std::vector<absl::string_view> sizes =
      absl::StrSplit(quoted[6], ' ', absl::SkipWhitespace());
  GatewayAnswer result;
  if (answer.empty() || sizes.size() < 3 || !absl::SimpleAtoi(answer[0], &result.status) ||
      !absl::SimpleAtoi(sizes[2], &result.milliseconds)) {
    return std::nullopt;
  }
  return result;
}

std::optional<Latency> Summarise(const std::vector<GatewayAnswer>& answers) {
  if (answers.empty()) return std::nullopt;
  std::vector<uint64_t> times;
  Latency latency;
  for (const GatewayAnswer& answer : answers) {
    times.push_back(answer.milliseconds);
    if (answer.status == 0 || answer.status >= 500) ++latency.failed;
  }
  std::sort(times.begin(), times.end());
  // The smallest value that at least that share of all do not exceed.
  const auto at = [&times](size_t percent) {
    return times[(times.size() * percent + 99) / 100 - 1];
  };
  latency.p50 = at(50);
  latency.p99 = at(99);
  latency.requests = times.size();
  return latency;
}

namespace {

std::string_view Environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

bool Unicode() {
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    const std::string_view value = Environment(name);
    if (value.empty()) continue;
    return value.find("UTF-8") != value.npos || value.find("utf8") != value.npos;
  }
  return false;
}

}  // namespace

Screen::Screen() { std::cout << "\033[?1049h\033[?25l\033[2J" << std::flush; }

Screen::~Screen() { std::cout << "\033[?25h\033[?1049l" << std::flush; }

void Screen::Draw(const ScreenState& state) {
  ScreenForm form;
  winsize size = {};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 && size.ws_row > 0) {
    form.width = size.ws_col;
    form.height = size.ws_row;
  }
  form.color = Environment("NO_COLOR").empty();
  form.unicode = Unicode();
  // Each line replaces the old one and the rest of the screen is erased before the last, all in one
  // write. Erasing comes before the text: after a line as wide as the terminal it would take its
  // last character along.
  std::string page = "\033[H";
  const std::vector<std::string> lines = absl::StrSplit(DrawScreen(state, form), '\n');
  for (size_t i = 0; i < lines.size(); ++i) {
    absl::StrAppend(&page, i == 0 ? "" : "\r\n", i + 1 == lines.size() ? "\033[J" : "\033[2K",
                    lines[i]);
  }
  std::cout << page << std::flush;
}

bool Screen::Possible() {
  const std::string_view terminal = Environment("TERM");
  return isatty(STDOUT_FILENO) != 0 && !terminal.empty() && terminal != "dumb";
}

}  // namespace demo
