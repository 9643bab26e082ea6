"""Where the holder enters a PIN for the card in the reader: at the reader, else at the pad; which, says the profile.

Nobody at the station sees or types it. A PIN of the pad is a block under the pad's key, translated by the key store and
sealed; one entered at the reader is never here at all. Only the command line, for training, takes typed digits.
"""

from __future__ import annotations

from typing import Literal, Protocol, TypeAlias

from cardfab.apdu.pinentry import CHINESE, ENGLISH, PinFeatures, PinPlace
from cardfab.errors import DeviceFault, Text
from cardfab.keys import Sealed
from cardfab.keys.label import HOLDERS_PIN
from cardfab.profile.application import PinEntry, PinWay
from cardfab.station.counter.presented import Presented
from cardfab.station.pinpad import PadBlock, PinPad
from cardfab.terminal.pins import AtReader, HolderPin, check_pin

Use = Literal["verify", "change", "reset"]
"""What a PIN is asked for. ``change`` stands for both PINs of a change."""


class NoPinEntry(DeviceFault):
    """The station has nothing at which this PIN could be entered."""

    default_code = "CF-5644"


class PinSource(Protocol):
    """Asks the holder, when the service has come that far."""

    def current(self, here: Presented, use: Use) -> HolderPin:
        """The PIN that the card has."""
        ...

    def new(self, here: Presented, use: Use) -> HolderPin:
        """A new PIN."""
        ...


Given: TypeAlias = HolderPin | PinSource
"""A PIN that is there (typed at the command line, or entered before), or where to ask for it."""


def check_given(pin: Given) -> None:
    """What was typed is judged before anything else; what will be asked for cannot be."""
    if isinstance(pin, str):
        check_pin(pin)


def current_pin(here: Presented, pin: Given, use: Use = "verify") -> HolderPin:
    """The PIN that the card has, asked for now unless it was typed."""
    return pin if isinstance(pin, str | Sealed | AtReader) else pin.current(here, use)


def new_pin(here: Presented, pin: Given, use: Use) -> HolderPin:
    """The new PIN, asked for now unless it was typed."""
    return pin if isinstance(pin, str | Sealed | AtReader) else pin.new(here, use)


def way_of(rules: PinEntry, use: Use, features: PinFeatures, *, pad: bool) -> PinWay | None:
    """The first way that the profile allows and the station has; None where there is none."""
    at_reader = features.modify if use == "change" else features.verify
    there: dict[PinWay, bool] = {"reader": at_reader is not None, "pad": pad}
    ways: tuple[PinWay, ...] = getattr(rules, use)
    return next((way for way in ways if there[way]), None)


class PinDesk:
    """The station's reader and pad."""

    def current(self, here: Presented, use: Use) -> HolderPin:
        """Raises :class:`NoPinEntry`, PadFault."""
        rules = here.card.application.pin_entry
        if self._way(here, use) == "reader":
            place = PinPlace(rules.digits, rules.digits) if use == "change" else PinPlace(rules.least, rules.most)
            return AtReader(place, _language(here))
        number = _entry_number(here)
        return self._sealed(here, number, self._pad(here).enter_current(number, rules.least, rules.most))

    def new(self, here: Presented, use: Use) -> HolderPin:
        """Raises :class:`NoPinEntry`, PadFault."""
        rules = here.card.application.pin_entry
        if self._way(here, use) == "reader":
            return AtReader(PinPlace(rules.digits, rules.digits), _language(here))
        number = _entry_number(here)
        return self._sealed(here, number, self._pad(here).enter_new(number, rules.digits))

    def _way(self, here: Presented, use: Use) -> PinWay:
        pad = here.counter.desk.pin_pad is not None
        way = way_of(here.card.application.pin_entry, use, here.pin_features(), pad=pad)
        if way is None:
            raise _nowhere()
        return way

    def _pad(self, here: Presented) -> PinPad:
        pad = here.counter.desk.pin_pad
        if pad is None:
            raise _nowhere()
        return pad

    def _sealed(self, here: Presented, number: str, given: PadBlock) -> HolderPin:
        label = here.card.application.pin_entry.pad_key
        return here.counter.desk.keys.pin_from_pad(label, given.form, given.ciphered, number, HOLDERS_PIN)


def _entry_number(here: Presented) -> str:
    """Stands for the account number that the card has not: drawn for this entry alone."""
    return f"{int.from_bytes(here.counter.desk.random(8), 'big') % 10**16:016d}"


def _language(here: Presented) -> int:
    return ENGLISH if here.counter.language == "en" else CHINESE


def _nowhere() -> NoPinEntry:
    return NoPinEntry(
        Text("The holder can enter no PIN at this station.", "本网点没有可供持卡人输入密码的设备。"),
        do=Text(
            "Connect a pin pad ([devices] pinpad), or a reader with keys (PC/SC part 10).",
            "请连接密码键盘（配置 [devices] pinpad），或带键盘的读卡器。",
        ),
    )
