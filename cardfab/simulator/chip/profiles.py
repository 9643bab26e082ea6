"""The cards that the simulator can be, as a table. A profile travels in the memory of its card."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from cardfab.crypto import Algorithm
from cardfab.simulator.chip import scp03
from cardfab.simulator.chip.memory import Memory

CELL = "os/profile"
ISD_AID = "A000000151000000"
GLOBAL_PLATFORM_ATR = "3B8D8131FE458073C021C0576361726466616272"  # T=1, historical bytes: extended length, chaining


@dataclass(frozen=True, slots=True)
class Profile:
    """How the security domain of a card behaves.

    ``scp`` and ``i``: the secure channel and its option (GPC annex E table E-1, amendment D table 5-1). ``r_mac``:
    SCP02 has R-MACs although its option does not say so, as some cards do. ``key_length``: bytes
    of the initial keys. ``key_version``: that of the initial keys; FF are replaced by the first PUT KEY. ``put_key``:
    the encodings of AES keys taken, ``bare`` and ``prefixed``. ``get_data_iso``: what CLA 00 GET DATA answers for a
    template, the ``object`` or its ``value``. ``counts_empty``: SCP03 counts commands without data for the ICV.
    ``dgi_only``: STORE DATA to an application must say DGI form in P1. ``block_wraps``: P2 of STORE DATA goes on at 00
    after FF. ``extended``: extended lengths and command chaining. ``social``: the card has the social security
    application and the payment applications; ``payment``: it has the latter alone. ``published_keys``: the keys are
    the test keys of GlobalPlatform.
    """

    name: str
    title: str
    scp: int = 2
    i: int = 0x15
    r_mac: bool = False
    key_length: int = 16
    key_version: int = 0x01
    put_key: tuple[str, ...] = ("bare", "prefixed")
    get_data_iso: str = "object"
    counts_empty: bool = True
    dgi_only: bool = False
    block_wraps: bool = False
    extended: bool = True
    social: bool = False
    payment: bool = False
    published_keys: bool = True
    isd_aid: str = ISD_AID
    tries: int = 10

    @property
    def algorithm(self) -> Algorithm:
        """That of the channel's keys."""
        return Algorithm.AES if self.scp == 3 else Algorithm.TDES

    @property
    def option(self) -> int:
        """The option as the channel works: SCP02 with R-MAC where the card has it."""
        return self.i | 0x20 if self.r_mac else self.i

    @property
    def size(self) -> int:
        """Bytes of a challenge and a MAC: 16 in S16 mode."""
        return 16 if self.scp == 3 and self.i & scp03.S16 else 8

    def cells(self) -> dict[str, bytes]:
        """The profile as a cell of the memory."""
        return {CELL: json.dumps(asdict(self)).encode("utf-8")}

    @classmethod
    def of(cls, memory: Memory) -> Profile:
        """The profile of a card; the training card's where none was written."""
        if not memory.has(CELL):
            return PROFILES[TRAINING]
        stored = json.loads(memory.read(CELL))
        return cls(**{**stored, "put_key": tuple(stored["put_key"])})


def published_key(length: int) -> bytes:
    """The test key that GlobalPlatform publishes, 40 41 42 ..; it protects nothing."""
    return bytes(range(0x40, 0x40 + length))


TRAINING, NEWER = "training-ssc2", "training-ssc2-scp03"
_SCP02 = tuple(
    Profile(f"gp-scp02-i{i:02x}", f"SCP02 i={i:02X}, 3DES", i=i, r_mac=True)
    for i in (0x04, 0x05, 0x14, 0x15, 0x44, 0x45, 0x54, 0x55)
)
_SCP03 = tuple(
    Profile(
        f"gp-scp03-aes{bits}-s{8 if i == 0x70 else 16}",
        f"SCP03 i={i:02X}, AES-{bits}, S{8 if i == 0x70 else 16}",
        scp=3,
        i=i,
        key_length=bits // 8,
        key_version=0x30,
    )
    for bits in (128, 192, 256)
    for i in (0x70, 0x71)
)
PROFILES: Mapping[str, Profile] = {
    one.name: one
    for one in (
        Profile(TRAINING, "training card, SCP02 i=15", social=True, extended=False, published_keys=False),
        Profile(
            NEWER,
            "training card, SCP03 i=70",
            scp=3,
            i=0x70,
            key_version=0x30,
            social=True,
            extended=False,
            published_keys=False,
        ),
        Profile(
            "training-debit-scp03", "payment applications, SCP03 i=70", scp=3, i=0x70, key_version=0x30, payment=True
        ),
        *_SCP02,
        Profile("gp-scp02-i75", "SCP02 i=75, 3DES, R-MAC by its option", i=0x75),
        *_SCP03,
        Profile("gp-scp03-random", "SCP03 i=60, AES-128, random challenge", scp=3, i=0x60, key_version=0x30),
        Profile("gp-scp03-random-s16", "SCP03 i=61, AES-128, S16, random", scp=3, i=0x61, key_version=0x30),
        Profile("gp-scp03-mac-only", "SCP03 i=00, AES-128, no R-MAC", scp=3, i=0x00, key_version=0x30),
        Profile("gp-scp03-put-key-bare", "takes 88 10 only", scp=3, i=0x70, key_version=0x30, put_key=("bare",)),
        Profile(
            "gp-scp03-put-key-prefixed", "takes 88 11 10 only", scp=3, i=0x70, key_version=0x30, put_key=("prefixed",)
        ),
        Profile(
            "gp-scp03-counts-data", "counts commands with data", scp=3, i=0x70, key_version=0x30, counts_empty=False
        ),
        Profile("gp-scp03-dgi-only", "STORE DATA in DGI form", scp=3, i=0x70, key_version=0x30, dgi_only=True),
        Profile(
            "gp-scp03-initial",
            "keys of the factory (version FF); GET DATA with CLA 00 answers values",
            scp=3,
            i=0x70,
            key_version=0xFF,
            get_data_iso="value",
            block_wraps=True,
        ),
    )
}
