"""Dates move by the person's own number of days, keep their form and their intervals, or give way to their type."""

from datetime import date, timedelta

import pytest
from hypothesis import given, strategies as st

from tunewarden.steps.deidentify.dates import offset, shift, year

KEYS = st.binary(min_size=32, max_size=32)
DATES = st.dates(date(1932, 1, 1), date(2029, 1, 1))
WHOLE = {
    "%Y-%m-%d": False,
    "%m/%d/%Y": False,
    "%d.%m.%Y": True,
    "%d/%m/%Y": True,
    "%B %d, %Y": False,
    "%d %B %Y": False,
    "%Y-%m-%dT%H:%M:%SZ": False,
}


@pytest.mark.parametrize(
    ("written", "days", "day_first", "expected"),
    [
        ("03/14/2019", 100, False, "06/22/2019"),
        ("3/4/19", 100, False, "6/12/19"),
        ("3/4/19", -40, True, "22/2/19"),
        ("31/12/2020", 100, False, "10/04/2021"),
        ("14.03.2019", 100, False, "22.06.2019"),
        ("2019-03-14T10:22:00Z", 100, False, "2019-06-22T10:22:00Z"),
        ("March 14, 2019", 100, False, "June 22, 2019"),
        ("Mar. 14 2019", 100, False, "Jun. 22 2019"),
        ("14th of March, 2019", 100, False, "22nd of June, 2019"),
        ("MARCH 14", 100, False, "JUNE 22"),
        ("March 2019", 100, False, "June 2019"),
        ("14-MAR-2019", 100, False, "22-JUN-2019"),
        ("14 de marzo de 2019", 100, True, "22 de junio de 2019"),
        ("lunes 3 de mayo de 2010", 100, True, "miércoles 11 de agosto de 2010"),
        ("Monday, 3 May 2010", 100, False, "Wednesday, 11 August 2010"),
        ("3/4/'99", 100, False, "6/12/'99"),
        ("septiembre de 1990", -40, True, "agosto de 1990"),
        ("12 de setiembre de 1990", 100, True, "21 de diciembre de 1990"),
        ("\u017fept 2019", 100, False, "dec 2019"),
        ("1990", 365, False, "1991"),
    ],
)
def test_a_date_moves_in_the_form_in_which_it_was_written(
    written: str, days: int, day_first: bool, expected: str
) -> None:
    assert shift(written, days, day_first=day_first) == expected


@pytest.mark.parametrize(
    "written", ["", "nonsense", "between 3 and 4 May", "31/02/2019", "20190314", "99/99/9999", "May Allen", " 3/4/19"]
)
def test_what_cannot_be_read_is_not_moved_so_that_its_type_takes_its_place(written: str) -> None:
    assert shift(written, 30, day_first=False) is None
    assert year(written) is None


@pytest.mark.parametrize("form", WHOLE)
@given(first=DATES, apart=st.integers(-400, 400), days=st.integers(-365, 365).filter(bool))
def test_intervals_between_whole_dates_are_kept_exactly(form: str, first: date, apart: int, days: int) -> None:
    second = first + timedelta(days=apart)
    moved = [shift(each.strftime(form), days, day_first=WHOLE[form]) for each in (first, second)]
    expected = [(each + timedelta(days=days)).strftime(form) for each in (first, second)]
    if "%b" in form.lower():  # beside a word, a day is written without a zero before it
        moved, expected = [_without_zero(each) for each in moved], [_without_zero(each) for each in expected]
    assert moved == expected


def _without_zero(written: str | None) -> str:
    return f" {written}".replace(" 0", " ")


@given(KEYS)
def test_an_offset_is_a_whole_number_of_days_within_a_year_and_never_none(key: bytes) -> None:
    assert 1 <= abs(offset(key)) <= 365
    assert offset(key) == offset(key)


def test_offsets_of_many_people_reach_both_sides_and_nearly_every_day() -> None:
    drawn = {offset(number.to_bytes(32)) for number in range(6000)}
    assert len(drawn) > 720
    assert min(drawn) < -350
    assert max(drawn) > 350


@pytest.mark.parametrize(
    ("written", "expected"), [("3/14/2019", "2019"), ("14 March 1952", "1952"), ("3/4/'99", "1999"), ("2019", "2019")]
)
def test_of_a_date_only_the_year_stays(written: str, expected: str) -> None:
    assert year(written) == expected


def test_a_date_without_a_year_gives_none() -> None:
    assert year("March 14") is None
