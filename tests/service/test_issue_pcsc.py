"""A whole card through real PC/SC: pyscard, pcscd and vpcd between the station and the chip in the printer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cardfab.apdu import pcsc
from cardfab.cli.founding import found_training_station
from cardfab.cli.wiring import Bench, open_desk, open_devices
from cardfab.production import JobState
from cardfab.resources import data_folder
from cardfab.simulator.chip import make_blank
from cardfab.simulator.rig import Rig
from cardfab.simulator.rig.vpcd import VpcdStation
from cardfab.station.intake import approve, import_requests
from cardfab.station.issue import issue
from cardfab.station.stockroom import accounts, receive


@pytest.mark.proof
@pytest.mark.service
@pytest.mark.shows("the whole card issue of the demo through pyscard and PC/SC (proof)")
def test_cards_of_the_demo_are_issued_over_pcsc(pcsc_service: Any, tmp_path: Path) -> None:
    reader = pcsc_service.reader_names[0]
    assert reader in pcsc.list_readers()
    examples = data_folder("examples")
    blanks = [make_blank(serial=serial) for serial in (901, 902, 903)]
    with (
        open_desk(found_training_station(tmp_path / "station")) as desk,
        Rig(blanks) as rig,
        VpcdStation(rig, pcsc_service.vpcd_host, pcsc_service.vpcd_port),
    ):
        ids = import_requests(
            desk,
            (examples / "requests.csv").read_bytes(),
            source="requests.csv",
            form="csv",
            photos=lambda name: (examples / name).read_bytes(),
        )[:3]
        approve(desk, ids)
        receive(desk, "training-ssc2", 3)
        bench = Bench(f"pcsc:{reader}", f"socket://127.0.0.1:{rig.printer_port}", "evolis-ymcko")
        with open_devices(desk, bench) as devices:
            made = [issue(desk, devices, request) for request in ids]
        (books,) = accounts(desk)
    assert [one.job.state for one in made] == [JobState.DONE] * 3
    assert all(item.equal for one in made for item in one.compared)
    assert rig.reader.apdus == 0  # every command went over PC/SC, none over the rig's own socket
    assert (books.issued, books.remaining, books.in_doubt) == (3, 0, 0)
    assert [card.chip for card in rig.output] == blanks
