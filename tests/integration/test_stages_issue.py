"""By ``cardfab issue``: cards of the third generation with certificates, and cards made from the chip."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from cardfab.apdu.link import link_to
from cardfab.apdu.message import historical_bytes
from cardfab.audit import AuditEvent
from cardfab.cli.authorities import authority_of
from cardfab.plan import carry_out
from cardfab.plan.authority import AuthorityFault, CertificateRequest, Certificates
from cardfab.production import JobState
from cardfab.resources import data_folder
from cardfab.simulator.ca import TrainingCa
from cardfab.simulator.chip import TrainingChip, make_blank, make_raw_chip
from cardfab.simulator.rig import Rig
from cardfab.station.devices import Devices
from cardfab.station.intake import approve, import_requests
from cardfab.station.issue import issue
from cardfab.station.making import structure_steps
from cardfab.station.stockroom import receive
from tests.integration.conftest import World

EXAMPLES = data_folder("examples")
REQUEST = "R2026112100013"
PKI = ("00A404000C504B492EC9E7BBE1B1A3D5CF", "00A404000C53532E434552542E41444631")


@pytest.fixture
def ordered(station: World) -> Callable[[str], World]:
    """The station with one approved request for another product, and blanks for it in the books."""

    def make(product: str) -> World:
        text = (EXAMPLES / "requests.csv").read_text(encoding="utf-8").splitlines()
        (row,) = [line for line in text if line.startswith(REQUEST)]
        columns = text[0].split(",")
        values = row.split(",")
        values[columns.index("bank_product")] = product
        values[0] = "R-stage-1"
        with station.desk() as desk:
            import_requests(
                desk,
                "\n".join([text[0], ",".join(values), ""]).encode(),
                source="stage.csv",
                form="csv",
                photos=lambda name: (EXAMPLES / name).read_bytes(),
            )
            approve(desk, ["R-stage-1"])
            receive(desk, desk.product(product).product.stock, 2)
        return station

    return make


@pytest.fixture
def rig() -> Iterator[Callable[..., Rig]]:
    running: list[Rig] = []

    def start(*chips: TrainingChip) -> Rig:
        made = Rig(chips)
        made.start()
        running.append(made)
        return made

    yield start
    for one in running:
        one.stop()


def _issue(world: World, rig: Rig) -> Any:
    devices = ("--reader", f"tcp://127.0.0.1:{rig.reader_port}", "--printer", f"socket://127.0.0.1:{rig.printer_port}")
    return world.cli("--json", "issue", "R-stage-1", *devices)


def _sent(chip: TrainingChip, *apdus: str) -> bytes:
    """The last answer's data."""
    for apdu in apdus:
        answer = chip.transmit(bytes.fromhex(apdu))
        while answer[-2] == 0x61:
            answer = chip.transmit(bytes((0, 0xC0, 0, 0, answer[-1])))
        if answer[-2] == 0x6C:
            answer = chip.transmit(bytes.fromhex(apdu)[:-1] + answer[-1:])
    assert answer[-2:] == b"\x90\0", answer.hex()
    return answer[:-2]


def _file(chip: TrainingChip, fid: str) -> bytes:
    _sent(chip, *PKI, f"00A4000002{fid}00")
    return b"".join(_sent(chip, f"00B0{at:04X}80") for at in range(0, 1024, 128))


@pytest.mark.proof
@pytest.mark.shows("3.x cards: certificates obtained through a CA port, written, PIN and master keys moved (proof)")
def test_a_third_generation_card_with_its_certificates(
    ordered: Callable[[str], World], rig: Callable[..., Rig]
) -> None:
    world = ordered("debit-v3")
    chip = make_blank(serial=71, version="3.0")
    said = _issue(world, rig(chip))
    assert said.exit == 0, said.text
    assert world.state("R-stage-1") == JobState.DONE
    chip.power_on()
    assert _sent(chip, "00A404000F7378312E73682EC9E7BBE1B1A3D5CF00", "00B2032C00") == b"\x03\x04" + b"3.0\0"
    ca, now = TrainingCa(secrets.token_bytes), datetime.now(UTC)
    for fid, key, usage in (("0018", "0012", "signing"), ("0019", "0014", "encryption")):
        public = ca.verify(_file(chip, fid), usage=usage, now=now)  # type: ignore[arg-type]
        assert public == _sent(chip, *PKI, f"00A4000002{key}00", "00B0000042")[2:]
    # The application is closed: neither the manager PIN nor the master key of before issue serve any more.
    assert chip.transmit(bytes.fromhex("8040000008C0020012C2020013"))[-2:] != b"\x90\0"


@pytest.mark.proof
def test_the_holders_data_of_a_third_generation_card_is_closed(
    ordered: Callable[[str], World], rig: Callable[..., Rig]
) -> None:
    world, chip = ordered("debit-v3"), make_blank(serial=72, version="3.0")
    assert _issue(world, rig(chip)).exit == 0
    chip.power_on()
    _sent(chip, "00A404000F7378312E73682EC9E7BBE1B1A3D5CF00")
    assert chip.transmit(bytes.fromhex("00B2013400"))[-2:].hex() == "6982"


@pytest.mark.proof
def test_a_demo_station_makes_one_in_its_own_hopper(ordered: Callable[[str], World]) -> None:
    """The simulated hopper has the blank on top that the request wants, whatever else lies in it."""
    world = ordered("debit-v3")
    said = world.cli("--json", "issue", "R-stage-1")
    assert said.exit == 0, said.text


def test_without_an_authority_the_card_is_not_made(ordered: Callable[[str], World], rig: Callable[..., Rig]) -> None:
    """Nothing was written when the authority was asked; the blank is accounted for."""
    world, chip = ordered("debit-v3"), make_blank(serial=73, version="3.0")
    before = {name: value for name, value in chip.memory.cells.items() if name.startswith("ef/")}

    class Down:
        def certify(self, request: CertificateRequest) -> Certificates:
            raise AuthorityFault("it does not answer", "无应答")

        def chain(self) -> tuple[bytes, ...]:
            return ()

    with world.desk() as desk, pytest.raises(Exception, match="authority") as refused:
        issue(replace(desk, authority=Down()), Devices(lambda: _Connected(chip), None), "R-stage-1")
    assert {name: value for name, value in chip.memory.cells.items() if name.startswith("ef/")} == before
    assert "interrupted" in str(refused.value)


@pytest.mark.proof
def test_a_certificate_over_another_key_is_refused(ordered: Callable[[str], World]) -> None:
    """An authority that certifies another key, or another card, is not believed: the card is spoiled, not given out."""
    from cardfab.crypto.sm import sm2_generate

    world, chip = ordered("debit-v3"), make_blank(serial=74, version="3.0")

    class Wrong:
        def __init__(self) -> None:
            self.real = authority_of(True, secrets.token_bytes, lambda: datetime.now(UTC))

        def certify(self, request: CertificateRequest) -> Certificates:
            assert self.real is not None
            return self.real.certify(replace(request, public=sm2_generate(secrets.token_bytes)[1]))

        def chain(self) -> tuple[bytes, ...]:
            assert self.real is not None
            return self.real.chain()

    with world.desk() as desk, pytest.raises(Exception, match="another key") as refused:
        issue(replace(desk, authority=Wrong()), Devices(lambda: _Connected(chip), None), "R-stage-1")
    assert getattr(refused.value, "code", "") == "CF-4310"
    assert world.state("R-stage-1") == JobState.SPOILED


class _Connected:
    def __init__(self, chip: TrainingChip) -> None:
        self.chip = chip
        chip.power_on()

    def transmit(self, apdu: bytes, /) -> bytes:
        return self.chip.transmit(apdu)

    def atr(self) -> bytes:
        return self.chip.atr

    def reset(self) -> bytes:
        return self.chip.power_on()

    def close(self) -> None:
        self.chip.power_off()


@pytest.mark.proof
def test_a_bureau_makes_the_whole_card(ordered: Callable[[str], World], rig: Callable[..., Rig]) -> None:
    """From a chip that was never activated to the printed card, in one run."""
    world = ordered("debit-bureau")
    chip = make_raw_chip("t514", serial=9, activated=False)
    said = _issue(world, rig(chip))
    assert said.exit == 0, said.text
    assert world.state("R-stage-1") == JobState.DONE
    with world.desk() as desk, desk.database.reading() as tx:
        actions = [(event.action, event.outcome) for event in map(AuditEvent.decode, tx.audit.leaves())]
    assert ("chip.make", "done") in actions
    job = world.jobs("R-stage-1")[-1]
    assert job.chip == "8649" + world.prepared("R-stage-1")[1].region[:4] + "00000001"


@pytest.mark.proof
def test_a_chip_that_another_run_left_half_made_is_begun_again(
    ordered: Callable[[str], World], rig: Callable[..., Rig]
) -> None:
    world = ordered("debit-bureau")
    chip = make_raw_chip("t514", serial=9)
    chip.power_on()
    with world.desk() as desk:
        steps = structure_steps(desk.product("debit-bureau"))[:40]
        carry_out(steps, link_to(_Connected(chip)), desk.run(historical_bytes(chip.atr), "440199"))
    chip.power_off()
    assert _issue(world, rig(chip)).exit == 0
