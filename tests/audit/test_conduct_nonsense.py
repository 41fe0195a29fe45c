"""Entries that say anything at all: they are judged, and nothing breaks."""

from hypothesis import given, strategies as st
from tests.audit.test_conduct import GOOD, judged


@given(st.data())
def test_no_entry_whatever_it_says_ends_in_a_traceback(data: st.DataObject) -> None:
    words = st.text(max_size=5) | st.sampled_from(["9" * 40, "0"])
    scalars = st.none() | st.booleans() | st.integers(-5, 2**53 - 1) | words
    values = scalars | st.lists(scalars, max_size=2) | st.dictionaries(words, scalars, max_size=2)
    log = list(GOOD)
    for _ in range(data.draw(st.integers(1, 4))):
        position = data.draw(st.integers(0, len(log) - 1))
        actor, kind, fact = log[position]
        member = data.draw(st.sampled_from(sorted(fact)))
        log[position] = (actor, kind, {**fact, member: data.draw(values)})
    assert len(judged(log).checks) == 31
