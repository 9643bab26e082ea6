"""PIN entry at the reader through the real pcscd. Its virtual reader has no keys: what is shown is that this is said.

That a reader with keys takes the structures is not shown here; unit/apdu/test_pinentry.py holds them against those that
the driver and other programs publish.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest

from cardfab.apdu import commands, drive, expect, link_to
from cardfab.apdu.link import Exchange
from cardfab.apdu.pcsc import PcscConnection
from cardfab.apdu.pinentry import NoPinReader, PinCommand, PinFeatures, PinPlace, change_command, verify_command
from cardfab.simulator.chip import TrainingChip, make_blank

pytestmark = [pytest.mark.service, pytest.mark.proof]

SSSE = bytes.fromhex("7378312E73682EC9E7BBE1B1A3D5CF")
TRIES = commands.pin_tries().to_bytes()


def _exchange(command: PinCommand) -> Exchange[int]:
    return int(expect((yield command), command).sw)


def test_a_reader_without_keys_answers_no_feature_and_the_card_is_not_asked(
    insert: Callable[[TrainingChip], AbstractContextManager[str]],
) -> None:
    place = PinPlace(6, 6)
    with insert(make_blank(serial=9)) as reader:
        connection = PcscConnection(reader)
        try:
            link = link_to(connection)
            drive(_exchange(commands.select(SSSE)), link)
            before = connection.transmit(TRIES)
            assert connection.pin_features() == PinFeatures()
            for command in (verify_command(place), change_command(place)):
                with pytest.raises(NoPinReader):
                    drive(_exchange(command), link)
            assert connection.transmit(TRIES) == before, "no try was used"
        finally:
            connection.close()
