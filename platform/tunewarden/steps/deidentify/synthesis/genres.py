"""How templates make a text of a genre: which parts, how many of each, and what stands between them."""

import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import replace
from random import Random
from types import MappingProxyType

from tunewarden.domain.identifiers import EntityType
from tunewarden.steps.deidentify.synthesis.filling import fill
from tunewarden.steps.deidentify.synthesis.pieces import Piece, Pieces, changed, joined, plain
from tunewarden.steps.deidentify.synthesis.scene import Scene
from tunewarden.steps.deidentify.synthesis.speech import conversation
from tunewarden.steps.deidentify.synthesis.tables import form, table
from tunewarden.steps.deidentify.synthesis.templates import sections

Maker = Callable[[Scene], Pieces]


def text(scene: Scene) -> Pieces:
    """A text of any genre of the scene's language."""
    kinds = _WEIGHTS[scene.language]
    genre = scene.chance.choices(tuple(kinds), tuple(kinds.values()))[0]
    return _with_noise(_MAKERS[genre](scene), genre, scene.chance)


def lines(scene: Scene, part: str, count: int) -> list[Pieces]:
    """`count` different templates of a section, filled; fewer where it has fewer."""
    found = sections(scene.language, scene.split)[part]
    return [fill(template, scene) for template in scene.chance.sample(found, min(count, len(found)))]


def _prose(genre: str, most: int, gaps: tuple[str, ...] = (" ", " ", "\n")) -> Maker:
    """Sentences of a genre in a row, some of them without any identifier."""

    def make(scene: Scene) -> Pieces:
        chance, own = scene.chance, sections(scene.language, scene.split)
        count = chance.randint(1, most)
        parts = lines(scene, f"{genre}.body", count)
        if f"{genre}.negative" in own:
            parts += lines(scene, f"{genre}.negative", chance.choice((0, 0, 1, 1, 2)) if most > 1 else 0)
            chance.shuffle(parts)
        return joined(parts, chance.choice(gaps))

    return make


def _framed(genre: str, most: int, gaps: tuple[str, ...], negative: str = "") -> Maker:
    """An opening, sentences and a close; each may be missing."""

    def make(scene: Scene) -> Pieces:
        chance = scene.chance
        middle = lines(scene, f"{genre}.body", chance.randint(0, most))
        middle += lines(scene, negative, chance.randint(0, 3)) if negative else []
        chance.shuffle(middle)
        opening = lines(scene, f"{genre}.open", 1) if chance.random() < 0.65 or not middle else []
        close = lines(scene, f"{genre}.close", 1) if chance.random() < 0.4 else []
        gap = chance.choice(gaps)
        body = joined(middle, chance.choice((" ", "\n", " ")))
        return joined((*opening, body, *close), gap)

    return make


def _contrasted(genre: str, most: int) -> Maker:
    """As many sentences with an identifier as without any."""

    def make(scene: Scene) -> Pieces:
        count = scene.chance.randint(1, most)
        parts = [*lines(scene, f"{genre}.body", count), *lines(scene, f"{genre}.negative", count)]
        scene.chance.shuffle(parts)
        return joined(parts, scene.chance.choice((" ", "\n")))

    return make


def _triage(scene: Scene) -> Pieces:
    """All in capitals, as triage and dispatch systems store it."""
    parts = lines(scene, "triage.body", scene.chance.choice((1, 1, 2)))
    return changed(joined(parts, scene.chance.choice((" ", ". ", "\n"))), _upper)


def _bare(scene: Scene) -> Pieces:
    """A text without any identifier."""
    own = [
        name
        for name in sections(scene.language, scene.split)
        if name.endswith(".negative") and name[:4] not in {"form", "spee", "word"}
    ]
    parts = [part for _ in range(scene.chance.randint(1, 3)) for part in lines(scene, scene.chance.choice(own), 1)]
    return joined(parts, scene.chance.choice((" ", "\n")))


_MAKERS: Mapping[str, Maker] = MappingProxyType(
    {
        "note": _framed("note", 5, ("\n", " ", "\n\n"), "note.negative"),
        "letter": _framed("letter", 4, ("\n\n", "\n")),
        "radiology": _prose("radiology", 6),
        "triage": _triage,
        "speech": conversation,
        "form": form,
        "table": table,
        "chat": _prose("chat", 2, ("\n", " ")),
        "mail": _framed("mail", 3, ("\n\n", "\n")),
        "tweet": _prose("tweet", 1),
        "court": _prose("court", 6, (" ", "\n", "\n\n")),
        "police": _prose("police", 4),
        "record": _prose("record", 3, ("\n", " ")),
        "news": _prose("news", 4, (" ", " ", "\n")),
        "single": _prose("single", 1),
        "office": _prose("office", 4, ("\n", " ", "\n\n")),
        "words": _contrasted("words", 3),
        "talk": _prose("talk", 5, ("\n", "\n", " ")),
        "bare": _bare,
    }
)
_WEIGHTS: Mapping[str, Mapping[str, int]] = MappingProxyType(
    {
        "en": MappingProxyType(
            {
                "note": 16,
                "letter": 5,
                "radiology": 2,
                "triage": 5,
                "speech": 13,
                "form": 8,
                "table": 5,
                "chat": 11,
                "mail": 5,
                "tweet": 3,
                "court": 6,
                "police": 3,
                "record": 3,
                "news": 6,
                "single": 12,
                "office": 8,
                "words": 5,
                "talk": 5,
                "bare": 4,
            }
        ),
        "es": MappingProxyType(
            {
                "note": 26,
                "letter": 5,
                "radiology": 2,
                "triage": 2,
                "speech": 9,
                "form": 9,
                "table": 4,
                "chat": 8,
                "mail": 4,
                "tweet": 2,
                "court": 5,
                "record": 3,
                "news": 5,
                "single": 9,
                "office": 8,
                "words": 5,
                "talk": 4,
                "bare": 4,
            }
        ),
    }
)


def _with_noise(pieces: Pieces, genre: str, chance: Random) -> Pieces:
    """Some texts are in one case throughout; in some names have no capitals, accents are lost or lines are wrapped."""
    if genre not in {"speech", "triage"}:
        pick = chance.random()
        if pick < 0.04:
            pieces = changed(pieces, _upper)
        elif pick < 0.1 or (genre in {"chat", "tweet", "single"} and pick < 0.25):
            pieces = changed(pieces, _lower)
        elif pick > 0.96:
            pieces = _names_without_capitals(pieces)
    if chance.random() < 0.06:
        pieces = changed(pieces, _without_accents)
    if genre in {"note", "letter", "court", "news", "mail"} and chance.random() < 0.08:
        pieces = _wrapped(pieces, chance.randint(50, 90))
    if genre in {"chat", "mail", "note"} and chance.random() < 0.03:
        pieces = (*plain(chance.choice(("> ", "- ", "* ", "1. ", '"'))), *pieces)
    return pieces


def _names_without_capitals(pieces: Pieces) -> Pieces:
    return tuple(
        replace(piece, text=piece.text.lower()) if piece.entity is EntityType.NAME else piece for piece in pieces
    )


def _without_accents(text: str) -> str:
    return "".join(each for each in unicodedata.normalize("NFKD", text) if not unicodedata.combining(each))


def _wrapped(pieces: Pieces, width: int) -> Pieces:
    """A line break in place of the first space after every `width` characters, inside of identifiers too."""
    done: list[Piece] = []
    column = 0
    for piece in pieces:
        text = ""
        for character in piece.text:
            broken = character == " " and column >= width
            text += "\n" if broken else character
            column = 0 if text[-1] == "\n" else column + 1
        done.append(replace(piece, text=text))
    return tuple(done)


def _upper(text: str) -> str:
    return text.upper()


def _lower(text: str) -> str:
    return text.lower()
