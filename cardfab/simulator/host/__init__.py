"""The training issuer host: people, cards and accounts of a region that does not exist, a line of JSON each way.

Written from the facts of the field alone (issuing host: operations, outcomes, refusals, traps); nothing of the host
code is used.
"""

from cardfab.simulator.host.books import Books
from cardfab.simulator.host.host import TrainingHost
from cardfab.simulator.host.mood import Mood
from cardfab.simulator.host.server import HostServer

__all__ = ["Books", "HostServer", "Mood", "TrainingHost"]
