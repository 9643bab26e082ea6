"""A blank of the training station: a pre-made card with files, all keys and unpersonalised payment applications.

The keys are published: the root of a label is the left half of SHA-256 over a sentence and the label.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from typing import Literal

from cardfab.crypto import Algorithm
from cardfab.simulator.chip import layout, tlv
from cardfab.simulator.chip.chip import TrainingChip
from cardfab.simulator.chip.crypt import card_identification, card_key, inverted
from cardfab.simulator.chip.domain import TRIES
from cardfab.simulator.chip.filesystem import ALGORITHM_BYTES
from cardfab.simulator.chip.memory import Memory, Tries
from cardfab.simulator.chip.scp02 import diversified

TRAINING_PIN = "123456"
KEY_TRIES = 6
CHANNEL_TRIES = 10
KMC_ID = bytes.fromhex("FFFFFF629999")  # IIN 629999, right justified
_CHIP_AND_MAKER = bytes.fromhex("0087BF10028649")  # T1 to T7 of a published template


def training_root(label: str) -> bytes:
    """The published root key of a label."""
    return hashlib.sha256(b"cardfab training key, not secret: " + label.encode("ascii")).digest()[:16]


def make_blank(
    *,
    serial: int,
    region: str = "440199",
    algorithm: Literal["3DES", "SM4"] = "3DES",
    wrong_update_key: bool = False,
    authentication_code: bool = False,
    entropy: Callable[[int], bytes] = secrets.token_bytes,
) -> TrainingChip:
    """A fresh chip without power. ``serial`` is 0 to 99999999, ``region`` six digits; raises ValueError.

    A 3DES card says version 2.00 and leaves the holder's file free to read, an SM4 card says 3.00 and protects it.
    ``wrong_update_key`` loads update keys that no station can derive. ``authentication_code`` fills the card
    identification in; a blank has FFFFFFFF there.
    """
    if not 0 <= serial <= 99_999_999:
        raise ValueError("the serial number has at most 8 digits")
    if len(region) != 6 or not (region.isascii() and region.isdecimal()):
        raise ValueError("the region has 6 digits")
    cipher = Algorithm(algorithm)
    number = bytes.fromhex(f"{serial:08d}")
    historical = _CHIP_AND_MAKER + bytes.fromhex(region[:4]) + number
    cells = {"os/historical": historical, "os/algorithm": bytes((ALGORITHM_BYTES[cipher],))}
    irk = b""
    for directory in layout.directories(2).values():
        for place in directory.keys:
            key = card_key(cipher, training_root(place.root), region, historical)
            if place.name == "IRK":
                irk = key
            if wrong_update_key and place.name.startswith("UK"):
                key = inverted(key)
            name = f"{directory.path}/{place.name}"
            cells[f"key/{name}"] = key
            cells |= Tries.cells(f"tries/{name}", KEY_TRIES)
    cells |= {"pin": bytes.fromhex(TRAINING_PIN), **Tries.cells("tries/PIN", KEY_TRIES)}
    identification = card_identification(cipher, region, number, irk if authentication_code else None)
    version = b"2.00" if cipher is Algorithm.TDES else b"3.00"
    entry = tlv.build(0x4F, layout.DF01_NAME) + tlv.build(0x50, "公共应用信息区".encode("gbk"))
    cells |= {
        "ef/DDF1/EF05/01": b"\x01\x10" + identification,
        "ef/DDF1/EF05/03": b"\x03\x04" + version,
        "ef/DDF1/EF1E/01": tlv.build(0x61, entry),
    }
    return TrainingChip(Memory(cells | _global_platform(number)), entropy)


def _global_platform(number: bytes) -> dict[str, bytes]:
    """KMC keys by EMV CPS for KEYDATA = KMCID 6 | CSN 4, production life cycle data, sequence counter 0."""
    key_data = KMC_ID + number
    keys = diversified(training_root("bank/KMC"), key_data)
    cplc = bytes.fromhex("4790503347C18600") + bytes(4) + number + bytes(26)
    return {
        "isd/keydata": key_data,
        "isd/KENC": keys.enc,
        "isd/KMAC": keys.mac,
        "isd/KDEK": keys.dek,
        "isd/cplc": cplc,
        "isd/sequence": bytes(2),
        **Tries.cells(TRIES, CHANNEL_TRIES),
    }
