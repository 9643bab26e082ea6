"""The devices in a process of their own: a printer with chips in its hopper, and a pin pad that presses given PINs.

One line of JSON out with the ports. Then each line in is ``arm FAULT`` of the printer, or a folder: every chip that
has left the hopper is written there as a file. "ok" comes back. It ends with its standard input.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from cardfab.simulator.cardfile import file_name, save_chip
from cardfab.simulator.chip import TrainingChip, make_blank
from cardfab.simulator.pinpad import TrainingPad
from cardfab.simulator.rig import Rig
from cardfab.simulator.rig.control import arm
from cardfab.simulator.rig.servers import Server


def main() -> None:
    """``argv[1]``: serials of chips, PINs, a folder for faces, the serials of chips with wrong keys."""
    given = json.loads(sys.argv[1])
    pins = list(given["pins"])
    chips = [make_blank(serial=serial, wrong_update_key=serial in given["wrong"]) for serial in given["serials"]]
    pad = Server("pinpad", TrainingPad(lambda _: pins.pop(0) if pins else ""))
    with Rig(chips, out=Path(given["faces"])) as rig, pad:
        ports = {"reader": f"tcp://127.0.0.1:{rig.reader_port}", "printer": f"socket://127.0.0.1:{rig.printer_port}",
                 "pinpad": f"tcp://127.0.0.1:{pad.port}"}  # fmt: skip
        print(json.dumps(ports), flush=True)
        for line in sys.stdin:
            if line.startswith("arm "):
                arm(rig.printer, line[4:].rstrip("\n"))
                print("ok", flush=True)
                continue
            folder = Path(line.rstrip("\n"))
            for card in (*rig.output, *rig.rejected):
                if isinstance(card.chip, TrainingChip):
                    save_chip(card.chip, folder / file_name(card.chip))
            print("ok", flush=True)


if __name__ == "__main__":
    main()
