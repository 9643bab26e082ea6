"""Talk to a chip: APDU, tagged data, links, secure channels, commands, traces. Knows no key store, database or profile.

The adapters are modules of their own, :mod:`cardfab.apdu.pcsc` and :mod:`cardfab.apdu.remote`; the commands are read as
``commands.select(...)``, tagged data as ``tlv.parse(...)``. The errors are drawn in :mod:`cardfab.apdu.link`.
"""

from cardfab.apdu import commands, gp, tlv
from cardfab.apdu.atr import Atr, InterfaceByte, parse_atr
from cardfab.apdu.chaining import Chaining, Envelope
from cardfab.apdu.line import CardKey, external_authenticate, internal_authenticate, protected, send_protected
from cardfab.apdu.link import (
    CardAnswered,
    CardAnswerMalformed,
    CardConnection,
    CardGone,
    CardNotGenuine,
    Exchange,
    Link,
    ReaderFault,
    WatchedConnection,
    drive,
    expect,
    link_to,
)
from cardfab.apdu.message import ApduMalformed, CommandApdu, ResponseApdu, historical_bytes
from cardfab.apdu.scp import (
    Level,
    LevelNotSupported,
    ResponseNotGenuine,
    Scp02,
    Scp02Keys,
    Scp02KeySource,
    Scp02ResponseKeys,
    Scp03,
    Scp03Keys,
    Scp03KeySource,
    Scp03Quirks,
    SecureChannel,
    open_either,
    open_scp02,
    open_scp03,
    through,
)
from cardfab.apdu.status import StatusWord
from cardfab.apdu.tlv import CardRecord, Dgi, Tlv, TlvError
from cardfab.apdu.trace import RecordingConnection, ReplayConnection, ReplayMismatch, TraceMalformed, parse_trace

__all__ = [
    "ApduMalformed",
    "Atr",
    "CardAnswerMalformed",
    "CardAnswered",
    "CardConnection",
    "CardGone",
    "CardKey",
    "CardNotGenuine",
    "CardRecord",
    "Chaining",
    "CommandApdu",
    "Dgi",
    "Envelope",
    "Exchange",
    "InterfaceByte",
    "Level",
    "LevelNotSupported",
    "Link",
    "ReaderFault",
    "RecordingConnection",
    "ReplayConnection",
    "ReplayMismatch",
    "ResponseApdu",
    "ResponseNotGenuine",
    "Scp02",
    "Scp02KeySource",
    "Scp02Keys",
    "Scp02ResponseKeys",
    "Scp03",
    "Scp03KeySource",
    "Scp03Keys",
    "Scp03Quirks",
    "SecureChannel",
    "StatusWord",
    "Tlv",
    "TlvError",
    "TraceMalformed",
    "WatchedConnection",
    "commands",
    "drive",
    "expect",
    "external_authenticate",
    "gp",
    "historical_bytes",
    "internal_authenticate",
    "link_to",
    "open_either",
    "open_scp02",
    "open_scp03",
    "parse_atr",
    "parse_trace",
    "protected",
    "send_protected",
    "through",
    "tlv",
]
