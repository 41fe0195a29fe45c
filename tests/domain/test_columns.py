"""What columns may be named for: one thing to learn, and a separator that no identifier can hold a part of."""

from dataclasses import replace

import pytest
from hypothesis import given, strategies as st

from tunewarden.domain.canonical import decode, encode, from_plain, to_plain
from tunewarden.domain.datasets import Columns, DatasetVersion
from tunewarden.domain.errors import Malformed
from tunewarden.domain.names import Digest, FileId

CLASSES = Columns(text="note", label="kind", person="who", protected=("sex",), positive="burn")
COMPLETIONS = Columns(text="asked", label=None, person="who", completion="answered")


def test_the_digest_of_columns_of_before_is_the_one_it_always_was() -> None:
    assert CLASSES.digest() == "sha256:1ff68a20143992af2a5049020bd0f0c40f77e861fbb3575afd8443113db0a3f2"


def test_what_came_later_is_bound_by_the_digest() -> None:
    several = replace(CLASSES, separator=";")
    assert len({CLASSES.digest(), several.digest(), replace(several, separator="|").digest()}) == 3
    assert len({COMPLETIONS.digest(), replace(COMPLETIONS, completion="other").digest()}) == 2
    for columns in (several, COMPLETIONS):
        assert from_plain(Columns, decode(encode(to_plain(columns)))) == columns


def test_a_version_that_shares_no_rows_is_stored_as_versions_of_before_were() -> None:
    digest = Digest("sha256:" + "0" * 64)
    version = DatasetVersion(digest=digest, file=FileId("file-1"), source=digest, rows=3, persons=2, labels=("a", "b"))
    assert b"shared_rows" not in encode(to_plain(version))
    shared = replace(version, shared_rows=1)
    assert from_plain(DatasetVersion, decode(encode(to_plain(shared)))) == shared


@pytest.mark.parametrize(
    ("columns", "change", "code"),
    [
        (CLASSES, {"completion": "more"}, "label_or_completion"),
        (CLASSES, {"label": None, "positive": None}, "label_or_completion"),
        (COMPLETIONS, {"label": "kind"}, "label_or_completion"),
        (COMPLETIONS, {"positive": "burn"}, "positive_without_label"),
        (COMPLETIONS, {"completion": "asked"}, "columns_overlap"),
        (COMPLETIONS, {"completion": "who"}, "columns_overlap"),
        (CLASSES, {"person": None, "separator": ";"}, "separator_without_person"),
    ],
)
def test_columns_that_contradict_each_other_are_refused(columns: Columns, change: dict[str, str], code: str) -> None:
    with pytest.raises(Malformed) as refused:
        replace(columns, **change)  # type: ignore[arg-type]
    assert refused.value.code == code
    assert refused.value.remedy


@pytest.mark.parametrize(
    "separator", ["", ";;", " ", "\t", "\n", "a", "7", "\N{VULGAR FRACTION ONE HALF}", "\u0301", "\0"]
)
def test_a_separator_that_is_no_single_visible_mark_is_refused(separator: str) -> None:
    with pytest.raises(Malformed) as refused:
        replace(CLASSES, separator=separator)
    assert refused.value.code == "separator_malformed"


@given(st.characters())
def test_no_letter_digit_blank_or_control_character_parts_persons(separator: str) -> None:
    try:
        replace(CLASSES, separator=separator)
    except Malformed:
        return
    assert separator.isprintable()
    assert not separator.isspace()
    assert not separator.isalnum()
