"""Two panels of logarithmic axes as SVG: nanoseconds a request over the number of rules, and milliseconds of a build."""
import math

WIDTH, PANEL_TOP, LABELS = 1040, 44, 230
LEFT, RIGHT = 70, WIDTH - LABELS
UNITS = [("ns", 1), ("µs", 1e3), ("ms", 1e6), ("s", 1e9)]
# A colour for what is asked, a dash for who answers.
COLORS = {"exact": "#1f77b4", "prefix": "#2ca02c", "template": "#d62728", "free_regex": "#9467bd", "header": "#ff7f0e",
          "two_headers": "#8c564b", "method_query": "#17becf"}
DASHES = {"mesh": "", "RE2::Set": "9 3", "matchit": "2 3", "Envoy": "7 3 2 3"}


def text_of(ns):
    for unit, size in reversed(UNITS):
        if ns >= size:
            return "%g %s" % (round(ns / size, 3), unit)
    return "%g ns" % ns


class Panel:
    def __init__(self, top, height, low, high, title):
        self.top, self.height, self.low, self.high = top, height, low, high
        self.out = ['<text x="%d" y="%d" font-size="15" font-weight="bold">%s</text>' % (LEFT, top - 14, title)]
        for power in range(1, 6):
            x = self.x(10 ** power)
            self.out.append('<line x1="%.1f" y1="%d" x2="%.1f" y2="%d" stroke="#e4e4e4"/>' % (x, top, x, top + height))
            self.out.append('<text x="%.1f" y="%d" text-anchor="middle">%s rules</text>'
                            % (x, top + height + 18, "{:,}".format(10 ** power)))
        for power in range(low, high + 1):
            y = self.y(10 ** power)
            self.out.append('<line x1="%d" y1="%.1f" x2="%d" y2="%.1f" stroke="#e4e4e4"/>' % (LEFT, y, RIGHT, y))
            self.out.append('<text x="%d" y="%.1f" text-anchor="end">%s</text>' % (LEFT - 8, y + 4, text_of(10 ** power)))

    def x(self, n):
        return LEFT + (math.log10(n) - 1) / 4 * (RIGHT - LEFT - 12)

    def y(self, ns):
        at = (math.log10(max(ns, 10 ** self.low)) - self.low) / (self.high - self.low)
        return self.top + self.height * (1 - at)

    def draw(self, lines):
        """`lines`: who, what, points (N, ns). Their names stand at their ends, moved apart where they would overlap."""
        ends = []
        for who, what, points in lines:
            points = sorted(points)
            color = COLORS[what]
            self.out.append('<polyline fill="none" stroke="%s" stroke-width="%s" stroke-dasharray="%s" points="%s"/>' % (
                color, "2.4" if who == "mesh" else "1.6", DASHES[who],
                " ".join("%.1f,%.1f" % (self.x(n), self.y(ns)) for n, ns in points)))
            for n, ns in points:
                self.out.append('<circle cx="%.1f" cy="%.1f" r="2.6" fill="%s"/>' % (self.x(n), self.y(ns), color))
            n, ns = points[-1]
            ends.append([self.y(ns), self.x(n), color, who, "%s %s, %s" % (who, what.replace("_", " "), text_of(float("%.2g" % ns)))])
        ends.sort()
        gap, places = 15, []
        for end in ends:
            places.append(max(end[0], places[-1] + gap) if places else end[0])
        over = places[-1] - (self.top + self.height + 4) if places else 0
        for i in reversed(range(len(places))):
            if over > 0:
                places[i] = min(places[i], (places[i + 1] - gap) if i + 1 < len(places) else self.top + self.height + 4)
        for place, (y, x, color, who, name) in zip(places, ends):
            self.out.append('<path d="M%.1f %.1f L%d %.1f" stroke="%s" stroke-width="0.6" fill="none"/>'
                            % (x + 4, y, RIGHT + 6, place, color))
            self.out.append('<text x="%d" y="%.1f" fill="%s"%s>%s</text>'
                            % (RIGHT + 9, place + 4, color, ' font-weight="bold"' if who == "mesh" else "", name))


def draw(find_lines, build_lines, file):
    find = Panel(PANEL_TOP, 520, 0, 8, "One request: processor time over the number of rules, uniform hits (Envoy: its last rule)")
    find.draw(find_lines)
    build = Panel(PANEL_TOP + 520 + 80, 260, 3, 10, "Building the table")
    build.draw(build_lines)
    height = PANEL_TOP + 520 + 80 + 260 + 30
    with open(file, "w") as out:
        out.write('<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" font-family="sans-serif" font-size="12">'
                  '<rect width="100%%" height="100%%" fill="white"/>\n%s\n</svg>\n'
                  % (WIDTH, height, "\n".join(find.out + build.out)))
