"""A batch of which some rows are wrong, brought from the file to the handing over as the program does it."""

from __future__ import annotations

import json
from contextlib import nullcontext
from pathlib import Path

from cardfab.bureau.books.reconcile import close, reconcile
from cardfab.bureau.books.returning import return_file
from cardfab.bureau.books.shipping import ship
from cardfab.bureau.deciding import approve
from cardfab.bureau.line import BureauLine, SlotSpec
from cardfab.bureau.preparing import do_shard, finish_prepare
from cardfab.bureau.taking import take_in
from cardfab.cli.bureauslots import TrainingMachine, serials
from cardfab.production.batches import BatchState
from cardfab.station.bureauview import view
from cardfab.station.desk import Desk
from cardfab.station.stockroom import receive
from cardfab.watch import unwatched
from tests.bureau_place import Holders


def from_file_to_hand_over(desk: Desk, folder: Path) -> None:
    """Seven rows, the second wrong in form, the fifth a double of the first, boxes of two cards."""
    first: list[str] = []

    def change(number: int, row: dict[str, str]) -> None:
        if number == 2:
            first.append(row["request_id"])
        if number == 3:
            row["sex"] = "9x"
        if number == 6:
            row["request_id"] = first[0]

    source = Holders(7, change)
    batch = approve(desk, take_in(desk, source, source.cover(), box_size=2).id, without_wrong_rows=True)
    name = str(batch.id)
    do_shard(desk, batch.id, 1, "test")
    finish_prepare(desk, batch.id)
    stock = desk.product(batch.product).product.stock
    receive(desk, stock, 10)
    machine = TrainingMachine(stock, serials(desk))
    slot = SlotSpec("01", lambda: nullcontext(machine.devices(unwatched)))
    assert BureauLine(desk, [slot], tick=0.05, patience=0.05).run(batch.id).how == "made"

    cards = view(desk.database, name, desk.now()).cards
    assert (cards.places, cards.good, cards.used, cards.left_out) == (5, 5, 5, 2), "no other row's card"
    found = reconcile(desk, name)
    assert [one.what.en for one in found.differences] == []
    assert found.open == ()
    with desk.database.reading() as tx:
        wrong = {one.place: f"{one.field}: {one.reason.en}" for one in tx.batches.findings(batch.id)}
    assert {one.place: json.loads(one.why)["en"] for one in found.named} == wrong
    assert sorted(wrong) == [2, 5]
    return_file(desk, name, folder / "back.jsonl")
    rows = [json.loads(one) for one in (folder / "back.jsonl").read_text("utf-8").splitlines()]
    assert [one.get("packing", one.get("reason")) for one in rows] == [
        "B-1-1-1-1", wrong[2], "B-1-1-1-2", "B-1-1-2-1", wrong[5], "B-1-1-2-2", "B-1-1-3-1",
    ]  # fmt: skip
    assert [one.box for one in ship(desk, name).parcels] == [1, 2, 3]
    digest = reconcile(desk, name).digest
    with desk.database.transaction("signed") as tx:
        who = desk.person.login
        tx.bureau_finish.hand_over(batch.id, "reconciliation", "", 7, digest, by=who, second=None, at=desk.at())
    assert close(desk, name, without_mailers=True).state is BatchState.CLOSED


__all__ = ["from_file_to_hand_over"]
