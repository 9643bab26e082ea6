"""Which X9.143 codes stand for our purposes, modes and ciphers: one table, read in both directions.

Codes: ANSI X9.143:2021, 6.3.1 table 2 (key usage), 6.3.2 table 3 (algorithm), 6.3.3 table 4 (mode of use), 6.3.4
table 5 (version number), 6.3.5 table 6 (exportability), 6.3.6 table 7 (optional blocks: HM table 13, KC 15, KP 20, TS
22). Where several of our purposes share a code (roots of card keys are all B3),
our own optional block 10 (numbers are the owner's) binds which one it is.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from cardfab.crypto import Algorithm, Buffer, cmac, encrypt_ecb
from cardfab.crypto.derive import kcv
from cardfab.errors import Text
from cardfab.keys.keyblock.header import Header, KeyBlockRefused, OptionalBlock
from cardfab.keys.label import KeyInfo, KeySpec, Mode, Usage

OUR_USAGE = "10"
"""Optional block with the name of our purpose, as it stands in the key file."""

CODES: dict[Usage, tuple[str, ...]] = {
    Usage.CARD_ROOT: ("B3",),  # key derivation key, not of X9.24
    Usage.LOAD_ROOT: ("B3",),
    Usage.PURCHASE_ROOT: ("B3",),
    Usage.TAC_ROOT: ("B3",),
    Usage.MASTER_ROOT: ("B3",),
    Usage.FACTORY: ("K0",),  # key encryption or wrapping
    Usage.CHANNEL_ROOT: ("E5",),  # EMV, card personalisation
    Usage.EMV_ROOT: ("E0", "E1", "E2", "E6"),  # issuer master keys: AC, SM confidentiality, SM integrity, other
    Usage.CVN: ("C0",),  # card verification key
    Usage.PVV: ("V2",),  # PIN verification, VISA PVV
    Usage.PIN_TRANSPORT: ("P0",),  # PIN encryption
    Usage.POOL: ("D0",),  # symmetric data encryption
    Usage.SEAL: ("B3",),  # a key for each batch is derived of it
    Usage.TRANSPORT: ("D0",),
    Usage.INDEX: ("M7",),  # HMAC
    Usage.KEY_BLOCK: ("K1",),  # TR-31 key block protection key
}
"""Purposes that travel. Private keys (ISSUER, SIGN) do not: they are made where they stay."""
_EMV_BY_NAME = {"IMK-AC": "E0", "IMK-SMC": "E1", "IMK-SMI": "E2"}

MODES: dict[str, frozenset[Mode]] = {
    "B": frozenset((Mode.ENCRYPT, Mode.DECRYPT)),
    "E": frozenset((Mode.ENCRYPT,)),
    "D": frozenset((Mode.DECRYPT,)),
    "C": frozenset((Mode.MAC,)),
    "X": frozenset((Mode.DERIVE,)),
    "S": frozenset((Mode.SIGN,)),
}
"""G and V (generate only, verify only) say less than our ``mac``, Y makes variants: none of them is taken."""
_AS_WRAPPING = {Mode.ENCRYPT: Mode.WRAP, Mode.DECRYPT: Mode.UNWRAP}
_WRAPS = ("K0", "K1")

ALGORITHMS = {"3DES": "T", "AES": "A", "HMAC": "H"}
_HMAC_SHA256 = "21"
"""The HM block of SHA-256."""


def code_of(label: str, usage: Usage) -> str:
    """The key usage of a label; issuer master keys by the end of it (``bank/IMK-SMI``)."""
    if usage not in CODES:
        raise _refused("key usage", Text(f"a key for {usage} does not travel", f"用途为{usage.zh}的密钥不导出"))
    if usage is Usage.EMV_ROOT:
        return _EMV_BY_NAME.get(label.split("@")[0].rsplit("/", 1)[-1], "E6")
    return CODES[usage][0]


def mode_code(modes: Iterable[Mode]) -> str:
    """The mode of use of a set of our modes; what wraps is what encrypts, there."""
    plain = {Mode.ENCRYPT if mode is Mode.WRAP else Mode.DECRYPT if mode is Mode.UNWRAP else mode for mode in modes}
    for code, meant in MODES.items():
        if meant == plain:
            return code
    # A chip's transport key encrypts, wraps and MACs: the purpose says what, N leaves it to that.
    return "N"


def modes_of(header: Header, usage: Usage) -> frozenset[Mode]:
    """What the key inside may do here: never more than block and purpose allow. Raises KeyBlockRefused."""
    if header.mode == "N":  # no restriction but that of the purpose
        return usage.modes
    if header.mode not in MODES:
        raise _refused("mode of use", Text(f"'{header.mode}' is not taken", f"不接受“{header.mode}”"))
    given = MODES[header.mode]
    if header.usage in _WRAPS:
        given |= {_AS_WRAPPING[mode] for mode in given if mode in _AS_WRAPPING}
    allowed = given & usage.modes
    if not allowed:
        raise _refused(
            "mode of use",
            Text(f"'{header.mode}' has nothing that a {usage} does", f"“{header.mode}”与用途“{usage.zh}”不符"),
        )
    return frozenset(allowed)


def usage_of(header: Header, asked: Usage | None = None) -> Usage:
    """The purpose of the key inside, or whether it is ``asked``; raises KeyBlockRefused.

    Block 10 decides where there is one; without it the code, if one purpose has it, or what is asked, if it has it.
    """
    fitting = [usage for usage, codes in CODES.items() if header.usage in codes]
    named = header.get(OUR_USAGE)
    if named is not None:
        fitting = [usage for usage in fitting if usage.name == named]
    if asked is not None:
        fitting = [usage for usage in fitting if usage is asked]
    if not fitting:
        what = header.usage if named is None else f"{header.usage} {named}"
        wanted = Text("any key here", "此处任何密钥") if asked is None else Text(str(asked), asked.zh)
        raise _refused("key usage", Text(f"'{what}' is not that of {wanted.en}", f"“{what}”不是“{wanted.zh}”"))
    if len(fitting) > 1:
        raise _refused(
            "key usage", Text(f"'{header.usage}' may be several: say which", f"“{header.usage}”对应多种用途，请指明")
        )
    return fitting[0]


def algorithm_of(header: Header, length: int) -> str:
    """The algorithm as labels say it (3DES, AES-256, HMAC-SHA-256) of a key of ``length`` bytes."""
    names = {"T": "3DES", "A": f"AES-{8 * length}", "H": "HMAC-SHA-256"}
    if header.algorithm not in names or (header.algorithm == "H" and header.get("HM") != _HMAC_SHA256):
        raise _refused("algorithm", Text(f"'{header.algorithm}' is not taken", f"不接受“{header.algorithm}”"))
    return names[header.algorithm]


def header_for(
    key: KeyInfo | KeySpec,
    value: Buffer,
    when: datetime,
    *,
    version: str = "D",
    exportability: str = "E",
    kbpk: Buffer = b"",
) -> Header:
    """The header of a key of ours: codes, label (LB), check values (KC, KP), time (TS) and our purpose (10).

    SM4, and keys that sign, have no code and are refused: they go from token to token by the token's own wrapping.
    """
    name = key.algorithm.split("-")[0]
    if name not in ALGORITHMS:
        raise _refused(
            "algorithm", Text(f"X9.143 has no code for {key.algorithm}", f"X9.143 没有 {key.algorithm} 的代码")
        )
    blocks = [OptionalBlock("LB", key.label), OptionalBlock(OUR_USAGE, key.usage.name)]
    if name == "HMAC":  # no block cipher, no check value
        blocks.append(OptionalBlock("HM", _HMAC_SHA256))
    else:
        blocks.append(OptionalBlock("KC", check_value(Algorithm(name), value)))
    if kbpk:
        blocks.append(OptionalBlock("KP", check_value(Algorithm.AES if version == "D" else Algorithm.TDES, kbpk)))
    blocks.append(OptionalBlock("TS", when.astimezone(UTC).strftime("%Y%m%d%H%M%SZ")))
    return Header(
        version, code_of(key.label, key.usage), ALGORITHMS[name], mode_code(key.modes), f"{key.version % 100:02d}",
        exportability, tuple(blocks),
    )  # fmt: skip


def check_value(algorithm: Algorithm, key: Buffer) -> str:
    """Data of KC and KP (table 15): 00 and E(0), 3 bytes, for TDEA; 01 and CMAC(0), 5 bytes, for AES.

    X9.24-1:2017, 7.7.2. Not the check value that people see of AES keys here: that is GlobalPlatform's E(01..01).
    """
    if algorithm is Algorithm.AES:
        return "01" + cmac_check_value(algorithm, key).hex().upper()
    return "00" + kcv(algorithm, key).hex().upper()


def cmac_check_value(algorithm: Algorithm, key: Buffer) -> bytes:
    """The first 5 bytes of the CMAC of one block of 00 (X9.24-1:2017, 7.7.2)."""
    return cmac(algorithm, key, bytes(algorithm.block))[:5]


def require_check_values(header: Header, key: Buffer, kbpk: Buffer) -> None:
    """Compare KC and KP, where the block has them, with what came out of it; raises KeyBlockRefused (CF-6605)."""
    ciphers = {"T": Algorithm.TDES, "A": Algorithm.AES}
    pairs = [("KC", ciphers.get(header.algorithm), key), ("KP", ciphers["A" if header.version == "D" else "T"], kbpk)]
    for name, cipher, value in pairs:
        said = header.get(name)
        if said is None or cipher is None:
            continue
        found = {"00": lambda c=cipher, v=value: _zeros(c, v), "01": lambda c=cipher, v=value: cmac_check_value(c, v)}
        made = found[said[:2]]().hex().upper() if said[:2] in found else ""
        if len(said) < 6 or not made.startswith(said[2:]):
            raise KeyBlockRefused(
                f"optional block {name}",
                Text(f"check value {said[2:]} is not the key's", f"校验值 {said[2:]} 与密钥不符"),
                code="CF-6605",
            )


def _zeros(algorithm: Algorithm, key: Buffer) -> bytes:
    return encrypt_ecb(algorithm, key, bytes(algorithm.block))[:3]


def _refused(field: str, what: Text) -> KeyBlockRefused:
    return KeyBlockRefused(field, what, code="CF-6604")
