"""A page of jetc inspect --html stands alone, closes what it opens, and shows
the buffers, layers and ops that it is about.

  check-page.py PAGE PACKAGE [TEXT...]

Every TEXT must be among the words on the page.
"""

import html.parser
import json
import re
import struct
import sys

VOID = {"meta", "br", "link", "img", "hr", "input"}


class Page(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.classes, self.titles, self.text = [], [], [], []
        self.heights = []

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if tag in ("script", "link", "img", "iframe", "object", "image"):
            sys.exit("expected nothing from outside, found <%s>" % tag)
        for name, value in attributes.items():
            if name in ("src", "href", "xlink:href") or name.startswith("on"):
                sys.exit("expected nothing from outside, found %s" % name)
            if re.search(r"\b(nan|inf)\b", value or ""):
                sys.exit("%s: expected numbers, found %s" % (name, value))
        if tag == "rect":
            self.heights.append(float(attributes["height"]))
            if min(float(attributes[k]) for k in ("x", "y", "width", "height")) < 0:
                sys.exit("expected a rectangle inside its chart: %s" % attributes)
        self.titles.append(attributes.get("title") or "")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        self.handle_endtag(tag)

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            sys.exit("%s: expected another end, found </%s>" % (self.getpos(), tag))

    def handle_data(self, data):
        if self.open and self.open[-1] == "title":
            self.titles.append(data)
        elif self.open and self.open[-1] != "style":
            self.text.append(data)


path, package = sys.argv[1:3]
with open(path, encoding="utf-8") as file:
    source = file.read()
page = Page()
page.feed(source)
page.close()
if page.open:
    sys.exit("expected an end of %s" % page.open)
for address in re.findall(r"""(?:https?:)?//[^\s"'<>]*|url\(|@import""", source):
    if address != "http://www.w3.org/2000/svg":
        sys.exit("expected nothing from outside, found %s" % address)

with open(package, "rb") as file:
    (size,) = struct.unpack("<Q", file.read(8))
    header = json.loads(file.read(size))
for program in header["programs"]:
    if program["name"] not in ("prefill", "decode"):  # what the page shows
        continue
    uses, writers = {}, {}
    for at, launch in enumerate(program["launches"]):
        kernel = header["kernels"][launch["kernel"]]
        for operand, of in zip(launch["operands"], kernel["operands"]):
            if "buffer" in operand:
                uses.setdefault(operand["buffer"], []).append(at)
                if of["access"] != "read":
                    writers.setdefault(operand["buffer"], kernel["name"])
    for index, times in uses.items():
        buffer = program["buffers"][index]
        expected = "%s: %d bytes per token at offset %d, launches %d to %d" % (
            *(writers[index], buffer["bytes"], buffer["offset"]),
            *(times[0], times[-1]),
        )
        if expected not in page.titles:
            sys.exit("%s: expected a rectangle %s" % (program["name"], expected))
for layer, mixer in enumerate(header["model"]["layers"]):
    if not any(t.startswith("layer %d: %s" % (layer, mixer)) for t in page.titles):
        sys.exit("expected layer %d: %s" % (layer, mixer))
words = " ".join(" ".join(page.text).split())
for text in [header["model"]["name"], *sys.argv[3:]]:
    if text not in words:
        sys.exit("expected %r on the page" % text)
print("%d rectangles, %d words" % (len(page.heights), len(words.split())))
