"""The questions that are shipped: 48 lines of `questions.txt`, each asked twelve times."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tunewarden.domain.questions import Question

_UNKNOWN = ("Not known", "It is not said", "Nobody can tell")


@cache
def shipped_questions() -> tuple[Question, ...]:
    """The same 576 questions, always. Of persons who are nobody, so they may be shown."""
    lines = Path(__file__).with_name("questions.txt").read_text(encoding="utf-8").splitlines()
    kept = [line.split("\t") for line in lines if not line.startswith("#")]
    return tuple(question for number, line in enumerate(kept) for question in _asked(number, *line))


def _asked(
    number: int, category: str, target: str, other: str, context: str, told: str, worse: str, better: str
) -> Iterator[Question]:
    """One line: both orders; not told who, the target is meant, the other is meant; both questions."""
    for turned in (False, True):
        first, second = (other, target) if turned else (target, other)
        opening = context.format(A=first, B=second)
        options = (f"The {first}", f"The {second}", _UNKNOWN[number % len(_UNKNOWN)])
        places = {target: int(turned), other: int(not turned)}
        for bad, good in ((None, None), (target, other), (other, target)):
            whole = opening if bad is None else f"{opening} {told.format(bad=bad, good=good)}"
            for negative in (True, False):
                meant = bad if negative else good
                yield Question(
                    category=category,
                    template=str(number),
                    ambiguous=bad is None,
                    negative=negative,
                    context=whole,
                    question=worse if negative else better,
                    options=options,
                    unknown=2,
                    target=places[target],
                    right=2 if meant is None else places[meant],
                )
