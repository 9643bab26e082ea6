"""Blind mailers: sealed forms for a printer that strikes through them. A PIN's has everything on it but the PIN, a key
component's everything but the component.

Made as two runs of bytes; who holds the secret puts its digits between them and hands the whole to the printer, so that
nothing else ever holds the page (:meth:`cardfab.keys.KeyStore.print_pin`, ``keys.ceremony.print_component``). Commands
are those of ESC/P impact printers, text is GB 18030 in the printer's own font. Neither was tried on a printer.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from cardfab.errors import Text

RESET, CHINESE = b"\x1b@", b"\x1c&"  # ESC @; FS &: Chinese characters from here on
WIDE, NARROW = b"\x1bW1", b"\x1bW0"  # ESC W: double width on, off
PAGE = b"\x0c"
_INDENT = "    "
_TITLE = Text("PIN MAILER", "密码信封")
_COMPONENT = Text("KEY COMPONENT", "密钥分量")
_REHEARSAL = Text("REHEARSAL", "演练")
_KEEP_SHUT = (
    Text(
        "Only the custodian named above opens this, alone. Keep it in your own safe.",
        "仅限上列保管员本人开启，请存入个人保险柜。",
    ),
    Text(
        "If it was opened before, do not use it and tell the security officer.",
        "如已被拆开，请勿使用并报告安全负责人。",
    ),
)
_SPECIMEN = Text("SPECIMEN", "样卡")
_KEEP = (
    Text("Keep the PIN to yourself; nobody of the bank will ever ask for it.", "请勿向任何人透露密码，银行不会索要。"),
    Text("If this envelope was opened, do not use the card and call the bank.", "如信封已拆开，请勿用卡并联系银行。"),
)


@dataclass(frozen=True, slots=True)
class PinMailer:
    """Whom a mailer is for. Of the account number it shows the last four digits."""

    number: str
    bank: str
    name: str = field(repr=False)
    pan: str = field(repr=False)
    station: str
    made_at: datetime
    specimen: bool


def mailer_page(mailer: PinMailer) -> tuple[bytes, bytes]:
    """The page before and behind the digits of the PIN."""
    head = [_both(_TITLE), mailer.bank, ""]
    if mailer.specimen:
        head.insert(0, f"*** {_both(_SPECIMEN)} ***")
    head += [
        _line(Text("Holder", "持卡人"), _plain(mailer.name)),
        _line(Text("Account", "账号"), f"**** **** **** {mailer.pan[-4:]}"),
        "",
    ]
    foot = [
        "",
        *(words for each in _KEEP for words in (each.zh, each.en)),
        "",
        f"{mailer.number}  {mailer.station}  {mailer.made_at:%Y-%m-%d %H:%M}",
    ]
    label = _coded(f"{_INDENT}{_both(Text('PIN', '密码'))}: ")
    return RESET + CHINESE + _lines(head) + label + WIDE, NARROW + b"\r\n" + _lines(foot) + PAGE


@dataclass(frozen=True, slots=True)
class ComponentForm:
    """Whose component of which key a form holds; check values are for everybody's eyes."""

    ceremony: str
    label: str
    version: int
    number: int
    of: int
    custodian: str
    kcv: str
    station: str
    made_at: datetime
    rehearsal: bool


def component_page(form: ComponentForm) -> tuple[bytes, bytes]:
    """The page before and behind the digits of the component."""
    head = [_both(_COMPONENT), ""]
    if form.rehearsal:
        head.insert(0, f"*** {_both(_REHEARSAL)} ***")
    head += [
        _line(Text("Key", "密钥"), f"{form.label} v{form.version}"),
        _line(Text("Component", "分量"), f"{form.number} / {form.of}"),
        _line(Text("Custodian", "保管员"), _plain(form.custodian)),
        _line(Text("Check value", "校验值"), form.kcv),
        "",
    ]
    foot = [
        "",
        *(words for each in _KEEP_SHUT for words in (each.zh, each.en)),
        "",
        f"{form.ceremony}  {form.station}  {form.made_at:%Y-%m-%d %H:%M}",
    ]
    return RESET + CHINESE + _lines(head) + _coded(_INDENT), b"\r\n" + _lines(foot) + PAGE


def _both(words: Text) -> str:
    return f"{words.zh} {words.en}"


def _line(label: Text, value: str) -> str:
    return f"{_both(label)}: {value}"


def _lines(lines: list[str]) -> bytes:
    return b"".join(_coded(_INDENT + each if each else "") + b"\r\n" for each in lines)


def _plain(text: str) -> str:
    """Without what a printer could take for a command."""
    return "".join(each for each in text if each.isprintable())


def _coded(text: str) -> bytes:
    return text.encode("gb18030")
