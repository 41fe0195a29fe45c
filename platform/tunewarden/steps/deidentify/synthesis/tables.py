"""Forms with a label before each value, and tables in the ways they are pasted into texts."""

from collections.abc import Sequence

from tunewarden.steps.deidentify.synthesis.filling import fill
from tunewarden.steps.deidentify.synthesis.pieces import Pieces, changed, joined, plain
from tunewarden.steps.deidentify.synthesis.scene import Scene
from tunewarden.steps.deidentify.synthesis.templates import sections

_BETWEEN = ("\n", "\n", "\n", "; ", " | ", ", ", "   ", "\n\n")
_AFTER_LABEL = (": ", ": ", ":", " : ", " = ", ":\n", "\t", " - ", ":  ")


def form(scene: Scene) -> Pieces:
    """Two to nine fields."""
    chance, own = scene.chance, sections(scene.language, scene.split)
    fields = own["form.field"]
    chosen = [fill(template, scene) for template in chance.sample(fields, min(len(fields), chance.randint(2, 9)))]
    chosen += [
        fill(template, scene)
        for template in chance.sample(own["form.negative"], min(len(own["form.negative"]), chance.randint(0, 3)))
    ]
    chance.shuffle(chosen)
    mark = chance.choice(_AFTER_LABEL)
    bold = "**" if chance.random() < 0.06 else ""
    return joined([_relabelled(each, mark, bold) for each in chosen], chance.choice(_BETWEEN))


def table(scene: Scene) -> Pieces:
    """Two to six columns and one to six rows: markdown, commas, tabs, bars or semicolons; one time in eight JSON."""
    chance = scene.chance
    found = sections(scene.language, scene.split)["column"]
    columns = [tuple(line.split(" | ")) for line in chance.sample(found, min(len(found), chance.randint(2, 6)))]
    heads = [fill(head, scene) for head, _ in columns]
    rows = []
    for _ in range(chance.randint(1, 6)):
        scene.cast.clear()
        rows.append([_flat(fill(cell.removeprefix("!"), scene)) for _, cell in columns])
    style = chance.choice(("markdown", "markdown", ",", "\t", " | ", ";", "json", "  "))
    if style == "markdown":
        return _markdown(heads, rows)
    if style == "json":
        return joined([_object(heads, row) for row in rows], "\n")
    headed = [heads] if chance.random() < 0.8 else []
    return joined([joined(row, style) for row in [*headed, *rows]], "\n")


def _markdown(heads: Sequence[Pieces], rows: Sequence[Sequence[Pieces]]) -> Pieces:
    ruled = plain("|" + "---|" * len(heads))
    bars = [(*plain("| "), *joined(row, " | "), *plain(" |")) for row in rows]
    return joined([(*plain("| "), *joined(heads, " | "), *plain(" |")), ruled, *bars], "\n")


def _object(heads: Sequence[Pieces], row: Sequence[Pieces]) -> Pieces:
    pairs = [(*plain('"'), *head, *plain('": "'), *cell, *plain('"')) for head, cell in zip(heads, row, strict=True)]
    return (*plain("{"), *joined(pairs, ", "), *plain("}"))


def _relabelled(field: Pieces, mark: str, bold: str) -> Pieces:
    """`Name: x` with another sign between label and value."""
    first, *rest = field
    label, colon, value = first.text.partition(": ")
    if not colon:
        return field
    return (*plain(f"{bold}{label}{bold}{mark}{value}"), *rest)


def _flat(cell: Pieces) -> Pieces:
    """On one line."""
    return changed(cell, lambda text: text.replace("\n", " "))
