"""One event, one spelling."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cardfab.audit import AuditEvent, AuditRefused, leaks, milliseconds

WHEN = datetime(2026, 11, 21, 21, 32, 0, 123000, tzinfo=UTC)
EVENT = AuditEvent(WHEN, "li.wei", "station-1", "job.intent", "7f3a", "intent", {"to": "hopper", "from": "vault"})


def with_(**change: Any) -> AuditEvent:
    return dataclasses.replace(EVENT, **change)


def test_the_line_is_as_documented() -> None:
    assert (
        with_(details={"b": '王䶮 \\ "\n\u2028', "a": "e\u0301"}).encode()
        == (
            '{"action":"job.intent","actor":"li.wei","details":{"a":"e\u0301","b":"王䶮 \\\\ \\"\\n\u2028"},'
            '"outcome":"intent","station":"station-1","subject":"7f3a","time":"2026-11-21T21:32:00.123Z"}'
        ).encode()
    )


def test_details_are_sorted_and_read_only() -> None:
    assert list(EVENT.details) == ["from", "to"]
    with pytest.raises(TypeError):
        EVENT.details["from"] = "elsewhere"  # type: ignore[index]
    given_ = {"a": "1"}
    event = with_(details=given_)
    given_["a"] = "2"
    assert event.details == {"a": "1"}
    assert hash(event) == hash(with_(details={"a": "2"})) != hash(with_(actor="wang.fang"))


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
MOMENTS = st.datetimes(min_value=datetime(1000, 1, 1), timezones=st.just(UTC)).map(milliseconds)


@pytest.mark.proof
@given(MOMENTS, TEXT, st.dictionaries(st.from_regex(r"[a-z][a-z0-9_.-]{0,8}", fullmatch=True), TEXT, max_size=4))
@settings(max_examples=200, deadline=None)
def test_what_is_written_is_read(when: datetime, actor: str, details: dict[str, str]) -> None:
    try:
        event = with_(time=when, actor=actor, details=details)
    except AuditRefused:
        event = with_(time=when, details=details)
    line = event.encode()
    assert b"\n" not in line
    assert AuditEvent.decode(line) == event


def test_milliseconds_cuts_and_moves_to_utc() -> None:
    beijing = datetime(2026, 11, 22, 5, 32, 0, 123999, tzinfo=timezone(timedelta(hours=8)))
    assert milliseconds(beijing) == WHEN
    with pytest.raises(ValueError, match="time zone"):
        milliseconds(datetime(2026, 1, 1))


@pytest.mark.parametrize(
    "change",
    [
        {"time": datetime(2026, 1, 1)},
        {"time": WHEN + timedelta(microseconds=1)},
        {"time": WHEN.astimezone(timezone(timedelta(hours=8)))},
        {"time": "2026-11-21T21:32:00.123Z"},
        {"actor": ""},
        {"actor": " li"},
        {"actor": "li\nwei"},
        {"actor": "li\x9bwei"},
        {"actor": "\ud800"},
        {"station": ""},
        {"station": "a\u2028b"},
        {"action": "job"},
        {"action": "Job.intent"},
        {"action": "job..intent"},
        {"action": "job.intent\n"},
        {"subject": ""},
        {"subject": "a b"},
        {"subject": "x" * 129},
        {"outcome": "ok"},
        {"outcome": None},
        {"details": {"Key": "v"}},
        {"details": {"": "v"}},
        {"details": {"key": 1}},
        {"details": {"key": "\udcff"}},
        {"details": {1: "v"}},
    ],
)
def test_a_value_without_a_place_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(AuditRefused) as refused:
        with_(**change)
    assert refused.value.code == "CF-3501"
    assert refused.value.exit_status == 3
    assert refused.value.what.zh


LINE = EVENT.encode()


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"null",
        b"[]",
        b"[" * 100_000,
        b"\xff" + LINE,
        b"\xef\xbb\xbf" + LINE,
        LINE + b" ",
        LINE + b"\n",
        b" " + LINE,
        LINE.replace(b":", b": ", 1),
        LINE.replace(b"li.wei", b"l\\u0069.wei"),
        LINE.replace(b'"actor":"li.wei",', b""),
        LINE.replace(b'"actor":', b'"actor":"x","actor":'),
        LINE.replace(b'{"action"', b'{"aaa":"","action"'),
        LINE.replace(b'"from":"vault","to":"hopper"', b'"to":"hopper","from":"vault"'),
        LINE.replace(b'{"from":"vault","to":"hopper"}', b'[["from","vault"]]'),
        LINE.replace(b'"vault"', b"1"),
        LINE.replace(b'"li.wei"', b"null"),
        LINE.replace(b'"intent"', b'["intent"]'),
        LINE.replace(b".123Z", b"Z"),
        LINE.replace(b".123Z", b".123+00:00"),
        LINE.replace(b"21:32:00", b"21:32:60"),
        LINE.replace(b"11-21T", b"11-31T"),
        LINE.replace(b'"2026-11-21T21:32:00.123Z"', b"1"),
        LINE.replace(b'"2026-11-21T21:32:00.123Z"', b"NaN"),
        LINE.replace(b'"2026-11-21T21:32:00.123Z"', b"1" * 5000),
    ],
)
def test_any_other_line_is_refused(line: bytes) -> None:
    assert line != LINE
    with pytest.raises(AuditRefused) as refused:
        AuditEvent.decode(line)
    assert refused.value.code == "CF-3501"


@pytest.mark.parametrize(
    ("details", "found"),
    [
        ({"note": "holder 11010519491231002X came"}, ["details.note"]),
        ({"note": "11010519491231002x"}, ["details.note"]),
        ({"pan": "6200000000000005"}, ["details.pan"]),
        ({"a": "4111 and 4111111111111111"}, ["details.a"]),
        ({"a": "6217003810026896707D24122200000"}, ["details.a"]),
        ({"a": "110105194912310021", "b": "11010519491331002X"}, []),  # check digit wrong, month wrong
        ({"a": "4111111111111112", "b": "9f4111111111111111ab"}, []),  # Luhn wrong, inside a token
        ({"a": "440199", "b": "2026-11-21", "stock": "ssc-2.0"}, []),
    ],
)
def test_personal_data_is_found_by_name_of_field(details: dict[str, str], found: list[str]) -> None:
    assert list(leaks(with_(details=details))) == found
