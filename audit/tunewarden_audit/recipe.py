"""How a verification is made: numbered checks, each with a grade and one line, and the worst of them as the verdict."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Generic, TypeVar

T = TypeVar("T")


class Grade(IntEnum):
    """What a check found, and the worst of them: the verdict. The number is the exit code."""

    CONSISTENT = 0
    INCOMPLETE = 3  # nothing contradicts, but something needed is not there
    DIVERGED = 4  # two heads that the log signed do not belong to one history
    INVALID = 5  # something is not what it says it is
    BROKEN = 6  # the entries are what they say, and they say that a rule of the house was broken
    WITNESSED = 10  # consistent, and the witnesses that the auditor named have seen the same head


@dataclass(frozen=True, slots=True)
class Check:
    """One step of the recipe and what came of it, in one line."""

    number: int
    name: str
    grade: Grade
    because: str
    details: tuple[str, ...] = ()  # a line each, where one is not enough


@dataclass(frozen=True, slots=True)
class Report:
    """All checks that were made, in the order of the recipe."""

    checks: tuple[Check, ...]

    @property
    def verdict(self) -> Grade:
        """The worst grade: nothing good makes up for it. Witnessed only where everything else is consistent."""
        grades = {check.grade for check in self.checks}
        worst = max(grades - {Grade.WITNESSED}, default=Grade.CONSISTENT)
        return Grade.WITNESSED if worst is Grade.CONSISTENT and Grade.WITNESSED in grades else worst


class Stopped(Exception):
    """A check that ends without a value for those after it."""

    def __init__(self, because: str, grade: Grade = Grade.INVALID) -> None:
        super().__init__(because)
        self.because = because
        self.grade = grade


@dataclass(frozen=True, slots=True)
class Found(Generic[T]):
    """A value for the checks that follow, and what the report says of it."""

    value: T
    because: str
    grade: Grade = Grade.CONSISTENT


class Recipe:
    """The checks made so far; numbers them in the order in which they are made."""

    def __init__(self) -> None:
        self._checks: list[Check] = []

    def check(self, name: str, step: Callable[[], Found[T]]) -> T | None:
        """Make one check, write its line, and hand its value on; None when there is none.

        Everything that this package raises for what it was given is a ValueError with one line.
        """
        number = len(self._checks) + 1
        try:
            found = step()
        except Stopped as stop:
            self._checks.append(Check(number, name, stop.grade, stop.because))
        except ValueError as error:
            self._checks.append(Check(number, name, Grade.INVALID, str(error)))
        else:
            self._checks.append(Check(number, name, found.grade, found.because))
            return found.value
        return None

    def report(self) -> Report:
        """What came of it."""
        return Report(tuple(self._checks))
