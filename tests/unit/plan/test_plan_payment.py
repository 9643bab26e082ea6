"""The bank side of a plan on training chips: SCP02 and SCP03, directly and through a domain, one DGI or packed."""

from __future__ import annotations

from typing import Any

import pytest

from cardfab.apdu import commands
from cardfab.keys import Sealed
from cardfab.plan import describe
from cardfab.plan.channel import OpenChannel, Personalise, StoreData
from cardfab.plan.filing import NotReadBack
from cardfab.plan.payment import read_financial, write_financial
from cardfab.plan.steps import Expect
from cardfab.profile.financial import FinancialApplication
from tests.made_cards import Wire, application, card_profile, personalise, prepared

DOMAIN = bytes.fromhex("A000000151000000")
SCP03: dict[str, Any] = {"protocol": "SCP03", "root": "gp/test", "diversification": "none", "kvn": 0x30}
ALL = ("pboc-debit-contact", "pboc-debit-contact-rsa", "pboc-debit-dual", "pboc-debit-dual-sm2")
INS_STORE = 0xE2


def _quirks(found: FinancialApplication, **changes: Any) -> FinancialApplication:
    return found.model_copy(update={"quirks": found.quirks.model_copy(update=changes)})


def _stored(wire: Wire) -> list[bytes]:
    return [one for one in wire.sent if one[1] == INS_STORE]


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("level", [0, 1, 3])
def test_every_packaged_application_over_scp02(name: str, level: int) -> None:
    """Written at that level and read back whole: FCI, internal data, every contact path, PSE and PPSE."""
    personalise(application(name), level=level)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("level", [1, 3])
@pytest.mark.parametrize("domain", [None, DOMAIN], ids=["itself", "domain"])
def test_every_packaged_application_over_scp03(name: str, level: int, domain: bytes | None) -> None:
    personalise(application(name), chip="training-debit-scp03", level=level, domain=domain, **SCP03)


def test_through_a_security_domain_one_channel_serves_all() -> None:
    found = application("pboc-debit-dual")
    steps = list(write_financial(prepared(found), card_profile(domain=DOMAIN), found))
    assert [type(one) for one in steps].count(OpenChannel) == 1
    assert [one.aid for one in steps if isinstance(one, Personalise)] == [
        found.aid, b"1PAY.SYS.DDF01", b"2PAY.SYS.DDF01",
    ]  # fmt: skip
    personalise(found, domain=DOMAIN)


def test_the_last_command_of_each_application_is_marked_and_blocks_are_counted() -> None:
    wire = personalise(application("pboc-debit-dual"), read=False)
    blocks = _stored(wire)
    last = [number for number, one in enumerate(blocks) if one[2] & 0x80]
    assert len(last) == 3
    assert last[-1] == len(blocks) - 1
    starts = [0, *(number + 1 for number in last[:-1])]
    for start, end in zip(starts, last, strict=True):
        assert [one[3] for one in blocks[start : end + 1]] == list(range(end - start + 1))


def test_secrets_are_marked_encrypted_and_nothing_else() -> None:
    found = application("pboc-debit-dual-sm2")
    card = prepared(found)
    secret = [one.dgi for one in card.groupings if isinstance(one.value, Sealed)]
    blocks = commands.store_data_blocks([(b"\x80\x00\x02ab", True), (b"\x90\x00\x01c", False)], 200)
    assert [one.p1 for one in blocks] == [0x60, 0x80]
    wire = personalise(found, level=0, chunk=255, read=False)
    marked = [one[5:7].hex().upper() for one in _stored(wire) if one[2] & 0x60 == 0x60]
    assert marked == secret


def test_packed_groupings_take_fewer_commands_and_the_same_data() -> None:
    found = application("pboc-debit-dual")
    one = personalise(found, chunk=255)
    packed = personalise(_quirks(found, packing="packed"), chunk=255)
    one_count = len(_stored(personalise(found, chunk=255, read=False)))
    packed_count = len(_stored(personalise(_quirks(found, packing="packed"), chunk=255, read=False)))
    assert packed_count < one_count
    held = [{k: v for k, v in wire.chip.memory.cells.items() if k.startswith("debit/dgi/01")} for wire in (one, packed)]
    assert held[0] == held[1]


def test_a_shorter_chunk_of_the_applet_is_kept() -> None:
    wire = personalise(_quirks(application("pboc-debit-dual"), chunk=100), level=0, chunk=255, read=False)
    assert max(one[4] for one in _stored(wire)) == 100


def test_check_values_are_announced_where_the_applet_wants_it() -> None:
    found = _quirks(application("pboc-debit-contact"), p1_for_kcv="60")
    step = next(one for one in write_financial(prepared(found), card_profile(), found) if isinstance(one, StoreData))
    assert step.announced == ("9000", "9400", "9003")
    shown = {one.command: one.shown for one in describe(list(write_financial(prepared(found), card_profile(), found)))}
    assert shown["STORE DATA 9000"].startswith("84E260")
    assert shown["STORE DATA 9010"].startswith("84E280")


@pytest.mark.parametrize(
    "changes", [{"fci_form": "full_6F"}, {"pin_data_form": "tlv9F17"}, {"gpo_q_order": "82,94,9F10"}]
)
def test_forms_of_applets_are_read_back_as_they_were_written(changes: dict[str, Any]) -> None:
    personalise(_quirks(application("pboc-debit-dual"), **changes))


def test_every_path_is_read_and_what_only_a_tap_reads_is_said() -> None:
    found = application("pboc-debit-dual-sm2")
    steps = list(read_financial(prepared(found), card_profile(), found))
    options = [one.title.en for one in steps if isinstance(one, Expect) and "path" in one.title.en]
    assert options == [f"GPO: AIP and AFL, path {name}" for name in ("contact", "ecash", "contact_sm", "ecash_sm")]
    records = [one.title.en for one in steps if one.title.en.startswith("debit record")]
    unread = [one for one in steps if isinstance(one, NotReadBack)]
    assert len(records) == len(set(records)) == len(found.records) - len(unread)


def test_a_changed_internal_value_is_noticed() -> None:
    """An e-cash limit that is not the one prepared."""
    from cardfab.plan import ReadBackDiffers

    found = application("pboc-debit-dual")
    wire = personalise(found)
    wire.chip.memory.write({"debit/tag/9F77": bytes.fromhex("000000999999")})
    with pytest.raises(ReadBackDiffers, match="internal data 9F77"):
        _read_only(wire, found)


def _read_only(wire: Wire, found: FinancialApplication) -> None:
    import secrets

    from cardfab.apdu.link import link_to
    from cardfab.apdu.message import historical_bytes
    from cardfab.plan import Run, carry_out, require_equal
    from tests.made_cards import store

    wire.reset()
    run = Run(store(), historical_bytes(wire.chip.atr), secrets.token_bytes)
    steps = list(read_financial(prepared(found), card_profile(), found))
    internal = [one for one in steps if "internal" in one.title.en or one.title.en.startswith("FCI of the debit")]
    require_equal(carry_out(internal, link_to(wire), run).compared)


def test_a_card_is_described_without_keys_over_scp03() -> None:
    """Rehearsed on declared answers: the same commands, secrets named with their filled length."""
    found = application("pboc-debit-dual")
    profile = card_profile(level=1, chunk=255, **SCP03)
    lines = list(describe(list(write_financial(prepared(found), profile, found))))
    pin = next(one.shown for one in lines if one.command == "STORE DATA 8010")
    assert "801010 <first PIN" in pin
    assert "16 bytes under S-DEK> <C-MAC, 8 bytes>" in pin
    wire = personalise(found, chip="training-debit-scp03", level=1, chunk=255, read=False, **SCP03)
    assert [line.shown[:8] for line in lines] == [one[:4].hex().upper() for one in wire.sent]
