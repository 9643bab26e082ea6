"""What goes to a host and what comes from it: written and read back unchanged, and nothing else is read at all."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cardfab.profile.host import HostProfile, Message, Sent, Wire
from cardfab.station.host import HostCode
from cardfab.station.hosts.elements import read_elements, read_table, write_elements, write_row
from cardfab.station.hosts.envelope import parsed, read_answer, write_call
from cardfab.station.hosts.proxyxml import read_result, write_parameters
from cardfab.station.hosts.soap import understood
from cardfab.station.hosts.steps import Outgoing
from cardfab.station.hosts.values import Unreadable, Unsendable, encoded
from tests.hostrig import profile

RARE = "张𠅤𬎆王䶮龘㐂·阿卜力米提（东）<&>\"'，,|\n"
VALUES = st.text(
    st.one_of(st.sampled_from(RARE), st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Cn"))), max_size=40
)
NAMES = st.sampled_from(["卡号*", "所在社区(村)", "所在社区(村)编号", "操作*", "AAC003", "指纹1"])
UTF, GBK = Wire(charset="utf-8", namespace="http://x/"), Wire(charset="gbk", rare="reference", namespace="http://x/")
PLAIN = Outgoing(Message(call="x", answers={}), ())
TABLE = Outgoing(Message(call="x", answers={}, answer="table", status=("ERR", "批次号", "人数")), ())


@pytest.mark.proof
@settings(max_examples=40)
@given(st.lists(st.tuples(NAMES, VALUES), unique_by=lambda pair: pair[0].removesuffix("*"), max_size=6))
def test_elements_come_back_as_they_were(values: list[tuple[str, str]]) -> None:
    found, rest = read_elements(write_elements(values))
    assert found == {name.removesuffix("*"): value for name, value in values}
    assert rest == ""


@settings(max_examples=40)
@given(st.lists(VALUES, min_size=1, max_size=5))
def test_a_row_comes_back_as_it_was(values: list[str]) -> None:
    row = [(f"列{at}", value) for at, value in enumerate(values)]
    text = "OK,P1,1\r\n" + write_row(row, header=True)
    _, rows = read_table(text, ("ERR",))
    assert rows == [dict(row)]


@pytest.mark.parametrize("wire", [UTF, GBK], ids=["utf-8", "gbk"])
@settings(max_examples=40)
@given(value=VALUES)
def test_the_envelope_carries_a_text_unchanged(wire: Wire, value: str) -> None:
    data = write_call(wire, "allDsjk", [("xml", f"a\r\n{value}")])
    root = parsed(wire, data)
    assert root[0][0][0].text == f"a\r\n{value}"


@pytest.mark.parametrize("wire", [UTF, GBK], ids=["utf-8", "gbk"])
@settings(max_examples=40)
@given(value=VALUES)
def test_parameters_carry_a_value_unchanged(wire: Wire, value: str) -> None:
    text = f"<r><errflag>0</errflag>{write_parameters([('xm', value)])[3:-4]}</r>"
    data = text.encode(wire.charset, "xmlcharrefreplace")
    assert read_result(wire, data).fields["xm"] == value


BOMB = (
    '<!DOCTYPE r [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
    "<r><errflag>0</errflag><errtext>&b;</errtext></r>"
)


@pytest.mark.parametrize(
    "text",
    [
        BOMB, '<!DOCTYPE r SYSTEM "file:///etc/passwd"><r><errflag>0</errflag></r>',
        "<r><errflag>0</errflag>", "", "<r/>", "<r><errflag>2</errflag></r>", "<r><errflag>0</errflag><x><y/></x></r>",
        "<r><errflag>0</errflag><errflag>0</errflag></r>", "<r>" + "<x>" * 60 + "</x>" * 60 + "</r>",
        '<?xml version="1.0" encoding="UTF-8"?><r><errflag>0</errflag></r>', "__import__('os')",
    ],
)  # fmt: skip
def test_the_service_answers_nothing_else(text: str) -> None:
    with pytest.raises(Unreadable):
        read_result(Wire(charset="gbk"), text.encode("gbk"))


@pytest.mark.parametrize(
    "text",
    [
        "<a>1", "<a>1</b>", "<a><b>1</b></a>", "<a>1</a><a>2</a>", "<a b='1'>1</a>", "<a>&nbsp;</a>", "<a>&</a>",
        "<a>1</a>tail", "<" + "a" * 70 + ">1</" + "a" * 70 + ">", "".join(f"<e{n}>1</e{n}>" for n in range(500)),
        "<>1</>",
    ],
)  # fmt: skip
def test_elements_are_nothing_else(text: str) -> None:
    with pytest.raises(Unreadable):
        understood(PLAIN, text)


@pytest.mark.parametrize("text", ["OK,1,1\r\na,b\r\n1", "OK,1,1\r\na,a\r\n1,2", 'OK,1,1\r\n"a,b\r\n1,2'])
def test_a_table_is_whole_or_none(text: str) -> None:
    with pytest.raises(Unreadable):
        understood(TABLE, text)


def test_a_bare_text_is_its_own_code() -> None:
    assert understood(TABLE, " 已经有批次号\r\n").code == "已经有批次号"
    assert understood(PLAIN, "02银行卡号为空").code == "02银行卡号为空"
    assert (
        understood(PLAIN, "<ERR>00</ERR><所在社区(村)>样村（二）</所在社区(村)>").fields["所在社区(村)"] == "样村（二）"
    )


@pytest.mark.parametrize("data", [b"\xff\xfe", b"<x", b"<Envelope/>", "<r>卡</r>".encode("gbk")])
def test_an_envelope_is_nothing_else(data: bytes) -> None:
    with pytest.raises(Unreadable):
        read_answer(UTF, "allDsjk", data)


@pytest.mark.parametrize(
    ("sent", "values", "code"),
    [
        (Sent(name="a", field="x", required=True), {}, HostCode.FIELD_MISSING),
        (Sent(name="a", field="x", required=True), {"x": " "}, HostCode.FIELD_MISSING),
        (Sent(name="a", field="x", bytes=4), {"x": "坏坏坏"}, HostCode.FIELD_BAD),
        (Sent(name="a", field="x", form="date8"), {"x": "2026-1-1"}, HostCode.FIELD_BAD),
        (Sent(name="a", field="x", codes="kind"), {"x": "nothing"}, HostCode.FIELD_BAD),
        (Sent(name="a", field="x"), {"x": "a\x00b"}, HostCode.FIELD_BAD),
        (Sent(name="a", field="x"), {"x": "𠅤"}, HostCode.FIELD_BAD),
        (Sent(name="a", field="x"), {"x": []}, HostCode.FIELD_BAD),
        (Sent(name="a", parts=("x", "y")), {"x": "1"}, HostCode.FIELD_MISSING),
        (Sent(name="a", parts=("x", "y")), {"x": "1|2", "y": "3"}, HostCode.FIELD_BAD),
    ],
)
def test_what_a_host_cannot_take_is_not_sent(sent: Sent, values: dict[str, str], code: HostCode) -> None:
    with pytest.raises(Unsendable) as refused:
        encoded(profile("henan"), sent, values)
    assert refused.value.refused.code is code


def test_lengths_are_bytes_of_the_hosts_charset() -> None:
    sent = Sent(name="a", field="x", bytes=50)
    assert encoded(profile("henan"), sent, {"x": "坏" * 25}) == "坏" * 25
    with pytest.raises(Unsendable):
        encoded(profile("henan"), sent, {"x": "坏" * 26})
    with pytest.raises(Unsendable):
        encoded(profile("jilin"), sent, {"x": "坏" * 17})


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"unverified": ("messages/none",)}, "unverified"),
        ({"codes": {"card_state": {"1": "odd"}}}, "there is no state"),
        ({"operations": {"loss": {"messages": {"all": ("none",)}}}}, "names the message"),
        ({"operations": {}, "messages": {"x": {"call": "x", "answers": {}, "once": True}}}, "recovers"),
        ({"messages": {"x": {"call": "x", "answers": {"1": {"refused": "odd"}}}}}, "refused"),
        (
            {"rules": {"reports_failure": True, "formal_loss_reversible": True, "assigns_number": "none"}},
            "assigns_number",
        ),
    ],
)
def test_a_wrong_profile_is_refused(change: dict[str, object], reason: str) -> None:
    whole = profile("json").model_dump()
    with pytest.raises(ValueError, match=reason):
        HostProfile.model_validate(whole | change)
