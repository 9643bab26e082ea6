"""The published issuer keys of a training station: everybody has them, so no card made with them is worth anything.

They and the account numbers below IIN 629999 are the invented ones of the three sample cards (facts on PBOC debit), so
that a training station makes cards that compare with those byte for byte.
"""

from __future__ import annotations

from functools import cache

from cardfab.crypto.rsa import der_of_primes
from cardfab.keys.label import KeySpec, Level, Usage

_PRIMES = {
    "bank/ISSUER-RSA": (
        "EA37329DCCBE8B1ACBB37211831B2E3599AC19B3DF59AA1AEDEE6F668DB52D4E46868DA26C92BB29DC0F16B6FF0D936C4240"
        "C766EA77DDE744F94C7554319C4A2F957953289D910FCE600EA7757A4E139B325F5EB7624501",
        "D087BD547A1DC4F37568F1276B7155B9FAB9D63013D5718F037DAA85A9D76014C3347ADB0961163FF14838F77C6F46FF36FC"
        "B1A91CAF9B115D7A48C2A5A97316FA735DDE6D2EA2D8283A52152693799B25DA172769E87FA9",
    ),
    "bank/ISSUER-RSA-1152": (
        "DA27D97C2F4B6AB41CA74D377A1C779D3C7F51F42413834751B30E0DAC0859B403A3B5382A14EE1091C0B665B60D0780DD49"
        "E5F0DB1FB9BEBA0CDA90B365B44FE8154608C57FC141",
        "CDDC87BADA7911210FCBD0BFCE65E82754490AC4DB30FC9CCD935F119D942B17F7F66904CE0ACEA88250CAC7CFA1D5576432"
        "549C2877430EE2389769911B91D63EC2687CA0F70F5F",
    ),
}
_SM2 = {"bank/ISSUER-SM2": "72F4C1BC6179746E9341031F2B86BA520B9370AD0C5BCCA18025609105BF7E4A"}

PUBLISHED_PIN = "123456789012"
"""The first digits of it are the first PIN of every training card, so that a mailer tells nothing."""

ISSUER_KEYS: tuple[KeySpec, ...] = (
    KeySpec("bank/ISSUER-RSA", "RSA-1408", Usage.ISSUER, Level.BANK),
    KeySpec("bank/ISSUER-RSA-1152", "RSA-1152", Usage.ISSUER, Level.BANK),
    KeySpec("bank/ISSUER-SM2", "SM2", Usage.ISSUER, Level.BANK),
)
"""Exponent 3 throughout."""


@cache
def published_issuer_key(label: str) -> bytes:
    """PKCS #1 DER of an RSA key, d of an SM2 key."""
    if label in _SM2:
        return bytes.fromhex(_SM2[label])
    p, q = (int(prime, 16) for prime in _PRIMES[label])
    return der_of_primes(p, q, 3)
