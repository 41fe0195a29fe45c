"""The report that a privacy officer signs, as a page: the document of `steps/deidentify/report.py` and nothing else.

Beside it stands what came later and is in the log, where it is known: a review of a sample, a signature.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from tunewarden.domain.canonical import Plain, digest_of, encode
from tunewarden.domain.deidentification import Method
from tunewarden.domain.entries import Entry
from tunewarden.domain.events import ReportAttested, ReviewClosed, ReviewOpened, SignatureWithdrawn
from tunewarden.domain.names import Digest
from tunewarden.entry.report import deid_words as words
from tunewarden.entry.report.cited import cited
from tunewarden.entry.report.expert import Determination, determination
from tunewarden.entry.report.facts import Fact, Name, Said
from tunewarden.entry.report.figures import count, exact, instant, interval, listed
from tunewarden.entry.report.reading import Part
from tunewarden.entry.report.render import environment


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What the log says of one clean version since the report was made; made by `standing`.

    Attributes:
        review: the last review that closed, and the entry.
        opened: whether a review is open.
        signed: signatures of exactly this report that were not withdrawn.
        withdrawn: the last time that signatures about the clean version were.
        failed_before: samples of the same data that failed before the one of `review`.
    """

    review: tuple[Entry, ReviewClosed] | None
    opened: tuple[Entry, ReviewOpened] | None
    signed: tuple[tuple[Entry, ReportAttested], ...]
    withdrawn: tuple[Entry, SignatureWithdrawn] | None = None
    failed_before: int = 0

    def entries(self) -> list[Entry]:
        """In the order of the log, each once."""
        pairs = [pair for pair in (self.opened, self.review, self.withdrawn) if pair is not None]
        found = {entry.index: entry for entry, _ in (*pairs, *self.signed)}
        return [found[index] for index in sorted(found)]


def standing(entries: Iterable[Entry], about: Digest, report: Digest) -> Standing:
    """What the entries say of the clean version `about` and of the document `report`."""
    opened: dict[str, tuple[Entry, ReviewOpened]] = {}
    review = None
    signed: list[tuple[Entry, ReportAttested]] = []
    withdrawn: tuple[Entry, SignatureWithdrawn] | None = None
    last = None
    failed_before = 0
    for entry in entries:
        match entry.event:
            case ReviewOpened() as event if event.about == about:
                opened[event.review] = last = (entry, event)
            case ReviewClosed() as event if event.review in opened:
                review, last = (entry, event), None
                failed_before = opened[event.review][1].failed_before
            case ReportAttested() as event if event.report == report:
                signed.append((entry, event))
            case SignatureWithdrawn() as event if event.about == about:
                signed, withdrawn = [], (entry, event)
    return Standing(review=review, opened=last, signed=tuple(signed), withdrawn=withdrawn, failed_before=failed_before)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of identifier within a category, or outside of all."""

    name: str
    recognisers: str
    operator: str
    found: str
    recall: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One of the eighteen categories.

    Attributes:
        outcome: how it is marked: `pass` looked for, `unknown` some kinds of it, `fail` no detector or left as it is.
        word: the same in a word.
        gap: what is known not to be found.
    """

    letter: str
    name: str
    outcome: str
    word: str
    recognisers: str
    actions: str
    found: str
    recall: str
    gap: str
    kinds: tuple[Kind, ...]


def render_safe_harbor(document: Plain, known: Standing | None = None) -> str:
    """The page. `known` None says that the log was not read; a part that is missing is shown as not assessed."""
    part = Part(document)
    rows = tuple(_row(item) for item in part.at("categories").items())
    return (
        environment()
        .get_template("safe_harbor.html")
        .render(
            digest=Name(digest_of(document)),
            size=f"{len(encode(document)):,}",
            title=_title(part),
            law=part.at("claim", "law").text or "",
            claims=part.at("claim", "method").text not in {None, Method.NONE},
            lead=_lead(part, rows),
            side=tuple(_facts(part)),
            rows=rows,
            others=tuple(_kind(item) for item in part.at("other_kinds").items()),
            measured=tuple(_measured(part)),
            examples=[(item.at("before").text, item.at("after").text) for item in part.at("examples").items()],
            known=known is not None,
            review=_review(known),
            signature=_signature(known),
            withdrawn=_withdrawn(known),
            determined=_determined(part, known),
            cited=cited(known.entries()) if known is not None else (),
        )
    )


def _title(part: Part) -> str:
    method = part.at("claim", "method").text
    return words.METHODS[Method(method)] if method in list(Method) else "De-identification"


def _lead(part: Part, rows: tuple[Row, ...]) -> str:
    looked, left = sum(row.outcome == "pass" for row in rows), [row.letter for row in rows if row.outcome == "fail"]
    records = part.at("counts", "records").whole
    persons = part.at("counts", "persons").whole
    about = f"{count(records or 0, 'record')} of {count(persons or 0, 'person')}"
    rest = f" {listed(f'({letter})' for letter in left)} {'is' if len(left) == 1 else 'are'} not." if left else ""
    what = "categories of identifiers are looked for with all their kinds, and what is found is transformed"
    return f"{about}. {looked} of {len(rows)} {what}.{rest}"


def _facts(part: Part) -> Iterator[Fact]:
    profile, engine = part.at("profile"), part.at("profile", "engine")
    yield Fact("Profile", profile.at("name").text or "not stated")
    for label, value in (
        ("Profile, digest", profile.at("digest").text),
        ("Recognisers, digest", part.at("detector").text),
        ("Records before", part.at("source").text),
        ("Records released", part.at("released").text),
    ):
        yield Fact(label, Name(value) if value else "not stated")
    yield Fact("Languages", listed(item.text or "" for item in profile.at("languages").items()))
    thresholds = profile.at("threshold").number, engine.at("threshold").number
    if None not in thresholds:
        yield Fact("Least score, patterns", exact(thresholds[0] or 0))
        yield Fact(f"Least probability, {engine.at('kind').text} model", exact(thresholds[1] or 0))
    for word, label in (("emptied", "Texts left empty"), ("erased", "Records of erased persons, left out")):
        number = part.at("counts", word).whole
        if number is not None:
            yield Fact(label, f"{number:,}")


def _row(item: Part) -> Row:
    kinds = tuple(_kind(kind) for kind in item.at("kinds").items())
    recognisers = [name.text or "" for name in item.at("recognisers").items()]
    kept = [words.kind_name(kind.text or "") for kind in item.at("keeps").items()]
    blind = [kind.name for kind in kinds if not kind.recognisers]
    outcome, word = _outcome(recognisers, kept, blind, len(kinds))
    return Row(
        letter=item.at("letter").text or "",
        name=words.category_name(item.at("category").text or ""),
        outcome=outcome,
        word=word,
        recognisers=", ".join(recognisers) or "no detector",
        actions=listed(words.operator_name(name.text or "") for name in item.at("operators").items()),
        found=f"{item.at('found').whole or 0:,}",
        recall=_recall(item.at("recall")),
        gap=_gap(item, kept, blind),
        kinds=kinds,
    )


def _outcome(recognisers: list[str], kept: list[str], blind: list[str], kinds: int) -> tuple[str, str]:
    if not recognisers:
        return "fail", "NO DETECTOR"
    if kept:
        return "fail", "LEFT IN" if len(kept) == kinds else "PARTLY LEFT IN"
    return ("unknown", "IN PART") if blind else ("pass", "LOOKED FOR")


def _gap(item: Part, kept: list[str], blind: list[str]) -> str:
    untested = [words.kind_name(kind.text or "") for kind in item.at("untested").items()]
    parts = [
        item.at("gap").text or "",
        f"left as it is: {listed(kept)}" if kept else "",
        f"no detector for: {listed(blind)}" if blind else "",
        # Where none of its kinds was tested, the column before says so.
        f"recall not tested for: {listed(untested)}" if untested and item.at("recall").figure is not None else "",
    ]
    return "; ".join(filter(None, parts)) or "none known; only people who read a sample can tell"


def _kind(item: Part) -> Kind:
    return Kind(
        name=words.kind_name(item.at("kind").text or ""),
        recognisers=", ".join(name.text or "" for name in item.at("recognisers").items()),
        operator=words.operator_name(item.at("operator").text or "not stated"),
        found=f"{item.at('found').whole or 0:,}",
        recall=_recall(item.at("recall")),
    )


def _recall(part: Part) -> str:
    figure, number = part.figure, part.at("n").whole
    return (
        "not tested"
        if figure is None or number is None
        else f"{interval(figure)}, n\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}{number:,}"
    )


def _measured(part: Part) -> Iterator[tuple[str, str, str]]:
    for metric, item in part.at("measured").members():
        figure, number = item.figure, item.at("n").whole
        if figure is not None:
            value = exact(figure.value) if figure.low == figure.high else interval(figure, 3)
            yield words.MEASURES.get(metric, metric), value, "" if number is None else f"{number:,}"


def _review(known: Standing | None) -> tuple[str, Said] | None:
    """How it is marked, and what is said."""
    if known is None:
        return None
    if known.review is not None:
        entry, event = known.review
        said = (
            f"People read a random sample of {count(event.documents, 'record')} and found something that still "
            f"identifies in {event.leaks:,} of them; of {count(event.seeds, 'made-up identifier')} mixed in they found "
            f"{event.found:,}."
        )
        return ("fail" if event.leaks else "pass"), Said(said, (entry.index,))
    if known.opened is not None:
        return "unknown", Said("A random sample was drawn and is being read.", (known.opened[0].index,))
    return "unknown", Said("Not reviewed by a person.", ())


def _determined(part: Part, known: Standing | None) -> Determination | None:
    if known is None:
        return determination(part, (), None, 0)
    return determination(part, known.signed, known.review, known.failed_before)


def _withdrawn(known: Standing | None) -> Said | None:
    """That signatures were taken back, where none was given since."""
    if known is None or known.withdrawn is None or known.signed:
        return None
    entry, event = known.withdrawn
    why = words.WITHDRAWALS[event.because]
    return Said(f"Withdrawn on {instant(entry.at)} by {Name(entry.actor).shown}: {why}.", (entry.index,))


def _signature(known: Standing | None) -> list[Said]:
    if known is None:
        return []
    said = []
    for entry, event in known.signed:
        until = f" It counts to the end of {event.expires.isoformat()}." if event.expires else ""
        knowledge = "" if event.knowledge is None else f" They state {words.STATEMENTS[event.knowledge]}."
        text = (
            f"Signed on {instant(entry.at)} by {Name(entry.actor).shown} as {words.METHODS[event.method]}."
            f"{knowledge}{until}"
        )
        said.append(Said(text, (entry.index,)))
    return said
