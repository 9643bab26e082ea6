"""The bench: a simulated printer with a chip reader inside, both behind TCP, cards with chips in the hopper."""

from cardfab.simulator.rig.rig import Rig, run_rig

__all__ = ["Rig", "run_rig"]
