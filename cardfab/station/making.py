"""Chips of the factory become blanks: activation and pre-personalisation (LB 002 part 10, 5.1 and 5.2).

What a chip needs is asked of the chip, never of a file of this station: a chip that was cut off half-way may have been
begun elsewhere. It is gone on with where the chip tells what it has, or erased and begun again; a chip that is not
begun, or a blank, is left as it is.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Literal

from cardfab.apdu.dialect import CosDialect
from cardfab.apdu.link import drive
from cardfab.apdu.progress import Made, Progress, ask_progress
from cardfab.errors import CardfabError, CardRefused, InputRefused, Text
from cardfab.keys.auditing import NOBODY, about, whom
from cardfab.plan import BlankNotBlank, Run, Step, carry_out
from cardfab.plan.files import Filing
from cardfab.plan.making import WriteKey
from cardfab.plan.stages import compile_activation, compile_check, historical_of
from cardfab.plan.structure import compile_erase, compile_structure
from cardfab.production import Act
from cardfab.profile.card import Activation, Stage
from cardfab.station.desk import Desk, ProductSet
from cardfab.station.devices import Chip, Devices

OnStage = Callable[[str, int, int], None]
Begun = Literal["refuse", "resume", "erase"]
"""What to do with a chip whose structure was begun and not ended."""


class ChipState(enum.StrEnum):
    """What a chip in the reader is."""

    NEVER_ACTIVATED = "never activated"
    ACTIVATED = "activated"
    BEGUN = "begun"
    BLANK = "blank"
    PERSONALISED = "personalised"

    @property
    def zh(self) -> str:
        """In Chinese."""
        return _STATE_ZH[self]


_STATE_ZH = {
    ChipState.NEVER_ACTIVATED: "未激活",
    ChipState.ACTIVATED: "已激活",
    ChipState.BEGUN: "预个人化未完成",
    ChipState.BLANK: "空白卡",
    ChipState.PERSONALISED: "已个人化",
}


class HalfMade(CardRefused):
    """The chip was begun and not ended, and nobody said what to do with it."""

    default_code = "CF-4240"


class ActivationLost(CardRefused):
    """After activation the chip does not answer with what was set."""

    default_code = "CF-4241"


@dataclass(frozen=True, slots=True)
class Looked:
    """A chip as it was found; ``progress`` is what it said itself."""

    state: ChipState
    progress: Progress
    serial: str


@dataclass(frozen=True, slots=True)
class MadeBlank:
    """A blank and what was done to make it; nothing where it was one already."""

    found: ChipState
    state: ChipState
    done: tuple[Stage, ...]
    erased: bool
    serial: str
    region: str


def dialect_of(chosen: ProductSet) -> CosDialect:
    """The dialect of a product's chips; raises InputRefused where its cards are bought as blanks."""
    if chosen.dialect is None:
        raise InputRefused(
            Text(
                f"The card '{chosen.card.name}' names no dialect: its blanks come made.",
                f"卡片“{chosen.card.name}”未指定方言：其空白卡为预制卡。",
            ),
            do=Text("Choose a product whose card profile has one.", "请选用卡片配置中指定了方言的产品。"),
            code="CF-3216",
        )
    return chosen.dialect


def look(desk: Desk, chosen: ProductSet, chip: Chip) -> Looked:
    """Ask the chip what it is. Reads only."""
    environment = Filing(chosen.files, chosen.card).identification().directory
    progress = drive(ask_progress(dialect_of(chosen), chip.historical, environment.aid), chip.link)
    state = {
        Made.NOTHING: ChipState.NEVER_ACTIVATED,
        Made.ACTIVATED: ChipState.ACTIVATED,
        Made.STRUCTURE_BEGUN: ChipState.BEGUN,
        Made.STRUCTURE_ENDED: ChipState.BLANK,
    }[progress.made]
    if state is ChipState.BLANK:
        try:
            _carry(desk, chip, tuple(Filing(chosen.files, chosen.card).blank(None)), "000000")
        except BlankNotBlank:
            state = ChipState.PERSONALISED
    return Looked(state, progress, chip.serial)


def structure_steps(chosen: ProductSet, progress: Progress | None = None, *, pin: bool = True) -> tuple[Step, ...]:
    """The pre-personalisation of the product's chips, less what ``progress`` says is there."""
    card = chosen.card
    return compile_structure(
        chosen.files,
        dialect_of(chosen),
        algorithm=card.algorithm,
        transport=None if card.activation is None else card.activation.transport,
        first_pin=card.first_pin if pin else None,
        progress=progress,
    )


def erase_steps(chosen: ProductSet) -> tuple[Step, ...]:
    """What takes everything off a chip that was begun."""
    transport = None if chosen.card.activation is None else chosen.card.activation.transport
    return compile_erase(dialect_of(chosen), algorithm=chosen.card.algorithm, transport=transport)


def activation_steps(chosen: ProductSet, historical: bytes, done: int = 0) -> tuple[Step, ...]:
    """The activation of one chip; ``historical`` are the bytes it will answer with, ``done`` what it got before."""
    activation = _activation(chosen)
    return compile_activation(
        dialect_of(chosen),
        transport=activation.transport,
        maker=activation.maker,
        historical=historical,
        algorithm=chosen.card.algorithm,
        done=done,
    )


def check_steps(chosen: ProductSet) -> tuple[Step, ...]:
    """The proof of a finished blank."""
    return compile_check(Filing(chosen.files, chosen.card))


def new_historical(desk: Desk, chosen: ProductSet, region: str) -> bytes:
    """Historical bytes with a serial number of the region that no chip has yet."""
    # Training blanks come made, from a count of the station: chips made here go on in it, so that no two are the same.
    series = "training-chip" if desk.training else f"chip:{region[:4]}"
    with desk.database.transaction("chip number") as tx:
        serial = tx.jobs.next_number(series, 1)
    return historical_of(_activation(chosen).maker, region, serial)


def make_blank(
    desk: Desk,
    devices: Devices,
    chosen: ProductSet,
    region: str,
    *,
    stages: Sequence[Stage],
    begun: Begun = "refuse",
    on_stage: OnStage | None = None,
) -> MadeBlank:
    """Make a blank of the chip in the reader, as far as ``stages`` say; the audit keeps intent and outcome.

    Raises CardRefused for a chip that holds a person's data or was begun (with ``begun`` "refuse"), and whatever a
    step raises; the chip then says itself how far it came.
    """
    desk.must(Act.ISSUE)
    if "pre-personalisation" in stages:
        require_keys(desk, chosen)
    with devices.chip() as chip:
        found = look(desk, chosen, chip)
    if found.state is ChipState.PERSONALISED:
        raise _not_blank()
    if found.state is ChipState.BEGUN and begun == "refuse":
        raise _half_made(found.progress)
    token, details = desk.token(), {"product": chosen.product.name, "region": region, "found": found.state.value}
    _note(desk, token, "intent", details)
    try:
        # Of a blank that is made for a job, key uses are the job's.
        with about(token) if whom() == NOBODY else nullcontext():
            made = _Making(desk, devices, chosen, region, begun, on_stage).make(found, stages)
    except CardfabError as error:
        _note(desk, token, "failed", {**details, "why": f"{error.code}: {error}"})
        raise
    _note(desk, token, "done", {**details, "state": made.state.value, "stages": " ".join(made.done)})
    return made


def makes_blanks(chosen: ProductSet) -> bool:
    """Whether the station makes this product's blanks itself."""
    return chosen.card.stages != ("personalisation",)


def require_keys(desk: Desk, chosen: ProductSet) -> None:
    """Every key is there before a chip is touched: the new master key of a chip is never only on the chip."""
    for step in structure_steps(chosen, pin=False):
        if isinstance(step, WriteKey):
            desk.keys.info(step.label)


def _note(desk: Desk, token: str, outcome: Literal["intent", "done", "failed"], details: dict[str, str]) -> None:
    with desk.database.transaction("chip") as tx:
        tx.audit.append(desk.event("chip.make", token, outcome, details))
        if outcome != "intent":
            desk.checkpoint(tx)


@dataclass(frozen=True, slots=True)
class _Making:
    desk: Desk
    devices: Devices
    chosen: ProductSet
    region: str
    begun: Begun
    on_stage: OnStage | None

    def make(self, found: Looked, stages: Sequence[Stage]) -> MadeBlank:
        state, erased, progress, serial = found.state, False, found.progress, found.serial
        done: list[Stage] = []
        if state is ChipState.NEVER_ACTIVATED and "activation" in stages:
            serial = self._activate(progress.activated)
            state = ChipState.ACTIVATED
            done.append("activation")
        if state is ChipState.BEGUN and "pre-personalisation" in stages and self._begins_again(progress):
            self._steps("erase", erase_steps(self.chosen))
            state, progress, erased = ChipState.ACTIVATED, Progress(Made.ACTIVATED, {}), True
        if state in (ChipState.ACTIVATED, ChipState.BEGUN) and "pre-personalisation" in stages:
            kept = progress if state is ChipState.BEGUN else None
            self._steps("structure", structure_steps(self.chosen, kept))
            self._steps("check", check_steps(self.chosen))
            state = ChipState.BLANK
            done.append("pre-personalisation")
        return MadeBlank(found.state, state, tuple(done), erased, serial, self.region)

    def _begins_again(self, progress: Progress) -> bool:
        if self.begun == "erase":
            return True
        if progress.directories is None:
            raise _half_made(progress)
        return False

    def _activate(self, done: int) -> str:
        historical = new_historical(self.desk, self.chosen, self.region)
        self._steps("activation", activation_steps(self.chosen, historical, done))
        transport = structure_steps(self.chosen, pin=False)[:1]
        with self.devices.chip() as chip:
            if chip.historical != historical:
                raise ActivationLost(
                    Text(
                        "After activation the chip does not answer with the historical bytes that were set.",
                        "激活后芯片的历史字节与设置值不符。",
                    ),
                    do=Text("Put the chip aside; check its dialect.", "请将该芯片单独存放，并检查方言配置。"),
                )
            _carry(self.desk, chip, transport, self.region)  # the key that was set, and no other
            return chip.serial

    def _steps(self, stage: str, steps: Sequence[Step]) -> None:
        with self.devices.chip() as chip:
            report = self.on_stage
            run = self.desk.run(chip.historical, self.region)
            carry_out(
                steps, chip.link, run, None if report is None else lambda number, _: report(stage, number, len(steps))
            )
            if stage == "check" and run.region != self.region:
                raise CardRefused(
                    Text(
                        f"The blank is of region {run.region}, not {self.region}.",
                        f"空白卡属于地区 {run.region}，应为 {self.region}。",
                    ),
                    code="CF-4242",
                )


def _carry(desk: Desk, chip: Chip, steps: Sequence[Step], region: str) -> Run:
    return carry_out(steps, chip.link, desk.run(chip.historical, region))


def _activation(chosen: ProductSet) -> Activation:
    if chosen.card.activation is None:
        raise InputRefused(
            Text(
                f"The card '{chosen.card.name}' has no table 'activation'.", f"卡片“{chosen.card.name}”没有激活配置。"
            ),
            do=Text("Complete the card profile.", "请补充卡片配置。"),
            code="CF-3217",
        )
    return chosen.card.activation


def _not_blank() -> BlankNotBlank:
    return BlankNotBlank(
        Text("The chip in the reader holds a person's data.", "读卡器中的芯片已有个人数据。"),
        do=Text("Put the card aside and count the blanks.", "请将该卡单独存放，并清点空白卡。"),
    )


def _half_made(progress: Progress) -> HalfMade:
    told = progress.directories is not None
    return HalfMade(
        Text(
            "The chip in the reader was begun and not ended" + ("." if told else ", and does not tell how far it is."),
            "读卡器中的芯片预个人化未完成" + ("。" if told else "，且无法查询进度。"),
        ),
        do=Text(
            "Go on with --resume, or begin again with --erase." if told else "Begin again with --erase.",
            "可用 --resume 继续，或用 --erase 擦除后重做。" if told else "请用 --erase 擦除后重做。",
        ),
    )


__all__ = [
    "ActivationLost",
    "Begun",
    "ChipState",
    "HalfMade",
    "Looked",
    "MadeBlank",
    "OnStage",
    "activation_steps",
    "check_steps",
    "dialect_of",
    "erase_steps",
    "look",
    "make_blank",
    "makes_blanks",
    "new_historical",
    "require_keys",
    "structure_steps",
]
