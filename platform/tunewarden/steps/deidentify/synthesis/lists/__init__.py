"""Words that the made-up texts are filled with. Every line of a file is `key | value;value;...`, `#` begins a remark.

Names of people, drugs, diseases, towns and trades, collected by hand; nothing here is about a person.
"""

from functools import cache
from importlib.resources import files

from tunewarden.steps.deidentify.synthesis.splits import unique


@cache
def words(file: str, key: str) -> tuple[str, ...]:
    """The values under `key` in the file `file`. Raises `KeyError` where there are none."""
    return _table(file)[key]


@cache
def keys(file: str) -> tuple[str, ...]:
    """What the file `file` has values for."""
    return tuple(_table(file))


@cache
def _table(file: str) -> dict[str, tuple[str, ...]]:
    table: dict[str, tuple[str, ...]] = {}
    for line in files(__package__).joinpath(f"{file}.txt").read_text(encoding="utf-8").splitlines():
        if line.strip() and not line.startswith("#"):
            key, _, values = line.partition("|")
            found = (value.strip() for value in values.split(";"))
            table[key.strip()] = unique([*table.get(key.strip(), ()), *(value for value in found if value)])
    return table
