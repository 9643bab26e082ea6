"""Key material and who may use it. One door (:class:`KeyStore`), no call that returns a key."""

from cardfab.keys.channel import SoftPlatformKeys
from cardfab.keys.label import KeyInfo, KeySpec, Level, Sealed, Usage
from cardfab.keys.loading import ClearKeyRefused
from cardfab.keys.roots import rooted
from cardfab.keys.soft import SoftKeyStore
from cardfab.keys.store import (
    ChannelKeys,
    ChannelSession,
    KeyOfAnotherRegion,
    KeyStore,
    KeyToLoad,
    KeyUnderDek,
    KeyUnknown,
    KeyUseRefused,
    LoadPurse,
    OnCardKey,
    OnCardMasterKey,
    PurchasePurse,
    StoreLocked,
    TacKey,
)
from cardfab.keys.terminal import terminal_store

__all__ = [
    "ChannelKeys",
    "ChannelSession",
    "ClearKeyRefused",
    "KeyInfo",
    "KeyOfAnotherRegion",
    "KeySpec",
    "KeyStore",
    "KeyToLoad",
    "KeyUnderDek",
    "KeyUnknown",
    "KeyUseRefused",
    "Level",
    "LoadPurse",
    "OnCardKey",
    "OnCardMasterKey",
    "PurchasePurse",
    "Sealed",
    "SoftKeyStore",
    "SoftPlatformKeys",
    "StoreLocked",
    "TacKey",
    "Usage",
    "rooted",
    "terminal_store",
]
