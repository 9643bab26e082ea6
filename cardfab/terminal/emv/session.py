"""One transaction as it goes: the terminal's side, what the card has told so far, and the findings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from cardfab.terminal.emv.deal import Deal, EmvTerminal, Holder, terminal_data
from cardfab.terminal.emv.report import EmvReport, Findings, Result
from cardfab.terminal.emv.words import hexed

_SHOWN = (0x82, 0x94, 0x9F27, 0x9F26, 0x9F36, 0x9F10, 0x9F34, 0x9F6C)
"""Objects that a report may repeat: none is personal."""


@dataclass(slots=True)
class Session:
    """``objects`` are the data objects of the card by tag; ``place`` says in which record each stood (``SFI/record``).

    ``signed`` are the contents of the records that are signed, in AFL order. ``data`` is what the terminal has.
    """

    terminal: EmvTerminal
    deal: Deal
    holder: Holder
    findings: Findings = field(default_factory=Findings)
    aid: bytes = b""
    objects: dict[int, bytes] = field(default_factory=dict, repr=False)
    place: dict[int, str] = field(default_factory=dict)
    signed: list[bytes] = field(default_factory=list, repr=False)
    pdol_values: bytes = field(default=b"", repr=False)
    last_record: bytes = field(default=b"", repr=False)
    data: dict[int, bytes] = field(default_factory=dict, repr=False)
    pin_block: bytes | None = field(default=None, repr=False)
    algorithm: str = ""
    balance: int | None = None
    result: Result = Result.BROKEN_OFF

    def __post_init__(self) -> None:
        self.data = terminal_data(self.terminal, self.deal)

    def values(self) -> Mapping[int, bytes]:
        """Every value that a DOL may ask for: the terminal's, with tag 95 as it stands, and the card's own."""
        return {**self.objects, **self.data, 0x95: bytes(self.findings.tvr)}

    @property
    def aip(self) -> bytes:
        """Tag 82, 2 bytes."""
        return self.objects.get(0x82, b"").ljust(2, b"\x00")

    def first(self, tag: int) -> int | None:
        """The first byte of an object; None where the card does not have it, or has it empty."""
        return next(iter(self.objects.get(tag, b"")), None)

    @property
    def pan(self) -> str:
        """The account number of tag 5A, else of tag 57."""
        if 0x5A in self.objects:
            return self.objects[0x5A].hex().upper().rstrip("F")
        return self.objects.get(0x57, b"").hex().upper().partition("D")[0]

    def enter_pin(self) -> bool:
        """Let the holder enter an on-line PIN; False where there is no pad or the holder does not."""
        if self.holder.pad is None or not (len(self.pan) > 12 and self.pan.isdigit()):
            return False
        self.pin_block = self.holder.pad(self.pan)
        return True

    @property
    def counter(self) -> bytes:
        """Tag 9F36, 2 bytes; empty before the card told it."""
        return self.objects.get(0x9F36, b"")

    def report(self) -> EmvReport:
        """What is known now."""
        pan = self.pan
        shown = f"{pan[:6]}{'*' * (len(pan) - 10)}{pan[-4:]}" if len(pan) > 10 else ""
        return EmvReport(
            result=self.result,
            aid=self.aid,
            pan=shown,
            atc=int.from_bytes(self.counter, "big") if self.counter else None,
            tvr=bytes(self.findings.tvr),
            checks=tuple(self.findings.checks),
            algorithm=self.algorithm,
            balance=self.balance,
            values={hexed(tag): self.objects[tag].hex().upper() for tag in _SHOWN if tag in self.objects},
        )
