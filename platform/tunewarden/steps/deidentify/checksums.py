"""Checksums of numbers that Presidio has no check for. Each takes the number as it is written, separators and all."""

import ipaddress

_VIN_VALUES = {
    **{str(digit): digit for digit in range(10)},
    **dict(zip("ABCDEFGH", range(1, 9), strict=True)),
    **dict(zip("JKLMN", range(1, 6), strict=True)),
    **dict(zip("PR", (7, 9), strict=True)),
    **dict(zip("STUVWXYZ", range(2, 10), strict=True)),
}
_VIN_WEIGHTS = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)
_DNI_LETTERS = "TRWAGMYFPDXBNJZSQVHLCKE"


def compact(text: str) -> str:
    """Letters and digits only, in capitals."""
    return "".join(character for character in text if character.isalnum()).upper()


def luhn(text: str) -> bool:
    """ISO/IEC 7812-1, annex B: cards, IMEI."""
    digits = [int(character) for character in text if character.isdecimal()]
    doubled = (2 * digit - 9 if digit > 4 else 2 * digit for digit in digits[-2::-2])
    return bool(digits) and any(digits) and (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def vin(text: str) -> bool:
    """49 CFR 565.15(c): the ninth character of a vehicle identification number; elsewhere many have none."""
    number = compact(text)
    if len(number) != 17 or not all(character in _VIN_VALUES for character in number):
        return False
    rest = sum(_VIN_VALUES[character] * weight for character, weight in zip(number, _VIN_WEIGHTS, strict=True)) % 11
    return number[8] == ("X" if rest == 10 else str(rest))


def iban(text: str) -> bool:
    """ISO 13616: mod 97."""
    number = compact(text)
    if not number.isascii() or not 15 <= len(number) <= 34:
        return False
    return int("".join(str(int(character, 36)) for character in number[4:] + number[:4])) % 97 == 1


def dni(text: str) -> bool:
    """The letter of a Spanish DNI or NIE (Real Decreto 1553/2005)."""
    number = compact(text)
    digits = number[:-1].replace("X", "0", 1).replace("Y", "1", 1).replace("Z", "2", 1)
    return digits.isdecimal() and number[-1:] == _DNI_LETTERS[int(digits) % 23]


def spanish_social_security(text: str) -> bool:
    """The last two of the twelve digits of a Spanish social security number: the first ten modulo 97."""
    number = compact(text)
    if len(number) != 12 or not number.isdecimal():
        return False
    province, serial = number[:2], number[2:10]
    first = int(province + (serial[1:] if serial.startswith("0") else serial))
    return first % 97 == int(number[10:])


def insee(text: str) -> bool:
    """The key of a French NIR: 97 less the number modulo 97; Corsica's 2A and 2B count as 19 and 18."""
    number = compact(text)
    digits = number[:13].replace("2A", "19").replace("2B", "18")
    return (
        len(number) == 15
        and digits.isdecimal()
        and number[13:].isdecimal()
        and 97 - int(digits) % 97 == int(number[13:])
    )


def ip_address(text: str) -> bool:
    """Whether it is an address of either version; the unspecified one is nobody's."""
    try:
        return not ipaddress.ip_address(text.split("%")[0]).is_unspecified
    except ValueError:
        return False
