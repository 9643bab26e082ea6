"""The training chip: a social security card operating system beside a security domain and a PBOC application.

Written from the specifications alone. Nothing here is shared with the host side but the raw ciphers.
"""

from cardfab.simulator.chip.blank import CARDS, TRAINING_PIN, make_blank, make_card, make_raw_chip, training_root
from cardfab.simulator.chip.chip import TrainingChip
from cardfab.simulator.chip.profiles import PROFILES, Profile
from cardfab.simulator.chip.vpcd import serve_vpcd

__all__ = [
    "CARDS",
    "PROFILES",
    "TRAINING_PIN",
    "Profile",
    "TrainingChip",
    "make_blank",
    "make_card",
    "make_raw_chip",
    "serve_vpcd",
    "training_root",
]
