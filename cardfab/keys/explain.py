"""A derivation step by step, so that an auditor can follow it with a tool of their own: what went in, and check values.

No key is shown, and no card number: of a PAN the first six and the last four digits, in the factor and wherever they
stand in the enciphered block. Who compares has typed the number and knows what the stars are. A block that is made of
a hash of the number is not shown at all: six unknown digits are found from a hash in a second.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cardfab.crypto import Algorithm, CipherRefused
from cardfab.crypto.an10922 import subkeys
from cardfab.errors import Text
from cardfab.keys.diversify import FACTORS_DONE
from cardfab.keys.label import KeyInfo
from cardfab.keys.schemes import PanScheme, Scheme, SchemeRefused, Stage, at_level
from cardfab.keys.vault import Root

HIDDEN = "*"
_LENGTHS = {"AES": 16, "AES-128": 16, "AES-192": 24, "AES-256": 32, "3DES": 16, "SM4": 16}


@dataclass(frozen=True, slots=True)
class Explained:
    """One key on the way from the root: its name, the factor, the texts that were enciphered, and its check values.

    ``method`` as ECB or CMAC with its cipher. ``kcv`` is 3 bytes of E(K, 00..00), with AES of E(K, 01..01), as 'keys
    list' shows it; ``cmac_kcv`` with AES 5 bytes of CMAC(K, 00..00), as key blocks have it, else empty. All in hex.
    """

    name: str
    factor: str
    method: str
    texts: tuple[str, ...]
    kcv: str
    cmac_kcv: str = ""


def explained(root: Root, info: KeyInfo, scheme: Scheme, factors: Mapping[str, str]) -> tuple[Explained, ...]:
    """Every key of one row under a root, in order; raises :class:`SchemeRefused`."""
    scheme = at_level(scheme, FACTORS_DONE.get(info.level, 0))
    algorithm = Algorithm(info.algorithm.split("-")[0])
    scheme.require(algorithm)
    row = scheme.row(factors)
    try:
        stages = scheme.stages(algorithm, _LENGTHS[info.algorithm], *row)
    except CipherRefused as refused:
        raise SchemeRefused(Text(f"The factors are refused: {refused}.", f"因子有误：{refused}。")) from None
    return tuple(_one(root, stage, scheme, row) for stage in stages)


def _one(root: Root, stage: Stage, scheme: Scheme, row: tuple[object, ...]) -> Explained:
    step = stage.path[-1]
    factor, texts = stage.factor, tuple(text.hex().upper() for text in step.texts)
    if isinstance(scheme, PanScheme):
        pan, psn = str(row[0]), str(row[1])
        factor = f"{masked(pan)}|{psn}"
        texts = tuple(_masked_block(scheme, pan, psn, text) for text in texts)
    key = root.inside(stage.path)  # where it is: no copy of it is wanted
    if step.cipher is not Algorithm.AES:
        value, other = key.ecb(bytes(step.cipher.block)), b""
    else:
        value = key.ecb(b"\x01" * 16)
        other = key.ecb(subkeys(key.ecb(bytes(16)))[0])  # the CMAC of one whole block of 00
    return Explained(
        stage.name, factor, f"{step.cipher.value}-{step.mode}", texts, value[:3].hex().upper(), other[:5].hex().upper()
    )


def masked(pan: str) -> str:
    """First six, last four; of a number too short for that the last four."""
    first = 6 if len(pan) > 12 else 0
    return pan[:first] + HIDDEN * max(len(pan) - first - 4, 0) + pan[-4:]


def _masked_block(scheme: PanScheme, pan: str, psn: str, text: str) -> str:
    """Y | ~Y with stars where a hidden digit of the number stands; of a hashed number stars only."""
    if scheme.option == "B" and len(pan) > 16:
        return HIDDEN * len(text)
    shown = (masked(pan) + psn)[-16:].rjust(16, "0") * 2
    return "".join(HIDDEN if mark == HIDDEN else digit for mark, digit in zip(shown, text, strict=True))
