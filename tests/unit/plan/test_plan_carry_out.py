"""Plans carried out on the training chip: what was asked for is read back, and nothing else passes for it."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from cardfab.apdu.link import CardAnswered, CardAnswerMalformed, CardGone, CardNotGenuine
from cardfab.errors import KeyFault, Text
from cardfab.keys import SoftKeyStore
from cardfab.keys.held import hold
from cardfab.keys.label import STATION_KEYS
from cardfab.keys.roots import ROOTS
from cardfab.plan import (
    CARD_NUMBER,
    BlankNotBlank,
    Comparison,
    OtherRegion,
    PersonalisationPlan,
    ReadBackDiffers,
    Run,
    Step,
    carry_out,
    compile_plan,
    require_equal,
)
from cardfab.plan.steps import StoreData
from cardfab.prepare.card import PreparedCard
from cardfab.prepare.request import IssuanceRequest

Bench = Any
PERSONALISED = b"\x0f"  # the application's life cycle state
NAMES = ["王䶮", "张𠅤", "龘龖", "古丽巴哈尔·阿卜力米提艾合麦提江", "欧阳㛃"]
SSSE, DF01 = "ef/DDF1/", "ef/DF01/"
# What a terminal reads of the debit application, and the PIN try counter; keys, PIN and risk data are not compared.
DEBIT = {f"debit/dgi/{dgi}" for dgi in ("9102", "9104", "0101", "0301", "0302", "0401")} | {"debit/pin/left"}


def _encode(plan: PersonalisationPlan, bench: Bench, run: Run) -> None:
    carry_out(plan.encode, bench, run)


def _verified(plan: PersonalisationPlan, bench: Bench, run: Run) -> list[Comparison]:
    bench.power_on()
    return carry_out(plan.verify, bench, run).compared


def _data(bench: Bench) -> dict[str, bytes]:
    """What a chip keeps of its holder: files and groupings."""
    return {name: value for name, value in bench.chip.memory.cells.items() if name.startswith(("ef/", "debit/"))}


@pytest.mark.parametrize("name", NAMES)
def test_a_rare_name_comes_back_exactly(
    request_named: Callable[[str], IssuanceRequest],
    make_card: Callable[[IssuanceRequest, int], PreparedCard],
    compiled: Callable[..., PersonalisationPlan],
    bench: Callable[..., Bench],
    run_on: Callable[..., Run],
    name: str,
) -> None:
    request = request_named(name)
    card = make_card(request, 11)
    plan = compiled(card)
    blank = bench(region=request.region)
    _encode(plan, blank, run_on(blank))
    require_equal(_verified(plan, blank, run_on(blank)))
    held = _data(blank)
    items = [held[f"{SSSE}EF06/{number:02X}"][2:].rstrip(b"\0").decode("gb18030") for number in (2, 3)]
    assert "".join(items) == name
    number = held[f"{SSSE}EF06/01"][2:].decode()
    assert number == request.social_security_number
    read = carry_out(plan.identify, blank, run_on(blank)).captured[CARD_NUMBER]
    assert read == b"\x07\x09" + card.card_number.encode()


def test_a_card_of_every_district(
    requests: tuple[IssuanceRequest, ...],
    make_card: Callable[[IssuanceRequest, int], PreparedCard],
    compiled: Callable[..., PersonalisationPlan],
    bench: Callable[..., Bench],
    run_on: Callable[..., Run],
) -> None:
    """Keys come by province and city: one request of each of the six districts, on a blank of its own."""
    by_region = {request.region: request for request in requests}
    assert len(by_region) == 6
    for serial, (region, request) in enumerate(by_region.items(), 1):
        plan = compiled(make_card(request, serial))
        blank = bench(serial=serial, region=region)
        _encode(plan, blank, run_on(blank))
        compared = _verified(plan, blank, run_on(blank))
        require_equal(compared)
        cells = [cell for cell in _data(blank) if cell.startswith("ef/") and "/EF1E/" not in cell]
        internal = [one for one in compared if one.title.en.startswith("internal data")]
        assert len(compared) == len(cells) - 1 + 7 + len(internal)
        assert blank.chip.memory.read("debit/state") == PERSONALISED


def test_a_blank_of_another_district_serves_where_the_product_allows(
    plan: PersonalisationPlan, card: PreparedCard, bench: Callable[..., Bench], run_on: Callable[..., Run]
) -> None:
    """Its keys come by its own city, which it tells; the holder's region is on the card as asked."""
    assert card.region != "440199"
    blank = bench(region="440199")
    run = run_on(blank)
    _encode(plan, blank, run)
    assert run.region == "440199"
    require_equal(_verified(plan, blank, run_on(blank)))


def test_a_blank_of_another_district_is_refused_where_it_does_not(
    profiles: Any, card: PreparedCard, bench: Callable[..., Bench], run_on: Callable[..., Run]
) -> None:
    same = profiles.card.model_copy(update={"blanks": "same region"})
    plan = compile_plan(card, same, profiles.files, profiles.financial)
    blank = bench(region="440199")
    before = dict(blank.chip.memory.cells)
    with pytest.raises(OtherRegion, match="440199") as refused:
        _encode(plan, blank, run_on(blank))
    assert (refused.value.exit_status, refused.value.code) == (4, "CF-4220")
    assert blank.chip.memory.cells == before
    good = bench(region=card.region)
    _encode(plan, good, run_on(good))
    require_equal(_verified(plan, good, run_on(good)))


def test_a_chip_with_another_update_key_is_refused(
    plan: PersonalisationPlan, card: PreparedCard, bench: Callable[..., Bench], run_on: Callable[..., Run]
) -> None:
    blank = bench(region=card.region, wrong_update_key=True)
    before = _data(blank)
    with pytest.raises(CardAnswered, match="UKSSSE") as refused:
        _encode(plan, blank, run_on(blank))
    assert refused.value.exit_status == 4
    assert refused.value.sw == 0x63C5
    assert _data(blank) == before


def _other_store(label: str) -> SoftKeyStore:
    """A training store with another key of that label."""
    specs = (*ROOTS, *STATION_KEYS)
    training = SoftKeyStore.training(secrets.token_bytes)._held
    other = {spec.label: hold(spec, bytes(range(16)), training=True) for spec in specs if spec.label == label}
    return SoftKeyStore({**training, **other}, secrets.token_bytes)


def test_a_chip_that_does_not_prove_the_channel_key_is_refused(
    plan: PersonalisationPlan, card: PreparedCard, bench: Callable[..., Bench], run_on: Callable[..., Run]
) -> None:
    blank = bench(region=card.region)
    with pytest.raises(CardNotGenuine) as refused:
        _encode(plan, blank, run_on(blank, _other_store("bank/KMC")))
    assert refused.value.exit_status == 6
    assert not [cell for cell in _data(blank) if cell.startswith("debit/")]


def test_a_card_is_not_written_twice(
    requests: tuple[IssuanceRequest, ...],
    make_card: Callable[[IssuanceRequest, int], PreparedCard],
    compiled: Callable[..., PersonalisationPlan],
    plan: PersonalisationPlan,
    card: PreparedCard,
    bench: Callable[..., Bench],
    run_on: Callable[..., Run],
) -> None:
    blank = bench(region=card.region)
    _encode(plan, blank, run_on(blank))
    before = _data(blank)
    for again in (plan, compiled(make_card(requests[0], 12))):
        blank.power_on()
        with pytest.raises(BlankNotBlank) as refused:
            _encode(again, blank, run_on(blank))
        assert (refused.value.exit_status, refused.value.code) == (4, "CF-4200")
        assert _data(blank) == before


@pytest.mark.parametrize("padding", [None, b"\x08\x12" + bytes(18), b"\x08\x12" + b"\xff" * 18])
def test_padding_is_blank(
    plan: PersonalisationPlan,
    card: PreparedCard,
    bench: Callable[..., Bench],
    run_on: Callable[..., Run],
    padding: bytes | None,
) -> None:
    blank = bench(region=card.region)
    if padding is not None:
        blank.chip.memory.write({f"{SSSE}EF06/01": padding})
    _encode(plan, blank, run_on(blank))
    require_equal(_verified(plan, blank, run_on(blank)))


@pytest.mark.parametrize("record", ["0110440199", "0110" + "00" * 3 + "00" * 12, "0110" + "AB" * 3 + "00" * 13])
def test_an_identification_code_that_is_none(
    plan: PersonalisationPlan, card: PreparedCard, bench: Callable[..., Bench], run_on: Callable[..., Run], record: str
) -> None:
    blank = bench(region=card.region)
    blank.chip.memory.write({f"{SSSE}EF05/01": bytes.fromhex(record)})
    with pytest.raises(CardAnswerMalformed):
        _encode(plan, blank, run_on(blank))


def test_every_altered_record_is_noticed(
    plan: PersonalisationPlan,
    card: PreparedCard,
    bench: Callable[..., Bench],
    run_on: Callable[..., Run],
) -> None:
    """Each cell that the plan wrote, one bit changed or gone: exactly that item differs, by name, and is refused."""
    blank = bench(region=card.region)
    empty = _data(blank)
    _encode(plan, blank, run_on(blank))
    written = {name: value for name, value in _data(blank).items() if empty.get(name) != value}
    assert len([name for name in written if name.startswith("ef/")]) == len(card.records)
    noticed = set()
    for name, value in written.items():
        if name == "debit/state":
            continue  # an application that is not personalised does not answer at all
        blank.chip.memory.write({name: value[:-1] + bytes((value[-1] ^ 1,))})
        wrong = [one for one in _verified(plan, blank, run_on(blank)) if not one.equal]
        blank.chip.memory.write({name: value})
        if not wrong:
            continue
        noticed.add(name)
        assert len(wrong) == 1, name
        with pytest.raises(ReadBackDiffers, match=re.escape(wrong[0].title.en)) as refused:
            require_equal(wrong)
        assert (refused.value.exit_status, refused.value.code) == (4, "CF-4300")
        assert wrong[0].title.zh in refused.value.what.zh
        assert value.hex().upper() not in str(refused.value).upper()
    internal = {name for name in written if name.startswith("debit/tag/")}
    assert noticed - internal == {name for name in written if name.startswith("ef/")} | DEBIT
    assert len(noticed & internal) > 10
    require_equal(_verified(plan, blank, run_on(blank)))


def test_a_missing_record_is_noticed(
    plan: PersonalisationPlan, card: PreparedCard, bench: Callable[..., Bench], run_on: Callable[..., Run]
) -> None:
    blank = bench(region=card.region)
    _encode(plan, blank, run_on(blank))
    blank.chip.memory.write({f"{DF01}EF06/03": None})
    wrong = [one for one in _verified(plan, blank, run_on(blank)) if not one.equal]
    assert [one.title.en for one in wrong] == ["read DF01/EF06 28 telephone"]


def test_a_card_of_somebody_else_is_noticed(
    requests: tuple[IssuanceRequest, ...],
    make_card: Callable[[IssuanceRequest, int], PreparedCard],
    compiled: Callable[..., PersonalisationPlan],
    plan: PersonalisationPlan,
    bench: Callable[..., Bench],
    run_on: Callable[..., Run],
) -> None:
    other = compiled(make_card(requests[0], 13))
    blank = bench(region=requests[0].region)
    _encode(other, blank, run_on(blank))
    with pytest.raises(ReadBackDiffers, match="social security number"):
        require_equal(_verified(plan, blank, run_on(blank)))


@pytest.mark.proof
def test_a_power_cut_at_any_write_is_noticed(
    plan: PersonalisationPlan, card: PreparedCard, bench: Callable[..., Bench], run_on: Callable[..., Run]
) -> None:
    """Torn at its n-th write, a chip never reads back as whole but after the very last, when that took effect."""
    many = 1_000_000
    counted = bench(region=card.region)
    counted.chip.tear_after = many
    _encode(plan, counted, run_on(counted))
    writes = many - (counted.chip.tear_after or 0)
    assert writes > len(card.records) + len(card.groupings)
    whole = []
    for number in range(1, writes + 1):
        blank = bench(region=card.region)
        blank.chip.memory.tear_keeps = number % 2 == writes % 2
        blank.chip.tear_after = number
        with pytest.raises(CardGone):
            _encode(plan, blank, run_on(blank))
        compared = _verified(plan, blank, run_on(blank))
        if all(one.equal for one in compared):
            whole.append(number)
        else:
            with pytest.raises(ReadBackDiffers):
                require_equal(compared)
    assert whole == [writes]


# The run itself


def test_steps_are_announced_before_they_are_taken(
    plan: PersonalisationPlan, card: PreparedCard, bench: Callable[..., Bench], run_on: Callable[..., Run]
) -> None:
    blank = bench(region=card.region)
    announced: list[tuple[int, Step, int]] = []
    run = run_on(blank)
    done = carry_out(plan.encode, blank, run, lambda number, step: announced.append((number, step, len(blank.sent))))
    assert done is run
    assert [(number, step) for number, step, _ in announced] == list(enumerate(plan.encode, 1))
    assert announced[0][2] == 0
    assert all(sent <= later for (_, _, sent), (_, _, later) in pairwise(announced))


def test_after_a_refusal_nothing_more_is_sent(
    plan: PersonalisationPlan, card: PreparedCard, bench: Callable[..., Bench], run_on: Callable[..., Run]
) -> None:
    blank = bench(region=card.region, wrong_update_key=True)
    with pytest.raises(CardAnswered):
        _encode(plan, blank, run_on(blank))
    assert blank.sent[-1].header.hex() == "00820004"


def test_nothing_compared_is_not_equal() -> None:
    with pytest.raises(ReadBackDiffers):
        require_equal(())


def test_an_answer_that_is_equal_but_refused_is_not_equal(
    plan: PersonalisationPlan, card: PreparedCard, bench: Callable[..., Bench], run_on: Callable[..., Run]
) -> None:
    blank = bench(region=card.region)
    compared = _verified(plan, blank, run_on(blank))  # an empty chip
    assert not any(one.equal for one in compared)
    refused = [one for one in compared if not one.sw.ok]
    assert refused
    assert not replace(refused[0], expected=b"", found=b"").equal


def test_storing_before_a_channel_is_open(
    plan: PersonalisationPlan, bench: Callable[..., Bench], run_on: Callable[..., Run]
) -> None:
    blank = bench()
    store = [step for step in plan.encode if isinstance(step, StoreData)]
    with pytest.raises(KeyFault, match="before a channel"):
        carry_out(store, blank, run_on(blank))
    assert blank.sent == []


def test_selecting_another_application_closes_the_channel(
    plan: PersonalisationPlan, card: PreparedCard, bench: Callable[..., Bench], run_on: Callable[..., Run]
) -> None:
    blank = bench(region=card.region)
    select, channel, store = plan.encode[-3:]
    run = run_on(blank)
    carry_out((select, channel), blank, run)
    assert run.channel is not None
    with pytest.raises(KeyFault):
        carry_out((select, store), blank, run)


def test_a_run_shows_nobody(
    plan: PersonalisationPlan, card: PreparedCard, bench: Callable[..., Bench], run_on: Callable[..., Run]
) -> None:
    blank = bench(region=card.region)
    run = run_on(blank)
    _encode(plan, blank, run)
    blank.power_on()
    carry_out((*plan.verify, *plan.identify), blank, run)
    shown = repr(run)
    assert card.card_number not in shown
    assert card.pan not in shown
    assert repr(bytes.fromhex(card.pan))[2:-1] not in shown
    assert isinstance(run.compared[0].title, Text)
