"""Components of a key: as long as the key, put together by exclusive or, never shown. Check values tell them apart.

With 3DES one bit of each byte is parity and ciphers nothing. It is not asked of a component; it is left out where a
component is looked at (zeros, equal ones), and set to odd on the result. AES and SM4 keys have no parity.
"""

from __future__ import annotations

import string
from collections.abc import Callable
from types import TracebackType

from cardfab.crypto import Algorithm, Buffer, keyed_digest
from cardfab.crypto.derive import kcv
from cardfab.errors import KeyFault, Text
from cardfab.keys.ceremony.machine import COMPONENTS
from cardfab.keys.secret import Secret

SIZES = {"3DES": 16, "SM4": 16, "AES": 16, "AES-128": 16, "AES-192": 24, "AES-256": 32}
"""Lengths in bytes of the keys that may come as components."""
_PARITY = 0xFE
_HEX = string.hexdigits.encode()


class ComponentRefused(KeyFault):
    """A component that makes no good key."""

    default_code = "CF-6520"


def cipher_of(algorithm: str) -> Algorithm:
    """The cipher of a key's algorithm; raises :class:`ComponentRefused` for one that has no components."""
    if algorithm not in SIZES:
        raise ComponentRefused(
            Text(f"A key of {algorithm} does not come as components.", f"{algorithm} 密钥不支持分量方式。"),
            do=Text("Generate it in the store.", "请在密钥库内生成。"),
            code="CF-6521",
        )
    return Algorithm(algorithm.partition("-")[0])


def parity_rule(algorithm: str) -> Text:
    """What is said of parity before components are typed or printed."""
    if cipher_of(algorithm) is Algorithm.TDES:
        return Text(
            "3DES: parity bits of a component play no part; the result is set to odd parity, which changes no check "
            "value.",
            "3DES：分量的奇偶位不起作用；合成结果置为奇校验，校验值不变。",
        )
    return Text(f"{algorithm}: keys have no parity.", f"{algorithm}：密钥无奇偶校验。")


def parse_component(typed: bytearray, algorithm: str) -> Secret:
    """A component as a custodian typed it: hex digits, spaces between them as he likes. ``typed`` is wiped."""
    cipher_of(algorithm)
    size = SIZES[algorithm]
    value = bytearray(size)
    try:
        at = 0
        for byte in typed:
            if byte in b" \t\r\n-":
                continue
            if byte not in _HEX or at >= 2 * size:
                raise _not_whole(size)
            value[at // 2] = value[at // 2] << 4 & 0xFF | int(chr(byte), 16)
            at += 1
        if at != 2 * size:
            raise _not_whole(size)
        return Secret(value)
    finally:
        _wipe(typed)
        _wipe(value)


def random_component(algorithm: str, random: Callable[[int], bytes]) -> Secret:
    """A new component."""
    cipher_of(algorithm)
    return Secret(random(SIZES[algorithm]))


def print_component(component: Secret, before: bytes, behind: bytes, send: Callable[[memoryview], None]) -> None:
    """Hand one page with the component's digits, in groups of four, to a printer; the page is wiped behind it."""
    size = len(component)
    with Secret(before + bytes(2 * size + (size - 1) // 2) + behind) as page:
        view, at = page.view(), len(before)
        for place, byte in enumerate(component.view()):
            if place and place % 2 == 0:
                view[at] = 0x20
                at += 1
            for nibble in (byte >> 4, byte & 15):
                view[at] = b"0123456789ABCDEF"[nibble]
                at += 1
        send(view)


class Combining:
    """Components on their way to a key. Nothing but the sum is kept; it is wiped at the end, whatever happens."""

    def __init__(self, algorithm: str, count: int, random: Callable[[int], bytes]) -> None:
        self._cipher = cipher_of(algorithm)
        if count not in COMPONENTS:
            raise ComponentRefused(
                Text(
                    f"A key has two or three components, not {count}.", f"密钥应有两个或三个分量，不能是 {count} 个。"
                ),
                do=Text("Name two or three custodians.", "请指定两名或三名保管员。"),
            )
        self._sum = Secret(bytes(SIZES[algorithm]))
        self._mask = _PARITY if self._cipher is Algorithm.TDES else 0xFF
        self._salt = random(32)
        self._seen: list[bytes] = []
        self._count = count

    def __repr__(self) -> str:
        return f"<{len(self._seen)} of {self._count} components>"

    def check(self, component: Secret) -> str:
        """The component's check value; raises :class:`ComponentRefused` for one that adds nothing or came before."""
        if len(component) != len(self._sum):
            raise _not_whole(len(self._sum))
        if self._empty(component):
            raise ComponentRefused(
                Text("The component is all zeros and hides nothing.", "分量全为零，起不到保密作用。"),
                do=Text("Destroy it; make a new one at random.", "请销毁并随机重新生成。"),
                code="CF-6522",
            )
        if self._mark(component) in self._seen:
            raise ComponentRefused(
                Text("The component equals an earlier one: they cancel out.", "该分量与已录入的分量相同，会相互抵消。"),
                do=Text("See that each custodian has his own form.", "请确认各保管员持有各自的分量。"),
                code="CF-6523",
            )
        return kcv(self._cipher, component.view()).hex().upper()

    def add(self, component: Secret) -> str:
        """Take a component in; its check value. The component is wiped."""
        with component:
            found = self.check(component)
            if len(self._seen) == self._count:
                raise ComponentRefused(
                    Text("All components are in already.", "分量已全部录入。"),
                    do=Text("Combine them.", "请合成。"),
                )
            self._seen.append(self._mark(component))
            total = self._sum.view()
            for place, byte in enumerate(component.view()):
                total[place] ^= byte
            return found

    def result(self) -> tuple[Secret, str]:
        """The key and its check value; the caller wipes it. Raises :class:`ComponentRefused` for no good key."""
        if len(self._seen) != self._count:
            raise ComponentRefused(
                Text(f"{self._count - len(self._seen)} components are missing.",
                     f"尚缺 {self._count - len(self._seen)} 个分量。"),
                do=Text("Enter them all.", "请录入全部分量。"),
            )  # fmt: skip
        if self._weak():
            raise ComponentRefused(
                Text(
                    "The components make no good key: zeros, or two equal halves.",
                    "分量合成的密钥不可用：全零或两半相同。",
                ),
                do=Text("Destroy all components and make new ones.", "请销毁全部分量并重新生成。"),
                code="CF-6524",
            )
        key = Secret(self._sum.view())
        if self._cipher is Algorithm.TDES:
            view = key.view()
            for place, byte in enumerate(view):
                view[place] = byte ^ (byte.bit_count() & 1 ^ 1)
        return key, kcv(self._cipher, key.view()).hex().upper()

    def wipe(self) -> None:
        """Forget everything."""
        self._sum.wipe()
        self._seen.clear()

    def __enter__(self) -> Combining:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.wipe()

    def _empty(self, value: Secret) -> bool:
        return not any(byte & self._mask for byte in value.view())

    def _weak(self) -> bool:
        if self._empty(self._sum):
            return True
        view = self._sum.view()
        half = len(view) // 2
        return self._cipher is Algorithm.TDES and all(
            (one ^ other) & _PARITY == 0 for one, other in zip(view[:half], view[half:], strict=True)
        )

    def _mark(self, value: Secret) -> bytes:
        """What tells equal components without keeping one."""
        with Secret(value.view()) as masked:
            view = masked.view()
            for place in range(len(view)):
                view[place] &= self._mask
            return keyed_digest(self._salt, masked.view())


def _not_whole(size: int) -> ComponentRefused:
    return ComponentRefused(
        Text(
            f"A component has {2 * size} hex digits, as many as the key.",
            f"分量应为 {2 * size} 位十六进制数，与密钥等长。",
        ),
        do=Text("Type it again from the form.", "请按纸面重新录入。"),
        code="CF-6525",
    )


def _wipe(buffer: Buffer) -> None:
    memoryview(buffer)[:] = bytes(len(buffer))
