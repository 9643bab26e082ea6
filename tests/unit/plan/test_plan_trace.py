"""Traces of a whole issue hide the person and every secret, replay strictly, and are what docs/trace-format.md says."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from cardfab.apdu import RecordingConnection, ReplayConnection, ReplayMismatch, parse_trace
from cardfab.apdu.link import link_to
from cardfab.apdu.message import historical_bytes
from cardfab.apdu.tlv import find, parse
from cardfab.crypto import Algorithm
from cardfab.crypto.derive import emv_cps, emv_option_a
from cardfab.keys import Sealed, SoftKeyStore
from cardfab.keys.diversify import card_key_bytes
from cardfab.keys.label import STATION_KEYS, training_root
from cardfab.keys.roots import ROOTS
from cardfab.plan import PersonalisationPlan, Run, carry_out, compile_structure, require_equal
from cardfab.prepare.card import PreparedCard
from cardfab.prepare.request import IssuanceRequest
from cardfab.profile.dialect import DialectProfile
from cardfab.profile.loader import load
from cardfab.resources import ProfileFolders, data_folder
from cardfab.simulator.chip import make_raw_chip

Bench = Any
DOCS = Path(__file__).parents[3] / "docs" / "trace-format.md"
SAME = bytes(range(8))


class Chip:
    """A training chip as a card connection."""

    def __init__(self, chip: Any) -> None:
        self._chip = chip

    def transmit(self, apdu: bytes, /) -> bytes:
        return bytes(self._chip.transmit(apdu))

    def atr(self) -> bytes:
        return bytes(self._chip.atr)

    def reset(self) -> bytes:
        return bytes(self._chip.power_on())

    def close(self) -> None:
        self._chip.power_off()


def _run(keys: SoftKeyStore, atr: bytes, region: str = "000000") -> Run:
    return Run(keys, historical_bytes(atr), lambda count: SAME[:count], region=region)


def _traced(chip: Any, keys: SoftKeyStore, plan: PersonalisationPlan) -> str:
    """The trace of encode, verify and identify, the chip reset between them as the station does."""
    lines: list[str] = []
    recording = RecordingConnection(Chip(chip), lines.append)
    link = link_to(recording)
    carry_out(plan.encode, link, _run(keys, chip.atr))
    recording.reset()
    require_equal(carry_out(plan.verify, link, _run(keys, chip.atr)).compared)
    recording.reset()
    carry_out(plan.identify, link, _run(keys, chip.atr))
    return "".join(lines)


def _texts(request: IssuanceRequest, card: PreparedCard) -> Iterator[tuple[str, bytes]]:
    """What is said of the person, in every coding a card or a careless program could use."""
    values = {
        "name": request.name,
        "social security number": request.social_security_number,
        "card number": card.card_number,
        "PAN": card.pan,
        **{key: str(value) for key, value in vars_of(request).items() if isinstance(value, str) and len(value) >= 6},
    }
    for what, text in values.items():
        if text == request.region or what in ("request_id", "bank_product"):
            continue  # the region is the blank's own too; the others never go out
        for coding in ("gb18030", "utf-8", "utf-16-be"):
            yield f"{what} as {coding}", text.encode(coding)
        if text.isdigit() and len(text) >= 6:
            yield f"{what} as BCD", bytes.fromhex(text.ljust(len(text) + len(text) % 2, "F"))


def vars_of(value: Any) -> dict[str, Any]:
    """Fields of a slotted dataclass or a model."""
    names = getattr(value, "__dataclass_fields__", None) or getattr(type(value), "model_fields", {})
    return {name: getattr(value, name) for name in names}


def _secrets(card: PreparedCard, keys: SoftKeyStore, chip: Any, region: str) -> Iterator[tuple[str, bytes]]:
    historical = historical_bytes(chip.atr)
    for spec in ROOTS:
        root = training_root(spec.label)
        yield spec.label, root
        yield f"{spec.label} of the card", card_key_bytes(Algorithm.TDES, root, region, historical, 0)
        yield f"{spec.label} as UDK", emv_option_a(root, card.pan, "01")
    for spec in STATION_KEYS:
        yield spec.label, bytes(keys._held[spec.label].value.view())
    for index in (1, 2, 3):
        yield f"channel key {index}", emv_cps(training_root("bank/KMC"), b"\xff" * 6 + historical[-4:], index)
    for grouping in card.groupings:
        if isinstance(grouping.value, Sealed):
            with keys._open_transport(grouping.value) as plain:
                yield f"DGI {grouping.dgi}", bytes(plain.view())
    records = {grouping.dgi: grouping.value for grouping in card.groupings}
    track2 = find(parse(records["0101"]), 0x70, 0x57)  # type: ignore[arg-type]
    assert track2 is not None
    yield "track 2", track2.value
    for record in card.records:
        if record.value.strip(b"\x00\xff") and len(record.value) >= 4:
            yield f"item {record.tag.hex()} {record.name_en}", record.value


@pytest.mark.parametrize("level", [0, 1, 3])
@pytest.mark.parametrize("name", ["陈犇犇", "古丽巴哈尔·阿卜力米提艾合麦提江", "龘龖"])
def test_the_trace_of_an_issue_shows_no_person_and_no_secret(
    request_named: Callable[[str], IssuanceRequest],
    make_card: Callable[[IssuanceRequest, int], PreparedCard],
    compiled: Callable[..., PersonalisationPlan],
    keys: SoftKeyStore,
    bench: Callable[..., Bench],
    name: str,
    level: int,
) -> None:
    request = request_named(name)
    card = make_card(request, 31)
    chip = bench(region=request.region).chip
    trace = _traced(chip, keys, compiled(card, level=level))
    assert len(parse_trace(trace.splitlines())) > 100
    squeezed = re.sub(r"[ \n<>!]", "", re.sub(r";.*", "", trace))
    secrets = [*_texts(request, card), *_secrets(card, keys, chip, request.region)]
    assert len(secrets) > 80
    for what, value in secrets:
        assert value.hex().upper() not in squeezed, what
    for text in (request.name, request.social_security_number, card.card_number, card.pan):
        assert text not in trace
    assert "**" in trace


def test_the_search_would_find_them(
    card: PreparedCard,
    plan: PersonalisationPlan,
    keys: SoftKeyStore,
    bench: Callable[..., Bench],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The same search in what really went over the line: records, PAN and track 2 are there."""
    chip = bench(region=card.region).chip
    heard: list[bytes] = []
    transmit = Chip.transmit

    def hear(self: Chip, apdu: bytes, /) -> bytes:
        heard.append(apdu)
        return transmit(self, apdu)

    monkeypatch.setattr(Chip, "transmit", hear)
    _traced(chip, keys, plan)
    line = b"".join(heard)
    found = {what for what, value in _secrets(card, keys, chip, card.region) if value in line}
    assert "track 2" in found
    assert any(what.startswith("item 09") for what in found)
    assert not any(what.startswith(("ss/", "bank/", "station/", "DGI")) for what in found)


def test_the_trace_replays_strictly(
    plan: PersonalisationPlan, card: PreparedCard, keys: SoftKeyStore, bench: Callable[..., Bench]
) -> None:
    chip = bench(region=card.region).chip
    trace = _traced(chip, keys, plan)
    replay = ReplayConnection.of_text(trace)
    for steps in (plan.encode, plan.verify, plan.identify):
        carry_out(steps, link_to(replay), _run(keys, replay.atr()))
        if steps is not plan.identify:
            replay.reset()
    replay.finish()
    again = ReplayConnection.of_text(trace)
    with pytest.raises(ReplayMismatch, match="step"):
        carry_out(plan.encode[1:], link_to(again), _run(keys, again.atr()))
    other = ReplayConnection.of_text(trace)
    with pytest.raises(ReplayMismatch) as caught:  # another host challenge: INITIALIZE UPDATE is not as recorded
        carry_out(plan.encode, link_to(other), Run(keys, historical_bytes(other.atr()), lambda count: bytes(count)))
    assert "> 80500000" in str(caught.value)


@pytest.mark.parametrize("name", ["t514", "fmcos"])
def test_the_trace_of_a_pre_personalisation_shows_no_key(profiles: Any, keys: SoftKeyStore, name: str) -> None:
    dialect = load(ProfileFolders((data_folder("profiles"),)), "dialects", f"cos-{name}", DialectProfile).dialect()
    chip = make_raw_chip(name, serial=6, region="440199")  # type: ignore[arg-type]
    chip.power_on()
    lines: list[str] = []
    link = link_to(RecordingConnection(Chip(chip), lines.append))
    carry_out(compile_structure(profiles.files, dialect), link, _run(keys, chip.atr, "440199"))
    squeezed = re.sub(r"[ \n<>!]", "", re.sub(r";.*", "", "".join(lines)))
    for spec in ROOTS:
        key = card_key_bytes(Algorithm.TDES, training_root(spec.label), "440199", historical_bytes(chip.atr), 0)
        assert key.hex().upper() not in squeezed, spec.label
    shown = [line for line in lines if line.startswith("> ") and "D401" in line[:10]]
    assert all("**" in line for line in shown)


# The document


def _block(kind: str) -> str:
    (found,) = re.findall(rf"^```{kind}\n(.*?)^```$", DOCS.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    return str(found)


def test_the_example_of_the_document_is_a_trace_and_its_program_runs() -> None:
    trace, said = _block("trace"), StringIO()
    assert len(parse_trace(trace.splitlines())) == 13
    with redirect_stdout(said):
        exec(compile(_block("python"), "docs/trace-format.md", "exec"), {"trace": trace})  # noqa: S102
    assert said.getvalue() == _block("said")


def test_the_document_says_which_test_proves_it() -> None:
    assert "tests/unit/plan/test_plan_trace.py" in DOCS.read_text(encoding="utf-8")
