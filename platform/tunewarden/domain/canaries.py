"""How many made-up persons a training gets, by whom it is audited afterwards."""

MOST_CANARIES = 1000
LEAST_PERSONS = 200
_FEWEST, _ENOUGH = 80, 200
_FEW_PERSONS_FOR_EACH, _MANY_PERSONS_FOR_EACH = 3, 10


def canaries_for(persons: int) -> int:
    """200 canaries, more where there are over 2,000 persons, fewer where there are under 600; none under 200 persons.

    Each takes part with an even chance. So of those trained on one in six is made up where there are few persons, and
    one in twenty where there are many: more would hurt the model. 200 can contradict a claim up to epsilon 3.8
    (`steps/measure/audit.py`). Attacks on them need 30 on each side (`steps/measure/privacy.py`): of 80, the fewest,
    the coins leave that in 98 of 100 trainings, and of 66 in 61. Without canaries there is no evidence, and a gate that
    asks for an audit says UNKNOWN.
    """
    if persons < LEAST_PERSONS:
        return 0
    few = min(_ENOUGH, max(_FEWEST, persons // _FEW_PERSONS_FOR_EACH))
    return max(few, min(MOST_CANARIES, persons // _MANY_PERSONS_FOR_EACH))
