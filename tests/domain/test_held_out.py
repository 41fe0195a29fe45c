"""What a steward declares about figures on held-out persons."""

from dataclasses import replace

import pytest

from tunewarden.domain.canonical import to_plain
from tunewarden.domain.datasets import Columns, Groups
from tunewarden.domain.errors import Malformed

COLUMNS = Columns(text="note", label="kind", person="who", protected=("sex", "age"))


def test_columns_without_groups_have_the_digest_that_they_always_had() -> None:
    assert COLUMNS.digest() == "sha256:e5018ea4a7707a5978f0d9c7d70f57b542bce3e372074b83e05a92c1e46d3790"
    named = replace(COLUMNS, groups=(Groups(column="sex", values=("f", "m")),))
    assert named.digest() != COLUMNS.digest()
    assert "groups" not in str(to_plain(COLUMNS))


@pytest.mark.parametrize("values", [(), ("f", "f"), ("",), tuple(str(number) for number in range(33))], ids=len)
def test_groups_are_few_and_different(values: tuple[str, ...]) -> None:
    with pytest.raises(Malformed) as refused:
        Groups(column="sex", values=values)
    assert refused.value.code == "groups_out_of_range"


@pytest.mark.parametrize("columns", [("race",), ("sex", "sex"), ("note",)], ids="-".join)
def test_groups_are_of_protected_columns_each_once(columns: tuple[str, ...]) -> None:
    with pytest.raises(Malformed) as refused:
        replace(COLUMNS, groups=tuple(Groups(column=column, values=("f", "m")) for column in columns))
    assert refused.value.code == "groups_not_protected"
