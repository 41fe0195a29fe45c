"""What is carried from text to text: per person, the best of it, and unreadable on disk."""

from pathlib import Path

from hypothesis import given, strategies as st

from tunewarden.domain.identifiers import EntityType
from tunewarden.steps.deidentify.carried import Carried
from tunewarden.steps.deidentify.elsewhere import Value
from tunewarden.steps.deidentify.person import Known

ADA, BEA = b"a" * 32, b"b" * 32


def name(score: float, text: str = "Zoe Lee") -> Value:
    return Value(entity=EntityType.NAME, text=text, score=score)


def test_everything_stays_with_its_person_and_the_best_score_of_a_name_stays(tmp_path: Path) -> None:
    known = Known(entity=EntityType.PHONE, value="555-0134")
    with Carried(tmp_path) as carried:
        carried.add_names(ADA, [("zoe", 0.4), ("lee", 0.9)])
        carried.add_names(ADA, [("zoe", 0.8), ("lee", 0.5)])
        carried.add_names(BEA, [("kim", 0.5)])
        carried.add_known(ADA, [known, known])
        carried.add_values(ADA, [name(0.4), name(0.9), name(0.6)])
        assert carried.names(ADA) == (("lee", 0.9), ("zoe", 0.8))
        assert carried.names(BEA) == (("kim", 0.5),)
        assert (carried.known(ADA), carried.known(BEA)) == ((known,), ())
        assert carried.values(ADA) == (name(0.9),)
        assert carried.values(BEA) == ()


def test_persons_are_counted_once(tmp_path: Path) -> None:
    with Carried(tmp_path) as carried:
        for person in (BEA, ADA, BEA):
            carried.count(person, person[::-1])
        assert carried.persons == 2
        assert list(carried.budgets()) == [(one, one[::-1]) for one in sorted((ADA, BEA))]


def test_no_word_of_a_person_is_on_disk_and_nothing_stays(tmp_path: Path) -> None:
    with Carried(tmp_path) as carried:
        for number in range(30_000):  # more than the cache holds back
            carried.add_values(number.to_bytes(32), [name(0.5, f"Zebediah Nightingale {number}")])
        (file,) = tmp_path.iterdir()
        assert file.stat().st_mode & 0o077 == 0
        data = file.read_bytes()
        assert len(data) > 1 << 20
        assert b"Zebediah" not in data
        assert b"Night" not in data
        assert carried.values((7).to_bytes(32)) == (name(0.5, "Zebediah Nightingale 7"),)
    assert list(tmp_path.iterdir()) == []


@given(st.dictionaries(st.text(st.characters(), min_size=1), st.floats(0, 1), max_size=8))
def test_any_text_comes_back_as_it_was(names: dict[str, float]) -> None:
    with Carried(Path("/tmp")) as carried:  # noqa: S108  a folder of its own for every example is slow
        carried.add_names(ADA, names.items())
        assert carried.names(ADA) == tuple(sorted(names.items()))
