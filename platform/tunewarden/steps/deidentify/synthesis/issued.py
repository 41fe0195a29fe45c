"""Made-up numbers that somebody issues, with valid check digits where their issuer has any.

None is taken from a list of real ones; some may exist by chance, as every number that passes its check may.
"""

from random import Random

_LETTERS = "ABCDEFGHJKLMNPRSTUVWXYZ"
_DNI = "TRWAGMYFPDXBNJZSQVHLCKE"
_VIN_VALUES = dict(zip("ABCDEFGHJKLMNPRSTUVWXYZ", (*range(1, 9), *range(1, 6), 7, 9, *range(2, 10)), strict=True))
_VIN_WEIGHTS = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)
# Country, and the form of the account part: n a digit, a a letter (ISO 13616 registry).
_IBAN_FORMS = (
    ("GB", "aaaannnnnnnnnnnnnn"),
    ("DE", "nnnnnnnnnnnnnnnnnn"),
    ("FR", "nnnnnnnnnnnnnnnnnnnnnnn"),
    ("ES", "nnnnnnnnnnnnnnnnnnnn"),
    ("IT", "annnnnnnnnnnnnnnnnnnnnn"),
    ("NL", "aaaannnnnnnnnn"),
    ("PL", "nnnnnnnnnnnnnnnnnnnnnnnn"),
    ("CH", "nnnnnnnnnnnnnnnnn"),
    ("BE", "nnnnnnnnnnnn"),
    ("PT", "nnnnnnnnnnnnnnnnnnnnn"),
    ("SE", "nnnnnnnnnnnnnnnnnnnn"),
    ("IE", "aaaannnnnnnnnnnnnn"),
)


def digits(count: int, chance: Random) -> str:
    """That many digits."""
    return "".join(chance.choice("0123456789") for _ in range(count))


def letters(count: int, chance: Random) -> str:
    """That many capital letters, without those that look like digits."""
    return "".join(chance.choice(_LETTERS) for _ in range(count))


def luhn(body: str) -> str:
    """`body` and its check digit (ISO/IEC 7812-1, annex B)."""
    doubled = [int(digit) * (2 if place % 2 == 0 else 1) for place, digit in enumerate(reversed(body))]
    return f"{body}{-sum(value // 10 + value % 10 for value in doubled) % 10}"


def card(chance: Random) -> str:
    """A payment card: Visa, Mastercard, American Express, Discover."""
    kind = chance.choice(("4", "4", "51", "55", "34", "37", "6011"))
    number = luhn(kind + digits((14 if kind in {"34", "37"} else 15) - len(kind), chance))
    gap = chance.choice(("", " ", "-", ""))
    if len(number) == 15:
        return gap.join((number[:4], number[4:10], number[10:]))
    return gap.join(number[at : at + 4] for at in range(0, 16, 4))


def iban(chance: Random) -> str:
    """An account number of a European country, with the check digits of ISO 7064 mod 97-10."""
    country, form = chance.choice(_IBAN_FORMS)
    account = "".join(letters(1, chance) if mark == "a" else digits(1, chance) for mark in form)
    as_number = "".join(str(int(character, 36)) for character in f"{account}{country}00")
    number = f"{country}{98 - int(as_number) % 97:02}{account}"
    return " ".join(number[at : at + 4] for at in range(0, len(number), 4)) if chance.random() < 0.5 else number


def ssn(chance: Random) -> str:
    """Within the rules of the Social Security Administration: no area 000, 666 or 900 and over, no group of zeros."""
    area = chance.choice([number for number in range(1, 900) if number != 666])
    gap = chance.choice(("-", "-", "-", " ", ""))
    return gap.join((f"{area:03}", f"{chance.randint(1, 99):02}", f"{chance.randint(1, 9999):04}"))


def nhs(chance: Random) -> str:
    """An NHS number with its mod 11 digit; numbers whose digit would be 10 are not issued."""
    while True:
        body = chance.choice("4567") + digits(8, chance)
        check = -sum(int(digit) * (10 - place) for place, digit in enumerate(body)) % 11
        if check < 10:
            number = f"{body}{check}"
            gap = chance.choice((" ", "", "-"))
            return gap.join((number[:3], number[3:6], number[6:]))


def dni(chance: Random) -> str:
    """A Spanish identity number with its letter (mod 23)."""
    number = chance.randint(1_000_000, 99_999_999)
    return f"{number:08}{chance.choice(('', '', '-', ' '))}{_DNI[number % 23]}"


def nie(chance: Random) -> str:
    """A Spanish number for foreigners with its letter (mod 23 after X, Y, Z stand for 0, 1, 2)."""
    first, number = chance.choice((0, 1, 2)), chance.randint(0, 9_999_999)
    gap = chance.choice(("", "", "-"))
    return f"{'XYZ'[first]}{gap}{number:07}{gap}{_DNI[(first * 10_000_000 + number) % 23]}"


def npi(chance: Random) -> str:
    """A National Provider Identifier: Luhn over 80840 and the number (45 CFR 162.406)."""
    body = chance.choice("12") + digits(8, chance)
    return luhn(f"80840{body}").removeprefix("80840")


def dea(chance: Random) -> str:
    """A registration number of the Drug Enforcement Administration with its check digit."""
    body = digits(6, chance)
    check = sum(int(digit) for digit in body[::2]) + 2 * sum(int(digit) for digit in body[1::2])
    return f"{chance.choice('ABFGM')}{letters(1, chance)}{body}{check % 10}"


def mbi(chance: Random) -> str:
    """A Medicare Beneficiary Identifier: the form C A AN N A AN N A A N N, of 11 characters."""
    either = "ACDEFGHJKMNPQRTUVWXY"
    marks = "CAENAENAANN"
    number = "".join(
        chance.choice({"C": "123456789", "A": either, "N": "0123456789", "E": either + "0123456789"}[mark])
        for mark in marks
    )
    return f"{number[:4]}-{number[4:7]}-{number[7:]}" if chance.random() < 0.5 else number


def vin(chance: Random) -> str:
    """A vehicle identification number whose ninth place is its check digit (49 CFR 565.15)."""
    body = [chance.choice("ABCDEFGHJKLMNPRSTUVWXYZ0123456789") for _ in range(11)] + list(digits(6, chance))
    total = sum(_VIN_VALUES.get(each, 0) * weight for each, weight in zip(body, _VIN_WEIGHTS, strict=True))
    total += sum(int(each) * weight for each, weight in zip(body, _VIN_WEIGHTS, strict=True) if each.isdigit())
    body[8] = "0123456789X"[total % 11]
    return "".join(body)


def imei(chance: Random) -> str:
    """A mobile device: 15 digits, the last by Luhn."""
    number = luhn("35" + digits(12, chance))
    return number if chance.random() < 0.7 else f"{number[:2]}-{number[2:8]}-{number[8:14]}-{number[14]}"


def sin(chance: Random) -> str:
    """A Canadian social insurance number, by Luhn."""
    number = luhn(chance.choice("1234567") + digits(7, chance))
    return chance.choice((" ", "-", " ")).join((number[:3], number[3:6], number[6:]))


def pesel(chance: Random) -> str:
    """A Polish number: birth date, serial and check digit."""
    body = f"{chance.randint(40, 99)}{chance.randint(1, 12):02}{chance.randint(1, 28):02}{digits(4, chance)}"
    weights = (1, 3, 7, 9, 1, 3, 7, 9, 1, 3)
    return f"{body}{-sum(int(digit) * weight for digit, weight in zip(body, weights, strict=True)) % 10}"


def cpf(chance: Random) -> str:
    """A Brazilian taxpayer number with its two check digits."""
    body = digits(9, chance)
    for _ in range(2):
        rest = sum(int(digit) * weight for digit, weight in zip(body, range(len(body) + 1, 1, -1), strict=True)) % 11
        body += "0" if rest < 2 else str(11 - rest)
    return f"{body[:3]}.{body[3:6]}.{body[6:9]}-{body[9:]}"


def rut(chance: Random) -> str:
    """A Chilean number with its mod 11 digit."""
    number = chance.randint(4_000_000, 25_999_999)
    total = sum(int(digit) * (2 + place % 6) for place, digit in enumerate(reversed(str(number))))
    check = "0123456789K"[-total % 11]
    return f"{number:,}-{check}".replace(",", ".")


def nass(chance: Random) -> str:
    """A Spanish social security number: province, number, and both of them mod 97."""
    body = f"{chance.randint(1, 52):02}{digits(8, chance)}"
    check = f"{int(body if body[2] != '0' else body[:2] + body[3:]) % 97:02}"
    return chance.choice((" ", "", "/", " ")).join((body[:2], body[2:], check))


def aadhaar(chance: Random) -> str:
    """An Indian number by the scheme of Verhoeff (1969), in three groups."""
    body = chance.choice("23456789") + digits(10, chance)
    number = f"{body}{_verhoeff(body)}"
    return " ".join((number[:4], number[4:8], number[8:]))


def curp(chance: Random) -> str:
    """A Mexican population key; its form only, the last digit is not computed."""
    born = f"{chance.randint(40, 99)}{chance.randint(1, 12):02}{chance.randint(1, 28):02}"
    return f"{letters(4, chance)}{born}{chance.choice('HM')}{letters(5, chance)}{digits(2, chance)}"


def passport(chance: Random) -> str:
    """A passport number of the United States, the United Kingdom, Spain, Germany or Mexico."""
    german = f"C{letters(1, chance)}{digits(2, chance)}{letters(3, chance)}{digits(2, chance)}"
    spanish = f"{letters(3, chance)}{digits(6, chance)}"
    forms = (digits(9, chance), f"{letters(1, chance)}{digits(8, chance)}", spanish, german, f"G{digits(8, chance)}")
    return chance.choice(forms)


def driving(chance: Random) -> str:
    """A driving licence of one of several states of the United States, or of the United Kingdom."""
    return chance.choice(
        (
            f"{letters(1, chance)}{digits(7, chance)}",
            digits(8, chance),
            f"{letters(1, chance)}{digits(12, chance)}",
            f"{letters(1, chance)}{digits(3, chance)}-{digits(4, chance)}-{digits(4, chance)}",
            f"{letters(5, chance)}{digits(6, chance)}{letters(2, chance)}{digits(1, chance)}{letters(2, chance)}",
        )
    )


def plate(chance: Random) -> str:
    """A number plate of several countries."""
    return chance.choice(
        (
            f"{digits(1, chance)}{letters(3, chance)}{digits(3, chance)}",
            f"{letters(3, chance)}-{digits(4, chance)}",
            f"{letters(3, chance)} {digits(4, chance)}",
            f"{digits(4, chance)} {letters(3, chance)}",
            f"{letters(2, chance)}{digits(2, chance)} {letters(3, chance)}",
            f"{chance.choice(('B', 'M', 'HH', 'KA', 'DD'))}-{letters(2, chance)} {digits(4, chance)}",
        )
    )


def serial(chance: Random) -> str:
    """A serial number as makers of devices write them."""
    return chance.choice(
        (
            f"{letters(2, chance)}-{digits(6, chance)}",
            f"{letters(3, chance)}{digits(6, chance)}{letters(1, chance)}",
            digits(9, chance),
            f"SN{digits(8, chance)}",
            f"{digits(4, chance)}-{letters(2, chance)}-{digits(4, chance)}",
            imei(chance),
        )
    )


def code(chance: Random) -> str:
    """A number of a record, a member, a customer or an account, as institutions make them."""
    return chance.choice(
        (
            digits(chance.randint(5, 10), chance),
            digits(chance.randint(6, 9), chance),
            f"{letters(1, chance)}{digits(chance.randint(5, 9), chance)}",
            f"{letters(2, chance)}{digits(chance.randint(5, 8), chance)}",
            f"{letters(chance.randint(2, 3), chance)}-{digits(chance.randint(4, 8), chance)}",
            f"{digits(3, chance)}-{digits(4, chance)}",
            f"{digits(2, chance)}-{digits(2, chance)}-{digits(3, chance)}",
            f"{letters(3, chance)}-{digits(4, chance)}-{digits(4, chance)}",
            f"{digits(6, chance)}/{digits(2, chance)}",
        )
    )


def case(chance: Random) -> str:
    """A number of a court, a prosecutor or a police station."""
    year = chance.randint(1985, 2025)
    return chance.choice(
        (
            f"{chance.randint(100, 99999)}/{year % 100:02}",
            f"{chance.randint(100, 99999)}/{year % 100:02}",
            f"{year}/{digits(3, chance)}",
            f"{chance.choice('ABCKUV')} {digits(4, chance)}/{year % 100:02}",
            f"{digits(2, chance)} {chance.choice(('Cs', 'Js', 'K', 'C', 'Ra'))} {digits(3, chance)}/{year % 100:02}",
            f"{year % 100:02}-CV-{digits(5, chance)}",
            f"{chance.choice(('CR', 'DOC', 'PA'))}-{year}-{digits(5, chance)}",
        )
    )


def mac(chance: Random) -> str:
    """A network card: six octets."""
    octets = [f"{chance.randint(0, 255):02x}" for _ in range(6)]
    text = chance.choice((":", ":", "-")).join(octets)
    return text.upper() if chance.random() < 0.5 else text


def ip(chance: Random) -> str:
    """IPv4, one time in four IPv6."""
    if chance.random() < 0.25:
        groups = [f"{chance.randint(1, 0xFFFF):x}" for _ in range(8)]
        return ":".join(groups) if chance.random() < 0.6 else f"2001:db8::{groups[0]}:{groups[1]}"
    return ".".join(str(chance.randint(1, 254)) for _ in range(4))


def uuid(chance: Random) -> str:
    """A random one (RFC 9562, version 4)."""
    text = f"{chance.getrandbits(128):032x}"
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-{chance.choice('89ab')}{text[17:20]}-{text[20:]}"


def _verhoeff(body: str) -> int:
    """The check digit: products in the dihedral group of ten, after a permutation that depends on the place."""
    state = 0
    for place, digit in enumerate(reversed(body), start=1):
        state = _dihedral(state, _permuted(int(digit), place))
    return next(check for check in range(10) if _dihedral(state, check) == 0 and _dihedral(check, state) == 0)


def _dihedral(one: int, other: int) -> int:
    if one < 5:
        return (one + other) % 5 if other < 5 else 5 + (one + other - 5) % 5
    return 5 + (one - 5 - other) % 5 if other < 5 else (one - other) % 5


def _permuted(digit: int, place: int) -> int:
    for _ in range(place % 8):
        digit = (1, 5, 7, 6, 2, 8, 3, 0, 9, 4)[digit]
    return digit
