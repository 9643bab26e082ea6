"""The stages before a person's data (LB 002 part 10, 5.1 and 5.2): activation, and the proof that a blank is whole.

The structure itself is compiled in :mod:`cardfab.plan.structure`. Pure, as everything here.
"""

from __future__ import annotations

from collections.abc import Iterator

from cardfab.apdu import commands
from cardfab.apdu.dialect import CosDialect
from cardfab.errors import Text
from cardfab.keys import rooted
from cardfab.plan.activating import Activate, ExpectClosed, ProveCard
from cardfab.plan.conditions import PROVED
from cardfab.plan.files import Filing, select
from cardfab.plan.spaces import key_groups, on_card
from cardfab.plan.steps import Step
from cardfab.plan.structure import transport_of
from cardfab.profile.access import FREE


def historical_of(maker: bytes, region: str, serial: int) -> bytes:
    """The 13 historical bytes that activation sets: T1..T7, four digits of the region, eight of the serial number.

    LB 002 part 2, table 16.
    """
    return maker + bytes.fromhex(region[:4]) + bytes.fromhex(f"{serial:08d}")


def compile_activation(
    dialect: CosDialect, *, transport: str, maker: bytes, historical: bytes, algorithm: str = "3DES", done: int = 0
) -> tuple[Activate, ...]:
    """The transport key and the historical bytes, less the first ``done`` commands.

    ``historical`` by :func:`historical_of`.
    """
    layouts = dialect.commands.activation
    steps = []
    for number, layout in enumerate(layouts, 1):
        keyed = "key" in layout.fields
        title = (
            Text("set the transport key", "设置传输密钥") if keyed else Text("set the historical bytes", "设置历史字节")
        )
        label = transport_of(dialect, algorithm, transport) if keyed else None
        steps.append(Activate(layout, label, maker, historical, number == len(layouts), title))
    return tuple(steps[done:])


def compile_check(filing: Filing) -> tuple[Step, ...]:
    """The proof of a finished blank: its region, every key that can be proved, every file that must be closed."""
    return tuple(_check(filing))


def _check(filing: Filing) -> Iterator[Step]:
    code = filing.identification()
    first, others = code.directory, [one for one in filing.files.directories if one is not code.directory]
    for directory in (first, *others):
        yield select(directory)
        if directory is first:
            yield filing.region(code, None)
        for file in on_card(directory):
            if file.read != FREE:
                where = f"{directory.name}/{file.name}"
                title = Text(f"{where} is closed", f"{where} 未授权不可读")
                sfi = file.sfi[0]
                read = commands.read_record(1, sfi) if file.size is None else commands.read_binary(0, 1, sfi=sfi)
                yield ExpectClosed(read, title)
        opener = filing.opener(directory)
        for name, key, version in key_groups(directory):
            shown = version if key.versions > 1 else None
            if key.use == "internal":
                label = rooted(key.label, filing.card.algorithm, version)
                title = Text(f"let the chip prove {name}", f"内部认证 {name}")
                yield ProveCard(label, key.id[0], shown, title)
            elif key.use in PROVED:
                yield opener.authenticate(name, key, shown)
    if filing.card.first_pin is not None:
        yield select(first)
        yield from filing.opener(first).pin()
