"""The line to the issuer host: what comes back is done, refused or unknown, never an exception."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from cardfab.errors import DeviceFault
from cardfab.simulator.host import HostServer, Mood, TrainingHost
from cardfab.station.host import READS, Call, Done, HostCode, Operation, Refused, Unknown
from cardfab.station.hostline import LineHost, tcp_exchange

CALL = Call("r1", Operation.STATUS, "s", "li", "now", {"card_number": "T00000012", "name": "样卡"})


def answering(answer: object) -> Callable[[bytes], bytes]:
    return lambda _line: answer if isinstance(answer, bytes) else json.dumps(answer).encode()


@pytest.mark.parametrize(
    ("answer", "reply"),
    [
        ({"request_id": "r1", "outcome": "done", "answer": {"state": "normal"}}, Done({"state": "normal"})),
        ({"request_id": "r1", "outcome": "done", "answer": {}, "again": True}, Done({}, again=True)),
        ({"request_id": "r1", "outcome": "refused", "code": "dead", "raw": "9"}, Refused(HostCode.DEAD, "9")),
        ({"request_id": "r2", "outcome": "done", "answer": {}}, Unknown(HostCode.FORMAT)),
        ({"request_id": "r1", "outcome": "refused", "code": "odd"}, Unknown(HostCode.FORMAT)),
        ({"request_id": "r1", "outcome": "perhaps"}, Unknown(HostCode.FORMAT)),
        ({"request_id": "r1", "outcome": "done", "answer": 5}, Unknown(HostCode.FORMAT)),
        ([], Unknown(HostCode.FORMAT)),
        (b"", Unknown(HostCode.FORMAT)),
        (b"\xff\xfe", Unknown(HostCode.FORMAT)),
    ],
)
def test_what_an_answer_means(answer: object, reply: object) -> None:
    assert LineHost("x", answering(answer)).ask(CALL) == reply


@pytest.mark.parametrize("broken", [TimeoutError, ConnectionResetError, BrokenPipeError])
def test_a_broken_line_is_unknown(broken: type[OSError]) -> None:
    def exchange(_line: bytes) -> bytes:
        raise broken

    assert LineHost("x", exchange).ask(CALL) == Unknown(HostCode.TIMEOUT)


def test_a_request_does_not_show_its_fields() -> None:
    assert "T00000012" not in repr(CALL)
    assert "normal" not in repr(Done({"state": "normal"}))


@pytest.mark.parametrize("address", ["host:1", "tcp://host", "tcp://:1", "tcp://host:x", "http://host:1"])
def test_an_address_that_is_none(address: str) -> None:
    with pytest.raises(DeviceFault) as refused:
        tcp_exchange(address)
    assert refused.value.code == "CF-5600"


def test_over_tcp() -> None:
    host = TrainingHost(mood=Mood({"account": "silent-before"}))
    with HostServer(host) as server:
        line = LineHost("x", tcp_exchange(f"tcp://127.0.0.1:{server.port}", seconds=10))
        assert line.ask(CALL) == Refused(HostCode.NOT_FOUND, "T-not_found")
        silent = Call("r2", Operation.ACCOUNT, "s", "li", "now", {"card_number": "T00000012"})
        assert line.ask(silent) == Unknown(HostCode.TIMEOUT)
    assert line.ask(CALL) == Unknown(HostCode.TIMEOUT, sent=False)  # nobody listens any more


def test_the_words() -> None:
    assert all(code.text.en and code.text.zh for code in HostCode)
    assert len(Operation) == 15
    assert set(Operation) > READS
