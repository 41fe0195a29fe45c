"""Made-up values of the same kind and form, the same for one person's same value wherever it stands.

Nothing is stored: a surrogate follows from the person's data key (HMAC-SHA256) and the value without its case,
accents and punctuation, so it is the same in every text, file and run, and cannot be made again once the key is
destroyed.

Names are exchanged word by word. For each person the initials are dealt out anew (a keyed permutation), and the word
that stands for another begins with the letter that stands for its first: so "Maria Lopez", "Mrs Lopez", "LOPEZ,
Maria" and "M.L." agree. Women's given names become women's, men's men's, Hispanic ones Hispanic; a word that is in no
list of given names becomes a surname. Lists are those of `synthesis.people`; with about 800 given names of a gender
and 3,000 surnames two words of one text become the same one now and then. What is not kept: the origin of other
names, and word length.

Telephone numbers get the exchange 555 and a line 01xx, which nobody has in the North American Numbering Plan; in
other countries' plans one of the same digits may be somebody's. Mail
addresses and hosts are those set aside for examples (RFC 2606), network addresses those for documentation (RFC 5737,
RFC 3849). Cards and bank accounts keep their shape and no valid check digits.
"""

import hmac
import string
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from types import MappingProxyType

import regex

from tunewarden.domain.identifiers import EntityType
from tunewarden.steps.deidentify.checksums import iban, luhn
from tunewarden.steps.deidentify.person import Person
from tunewarden.steps.deidentify.revealing import folded, subkey
from tunewarden.steps.deidentify.synthesis.people import origins
from tunewarden.steps.deidentify.synthesis.places import towns

_WORD = regex.compile(r"\p{L}[\p{L}\p{M}]*")
_BEFORE_A_NAME = frozenset(
    (
        "mr mrs ms miss mx dr dra prof sr sra srta doña dña sir dame lady lord judge and de del la las los el von der "
        "den di da dos of the"
    ).split()
)
_SMALL_IN_A_NAME = frozenset("don van do al bin ibn san santa y e d".split())  # with a capital they may be the name
_AFTER_A_NAME = frozenset("jr ii iii md rn phd".split())
_KEPT_WORDS = frozenset(  # of an address or an organisation
    (
        "mr mrs ms miss mx dr dra prof sr sra srta don doña dña d sir dame lady lord judge and y e de del la "
        "las los el van von der den di da do dos bin ibn al of the for st san santa jr iii ii md rn phd "
        "hospital general university universitario universidad clinic clínica clinica medical center centre "
        "centro salud regional memorial children bank banco school college colegio instituto institute court "
        "juzgado tribunal police department ministry ministerio council church company inc ltd llc group "
        "insurance seguros foundation fundación fundacion servicio service county city state street st avenue "
        "ave road rd lane drive calle c avenida avda plaza paseo apt suite box po p o "
        "n s w ne nw se sw sa sl ag kg nv bv oy"
    ).split()
)
_STATES = frozenset(  # of the United States, in capitals; "Ma" may be somebody's name
    "AL AK AZ AR CA CO CT DE DC FL GA HI ID IL IN IA KS KY LA ME MD MA MI MN MS MO MT NE NV NH NJ NM NY NC ND OH OK OR"
    " PA RI SC SD TN TX UT VT VA WA WV WI WY".split()
)
_LETTERS = "ABCDEFGHJKLMNPRSTV"  # initials for which every list has names


class Surrogates:
    """The surrogates of one person. Cheap to make."""

    def __init__(self, person: Person) -> None:
        self._key = subkey(person.key, "surrogates")
        self._initials: Mapping[str, str] | None = None

    def of(self, value: str, entity: EntityType) -> str | None:
        """What stands for `value` and differs from it.

        No word of it with four letters or more is in it, but for words of addresses and organisations that say of what
        kind they are.

        None for kinds that have no surrogate, and where none was found that differs.
        """
        make = _MAKERS.get(entity)
        made = None if make is None else make(self, value)
        return None if made is None or made.casefold() == value.casefold() else made

    def name(self, value: str) -> str:
        """Word by word, with titles, particles, order, case and punctuation as they were; digits become others."""
        words = list(_WORD.finditer(value))
        staying = _staying([match[0] for match in words])
        pieces, position = list[str](), 0
        for place, match in enumerate(words):
            made = match[0] if place in staying else self._other_word(match[0], value, given=True)
            pieces += (value[position : match.start()], made)
            position = match.end()
        return self.shaped("".join([*pieces, value[position:]]))

    def place(self, value: str) -> str:
        """A town."""
        return _cased(self._other(value, "place", towns()), value)

    def organisation(self, value: str) -> str:
        """The words that say what kind it is stay, the others become surnames."""
        made = self.shaped(str(_WORD.sub(lambda match: self._word(match[0], value), value)))
        return made if made != value else self.code(value)

    def address(self, value: str) -> str:
        """Letters by words, digits by digits: number, street and postcode keep their places."""
        return self.organisation(value)

    def shaped(self, value: str) -> str:
        """Digits for digits; letters stay."""
        drawn = self._digits(value)
        return "".join(next(drawn) if character.isdigit() else character for character in value)

    def code(self, value: str) -> str:
        """Digits for digits and letters for letters, punctuation where it was; at least one character differs."""
        return self._code(value, lambda _: False)

    def card(self, value: str) -> str:
        """A number that no card has: its check digit is wrong."""
        return self._code(value, luhn)

    def iban(self, value: str) -> str:
        """An account number that no bank gave: its check digits are wrong."""
        return self._code(value, iban)

    def _code(self, value: str, issued: Callable[[str], bool]) -> str:
        plain = "".join(character for character in value.casefold() if character.isalnum())
        for attempt in range(32):
            stream = self._stream("code", f"{attempt}:{plain}")
            made = "".join(_exchanged(character, stream) for character in value)
            if made.casefold() != value.casefold() and not issued(made):
                return made
        return value  # `of` gives none then

    def phone(self, value: str) -> str:
        """Country code and layout as they were, the last seven digits 555-01xx."""
        positions = [place for place, character in enumerate(value) if character.isdigit()]
        prefix = regex.match(r"\+\d{1,3}(?=\D)", value)
        free = [place for place in positions if prefix is None or place >= prefix.end()]
        drawn = self._digits("".join(value[place] for place in free))
        digits = [next(drawn) for _ in free]
        digits[-7:] = list("55501")[max(0, 7 - len(digits)) :] + digits[-2:] if len(digits) >= 2 else digits
        made = list(value)
        for place, digit in zip(free, digits[-len(free) :], strict=True):
            made[place] = digit
        # Too few digits to reach anybody, or letters in their place ("1-800-..."): nothing of it stays.
        return "".join(made) if len(free) > 2 and not any(map(str.isalpha, value)) else self.code(value)

    def email(self, value: str) -> str:
        """A mail address at example.org."""
        return f"p{self._number('email', value, 6)}@example.org"

    def url(self, value: str) -> str:
        """A page at example.org."""
        return f"https://example.org/{self._number('url', value, 6)}"

    def ip(self, value: str) -> str:
        """An address of the blocks for documentation."""
        number = int(self._number("ip", value, 9))
        return f"2001:db8::{number % 0xFFFF:x}" if ":" in value else f"192.0.2.{number % 254 + 1}"

    def username(self, value: str) -> str:
        """A user name; an @ before it stays."""
        return f"{'@' if value.startswith('@') else ''}user{self._number('username', value, 5)}"

    def _word(self, word: str, within: str) -> str:
        if word.casefold() in _KEPT_WORDS or word in _STATES:
            return word
        return self._other_word(word, within, given=False)

    def _other_word(self, word: str, within: str, *, given: bool) -> str:
        letter = self._initial(word)
        if len(word) == 1:
            return letter if word.isupper() else letter.lower()
        pool = _pool(word, given=given)
        of_letter = [each for each in pool if _first_letter(each) == letter] or pool
        return _cased(self._other(word, "word", of_letter, within), word)

    def _other(self, value: str, use: str, pool: Sequence[str], within: str = "") -> str:
        """One of `pool` by the value alone, and another one where it would tell a word of the original."""
        parts = {part for part in _parts(f"{value} {within}") if len(part) >= 4}
        for attempt in range(32):
            number = int.from_bytes(self._mac(use, f"{attempt}:{_plain(value)}")[:8])
            made = pool[number % len(pool)]
            if _plain(made) != _plain(value) and parts.isdisjoint(_parts(made)):
                return made
        return "X" * max(2, len(value))  # a list that holds nothing else than what may not stand here

    def _initial(self, word: str) -> str:
        if self._initials is None:
            order = sorted(_LETTERS, key=lambda letter: self._mac("initial", letter))
            places = {letter: place for place, letter in enumerate(order)}
            self._initials = {
                letter: order[(places[letter] + 1) % len(order)]
                if letter in places
                else order[ord(letter) % len(order)]
                for letter in string.ascii_uppercase
            }
        return self._initials.get(_first_letter(word), _LETTERS[0])

    def _digits(self, value: str) -> Iterator[str]:
        plain = "".join(character for character in value if character.isdigit())
        return (str(byte % 10) for byte in self._stream("digits", plain))

    def _number(self, use: str, value: str, count: int) -> str:
        number = int.from_bytes(self._mac(use, folded(value))[:8])
        return f"{number % 10**count:0{count}}"

    def _stream(self, use: str, value: str) -> Iterator[int]:
        block = 0
        while True:
            yield from self._mac(use, f"{block}:{value}")
            block += 1

    def _mac(self, use: str, value: str) -> bytes:
        return hmac.digest(self._key, f"{use}\0{value}".encode(), "sha256")


_MAKERS: Mapping[EntityType, Callable[[Surrogates, str], str]] = MappingProxyType(
    {
        EntityType.NAME: Surrogates.name,
        EntityType.PLACE: Surrogates.place,
        EntityType.ORGANISATION: Surrogates.organisation,
        EntityType.ADDRESS: Surrogates.address,
        EntityType.PHONE: Surrogates.phone,
        EntityType.FAX: Surrogates.phone,
        EntityType.EMAIL: Surrogates.email,
        EntityType.URL: Surrogates.url,
        EntityType.IP: Surrogates.ip,
        EntityType.USERNAME: Surrogates.username,
        EntityType.CARD: Surrogates.card,
        EntityType.IBAN: Surrogates.iban,
        **dict.fromkeys(
            (
                EntityType.POSTCODE,
                EntityType.SSN,
                EntityType.NATIONAL_ID,
                EntityType.PASSPORT,
                EntityType.MEDICAL_RECORD,
                EntityType.HEALTH_PLAN,
                EntityType.ACCOUNT,
                EntityType.LICENCE,
                EntityType.VEHICLE,
                EntityType.DEVICE,
                EntityType.MAC,
                EntityType.OTHER_ID,
                EntityType.PERSON_ID,
            ),
            Surrogates.code,
        ),
    }
)


@cache
def _given_names() -> Mapping[str, tuple[str, ...]]:
    """Plain given name -> the list it belongs to, by gender, Hispanic or not; a name of both genders goes to women."""
    known: dict[str, tuple[str, ...]] = {}
    anglo, hispanic = origins()["anglo"], origins()["hispanic"]
    for origin in (anglo, hispanic, *origins().values()):
        home = hispanic if origin is hispanic else anglo
        for names, pool in ((origin.women, _single(home.women)), (origin.men, _single(home.men))):
            for name in names:
                known.setdefault(_plain(name), pool)
    return known


@cache
def _surnames(hispanic: bool) -> tuple[str, ...]:
    return _single(origins()["hispanic" if hispanic else "anglo"].surnames)


@cache
def _hispanic_surnames() -> frozenset[str]:
    return frozenset(map(_plain, origins()["hispanic"].surnames))


def _staying(words: Sequence[str]) -> frozenset[int]:
    """Which words of a name stay: titles and particles before another word of it, and such as Jr after one."""
    last = len(words) - 1
    while last > 0 and words[last].casefold() in _AFTER_A_NAME:
        last -= 1
    return frozenset(
        place
        for place, word in enumerate(words)
        if place > last or (place < last and (word.casefold() in _BEFORE_A_NAME or word in _SMALL_IN_A_NAME))
    )


def _pool(word: str, *, given: bool) -> tuple[str, ...]:
    plain = _plain(word)
    if given and plain in _given_names():
        return _given_names()[plain]
    return _surnames(plain in _hispanic_surnames())


def _single(names: Sequence[str]) -> tuple[str, ...]:
    """The names of one word, of four letters or more, sorted."""
    return tuple(sorted({name for name in names if name.isalpha() and len(name) >= 4}))


def _plain(value: str) -> str:
    decomposed = unicodedata.normalize("NFKD", value.casefold())
    return "".join(character for character in decomposed if character.isalnum())


def _parts(value: str) -> set[str]:
    return {_plain(part) for part in _WORD.findall(value)}


def _first_letter(word: str) -> str:
    return _plain(word)[:1].upper()


def _cased(made: str, like: str) -> str:
    """`made` in the case of `like`."""
    if like.isupper() and len(like) > 1:
        return made.upper()
    return made.lower() if like.islower() else made


def _exchanged(character: str, stream: Iterator[int]) -> str:
    if character.isdigit():
        return str(next(stream) % 10)
    if character.isalnum():
        letter = string.ascii_lowercase[next(stream) % 26]
        return letter.upper() if character.isupper() else letter
    return character
