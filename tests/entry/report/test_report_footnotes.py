"""Every statement of every page carries the index of an entry that the bundle holds."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser

import pytest
from tests.entry.report.conftest import Told
from tests.entry.report.variants import PAGES

_VOID = {"meta", "br", "wbr", "path", "circle", "rect", "link"}
_ABOUT_THE_PAGE = {"verify", "entries"}
"""Sections on the signed tree head and the table of entries itself."""
_WITHOUT_PICTURE = {"difference", "descendants", "no descendants"}


@dataclass(slots=True)
class Node:
    """An element with its children and its text, in the order of the page."""

    tag: str
    attributes: dict[str, str]
    parent: "Node | None" = None
    parts: list["Node | str"] = field(default_factory=list)

    def all(self) -> Iterator["Node"]:
        yield self
        for part in self.parts:
            if isinstance(part, Node):
                yield from part.all()

    def above(self) -> Iterator["Node"]:
        node: Node | None = self
        while node is not None:
            yield node
            node = node.parent

    @property
    def text(self) -> str:
        words = (part if isinstance(part, str) else part.text for part in self.parts)
        return re.sub(r"\s+", " ", "" if self.attributes.get("class") == "log" else " ".join(words))

    @property
    def footnotes(self) -> list[str]:
        links = (one.attributes.get("href", "") for one in self.all())
        return [link[1:] for link in links if link.startswith("#log-")]


class Tree(HTMLParser):
    """The page as elements."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.root = self._open = Node("page", {})
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        node = Node(tag, {name: value or "" for name, value in attrs}, self._open)
        self._open.parts.append(node)
        if tag not in _VOID:
            self._open = node

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._open.parts.append(Node(tag, {name: value or "" for name, value in attrs}, self._open))

    def handle_endtag(self, tag: str) -> None:
        while self._open.parent is not None:
            self._open, closed = self._open.parent, self._open.tag
            if closed == tag:
                return

    def handle_data(self, data: str) -> None:
        self._open.parts.append(data)


def unfounded(html: str) -> list[str]:
    """Statements of the page without a footnote."""
    root = Tree(html).root
    (main,) = (one for one in root.all() if one.tag == "main")
    return [f"{one.tag}: {one.text.strip()}" for one in main.all() if _states(one) and not _founded(one)]


def _states(one: Node) -> bool:
    """Rows, facts, items and pictures; times and names; and every paragraph with a number in it."""
    if any(node.attributes.get("id") in _ABOUT_THE_PAGE for node in one.above()):
        return False
    parent = one.parent.tag if one.parent is not None else ""
    match one.tag:
        case "tr":
            return parent == "tbody"
        case "div":
            return parent == "dl"
        case "time" | "figure":
            return True
        case "code":
            return "title" in one.attributes and not any(node.tag == "thead" for node in one.above())
        case "li":
            return not any(node.attributes.get("class") == "box" for node in one.above())
        case "p" | "h3":
            return re.search(r"\d", one.text.replace("95 %", "")) is not None
    return False


def _founded(one: Node) -> bool:
    """By a footnote of its own, of the row, fact, item or picture it is in, or of the caption of its table."""
    for node in one.above():
        if node.tag == "table" and any(part.footnotes for part in node.all() if part.tag == "caption"):
            return True
        fact = node.tag == "div" and node.parent is not None and node.parent.tag == "dl"
        if (fact or node.tag in {"tr", "li", "figure", "p", "h3"}) and (node.footnotes or _sends_on(node)):
            return True
    return False


def _sends_on(one: Node) -> bool:
    """Whether it is nothing but a link to the section that tells more."""
    return any(re.match("#(?!log-)", node.attributes.get("href", "")) for node in one.all())


@pytest.mark.parametrize("name", PAGES)
def test_every_statement_has_a_footnote(told: Told, name: str) -> None:
    assert unfounded(PAGES[name](told)) == []


@pytest.mark.parametrize("name", PAGES)
def test_every_footnote_is_an_entry_of_the_bundle(told: Told, name: str) -> None:
    root = Tree(PAGES[name](told)).root
    rows = {one.attributes["id"] for one in root.all() if one.tag == "tr" and "id" in one.attributes}
    assert set(root.footnotes) <= rows


@pytest.mark.parametrize("name", [name for name in PAGES if name not in _WITHOUT_PICTURE])
def test_every_box_of_the_picture_names_an_entry_and_leads_to_a_section(told: Told, name: str) -> None:
    root = Tree(PAGES[name](told)).root
    rows = {one.attributes["id"] for one in root.all() if "id" in one.attributes}
    boxes = [one for one in root.all() if one.attributes.get("class", "").split(" ")[0] == "node"]
    assert len(boxes) >= 18  # nine things, drawn for paper and again for a telephone
    for box in boxes:
        index = re.search(r"\blog (\d+)", box.text)
        assert index is not None, box.text
        assert f"log-{index[1]}" in rows
        assert box.attributes["href"][1:] in rows


def test_statements_whose_footnotes_were_taken_away_are_noticed(told: Told) -> None:
    bare = re.sub(r'<sup class="log".*?</sup>', "", PAGES["report"](told), flags=re.DOTALL)
    assert len(unfounded(bare)) > 150
