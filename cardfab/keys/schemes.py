"""The named schemes by which keys come from a root, as values: one row at a time, many in one pass, or step by step.

=========== ==================================== ================================================= ====================
name        takes                                gives                                             source
=========== ==================================== ================================================= ====================
emv-a       PAN, PSN                             UDK                                               EMV book 2 A1.4.1
emv-b       PAN, PSN                             UDK                                               EMV book 2 A1.4.2
ss          region, historical bytes             card key, by province and city                    LD/T 32 part 9, 7
emv         KDD (10 bytes)                       KENC KMAC KDEK of the KMC                         EMV CPS 1.1, 4.1
visa2       KDD                                  the same                                          VISA2
kdf3        KDD                                  the same, AES                                     KDF3 of public tools
an10922     diversification input                one key                                           NXP AN10922 2.2-2.5
scp03       context (16 bytes), constant         one session key                                   GPC amendment D 4.1.5
=========== ==================================== ================================================= ====================

With an SM4 root emv-a, emv-b and ss take their SM4 form E(K, Y | ~Y): JR/T 0025.17, LD/T 32 part 9, 7.1.1.

A row is a tuple of what a scheme takes. :meth:`Scheme.one` computes by :mod:`cardfab.crypto` under a key at hand,
:meth:`Scheme.stages` says the same as paths that a vault walks wherever the root lies.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cardfab.crypto import Algorithm, Buffer, CipherRefused
from cardfab.crypto.an10922 import CONSTANTS, an10922, message
from cardfab.crypto.derive import (
    Diversification,
    emv_option_a,
    scp03_derive,
    scp03_texts,
    ss_diversify,
    ss_factors,
    ss_text,
)
from cardfab.crypto.emv import emv_option_b, udk_data
from cardfab.errors import InputRefused, Text
from cardfab.keys.label import Usage
from cardfab.keys.secret import Secret
from cardfab.keys.vault import Path, Step, ecb

if TYPE_CHECKING:
    from cardfab.keys.bulk import Encipher, KeyBatch

Row = tuple[Any, ...]


class SchemeRefused(InputRefused):
    """A row that the scheme cannot take, or a scheme that the root cannot serve. Never carries a number."""

    default_code = "CF-3227"


@dataclass(frozen=True, slots=True)
class Stage:
    """One key on the way: its name, what went in as the standard names it, and the path from the root to it."""

    name: str
    factor: str
    path: Path


@dataclass(frozen=True, slots=True)
class Scheme(ABC):
    """A named scheme. ``takes`` names the factors of a row in order, ``gives`` the keys of a row."""

    name: str
    what: Text
    takes: tuple[str, ...]
    gives: tuple[str, ...]
    algorithms: tuple[Algorithm, ...]
    usages: tuple[Usage, ...]

    @abstractmethod
    def one(self, algorithm: Algorithm, root: Buffer, *row: Any) -> tuple[Secret, ...]:
        """The keys of one row, in the order of :attr:`gives`; raises :class:`cardfab.crypto.CipherRefused`."""

    @abstractmethod
    def stages(self, algorithm: Algorithm, length: int, *row: Any) -> tuple[Stage, ...]:
        """Every key from a root of ``length`` bytes to those of the row; raises CipherRefused."""

    @abstractmethod
    def row(self, factors: Mapping[str, str]) -> Row:
        """A row of factors as text: digits, or hex. Raises :class:`SchemeRefused`."""

    def many(self, algorithm: Algorithm, root: Buffer | Encipher, rows: Sequence[Row]) -> KeyBatch:
        """The keys of all rows in one buffer, which the caller wipes; raises :class:`SchemeRefused` naming the row.

        ``root`` is the key, or a call that enciphers under it where it lies.
        """
        from cardfab.keys import bulk

        self.require(algorithm)
        return bulk.many(self, algorithm, root, rows)

    def require(self, algorithm: Algorithm) -> None:
        """Raise :class:`SchemeRefused` for a root of a cipher that the scheme does not have."""
        if algorithm not in self.algorithms:
            raise SchemeRefused(
                Text(
                    f"The scheme {self.name} has no form for {algorithm.value}.",
                    f"方案 {self.name} 没有 {algorithm.value} 形式。",
                )
            )

    def text(self, factors: Mapping[str, str], name: str, default: str | None = None) -> str:
        """A factor; raises :class:`SchemeRefused` where it was not given."""
        found = factors.get(name) or default
        if found is None:
            raise SchemeRefused(
                Text(
                    f"The scheme {self.name} takes {' and '.join(self.takes)}.",
                    f"方案 {self.name} 需要 {'、'.join(self.takes)}。",
                )
            )
        return found

    def hex(self, factors: Mapping[str, str], name: str) -> bytes:
        """A factor of bytes."""
        try:
            return bytes.fromhex(self.text(factors, name))
        except ValueError:
            raise SchemeRefused(Text(f"The factor '{name}' is not hex.", f"因子“{name}”不是十六进制。")) from None


@dataclass(frozen=True, slots=True)
class PanScheme(Scheme):
    """A payment card's key from its number: option A or B."""

    option: str = "A"

    def one(self, algorithm: Algorithm, root: Buffer, *row: Any) -> tuple[Secret, ...]:
        pan, psn = row
        option = emv_option_a if self.option == "A" else emv_option_b
        return (Secret(option(root, pan, psn, algorithm=algorithm)),)

    def stages(self, algorithm: Algorithm, length: int, *row: Any) -> tuple[Stage, ...]:
        pan, psn = row
        if length != 16:
            raise CipherRefused(f"an issuer master key has 16 bytes, not {length}")
        return (Stage(self.gives[0], f"{pan}|{psn}", (ecb(algorithm, udk_data(self.option, pan, psn)),)),)

    def row(self, factors: Mapping[str, str]) -> Row:
        return self.text(factors, "pan"), self.text(factors, "psn", "00")


@dataclass(frozen=True, slots=True)
class RegionScheme(Scheme):
    """Ministry, province, city, card. ``done`` of the three factors were applied to the root already."""

    done: int = 0

    def one(self, algorithm: Algorithm, root: Buffer, *row: Any) -> tuple[Secret, ...]:
        key = Secret(root)
        for factor in ss_factors(*row)[self.done :]:
            with key as above:
                key = Secret(ss_diversify(algorithm, above.view(), factor))
        return (key,)

    def stages(self, algorithm: Algorithm, length: int, *row: Any) -> tuple[Stage, ...]:
        if length != 16:
            raise CipherRefused(f"a key has 16 bytes, not {length}")
        names = ("province", "city", self.gives[0])
        steps = tuple(ecb(algorithm, ss_text(algorithm, factor)) for factor in ss_factors(*row))
        return tuple(
            Stage(names[place], ss_factors(*row)[place].hex().upper(), steps[self.done : place + 1])
            for place in range(self.done, 3)
        )

    def row(self, factors: Mapping[str, str]) -> Row:
        return self.text(factors, "region"), self.hex(factors, "historical")


@dataclass(frozen=True, slots=True)
class ChipScheme(Scheme):
    """A chip's three channel keys from its key diversification data."""

    template: Diversification = Diversification.of("emv")  # noqa: RUF009 - a frozen value

    def one(self, algorithm: Algorithm, root: Buffer, *row: Any) -> tuple[Secret, ...]:
        (kdd,) = row
        return tuple(Secret(self.template.card_key(root, kdd, index)) for index in (1, 2, 3))

    def stages(self, algorithm: Algorithm, length: int, *row: Any) -> tuple[Stage, ...]:
        (kdd,) = row
        found = []
        for index, name in enumerate(self.gives, 1):
            mode, texts = self.template.material(kdd, index, length)
            step = Step(algorithm, "CMAC" if mode == "CMAC" else "ECB", texts, length)
            found.append(Stage(name, bytes(kdd).hex().upper(), (step,)))
        return tuple(found)

    def row(self, factors: Mapping[str, str]) -> Row:
        return (self.hex(factors, "kdd"),)


@dataclass(frozen=True, slots=True)
class InputScheme(Scheme):
    """AN10922."""

    def one(self, algorithm: Algorithm, root: Buffer, *row: Any) -> tuple[Secret, ...]:
        return (Secret(an10922(algorithm, root, *row)),)

    def stages(self, algorithm: Algorithm, length: int, *row: Any) -> tuple[Stage, ...]:
        (given,) = row
        message(algorithm, length, 0, given)  # the lengths are in order
        if len(given) < algorithm.block or (algorithm, length) == (Algorithm.AES, 24):
            # Shorter ones are no CMAC of any message, and AES-192 keys overlap: no path says that.
            raise CipherRefused(f"a diversification input under {algorithm.block} bytes, or AES-192, has no path")
        texts = tuple(bytes([constant]) + bytes(given) for constant in CONSTANTS[algorithm, length])
        return (Stage(self.gives[0], bytes(given).hex().upper(), (Step(algorithm, "CMAC", texts, length),)),)

    def row(self, factors: Mapping[str, str]) -> Row:
        return (self.hex(factors, "input"),)


@dataclass(frozen=True, slots=True)
class SessionScheme(Scheme):
    """The KDF of SCP03, as session keys come by it: the context is host challenge | card challenge."""

    @staticmethod
    def _given(context: bytes, constant: int) -> tuple[bytes, int]:
        if len(context) != 16:
            raise CipherRefused(f"a context has 16 bytes, not {len(context)}")
        return context, constant

    def one(self, algorithm: Algorithm, root: Buffer, *row: Any) -> tuple[Secret, ...]:
        context, constant = self._given(*row)
        return (Secret(scp03_derive(root, constant, context, len(root))),)

    def stages(self, algorithm: Algorithm, length: int, *row: Any) -> tuple[Stage, ...]:
        context, constant = self._given(*row)
        step = Step(algorithm, "CMAC", scp03_texts(constant, context, length), length)
        return (Stage(self.gives[0], f"{bytes(context).hex().upper()}|{constant:02X}", (step,)),)

    def row(self, factors: Mapping[str, str]) -> Row:
        constant = self.hex({"constant": self.text(factors, "constant", "04")}, "constant")
        if len(constant) != 1:
            raise SchemeRefused(Text("The constant has one byte.", "常量为 1 字节。"))
        return self.hex(factors, "context"), constant[0]


_PAN, _REGION, _KDD = ("pan", "psn"), ("region", "historical"), ("kdd",)
_CHANNEL = ("ENC", "MAC", "DEK")
_EITHER, _EMV = (Algorithm.TDES, Algorithm.SM4), (Usage.EMV_ROOT,)
_SS = (Usage.CARD_ROOT, Usage.LOAD_ROOT, Usage.PURCHASE_ROOT, Usage.TAC_ROOT, Usage.MASTER_ROOT)
_KMC = (Usage.CHANNEL_ROOT,)
_TDES, _AES = (Algorithm.TDES,), (Algorithm.AES,)

SCHEMES: dict[str, Scheme] = {
    one.name: one
    for one in (
        PanScheme("emv-a", Text("EMV and PBOC, option A", "EMV、PBOC 方法 A"), _PAN, ("UDK",), _EITHER, _EMV),
        PanScheme(
            "emv-b", Text("EMV and PBOC, option B", "EMV、PBOC 方法 B"), _PAN, ("UDK",), _EITHER, _EMV, "B"
        ),
        RegionScheme("ss", Text("social security card, by levels", "社保卡多级分散"), _REGION, ("card",), _EITHER, _SS),
        ChipScheme("emv", Text("EMV CPS, KMC", "EMV CPS（KMC）"), _KDD, _CHANNEL, _TDES, _KMC),
        ChipScheme(
            "visa2", Text("VISA2", "VISA2"), _KDD, _CHANNEL, _TDES, _KMC, Diversification.of("visa2")
        ),
        ChipScheme("kdf3", Text("KDF3", "KDF3"), _KDD, _CHANNEL, _AES, _KMC, Diversification.of("kdf3")),
        InputScheme(
            "an10922", Text("AES and 3DES CMAC, NXP AN10922", "CMAC 分散，NXP AN10922"), ("input",), ("key",),
            (Algorithm.AES, Algorithm.TDES), (*_KMC, Usage.CARD_ROOT),
        ),
        SessionScheme(
            "scp03", Text("SCP03 KDF", "SCP03 KDF"), ("context", "constant"), ("session key",), _AES, _KMC
        ),
    )
}  # fmt: skip
"""By name. A root below the ministry: :func:`at_level`."""


def at_level(scheme: Scheme, done: int) -> Scheme:
    """The scheme for a root to which the first ``done`` factors were applied: of ``ss``; others have one level."""
    if not isinstance(scheme, RegionScheme) or not done:
        return scheme
    return RegionScheme(scheme.name, scheme.what, scheme.takes, scheme.gives, scheme.algorithms, scheme.usages, done)


def scheme_named(name: str) -> Scheme:
    """A scheme by its name; raises :class:`SchemeRefused`."""
    if name not in SCHEMES:
        raise SchemeRefused(
            Text(f"There is no scheme '{name}'.", f"没有方案“{name}”。"),
            do=Text(f"There are {', '.join(SCHEMES)}.", f"可用方案：{'、'.join(SCHEMES)}。"),
        )
    return SCHEMES[name]
