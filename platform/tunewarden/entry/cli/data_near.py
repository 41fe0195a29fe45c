"""Texts of a file that are nearly the same, counted as the de-identifying step counts them in what it releases."""

from hashlib import sha256

from tunewarden.domain.data_report import FEWEST_PERSONS
from tunewarden.steps.deidentify.duplicates import Duplicates


class NearTexts:
    """280 bytes a text, and 90 a person."""

    def __init__(self) -> None:
        self._seen = Duplicates()

    def see(self, person: str, text: str) -> None:
        """Take the text of one row in."""
        self._seen.see(sha256(person.encode()).hexdigest(), text)

    def repeating(self) -> str:
        """How many texts are nearly an earlier one, those word for word included; a few are only said to be few."""
        found = int(self._seen.table()["repeat_an_earlier_text"])
        return f"{found:,}" if found == 0 or found >= FEWEST_PERSONS else f"fewer than {FEWEST_PERSONS}"
