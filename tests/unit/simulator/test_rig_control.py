"""The control port: a person's hands over a line of JSON."""

from __future__ import annotations

import json
import socket

import pytest

from cardfab.simulator.printer import Fault
from cardfab.simulator.rig import Rig
from cardfab.simulator.rig.control import FAULTS, Control, arm
from cardfab.simulator.rig.servers import Server


@pytest.mark.parametrize("family", ["evolis", "matica"])
def test_orders_and_their_answers(family: str) -> None:
    rig = Rig(family="matica" if family == "matica" else "evolis")
    with rig, Server("control", Control(rig)) as control, socket.create_connection(("127.0.0.1", control.port)) as line:
        talk = line.makefile("rw")

        def order(**what: object) -> dict[str, object]:
            talk.write(json.dumps(what) + "\n")
            talk.flush()
            answer: dict[str, object] = json.loads(talk.readline())
            return answer

        assert order(do="load", cards=2)["cards"] == {
            "hopper": 2, "inside": 0, "output": 0, "rejected": 0, "removed": 0,
        }  # fmt: skip
        assert order(do="leave-inside", place="print")["ok"] is True
        assert order(do="counters")["position"] == "print"
        assert order(do="clear-jam")["cards"] == {"hopper": 1, "inside": 0, "output": 0, "rejected": 0, "removed": 1}
        assert order(do="arm", fault="cover-open")["ok"] is True
        assert order(do="arm", fault="nothing")["ok"] is False
        assert order(do="dance")["ok"] is False
        rig.printer.strike("any")
        assert rig.printer.machine.cover_is_open
        assert order(do="close-cover")["ok"] is True
        assert not rig.printer.machine.cover_is_open
        assert order(do="change-ribbon", kind="k")["ok"] is True
        assert rig.printer.machine.ribbon is not None
        assert rig.printer.machine.ribbon.kind == "k"
        talk.write("no object\n")
        talk.flush()
        assert json.loads(talk.readline())["ok"] is False


def test_a_fault_waits_for_its_command_and_lets_some_pass() -> None:
    rig = Rig()
    arm(rig.printer, "jam:Sis:1")
    assert [rig.printer.strike(name) for name in ("Si", "Sis", "Sis", "Sis")] == [set(), set(), {Fault.JAM}, set()]
    assert len(FAULTS) == len(Fault)
