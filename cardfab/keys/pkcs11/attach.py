"""A session with a token: found by its URI, logged in, and what to do when it goes away."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import pkcs11
from pkcs11 import exceptions as refused

from cardfab.errors import KeyFault, Text
from cardfab.keys.away import KeysAway
from cardfab.keys.pkcs11.native import Native, NativeRefused
from cardfab.keys.pkcs11.uri import TokenUri
from cardfab.keys.store import StoreLocked

T = TypeVar("T")
_GONE = (
    refused.DeviceRemoved,
    refused.DeviceError,
    refused.SessionHandleInvalid,
    refused.SessionClosed,
    refused.TokenNotPresent,
    refused.TokenNotRecognised,
    refused.UserNotLoggedIn,
    refused.ObjectHandleInvalid,
    refused.KeyHandleInvalid,
    refused.SlotIDInvalid,
)
_GONE_NATIVE = frozenset((0x30, 0x32, 0x82, 0xB3, 0xE0, 0x101, 0x190))
"""CKR_DEVICE_ERROR, _DEVICE_REMOVED, _OBJECT_HANDLE_INVALID, _SESSION_HANDLE_INVALID, _TOKEN_NOT_PRESENT,
_USER_NOT_LOGGED_IN, _CRYPTOKI_NOT_INITIALIZED."""


class TokenGone(KeysAway):
    """The token was taken out, or its session ended."""

    default_code = "CF-6649"

    def __init__(self, token: str) -> None:
        super().__init__(
            Text(f"The token '{token}' went away.", f"密钥设备“{token}”已断开。"),
            do=Text(
                "Put it back and start again; a card that was being written is settled with 'cardfab job resolve'.",
                "请重新接入后重试；正在写入的卡请用 cardfab job resolve 处理。",
            ),
        )


class TokenRefused(KeyFault):
    """The token refused a computation."""

    default_code = "CF-6644"


class Attached:
    """One session. ``pin`` is asked for at every attaching and not kept here. For one thread."""

    def __init__(self, uri: TokenUri, pin: Callable[[], str]) -> None:
        self._uri, self._pin = uri, pin
        self.session: pkcs11.Session
        self.token: pkcs11.Token
        self.native: Native
        self.attach()

    def __repr__(self) -> str:
        return f"<session with {self.name}>"

    @property
    def name(self) -> str:
        """What people call the token."""
        return self._uri.token or self._uri.serial

    def attach(self) -> None:
        """Load the module where it is not, find the token, log in; raises :class:`StoreLocked`."""
        if self._uri.softhsm:
            os.environ["SOFTHSM2_CONF"] = self._uri.softhsm  # read by the module when it is initialised
        module = self._uri.module
        if not Path(module).is_file():
            raise StoreLocked(
                Text(f"There is no PKCS#11 module {module or '(none named)'}.", f"没有 PKCS#11 模块 {module}。"),
                do=Text("Say module-path=/path/to/module.so in its URI.", "请在 URI 中指定 module-path=/模块路径.so。"),
                code="CF-6650",
            )
        try:
            library = pkcs11.lib(module)
            self.native = Native(module)
            self.token = self._find(library)
            self.session = self.token.open(rw=True, user_pin=self._pin())
        except (refused.PinIncorrect, refused.PinLenRange, refused.PinInvalid) as wrong:
            raise StoreLocked(
                Text(f"The PIN of the token '{self.name}' is wrong.", f"密钥设备“{self.name}”的 PIN 错误。"),
                do=Text("Mind its tries: most tokens lock.", "请注意剩余次数，多数设备会锁定。"),
                code="CF-6651",
            ) from wrong
        except refused.PinLocked as locked:
            raise StoreLocked(
                Text(f"The PIN of the token '{self.name}' is locked.", f"密钥设备“{self.name}”的 PIN 已锁定。"),
                do=Text("Its security officer unlocks it.", "请由设备安全员解锁。"),
                code="CF-6652",
            ) from locked
        except (refused.PKCS11Error, NativeRefused) as error:
            raise StoreLocked(
                Text(
                    f"The token '{self.name}' does not open: {type(error).__name__}.",
                    f"密钥设备“{self.name}”无法打开：{type(error).__name__}。",
                ),
                code="CF-6650",
            ) from error

    def _find(self, library: object) -> pkcs11.Token:
        found: list[pkcs11.Token] = []
        for slot in library.get_slots(token_present=True):  # type: ignore[attr-defined]  # the class is in a C module
            with suppress(refused.TokenNotPresent, refused.TokenNotRecognised):
                token = slot.get_token()
                by_serial = not self._uri.serial or token.serial.rstrip() == self._uri.serial.encode()
                if by_serial and (not self._uri.token or token.label.rstrip() == self._uri.token):
                    found.append(token)
        if len(found) == 1:
            return found[0]
        which = Text("is not there", "不存在") if not found else Text("is not the only one", "不唯一")
        raise StoreLocked(
            Text(f"The token '{self.name}' {which.en}.", f"密钥设备“{self.name}”{which.zh}。"),
            do=Text("Say token=NAME, or serial= where two share one.", "请指定 token=名称，重名时用 serial=。"),
            code="CF-6650",
        )

    def reattach(self) -> None:
        """After the token went away: a new session with a module that begins anew."""
        library = pkcs11.lib(self._uri.module)
        with suppress(refused.PKCS11Error):
            self.session.close()
        with suppress(refused.PKCS11Error):
            library.finalize()
        self.attach()

    def detach(self) -> None:
        """End the session; objects that were not kept go with it."""
        with suppress(refused.PKCS11Error):
            self.session.close()

    def run(self, call: Callable[[], T]) -> T:
        """One call of the module; raises :class:`TokenGone` or :class:`TokenRefused`, which tell no data."""
        try:
            return call()
        except _GONE as gone:
            raise TokenGone(self.name) from gone
        except NativeRefused as error:
            if error.result in _GONE_NATIVE:
                raise TokenGone(self.name) from error
            raise self._refused(str(error)) from error
        except refused.PKCS11Error as error:
            raise self._refused(type(error).__name__) from error

    def _refused(self, reason: str) -> TokenRefused:
        return TokenRefused(
            Text(f"The token '{self.name}' refused: {reason}.", f"密钥设备“{self.name}”拒绝：{reason}。"),
            do=Text("'cardfab keys token' shows what it can.", "cardfab keys token 可查看其能力。"),
        )
