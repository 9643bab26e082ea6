"""Key material and who may use it. One door (:class:`KeyStore`), no call that returns a key."""

from cardfab.keys.channel import SoftPlatformKeys
from cardfab.keys.label import KeyInfo, KeySpec, Level, Sealed, Usage
from cardfab.keys.loading import ClearKeyRefused
from cardfab.keys.soft import SoftKeyStore
from cardfab.keys.store import (
    ChannelKeys,
    ChannelSession,
    KeyStore,
    KeyToLoad,
    KeyUnderDek,
    KeyUnknown,
    KeyUseRefused,
    OnCardKey,
    OnCardMasterKey,
    StoreLocked,
)

__all__ = [
    "ChannelKeys",
    "ChannelSession",
    "ClearKeyRefused",
    "KeyInfo",
    "KeySpec",
    "KeyStore",
    "KeyToLoad",
    "KeyUnderDek",
    "KeyUnknown",
    "KeyUseRefused",
    "Level",
    "OnCardKey",
    "OnCardMasterKey",
    "Sealed",
    "SoftKeyStore",
    "SoftPlatformKeys",
    "StoreLocked",
    "Usage",
]
