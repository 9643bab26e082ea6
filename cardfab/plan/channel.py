"""Steps of the bank side: the secure channel, and the data groupings through it.

EMV CPS 1.1: SCP02; version 2.0 of it and GlobalPlatform cards: SCP03. Either the application itself is selected, or
its security domain, which is told for which application the data is (INSTALL [for personalization]).
"""

from __future__ import annotations

from dataclasses import dataclass

from cardfab.apdu import commands
from cardfab.apdu.gp.install import install_for_personalization, send
from cardfab.apdu.link import Exchange
from cardfab.apdu.scp import Level, open_scp02, open_scp03, through
from cardfab.apdu.tlv import Dgi
from cardfab.errors import Text
from cardfab.keys import Sealed
from cardfab.plan.run import Run
from cardfab.prepare.financial import DataGrouping

SCP02, SCP03 = "SCP02", "SCP03"


@dataclass(frozen=True, slots=True)
class OpenChannel:
    """Open the secure channel of what is selected. ``diversification`` of the card keys; None: the protocol's usual."""

    root: str
    kvn: int
    level: int
    title: Text
    protocol: str = SCP02
    diversification: str | None = None

    def exchange(self, run: Run) -> Exchange[None]:
        challenge, level = run.random(8), Level(self.level)
        if self.protocol == SCP03:
            newer = run.keys.channel03(self.root, self.diversification)
            run.channel = yield from open_scp03(newer, challenge, kvn=self.kvn, level=level)
        else:
            older = run.keys.channel(self.root, self.diversification)
            run.channel = yield from open_scp02(older, challenge, kvn=self.kvn, level=level)


@dataclass(frozen=True, slots=True)
class Personalise:
    """Tell the security domain for which application the data groupings that follow are (GPC 2.3.1, 11.5.2.3.6)."""

    aid: bytes
    title: Text

    def exchange(self, run: Run) -> Exchange[None]:
        yield from through(run.open_channel(), send(install_for_personalization(self.aid)))


@dataclass(frozen=True, slots=True)
class StoreData:
    """Load data groupings; secrets are re-wrapped under the session's data-encryption key inside the key store.

    ``packed``: as many groupings as fit go into one command. ``announced``: DGIs that the applet wants announced as
    encrypted though they go in clear (quirk ``p1_for_kcv``).
    """

    groupings: tuple[DataGrouping, ...]
    chunk: int
    title: Text
    packed: bool = False
    announced: tuple[str, ...] = ()

    def exchange(self, run: Run) -> Exchange[None]:
        channel = run.open_channel()
        parts = []
        for grouping in self.groupings:
            value = grouping.value
            sent = channel.keys.rewrap(value) if isinstance(value, Sealed) else value
            encrypted = grouping.secret or grouping.dgi in self.announced
            parts.append((Dgi(int(grouping.dgi, 16), sent).to_bytes(), encrypted))
        blocks = commands.store_data_blocks(parts, min(self.chunk, channel.room), packed=self.packed)
        yield from through(channel, commands.send_all(blocks))
