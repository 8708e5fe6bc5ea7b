"""check-search-page.py PAGE PLACEMENTS: the page of jetc search --report is well
formed and self-contained, and has what it is to show."""

import sys
from html.parser import HTMLParser


class Page(HTMLParser):
    """Elements that are open, and what there was."""

    VOID = {"meta", "br", "line", "circle", "rect", "polyline"}

    def __init__(self):
        super().__init__()
        self.open = []
        self.circles = 0
        self.headings = []

    def handle_starttag(self, tag, attributes):
        for name, value in attributes:
            assert name not in ("src", "href"), f"{tag} {name}={value}"
        self.circles += tag == "circle"
        if tag not in self.VOID or tag == "circle":
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        pass

    def handle_endtag(self, tag):
        found = self.open.pop()
        assert found == tag, f"expected </{found}>, found </{tag}>"

    def handle_data(self, data):
        if self.open and self.open[-1] in ("h2", "h3"):
            self.headings.append(data)


path, placements = sys.argv[1], int(sys.argv[2])
text = open(path, encoding="utf-8").read()
page = Page()
page.feed(text)
assert not page.open, page.open
assert "<script" not in text
# A point for each placement in both charts of quality against cost.
assert page.circles == 2 * placements, page.circles
for heading in (
    "The placement",
    "What full attention in a layer is worth",
    "The search",
    "Quality against cost",
    "The best placements within the limits",
):
    assert heading in page.headings, heading
assert "beside the uniform placement" in text
