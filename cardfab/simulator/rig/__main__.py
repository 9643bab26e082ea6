"""``python -m cardfab.simulator.rig --cards 5 --out DIR``: a rig of its own, for a station in another process."""

from __future__ import annotations

import argparse
from pathlib import Path

from cardfab.simulator.rig import run_rig


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m cardfab.simulator.rig", description=__doc__)
    parser.add_argument("--cards", type=int, default=5, help="blank cards in the hopper (5)")
    parser.add_argument("--out", type=Path, help="folder for pictures of the cards that leave")
    parser.add_argument("--printer-port", type=int, default=0, help="0: any free port")
    parser.add_argument("--reader-port", type=int, default=0, help="0: any free port")
    chosen = parser.parse_args()
    run_rig(chosen.cards, chosen.out, chosen.printer_port, chosen.reader_port)


if __name__ == "__main__":
    main()
