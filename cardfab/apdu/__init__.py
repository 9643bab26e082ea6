"""Talk to a chip: APDU, tagged data, links, secure channels, commands, traces. Knows no key store, database or profile.

The adapters are modules of their own, :mod:`cardfab.apdu.pcsc` and :mod:`cardfab.apdu.remote`; the commands are read as
``commands.select(...)``, tagged data as ``tlv.parse(...)``. The errors are drawn in :mod:`cardfab.apdu.link`.
"""

from cardfab.apdu import commands, tlv
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
    Scp02,
    Scp02Keys,
    Scp02KeySource,
    SecureChannel,
    open_scp02,
    through,
)
from cardfab.apdu.status import StatusWord
from cardfab.apdu.tlv import CardRecord, Dgi, Tlv, TlvError
from cardfab.apdu.trace import RecordingConnection, ReplayConnection, ReplayMismatch, TraceMalformed, parse_trace

__all__ = [
    "ApduMalformed",
    "CardAnswerMalformed",
    "CardAnswered",
    "CardConnection",
    "CardGone",
    "CardKey",
    "CardNotGenuine",
    "CardRecord",
    "CommandApdu",
    "Dgi",
    "Exchange",
    "Level",
    "LevelNotSupported",
    "Link",
    "ReaderFault",
    "RecordingConnection",
    "ReplayConnection",
    "ReplayMismatch",
    "ResponseApdu",
    "Scp02",
    "Scp02KeySource",
    "Scp02Keys",
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
    "historical_bytes",
    "internal_authenticate",
    "link_to",
    "open_scp02",
    "parse_trace",
    "protected",
    "send_protected",
    "through",
    "tlv",
]
