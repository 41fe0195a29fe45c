"""Words that rules look up: frequent names, names that are everyday words too, words of prose, short forms of names."""

from collections.abc import Iterator, Mapping
from importlib.resources import files

from spacy.lang.en.stop_words import STOP_WORDS
from spacy.lang.es.stop_words import STOP_WORDS as SPANISH_STOP_WORDS

from tunewarden.steps.deidentify.normalise import folded


def lines(name: str) -> Iterator[str]:
    """The lines of a list in this folder that are no comments."""
    text = files(__package__).joinpath(name).read_text(encoding="utf-8")
    return (line for line in text.splitlines() if line.strip() and not line.startswith("#"))


def words_of(line: str) -> frozenset[str]:
    """The words of a line."""
    return frozenset(line.split())


def _words(name: str) -> frozenset[str]:
    return frozenset(folded(word) for line in lines(name) for word in line.split())


AMBIGUOUS = _words("ambiguous_names.txt")
"""Given names that are everyday words."""
GIVEN = (_words("given_names.txt") | _words("given_names_es.txt")) - AMBIGUOUS
SURNAMES = _words("surnames.txt") | _words("surnames_es.txt")
EVERYDAY_SURNAMES = _words("everyday_surnames.txt")
STOP = frozenset(folded(word) for word in STOP_WORDS | SPANISH_STOP_WORDS)
OFFICE = _words("words.txt") | _words("words_es.txt")
"""Words of clinical and office prose."""
PROSE = (STOP | OFFICE) - GIVEN
"""Words that are no names although they may stand after a title or a label, or be capitalised inside a sentence.
In small letters and without accents, as all of these lists."""
PLAIN = PROSE - AMBIGUOUS - EVERYDAY_SURNAMES - SURNAMES
"""Words of prose that hardly anybody is called."""
PARTICLES = words_of("van von de del della der den la las los le el bin ibn al da do dos das du di of y e st san")


def everyday(word: str) -> bool:
    """Whether a word, in small letters and without accents, may well stand in prose."""
    return word in PROSE or word in AMBIGUOUS or word in EVERYDAY_SURNAMES


def short_forms() -> Mapping[str, frozenset[str]]:
    """A given name -> what else the same person may be called; both ways."""
    others: dict[str, set[str]] = {}
    for line in lines("nicknames.txt"):
        group = {folded(word) for word in line.split()}
        for word in group:
            others.setdefault(word, set()).update(group - {word})
    return {word: frozenset(forms) for word, forms in others.items()}
