"""The roots of the social security card's keys: every key of the tables, by label, cipher and version.

Names and numbers of groups from LD/T 32 part 9, appendix B, and LD/T 33 (人社信息函[2016]38号), appendix B, whose two
tables are the national and the provincial keys. ``held_as`` is the root that a terminal of a city ordinarily holds:
part 9 prints IRK and the reading keys as 一级根密钥 (no factor applied), the other national keys as 三级根密钥 (both
upper factors applied), and leaves the provincial ones to the province.
"""

from __future__ import annotations

from dataclasses import dataclass

from cardfab.keys.label import KeySpec, Level, Usage


@dataclass(frozen=True, slots=True)
class CardRoot:
    """One key of the tables. ``label`` is that of version 1 for 3DES; :func:`rooted` makes the others of it."""

    label: str
    usage: Usage
    groups: int
    held_as: Level
    at_host: bool = False
    """Whether only the host has it: a load is made online (part 7, 11), a TAC is checked there (part 7, 12.6)."""


def _of(
    directory: str, held_as: Level, groups: int, names: str, usage: Usage = Usage.CARD_ROOT
) -> tuple[CardRoot, ...]:
    where = f"ss/{directory}/" if directory else "ss/"
    at_host = usage in (Usage.LOAD_ROOT, Usage.TAC_ROOT)
    return tuple(CardRoot(where + name, usage, groups, held_as, at_host) for name in names.split())


_NATION, _PROVINCE, _CITY = Level.MINISTRY, Level.PROVINCE, Level.CITY

CARD_ROOTS: tuple[CardRoot, ...] = (
    *_of("", _NATION, 3, "IRK RKSSSE"),
    *_of("", _PROVINCE, 3, "UKSSSE"),
    *_of("", _PROVINCE, 1, "BK PUK"),
    *_of("", _CITY, 1, "STK"),
    *_of("DF01", _NATION, 3, "RK1"),
    *_of("DF01", _PROVINCE, 3, "UK1 UK2 UK5"),
    *_of("DF01", _CITY, 3, "UK3 UK4 UK6 UK7 UK8 UK9 UKA UKB"),
    *_of("DF01", _CITY, 1, "STK"),
    *_of("DF02", _NATION, 3, "RK1"),
    *_of("DF02", _PROVINCE, 3, "UK2 UK3"),
    *_of("DF02", _CITY, 3, "UK1 UK4 UK5 UK6"),
    *_of("DF02", _CITY, 1, "STK"),
    *_of("DF03", _NATION, 3, "RK1 RK2"),
    *_of("DF03", _PROVINCE, 3, "UK1 UK3"),
    *_of("DF03", _PROVINCE, 1, "LK"),
    *_of("DF03", _CITY, 3, "UK2 UK4 UK5 UK6 UK7 UK8"),
    *_of("DF03", _CITY, 1, "STK"),
    *_of("DF04", _NATION, 3, "RK1"),
    *_of("DF04", _PROVINCE, 3, "UK1 DSK"),
    *_of("DF04", _PROVINCE, 1, "LK"),
    *_of("DF04", _CITY, 3, "UK2"),
    *_of("DF04", _CITY, 1, "STK"),
    *_of("DF04", _CITY, 3, "DPK", Usage.PURCHASE_ROOT),
    *_of("DF04", _PROVINCE, 3, "DLK", Usage.LOAD_ROOT),
    *_of("DF04", _PROVINCE, 3, "DTK", Usage.TAC_ROOT),
    *_of("DF07", _NATION, 3, "RK1 RK2 RK3"),
    *_of("DF07", _CITY, 3, "UK1 UK2 UK3"),
    *_of("DF07", _CITY, 1, "STK"),
)
"""Every key of the tables but those of DF05 and DF06, which the specification only suggests (V2.0, appendix B)."""

CIPHERS = ("3DES", "SM4")
MASTER_LABELS = ("ss/MK/MF", "ss/MK/SSSE", *(f"ss/MK/DF0{n}" for n in (1, 2, 3, 4, 7)))
FACTORY_LABELS = ("transport/T514", "transport/FMCOS", "transport/MASTER")
"""Of chips from their factory; MASTER stands in for every master key until that replaces it (part 10, 5.2.3)."""
PKI_LABELS = ("ss/PKI/MK-TRANSPORT", "ss/PKI/MANAGER-TRANSPORT", "ss/PKI/MK", "ss/PKI/MANAGER")
"""Master and manager key of the certificate application, before issue and after; it has no cipher but SM4."""


def rooted(label: str, algorithm: str = "3DES", version: int = 1) -> str:
    """The store's label of a profile's: ``ss/IRK`` for SM4, version 2, is ``ss/SM4/IRK/v2``.

    Labels that name no cipher's root (``ss/PKI/MK``, ``bank/KMC``) are given back as they are.
    """
    room, _, rest = label.partition("/")
    if algorithm != "3DES" and room in ("ss", "transport") and not rest.startswith(("PKI/", algorithm + "/")):
        label = f"{room}/{algorithm}/{rest}"
    return label if version == 1 else f"{label}/v{version}"


def _specs(labels: tuple[str, ...], usage: Usage, level: Level) -> tuple[KeySpec, ...]:
    return tuple(KeySpec(rooted(label, cipher), cipher, usage, level) for cipher in CIPHERS for label in labels)


def card_root_specs(root: CardRoot) -> tuple[KeySpec, ...]:
    """The undivided roots of one key of the tables: each cipher, each version."""
    return tuple(
        KeySpec(rooted(root.label, cipher, version), cipher, root.usage, Level.MINISTRY, version)
        for cipher in CIPHERS
        for version in range(1, root.groups + 1)
    )


SS_ROOTS: tuple[KeySpec, ...] = tuple(spec for root in CARD_ROOTS for spec in card_root_specs(root))
MASTER_ROOTS: tuple[KeySpec, ...] = (
    *_specs(MASTER_LABELS, Usage.MASTER_ROOT, Level.MINISTRY),
    *(KeySpec(label, "SM4", Usage.MASTER_ROOT, Level.MINISTRY) for label in PKI_LABELS),
)
FACTORY_KEYS: tuple[KeySpec, ...] = _specs(FACTORY_LABELS, Usage.FACTORY, Level.STATION)
BANK_ROOTS: tuple[KeySpec, ...] = (
    KeySpec("bank/KMC", "3DES", Usage.CHANNEL_ROOT, Level.BANK),
    KeySpec("bank/AES/KMC", "AES", Usage.CHANNEL_ROOT, Level.BANK),
    *(KeySpec(f"bank/IMK-{name}", "3DES", Usage.EMV_ROOT, Level.BANK) for name in ("AC", "SMI", "SMC")),
    *(KeySpec(f"bank/SM4/IMK-{name}", "SM4", Usage.EMV_ROOT, Level.BANK) for name in ("AC", "SMI", "SMC")),
    KeySpec("bank/CVK", "3DES", Usage.CVN, Level.BANK),
    KeySpec("bank/PVK", "3DES", Usage.PVV, Level.BANK),
    KeySpec("bank/ZPK", "3DES", Usage.PIN_TRANSPORT, Level.BANK),
)

ROOTS: tuple[KeySpec, ...] = (*SS_ROOTS, *MASTER_ROOTS, *FACTORY_KEYS, *BANK_ROOTS)
"""The roots that a training station has, all published."""
PUBLISHED = frozenset(spec.label for spec in ROOTS)
