"""The training chip: a social security card operating system beside a security domain and a PBOC application.

Written from the specifications alone. Nothing here is shared with the host side but the raw ciphers.
"""

from cardfab.simulator.chip.blank import TRAINING_PIN, make_blank, training_root
from cardfab.simulator.chip.chip import TrainingChip
from cardfab.simulator.chip.vpcd import serve_vpcd

__all__ = ["TRAINING_PIN", "TrainingChip", "make_blank", "serve_vpcd", "training_root"]
