"""The report is a release: does what it shows of explanations hold anything of anybody's text?

Looked at is every word of the list of words that weigh most, and every text that is shown word by word. A leak is what

- repeats five words in a row of a record, or of a canary; where fewer are shown, all of them, two or more;
- is a single word that the records of fewer than ten persons have;
- looks like an identifier to the recognisers of de-identification.

What leaks is taken out of the document, and how much it was is said, so that the gate fails. What was fixed before any
record was seen (`probes.py`, words of a vocabulary) cannot leak and is not looked for in the records. Where figures are
noisy, asking the records anything more would be a release of its own: then all that was not fixed before is taken out.
Not seen: what another part of the document may
say, which are numbers, digests and the names of groups.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from typing import TypeVar

from tunewarden.steps.measure.documents import CompletionDetails, Details
from tunewarden.steps.measure.maps import ProbeMap
from tunewarden.steps.measure.probes import probe_texts
from tunewarden.steps.measure.recognised import recognised
from tunewarden.steps.measure.terms import LEAST_TEXTS
from tunewarden.steps.records import CleanRecord
from tunewarden.steps.train.canaries import Canary

D = TypeVar("D", bound=Details | CompletionDetails)
_RUN = 5
_WORD = re.compile(r"[^\W_]+")


def without_leaks(
    details: D, records: Callable[[], Iterable[CleanRecord]], canaries: Sequence[Canary], texts: int
) -> D:
    """`details` without what leaks, and with the count of that. `texts` is how many probe texts there were.

    `records` are read only where figures are exact and something is shown that was not fixed before.
    """
    explanation, scrutiny = details.explanation, details.scrutiny
    if scrutiny is None:
        return details
    terms = () if explanation is None else explanation.terms
    fixed = [_squeezed(text) for text in probe_texts(texts)]
    doubtful = {_told(each) for each in scrutiny.maps if not _is_fixed(each, fixed)}
    if explanation is not None and not explanation.made_up:
        doubtful |= {term.term for term in terms}
    if details.noisy is not None:
        bad = frozenset(doubtful)
    else:
        bad = leaked(doubtful, records, canaries) if doubtful else frozenset()
    kept_terms = tuple(term for term in terms if term.term not in bad)
    return replace(
        details,
        explanation=None if explanation is None else replace(explanation, terms=kept_terms),
        scrutiny=replace(
            scrutiny, maps=tuple(each for each in scrutiny.maps if _told(each) not in bad), leaks=len(bad)
        ),
    )


def leaked(
    shown: Iterable[str], records: Callable[[], Iterable[CleanRecord]], canaries: Sequence[Canary]
) -> frozenset[str]:
    """Those of `shown` that say something of somebody."""
    every = sorted(shown)
    named = {text for text, spans in zip(every, recognised(every), strict=True) if spans}
    left = {text: _words(text) for text in every if text not in named}
    repeated = {text for text, words in left.items() if len(words) > 1}
    return frozenset(
        named
        | _repeating({text: left[text] for text in repeated}, records, canaries)
        | _of_few_persons({words[0]: text for text, words in left.items() if len(words) == 1}, records)
    )


def _repeating(
    shown: Mapping[str, list[str]], records: Callable[[], Iterable[CleanRecord]], canaries: Sequence[Canary]
) -> set[str]:
    """Texts of which a run of words is in a record or a canary."""
    runs: dict[tuple[str, ...], set[str]] = defaultdict(set)
    for text, words in shown.items():
        for run in _runs(words, min(_RUN, len(words))):
            runs[run].add(text)
    if not runs:
        return set()
    lengths = {len(run) for run in runs}
    secrets = (f"{text} {canary.secret}" for canary in canaries for text in canary.texts)
    found: set[str] = set()
    for source in chain(secrets, (record.text for record in records())):
        words = _words(source)
        for length in lengths:
            for run in _runs(words, length):
                found |= runs.get(run, set())
    return found


def _of_few_persons(shown: dict[str, str], records: Callable[[], Iterable[CleanRecord]]) -> set[str]:
    """Words that fewer than ten persons have in their records; `shown` is word -> as it is shown."""
    persons: dict[str, set[str]] = {word: set() for word in shown}
    wanted = set(shown)
    for record in records() if shown else ():  # to their end, or they would not be checked
        for word in wanted & set(_words(record.text)):
            persons[word].add(record.person)
        wanted = {word for word in wanted if len(persons[word]) < LEAST_TEXTS}
    return {shown[word] for word in wanted}


def _runs(words: Sequence[str], length: int) -> Iterator[tuple[str, ...]]:
    for begin in range(len(words) - length + 1):
        yield tuple(words[begin : begin + length])


def _words(text: str) -> list[str]:
    return _WORD.findall(text.lower())


def _told(shown: ProbeMap) -> str:
    return " ".join(each.word for each in shown.words)


def _is_fixed(shown: ProbeMap, fixed: Sequence[str]) -> bool:
    """Whether it is one of the texts that were fixed before, or the beginning of one where texts are cut."""
    squeezed = _squeezed(_told(shown))
    return bool(squeezed) and any(text.startswith(squeezed) for text in fixed)


def _squeezed(text: str) -> str:
    return "".join(text.lower().split())
