"""`generate`: made-up texts with known identifiers, the same ones for the same seed."""

from collections.abc import Iterator
from random import Random

from tunewarden.steps.deidentify.synthesis.genres import lines, text
from tunewarden.steps.deidentify.synthesis.pieces import Pieces, gold, joined
from tunewarden.steps.deidentify.synthesis.scene import Scene, new_scene
from tunewarden.steps.deidentify.synthesis.splits import Split
from tunewarden.steps.deidentify.synthesis.templates import sections
from tunewarden.steps.deidentify.tagger.gold import GoldText

_ENGLISH = 0.72


def generate(count: int, seed: int | str, split: Split | str, language: str | None = None) -> Iterator[GoldText]:
    """`count` texts; about seven of ten are in English unless `language` says `en` or `es`.

    No two splits share a template. Surnames, streets and firms of a split are its own where an origin has enough of
    them; given names, towns and words are not.
    """
    split = Split(split)
    chance = Random(f"synthesis {split} {seed}")  # noqa: S311  reproducible on purpose
    for _ in range(count):
        spoken = language or ("en" if chance.random() < _ENGLISH else "es")
        scene = new_scene(chance, spoken, split)
        pieces = _carriers(scene) if split is Split.PLANTED else text(scene)
        yield gold(pieces)


def _carriers(scene: Scene) -> Pieces:
    """One to four of the sentences that carry planted identifiers."""
    chance = scene.chance
    names = chance.choices(tuple(sections(scene.language, scene.split)), k=chance.randint(1, 4))
    return joined([part for name in names for part in lines(scene, name, 1)], chance.choice((" ", "\n")))
