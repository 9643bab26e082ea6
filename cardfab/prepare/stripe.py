"""The magnetic stripe of a card: what its chip says, in the words of a stripe (ISO/IEC 7813).

Track 2 is the chip's track 2 equivalent data (tag 57) and track 1 is made of it, of the name (5F20) and of the
discretionary data (9F1F), so that stripe and chip cannot disagree. A bank that wants another service code or another
verification value on the stripe than in the chip is not served.
"""

from __future__ import annotations

from cardfab.apdu.tlv import find, parse
from cardfab.errors import InputRefused, Text
from cardfab.prepare.card import PreparedCard
from cardfab.printer.stripe import Coercivity, Stripe

_TEMPLATE, _TRACK2, _NAME, _DISCRETIONARY = 0x70, 0x57, 0x5F20, 0x9F1F
_NAME_LENGTH = 26


def stripe_of(card: PreparedCard, coercivity: Coercivity) -> Stripe:
    """Tracks 1 and 2; raises InputRefused for a card whose chip has no track 2 or a name that no stripe holds."""
    told = _told(card)
    track2 = told.get(_TRACK2, b"").hex().upper().rstrip("F")
    pan, separator, rest = track2.partition("D")
    if not separator or pan != card.pan:
        raise InputRefused(
            Text(
                "The stripe cannot be written: the chip's track 2 (57) is not there or holds another number.",
                "无法写磁条：芯片中没有磁道 2 数据（57），或其中的卡号不一致。",
            ),
            do=Text("Correct the application profile, or print without a stripe.", "请修改应用配置，或不写磁条。"),
            code="CF-3165",
        )
    name = told.get(_NAME, b" /").decode("ascii").upper()[:_NAME_LENGTH]
    discretionary = told.get(_DISCRETIONARY, b"").decode("ascii") or rest[7:]
    return Stripe(f"B{pan}^{name}^{rest[:7]}{discretionary}", f"{pan}={rest}", coercivity=coercivity)


def _told(card: PreparedCard) -> dict[int, bytes]:
    """The objects of the chip's records that are not secret, by tag."""
    found: dict[int, bytes] = {}
    for grouping in card.groupings:
        if isinstance(grouping.value, bytes) and grouping.value[:1] == bytes([_TEMPLATE]):
            template = find(parse(grouping.value), _TEMPLATE)
            for one in template.children if template is not None else ():
                found.setdefault(one.tag, one.value)
    return found
