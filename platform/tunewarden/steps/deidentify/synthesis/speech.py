"""Conversations between a doctor and a patient as they are written down: with speakers or without, with or without
punctuation, with the sounds people make."""

from random import Random

import regex

from tunewarden.domain.identifiers import EntityType
from tunewarden.steps.deidentify.synthesis.filling import fill
from tunewarden.steps.deidentify.synthesis.pieces import Piece, Pieces, changed, joined, plain
from tunewarden.steps.deidentify.synthesis.scene import Scene
from tunewarden.steps.deidentify.synthesis.templates import sections

_FILLERS = {
    "en": ("um", "uh", "well", "you know", "okay so", "like", "hmm", "right"),
    "es": ("eh", "pues", "bueno", "a ver", "mmm", "vale"),
}
_SPEAKERS = {
    "en": (
        ("Doctor", "Patient"),
        ("Dr", "Pt"),
        ("DOCTOR", "PATIENT"),
        ("D", "P"),
        ("Doctor", "Guest_family"),
        ("Nurse", "Patient"),
        ("Agent", "Caller"),
    ),
    "es": (
        ("Doctor", "Paciente"),
        ("Médico", "Paciente"),
        ("DOCTORA", "PACIENTE"),
        ("Enfermera", "Paciente"),
        ("D", "P"),
    ),
}
_KEPT = frozenset({EntityType.EMAIL, EntityType.URL, EntityType.SSN, EntityType.MEDICAL_RECORD, EntityType.HEALTH_PLAN})
_PUNCTUATION = regex.compile(r"[.,;:!?¿¡\"]")


def conversation(scene: Scene) -> Pieces:
    """Two to eight turns."""
    chance = scene.chance
    turns = _turns(scene, chance.randint(1, 5))
    speakers = chance.choice(_SPEAKERS[scene.language]) if chance.random() < 0.6 else ("", "")
    style = chance.choices(("bare", "written"), (55, 45))[0]
    spoken = []
    for number, turn in enumerate(turns):
        words = _hesitant(turn, scene.language, chance)
        words = _bare(words) if style == "bare" else _written(words, chance)
        label = f"{speakers[number % 2]}: " if speakers[0] else ""
        spoken.append((*plain(label), *words))
    return joined(spoken, "\n" if speakers[0] or chance.random() < 0.5 else " ")


def _turns(scene: Scene, count: int) -> list[Pieces]:
    found = sections(scene.language, scene.split)
    turns: list[Pieces] = []
    for _ in range(count):
        part = scene.chance.choices(("speech.ask", "speech.say", "speech.negative"), (50, 30, 20))[0]
        exchange = fill(scene.chance.choice(found[part]), scene)
        turns.extend(_halves(exchange))
    return turns


def _halves(exchange: Pieces) -> list[Pieces]:
    """Question and answer stand on either side of ` | ` in a template."""
    for place, piece in enumerate(exchange):
        if piece.entity is None and " | " in piece.text:
            before, after = piece.text.split(" | ", 1)
            return [(*exchange[:place], *plain(before)), (*plain(after), *exchange[place + 1 :])]
    return [exchange]


def _hesitant(turn: Pieces, language: str, chance: Random) -> Pieces:
    if chance.random() < 0.25:
        return (*plain(f"{chance.choice(_FILLERS[language])} "), *turn)
    return turn


def _bare(turn: Pieces) -> Pieces:
    """Lower case, no punctuation but in what is read as one: an address of mail, a number of a record."""
    return tuple(
        Piece(
            text=piece.text.lower() if piece.entity in _KEPT else _PUNCTUATION.sub("", piece.text.lower()),
            entity=piece.entity,
        )
        for piece in turn
    )


def _written(turn: Pieces, chance: Random) -> Pieces:
    """With a capital first and a mark last; sometimes with the pronoun `i` as English wants it."""
    if not turn:
        return turn
    fixed = changed(turn, _pronoun) if chance.random() < 0.8 else turn
    first, *rest = fixed
    start = first.text[:1].upper() + first.text[1:]
    end = "" if fixed[-1].text[-1:] in {"?", ".", "!"} else chance.choice((".", ".", "?", "..."))
    return (Piece(text=start, entity=first.entity), *rest, *plain(end))


def _pronoun(text: str) -> str:
    return str(regex.sub(r"\bi(?=\b(?:'|\s|$))", "I", text))
