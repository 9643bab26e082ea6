"""Key material and who may use it. One door (:class:`KeyStore`), no call that returns a key."""

from cardfab.keys.label import KeyInfo, KeySpec, Level, Sealed, Usage
from cardfab.keys.soft import SoftKeyStore
from cardfab.keys.store import (
    ChannelKeys,
    ChannelSession,
    KeyStore,
    KeyUnknown,
    KeyUseRefused,
    OnCardKey,
    StoreLocked,
)

__all__ = [
    "ChannelKeys",
    "ChannelSession",
    "KeyInfo",
    "KeySpec",
    "KeyStore",
    "KeyUnknown",
    "KeyUseRefused",
    "Level",
    "OnCardKey",
    "Sealed",
    "SoftKeyStore",
    "StoreLocked",
    "Usage",
]
