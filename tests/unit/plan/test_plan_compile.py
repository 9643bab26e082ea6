"""Compiling: pure, complete, in an order that protects a card that is not blank; and a digest that misses nothing."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from cardfab.errors import InputRefused
from cardfab.plan import PersonalisationPlan, Step, compile_plan, describe
from cardfab.plan.filing import NotReadBack, VerifyPin
from cardfab.plan.payment import _dol_values
from cardfab.plan.steps import (
    Authenticate,
    Capture,
    Expect,
    ExpectBlank,
    OpenChannel,
    ReadRegion,
    Select,
    StoreData,
    UpdateRecord,
)
from cardfab.prepare.card import PreparedCard
from cardfab.profile.card import CardProfile

WRITING = (UpdateRecord, StoreData)
PARTS = [field.name for field in dataclasses.fields(PersonalisationPlan) if field.name != "product"]


def test_the_same_input_gives_the_same_plan(
    compiled: Callable[..., PersonalisationPlan], card: PreparedCard, plan: PersonalisationPlan
) -> None:
    again = compiled(PreparedCard.from_json_bytes(card.to_json_bytes()))
    assert again == plan
    assert again.content() == plan.content()


def test_a_plan_looks_before_it_writes(plan: PersonalisationPlan) -> None:
    kinds = [type(step) for step in plan.encode]
    assert kinds[:3] == [Select, ReadRegion, ExpectBlank]
    assert kinds.count(ExpectBlank) == kinds.count(ReadRegion) == kinds.count(StoreData) == 1
    assert plan.inspect == plan.encode[:3]
    assert not any(isinstance(step, WRITING) for step in (*plan.inspect, *plan.verify, *plan.identify))
    assert [type(step) for step in plan.identify] == [Select, Capture]


def test_every_record_is_written_once_and_read_back(plan: PersonalisationPlan, card: PreparedCard) -> None:
    written = [step.record for step in plan.encode if isinstance(step, UpdateRecord)]
    assert sorted(written) == sorted(record.tlv for record in card.records)
    read = [step.expected for step in plan.verify if isinstance(step, Expect)]
    assert sorted(read[: len(written)]) == sorted(written)


def test_every_file_is_opened_by_its_key_before_it_is_written(plan: PersonalisationPlan) -> None:
    """What the tables say: EF05 to EF09 of DF01 under UK1, UK4, UK2, UK3, UK2; those of the SSSE under UKSSSE.

    Files under one key are written together, so that each key is proved once.
    """
    opened = [step.label for step in plan.encode if isinstance(step, Authenticate)]
    assert opened == ["ss/UKSSSE", "ss/DF01/UK1", "ss/DF01/UK4", "ss/DF01/UK2", "ss/DF01/UK3"]
    ids = [step.key_id for step in plan.encode if isinstance(step, Authenticate)]
    assert ids == [0x04, 0x83, 0x86, 0x84, 0x85]
    assert not any(step.version for step in plan.encode if isinstance(step, Authenticate))
    reading = [(step.label, step.key_id) for step in plan.verify if isinstance(step, Authenticate)]
    assert reading == [("ss/DF01/RK1", 0x88)]


def test_a_plan_tells_which_keys_it_asks_for(plan: PersonalisationPlan) -> None:
    updates = {"ss/UKSSSE", "ss/DF01/UK1", "ss/DF01/UK2", "ss/DF01/UK3", "ss/DF01/UK4"}
    assert plan.key_labels() == updates | {"ss/DF01/RK1", "bank/KMC"}


def test_the_financial_side_comes_last_through_its_channel(plan: PersonalisationPlan, card: PreparedCard) -> None:
    select, channel, store = plan.encode[-3:]
    assert isinstance(select, Select)
    assert select.aid.hex().upper() == "A000000333010101"
    assert isinstance(channel, OpenChannel)
    assert (channel.root, channel.kvn, channel.level) == ("bank/KMC", 0, 1)
    assert isinstance(store, StoreData)
    assert store.groupings == card.groupings


def test_blanks_of_the_same_region(profiles: Any, card: PreparedCard, plan: PersonalisationPlan) -> None:
    same = profiles.card.model_copy(update={"blanks": "same region"})
    strict = compile_plan(card, same, profiles.files, profiles.financial)

    def required(plan: PersonalisationPlan) -> list[str | None]:
        return [step.required for step in plan.encode if isinstance(step, ReadRegion)]

    assert required(strict) == [card.region]
    assert required(plan) == [None]


def test_titles_are_in_both_languages(plan: PersonalisationPlan) -> None:
    for step in (step for part in PARTS for step in getattr(plan, part)):
        assert step.title.en
        assert step.title.zh
        assert any("\u4e00" <= character <= "\u9fff" for character in step.title.zh) or "AIP" in step.title.zh


def test_no_repr_shows_the_holder(plan: PersonalisationPlan, card: PreparedCard) -> None:
    """A step, a plan and a prepared card may stand in a log or a traceback: name, numbers and PAN do not."""
    shown = repr(plan)
    for record in card.records:
        if record.source in ("name", "social_security_number", "card_number", "phone", "household_address"):
            assert record.value.hex().upper() not in shown.upper()
            assert repr(record.value.rstrip(b"\0"))[2:-1] not in shown
    packed = bytes.fromhex(card.pan)
    assert card.pan not in shown
    assert packed.hex() not in shown
    assert repr(packed)[2:-1] not in shown


# The content, of which a keyed digest is kept


def _mutations(value: Any) -> Iterator[Any]:
    """The value with one leaf changed, for every leaf that takes part in comparison."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        for field in dataclasses.fields(value):
            if field.compare:
                for other in _mutations(getattr(value, field.name)):
                    yield dataclasses.replace(value, **{field.name: other})
    elif isinstance(value, tuple):
        for place, item in enumerate(value):
            for other in _mutations(item):
                yield (*value[:place], other, *value[place + 1 :])
        if value:
            yield value[:-1]
    elif isinstance(value, bool):
        yield not value
    elif isinstance(value, int):
        yield value ^ 1
    elif isinstance(value, bytes):
        yield bytes((value[0] ^ 1,)) + value[1:] if value else b"\0"
        yield value + b"\0"
    elif isinstance(value, str):
        yield value + "x"
    elif value is None:
        yield 1


def _alone(step: Step) -> PersonalisationPlan:
    return PersonalisationPlan("debit", **{part: (step,) if part == "encode" else () for part in PARTS})


def test_the_content_changes_with_everything_in_the_plan(plan: PersonalisationPlan) -> None:
    for step in {step.title.en: step for part in PARTS for step in getattr(plan, part)}.values():
        content = _alone(step).content()
        for other in _mutations(step):
            assert other != step
            assert _alone(other).content() != content, step.title.en


def test_the_content_changes_with_every_step(plan: PersonalisationPlan) -> None:
    content = plan.content()
    for part in PARTS:
        steps: tuple[Step, ...] = getattr(plan, part)
        for place in range(len(steps)):
            shorter = dataclasses.replace(plan, **{part: (*steps[:place], *steps[place + 1 :])})
            assert shorter.content() != content
    moved = dataclasses.replace(plan, encode=plan.encode[:-1], verify=(plan.encode[-1], *plan.verify))
    assert moved.content() != content
    assert dataclasses.replace(plan, product="credit").content() != content


def test_the_content_changes_with_every_record_of_the_card(
    compiled: Callable[..., PersonalisationPlan], card: PreparedCard, plan: PersonalisationPlan
) -> None:
    seen = {plan.content()}
    for place, record in enumerate(card.records):
        other = dataclasses.replace(record, value=record.value[:-1] + bytes((record.value[-1] ^ 1,)))
        records = (*card.records[:place], other, *card.records[place + 1 :])
        seen.add(compiled(dataclasses.replace(card, records=records)).content())
    assert len(seen) == len(card.records) + 1


def test_names_for_people_do_not_move_the_content(plan: PersonalisationPlan) -> None:
    """A command's name takes no part in comparison: equal plans give equal bytes."""
    select, *rest = [step for step in plan.verify if isinstance(step, Expect)]
    renamed = dataclasses.replace(select, command=dataclasses.replace(select.command, name="another", secret=True))
    assert (renamed, *rest) == (select, *rest)
    assert _alone(renamed).content() == _alone(select).content()


def test_no_secret_is_in_the_content(plan: PersonalisationPlan, card: PreparedCard, keys: Any) -> None:
    content = plan.content().decode().upper()
    for grouping in card.groupings:
        if grouping.secret:
            with keys._open_transport(grouping.value) as plain:
                assert bytes(plain.view()).hex().upper() not in content


# Profiles that cannot be followed


def _refused(profiles: Any, card: PreparedCard, **changes: Any) -> InputRefused:
    with pytest.raises(InputRefused) as refused:
        compile_plan(card, profiles.card, profiles.files, profiles.financial.model_copy(update=changes))
    return refused.value


@pytest.mark.parametrize("source", ["social_security_number", "card_number"])
def test_an_application_without_an_item_that_is_needed(profiles: Any, card: PreparedCard, source: str) -> None:
    directories = tuple(
        directory.model_copy(
            update={
                "files": tuple(
                    file.model_copy(update={"items": tuple(item for item in file.items if item.source != source)})
                    for file in directory.files
                )
            }
        )
        for directory in profiles.files.directories
    )
    files = profiles.files.model_copy(update={"directories": directories})
    with pytest.raises(InputRefused, match=source) as refused:
        compile_plan(card, profiles.card, files, profiles.financial)
    assert refused.value.code == "CF-3210"


@pytest.fixture
def strange(profiles: Any) -> CardProfile:
    """Blanks whose PIN the station does not know."""
    return profiles.card.model_copy(update={"first_pin": None})  # type: ignore[no-any-return]


@pytest.mark.parametrize("condition", ["UK4DF01&PIN", "PIN", "PIN|PIN", "STKDF01", "FORBIDDEN"])
def test_a_condition_that_no_key_of_the_station_opens(
    with_files: Callable[..., PersonalisationPlan], strange: CardProfile, condition: str
) -> None:
    """The holder's PIN, a key that is never proved, nobody: the profile is refused, with the name of the directory."""
    with pytest.raises(InputRefused, match="DF01") as refused:
        with_files("DF01/EF06", kind=strange, write=condition)
    assert refused.value.code == "CF-3211"


@pytest.mark.parametrize("condition", ["STKDF01", "FORBIDDEN", "STKDF01&PIN"])
def test_a_file_that_nobody_could_read_back(with_files: Callable[..., PersonalisationPlan], condition: str) -> None:
    with pytest.raises(InputRefused, match="DF01") as refused:
        with_files("DF01/EF06", read=condition)
    assert refused.value.code == "CF-3211"


@pytest.mark.parametrize("condition", ["PIN", "RK1DF01&PIN", "PIN&UK1DF01|PIN"])
def test_what_only_the_pin_opens_is_not_read_back_and_the_plan_says_so(
    with_files: Callable[..., PersonalisationPlan], plan: PersonalisationPlan, strange: CardProfile, condition: str
) -> None:
    other = with_files("DF01/EF06", kind=strange, read=condition)
    (note,) = [step for step in other.verify if isinstance(step, NotReadBack)]
    assert "DF01/EF06" in note.title.en
    assert "only the PIN opens it" in note.title.en
    assert other.encode == plan.encode
    told = list(describe(other.verify))
    assert [(one.number, one.shown) for one in told if "not read back" in one.step.en] == [(0, "")]
    assert len([one for one in told if one.number]) == len(list(describe(plan.verify))) - 5


def test_a_pin_that_the_station_knows_opens_it(profiles: Any, with_files: Callable[..., PersonalisationPlan]) -> None:
    """Both rights are got, the PIN last; nothing of the directory is left out."""
    assert profiles.card.first_pin == "ss/PIN"
    plan = with_files("DF01/EF06", read="PIN&RK1DF01")
    kinds = [step for step in plan.verify if isinstance(step, Authenticate | VerifyPin | NotReadBack)]
    assert [type(step) for step in kinds] == [Authenticate, VerifyPin]
    assert plan.key_labels() >= {"ss/DF01/RK1"}


def test_three_des_and_sm4_by_one_changed_line(profiles: Any, card: PreparedCard, plan: PersonalisationPlan) -> None:
    sm4 = compile_plan(card, profiles.card.model_copy(update={"algorithm": "SM4"}), profiles.files, profiles.financial)
    assert [type(step) for step in sm4.encode] == [type(step) for step in plan.encode]
    labels = {step.label for step in (*sm4.encode, *sm4.verify) if isinstance(step, Authenticate)}
    assert labels == {"ss/SM4/" + label[3:] for label in plan.key_labels() - {"bank/KMC"}}
    assert sm4.content() != plan.content()


def test_a_key_version_is_the_seventeenth_byte_of_keys_that_have_groups(profiles: Any, card: PreparedCard) -> None:
    second = profiles.card.model_copy(update={"key_version": 2})
    plan = compile_plan(card, second, profiles.files, profiles.financial)
    proofs = [step for step in (*plan.encode, *plan.verify) if isinstance(step, Authenticate)]
    assert {(step.version, step.label.endswith("/v2")) for step in proofs} == {(2, True)}
    shown = [one.shown for one in describe(plan.encode) if one.shown.startswith("00820004")]
    assert shown == ["00820004 11 <proof of ss/UKSSSE/v2, 8 bytes> <challenge of the chip, 8 bytes> 02"]


@pytest.mark.parametrize("condition", ["PIN|UK4DF01", "UK4DF01|PIN", "FREE|UK4DF01", "UK4DF01|UK5DF01"])
def test_of_alternatives_the_first_key_is_proved(
    with_files: Callable[..., PersonalisationPlan], plan: PersonalisationPlan, condition: str
) -> None:
    assert with_files("DF01/EF06", write=condition) == plan


def test_a_file_that_is_free_needs_no_key(with_files: Callable[..., PersonalisationPlan]) -> None:
    plan = with_files("DF01/EF05", write="FREE")
    opened = [step.label for step in plan.encode if isinstance(step, Authenticate)]
    assert opened == ["ss/UKSSSE", "ss/DF01/UK4", "ss/DF01/UK2", "ss/DF01/UK3"]


@pytest.mark.parametrize("left_out", ["9102", "9104", "9010", "records"])
def test_an_order_without_a_grouping_that_is_read_back(profiles: Any, card: PreparedCard, left_out: str) -> None:
    """Without FCI, GPO, try counter or records there is nothing to compare with: the profile is refused."""
    names = {left_out} if left_out != "records" else {"0101", "0301", "0302", "0401"}
    groupings = tuple(one for one in card.groupings if one.dgi not in names)
    with pytest.raises(InputRefused) as refused:
        compile_plan(dataclasses.replace(card, groupings=groupings), profiles.card, profiles.files, profiles.financial)
    assert refused.value.exit_status == 3


@pytest.mark.parametrize(
    ("dol", "length"),
    [("", 0), ("9F1A02", 2), ("9F1A029F02065F2A02", 10), ("95059A039C01", 9), ("9F37045F2A029F4E14", 26)],
)
def test_what_a_data_object_list_asks_for(dol: str, length: int) -> None:
    assert _dol_values(bytes.fromhex(dol), {}) == bytes(length)
