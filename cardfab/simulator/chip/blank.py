"""A blank of the training station: a pre-made card with files, all keys and unpersonalised payment applications.

The keys are published: the root of a label is the left half of SHA-256 over a sentence and the label.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from typing import Literal

from cardfab.crypto import Algorithm, encrypt_ecb
from cardfab.simulator.chip import (
    created,
    fmcos,
    keyring,
    layout,
    pki,
    premade,
    profiles,
    registry,
    stages,
    t514,
    tlv,
    vault,
)
from cardfab.simulator.chip.chip import DEBIT_AID, DIALECTS, PPSE_AID, PSE_AID, TrainingChip
from cardfab.simulator.chip.crypt import card_identification, card_key, inverted
from cardfab.simulator.chip.domain import TRIES
from cardfab.simulator.chip.filesystem import ALGORITHM_BYTES
from cardfab.simulator.chip.memory import Memory, Tries
from cardfab.simulator.chip.profiles import NEWER, PROFILES, TRAINING, Profile, published_key
from cardfab.simulator.chip.scp02 import KeySet, diversified

TRAINING_PIN = "123456"
KEY_TRIES = 6
CHANNEL_TRIES = 10
KMC_ID = bytes.fromhex("FFFFFF629999")  # IIN 629999, right justified
KEY_VERSION = 0x01
PAYMENT_FILE = bytes.fromhex("A00000033301")
_CHIP_AND_MAKER = bytes.fromhex("0087BF10028649")  # T1 to T7 of a published template


def training_root(label: str) -> bytes:
    """The published root key of a label."""
    return hashlib.sha256(b"cardfab training key, not secret: " + label.encode("ascii")).digest()[:16]


Version = Literal["1.0", "2.0", "3.0"]
Cipher = Literal["3DES", "SM4"]


def make_blank(
    *,
    serial: int,
    region: str = "440199",
    version: Version | None = None,
    algorithm: Cipher | None = None,
    account_only: bool = False,
    unemployment: Literal["DF02", "DF03"] = "DF03",
    extension: str = "",
    wrong_update_key: bool = False,
    authentication_code: bool = False,
    entropy: Callable[[int], bytes] = secrets.token_bytes,
) -> TrainingChip:
    """A fresh chip without power. ``serial`` is 0 to 99999999, ``region`` six digits; raises ValueError.

    ``version`` of the card: 2.0 where nothing else is said, 3.0 for SM4; 3.0 is SM4 where nothing else is said, 1.0 is
    3DES. ``account_only``: the medical account without totals. ``unemployment``: where tag 60 lies. ``extension``: the
    region's own files and keys, in the form of :mod:`cardfab.simulator.chip.premade`.
    ``wrong_update_key`` loads update keys that no station can derive. ``authentication_code`` fills the card
    identification in; a blank has FFFFFFFF there.
    """
    if not 0 <= serial <= 99_999_999:
        raise ValueError("the serial number has at most 8 digits")
    if len(region) != 6 or not (region.isascii() and region.isdecimal()):
        raise ValueError("the region has 6 digits")
    version = version or ("3.0" if algorithm == "SM4" else "2.0")
    cipher = Algorithm(algorithm or ("SM4" if version == "3.0" else "3DES"))
    if version == "1.0" and cipher is not Algorithm.TDES:
        raise ValueError("cards of version 1.0 are 3DES")
    number = bytes.fromhex(f"{serial:08d}")
    historical = _CHIP_AND_MAKER + bytes.fromhex(region[:4]) + number
    cells = {
        "os/historical": historical,
        "os/algorithm": bytes((ALGORITHM_BYTES[cipher],)),
        premade.VERSION: version.encode("ascii"),
        premade.UNEMPLOYMENT: unemployment.encode("ascii"),
    }
    if account_only:
        cells[premade.ACCOUNT_ONLY] = b"\x01"
    if extension:
        cells[premade.EXTENSION] = extension.encode("utf-8")
    tree = premade.of(Memory(cells))
    for directory in tree.values():
        for place in directory.keys:
            for group in range(1, place.groups + 1):
                name = f"{directory.path}/{place.name}{layout.group(group)}"
                key = card_key(cipher, training_root(root_label(place.root, cipher, group)), region, historical)
                cells[f"key/{name}"] = inverted(key) if wrong_update_key and place.name.startswith("UK") else key
                cells |= Tries.cells(f"tries/{name}", KEY_TRIES)
    cells |= {"pin": bytes.fromhex(TRAINING_PIN), **Tries.cells("tries/PIN", KEY_TRIES)}
    irk = cells["key/DDF1/IRK"] if authentication_code else None
    cells["ef/DDF1/EF05/01"] = b"\x01\x10" + card_identification(cipher, region, number, irk)
    cells["ef/DDF1/EF05/03"] = b"\x03\x04" + f"{version}0".encode("ascii")
    applications = [one for one in tree.values() if one.label]
    for n, one in enumerate(applications, 1):
        entry = tlv.build(0x4F, one.name) + tlv.build(0x50, one.label.encode("gbk"))
        cells[f"ef/DDF1/EF1E/{n:02X}"] = tlv.build(0x61, entry)
    if version == "3.0":
        master, manager = (
            card_key(Algorithm.SM4, training_root(f"ss/PKI/{name}-TRANSPORT"), region, historical)
            for name in ("MK", "MANAGER")
        )
        cells |= pki.cells(master, manager, TRAINING_PIN, entropy)
    return TrainingChip(Memory(cells | _global_platform(number) | vault_entry()), entropy)


def root_label(label: str, algorithm: Algorithm, group: int = 1) -> str:
    """The label of the root of a key: SM4 cards have roots of their own, each version of a key has one."""
    own = label.replace("ss/", "ss/SM4/", 1) if algorithm is Algorithm.SM4 else label
    return own + layout.group(group)


def _global_platform(number: bytes) -> dict[str, bytes]:
    """KMC keys by EMV CPS for KEYDATA = KMCID 6 | CSN 4, production life cycle data, the payment applications."""
    key_data = KMC_ID + number
    keys = diversified(training_root("bank/KMC"), key_data)
    return domain_cells(key_data, number, KEY_VERSION, keyring.DES, keys) | payment_entries()


def _with_newer_channel(serial: int, region: str, entropy: Callable[[int], bytes]) -> dict[str, bytes]:
    """The training card with AES keys: the root in ECB over the text of EMV CPS, six bytes | F0 | n | six | 0F | n."""
    profile, number = PROFILES[NEWER], bytes.fromhex(f"{serial:08d}")
    blank = make_blank(serial=serial, region=region, entropy=entropy).memory.cells
    kept = {name: one for name, one in blank.items() if not name.startswith("isd/key/")}
    key_data = KMC_ID + number
    low, root = key_data[4:], training_root("bank/AES/KMC")
    keys = (encrypt_ecb(Algorithm.AES, root, low + bytes((0xF0, n)) + low + bytes((0x0F, n))) for n in (1, 2, 3))
    return {
        **kept,
        **profile.cells(),
        **domain_cells(key_data, number, profile.key_version, keyring.AES, KeySet(*keys)),
    }


def domain_cells(key_data: bytes, number: bytes, version: int, kind: int, keys: KeySet) -> dict[str, bytes]:
    """A security domain with one key set."""
    values = (keys.enc, keys.mac, keys.dek)
    cplc = bytes.fromhex("4790503347C18600") + bytes(4) + number + bytes(26)
    return {
        "isd/keydata": key_data,
        "isd/cplc": cplc,
        **{keyring.cell(version, kid): bytes((kind,)) + key for kid, key in zip((1, 2, 3), values, strict=True)},
        **Tries.cells(TRIES, CHANNEL_TRIES),
    }


def payment_entries() -> dict[str, bytes]:
    """The registry's entries of the payment applications, which are in the chip."""
    isd = bytes.fromhex(profiles.ISD_AID)
    aids = {"debit": DEBIT_AID, "pse": PSE_AID, "ppse": PPSE_AID}
    file = registry.Entry(
        PAYMENT_FILE, registry.LOADED, domain=isd, version=b"\x01\x00", modules=tuple(aids.values()), fixed="debit"
    )
    cells = {registry.file_cell(PAYMENT_FILE): file.encode()}
    for name, aid in aids.items():
        one = registry.Entry(aid, registry.SELECTABLE, bytes(3), PAYMENT_FILE, aid, isd, fixed=name)
        cells[registry.application_cell(aid)] = one.encode()
    return cells


def vault_entry(*, installed: bool = False) -> dict[str, bytes]:
    """The registry's entry of the load file that can be installed from, and of one application made from it."""
    isd = bytes.fromhex(profiles.ISD_AID)
    file = registry.Entry(
        vault.PACKAGE, registry.LOADED, domain=isd, version=b"\x01\x00", modules=(vault.MODULE,), fixed="vault"
    )
    cells = {registry.file_cell(vault.PACKAGE): file.encode()}
    if installed:  # some tools cannot list a card without applications
        one = registry.Entry(vault.INSTANCE, registry.SELECTABLE, bytes(3), vault.PACKAGE, vault.MODULE, isd)
        cells[registry.application_cell(one.aid)] = one.encode()
    return cells


def make_raw_chip(
    dialect: Literal["t514", "fmcos"] = "t514",
    *,
    serial: int = 1,
    region: str = "440199",
    algorithm: Cipher = "3DES",
    transport: bytes | None = None,
    activated: bool = True,
    entropy: Callable[[int], bytes] = secrets.token_bytes,
) -> TrainingChip:
    """An empty chip: no files, a transport key, the security domain of the training card. Raises ValueError.

    ``transport``: of a T514 the transport master key, by default the training root ``transport/T514``; of an FMCOS the
    transport key itself, by default FF*8. An SM4 chip has its PKI application already. Not ``activated``: as it leaves
    the chip's maker, with thirteen historical bytes of 00, neither transport key nor PKI application.
    """
    if dialect.encode("ascii") not in DIALECTS:
        raise ValueError(f"no dialect {dialect!r}")
    if transport is not None and not activated:
        raise ValueError("the transport key comes with the activation")
    chip = make_blank(serial=serial, region=region, algorithm=algorithm, entropy=entropy)
    parts = ("os/", "isd/", "gp/", "tries/isd", *(pki.CELLS if activated else ()))
    kept = {name: one for name, one in chip.memory.cells.items() if name.startswith(parts)}
    if not activated:
        own = stages.never_activated() | ({} if dialect == "t514" else fmcos.empty(b"\xff" * 8))
    elif dialect == "t514":
        own = {t514.TRANSPORT: transport or training_root("transport/T514")}
        own |= Tries.cells(t514.TRANSPORT_TRIES, KEY_TRIES)
    else:
        own = fmcos.empty(transport or b"\xff" * 8)
    return TrainingChip(Memory(kept | own | {created.DIALECT: dialect.encode("ascii")}), entropy)


PREMADE: dict[str, tuple[Version, Cipher]] = {
    "training-ssc1": ("1.0", "3DES"),
    "training-ssc2": ("2.0", "3DES"),
    "training-ssc2-sm4": ("2.0", "SM4"),
    "training-ssc3": ("3.0", "SM4"),
    "training-ssc3-3des": ("3.0", "3DES"),
}
Dialect = Literal["t514", "fmcos"]
RAW: dict[str, tuple[Dialect, Cipher, bool]] = {
    "raw-t514": ("t514", "3DES", True),
    "raw-t514-sm4": ("t514", "SM4", True),
    "raw-fmcos": ("fmcos", "3DES", True),
    "raw-fmcos-sm4": ("fmcos", "SM4", True),
    "new-t514": ("t514", "3DES", False),
    "new-t514-sm4": ("t514", "SM4", False),
    "new-fmcos": ("fmcos", "3DES", False),
    "new-fmcos-sm4": ("fmcos", "SM4", False),
}
"""Empty chips: dialect, cipher, whether they were activated."""
CARDS = (*PROFILES, *(name for name in PREMADE if name not in PROFILES), *RAW)
"""What :func:`make_card` knows by name."""


def make_card(
    profile: str | Profile,
    serial: int = 1,
    *,
    region: str = "440199",
    entropy: Callable[[int], bytes] = secrets.token_bytes,
) -> TrainingChip:
    """A chip without power by the name of its profile; raises ValueError.

    ``training-ssc..`` are :func:`make_blank`, ``raw-..`` and ``new-..`` :func:`make_raw_chip`. The keys of any other
    are the published test keys of GlobalPlatform, 40 41 42 .., which protect nothing.
    """
    if isinstance(profile, str) and profile in PREMADE:
        version, cipher = PREMADE[profile]
        return make_blank(serial=serial, region=region, version=version, algorithm=cipher, entropy=entropy)
    if isinstance(profile, str):
        if profile not in CARDS:
            raise ValueError(f"no profile {profile!r}; there are {', '.join(CARDS)}")
        if profile in RAW:
            dialect, cipher, activated = RAW[profile]
            return make_raw_chip(
                dialect, serial=serial, region=region, algorithm=cipher, activated=activated, entropy=entropy
            )
        profile = PROFILES[profile]
    if profile.name == TRAINING:
        return make_blank(serial=serial, region=region, entropy=entropy)
    if profile.name == NEWER:
        return TrainingChip(Memory(_with_newer_channel(serial, region, entropy)), entropy)
    if not 0 <= serial <= 99_999_999:
        raise ValueError("the serial number has at most 8 digits")
    number = bytes.fromhex(f"{serial:08d}")
    key = published_key(profile.key_length)
    kind = keyring.AES if profile.scp == 3 else keyring.DES
    cells = domain_cells(bytes(6) + number, number, profile.key_version, kind, KeySet(key, key, key))
    cells |= {**profile.cells(), **vault_entry(installed=True), **Tries.cells(TRIES, profile.tries)}
    if profile.payment:
        cells |= payment_entries()
    return TrainingChip(Memory(cells), entropy)
