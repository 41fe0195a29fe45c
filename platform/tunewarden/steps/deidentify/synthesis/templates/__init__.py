"""The project's own templates: texts with slots, one a line, in sections of the form `[genre.part]`.

`~` before a line holds it out of training. The files `carriers_*.txt` hold the sentences that carry planted
identifiers, and no other split uses them. What slots are is in `synthesis/filling.py`.
"""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType

from tunewarden.steps.deidentify.synthesis.splits import Split

_TEXTS = {
    "en": (
        "en_clinic",
        "en_speech",
        "en_chat",
        "en_law",
        "en_prose",
        "en_forms",
        "en_more",
        "en_weak",
        "en_office",
        "en_words",
        "en_traits",
    ),
    "es": ("es_clinic", "es_other", "es_more", "es_weak", "es_office", "es_words", "es_traits"),
}


@cache
def sections(language: str, split: Split) -> Mapping[str, tuple[str, ...]]:
    """The templates of a split by section."""
    if split is Split.PLANTED:
        return MappingProxyType({name: tuple(lines) for name, lines in _read(f"carriers_{language}").items()})
    found: dict[str, tuple[str, ...]] = {}
    for file in _TEXTS[language]:
        for name, lines in _read(file).items():
            held_out = split is Split.HELD_OUT
            own = tuple(line.removeprefix("~").lstrip() for line in lines if line.startswith("~") is held_out)
            found[name] = found.get(name, ()) + own
    return MappingProxyType(found)


def cohort_sentences(language: str) -> tuple[str, ...]:
    """Sentences that carry one name of a `patient`, the same for every group of names."""
    return tuple(_read(f"cohorts_{language}")["name"])


def _read(file: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    name = ""
    for line in files(__package__).joinpath(f"{file}.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("[") and line.endswith("]"):
            name = line[1:-1]
        elif line.strip() and not line.startswith("#"):
            found.setdefault(name, []).append(line)
    return found
