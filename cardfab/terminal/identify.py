"""Which card it is: the FCI of SSSE and file EF05, free to everybody (LD/T 32 part 7, 5.2 to 5.4)."""

from __future__ import annotations

from dataclasses import dataclass, field

from cardfab.apdu import commands, tlv
from cardfab.apdu.link import CardAnswerMalformed, Exchange, expect
from cardfab.apdu.medical import ALGORITHMS
from cardfab.terminal.card import PresentedCard, records_of


@dataclass(frozen=True, slots=True)
class Identity:
    """What a card says of itself to everybody. A record that is not there reads empty.

    ``code`` is the 卡识别码 of 16 bytes: region 3, registered identifier 5, serial 4, authentication code 4.
    """

    historical: bytes
    algorithm: str
    code: bytes
    category: str
    version: str
    initialiser: str
    issue_date: str
    expiry_date: str
    card_number: str = field(repr=False)

    @property
    def region(self) -> str:
        """The city that issued the card, six digits (V2.0, 8.1.1.1)."""
        return self.code[:3].hex()

    @property
    def generation(self) -> str:
        """The first three characters of the version; an empty one is 1.0 (notice 2016-38, 10.2)."""
        return self.version[:3] or "1.0"

    @property
    def serial(self) -> str:
        """The identification code as it is printed and listed, 32 hex digits."""
        return self.code.hex().upper()


def identify(card: PresentedCard) -> Exchange[Identity]:
    """SELECT SSSE, read EF05. Sets the card's cipher and region; raises CardAnswered or CardAnswerMalformed."""
    ssse = card.application.directory("SSSE")
    command = commands.select(ssse.aid, name="SELECT SSSE")
    card.directory, card.proved = "", set()
    response = expect((yield command), command)
    card.directory = "SSSE"
    records = yield from records_of(ssse.file("EF05"))
    values = dict(_items(raw) for raw in records.values())
    code = values.get(0x01, b"")
    if len(code) != 16 or not code[:3].hex().isdecimal():
        raise CardAnswerMalformed("READ RECORD EF05", "it has no identification code", "没有卡识别码")
    card.code, card.region = code, code[:3].hex()
    card.algorithm = _algorithm(response.data, card.region)
    return Identity(
        historical=card.historical,
        algorithm=card.algorithm,
        code=code,
        category=_text(values.get(0x02)),
        version=_text(values.get(0x03)),
        initialiser=_digits(values.get(0x04)),
        issue_date=_digits(values.get(0x05)),
        expiry_date=_digits(values.get(0x06)),
        card_number=_text(values.get(0x07)),
    )


def _algorithm(fci: bytes, region: str) -> str:
    """9F0C of the FCI, whose 86 is the algorithm; absent: SSF33 in regions 11xxxx, else DES (notice 2016-38, 10.1)."""
    try:
        found = tlv.find(tlv.parse(fci), 0x6F, 0xA5, 0x9F0C)
        inner = tlv.find(tlv.parse(found.value), 0x86) if found else None
    except tlv.TlvError:
        raise CardAnswerMalformed("SELECT SSSE", "its FCI is no TLV", "FCI 不是 TLV 结构") from None
    if inner is None or len(inner.value) != 1:
        return "SSF33" if region.startswith("11") else "3DES"
    return ALGORITHMS.get(inner.value[0], f"{inner.value[0]:02X}")


def _items(raw: bytes) -> tuple[int, bytes]:
    try:
        (record,) = tlv.parse_records(raw)
    except (tlv.TlvError, ValueError):
        raise CardAnswerMalformed("READ RECORD EF05", "a record is no T L V", "记录不是 TLV 结构") from None
    return record.tag, record.value


def _text(raw: bytes | None) -> str:
    return (raw or b"").rstrip(b"\0").decode("gb18030", "replace")


def _digits(raw: bytes | None) -> str:
    return (raw or b"").hex().upper().rstrip("F")
