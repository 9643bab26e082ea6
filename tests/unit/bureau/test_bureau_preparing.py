"""Shards are prepared: as a card by itself is, once, whoever comes between, and with few uses of keys on record."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, update

from cardfab.apdu.tlv import parse
from cardfab.bureau import lot as lot_module
from cardfab.bureau.content import card_digest
from cardfab.bureau.crew import do_shards
from cardfab.bureau.deciding import refuse
from cardfab.bureau.drawing import Drawn, DrawsUnreadable, draw, draw_packed, pack, unpack
from cardfab.bureau.lot import Lot
from cardfab.bureau.preparing import (
    NotPreparable,
    ShardDiffers,
    _Work,
    do_shard,
    draw_shard,
    finish_prepare,
)
from cardfab.cli.databases import database_at
from cardfab.crypto.sm import sm2_digest, sm2_generate, sm2_sign_digests, sm2_verify, sm2_verify_all
from cardfab.keys import Sealed
from cardfab.keys.auditing import AuditedKeyStore
from cardfab.keys.issuerkeys import IccKey
from cardfab.keys.pool import PoolEmpty
from cardfab.prepare.card import PreparedCard
from cardfab.prepare.financial import prepare_financial
from cardfab.production.batches import BatchState, ShardState
from cardfab.settings import read_settings
from cardfab.station.assembling import Making
from cardfab.station.desk import Desk
from cardfab.station.keyrecord import KeyRecord
from cardfab.station.vault import Erased, number_index, open_card
from cardfab.store.bureautables import bureau_card, bureau_shard
from cardfab.store.shards import ShardUnknown
from tests.bureau_place import RSA, SM2, batch_of, bureau
from tests.keyservice_place import Kept, running

ROWS = 4


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """One station for all tests here: each has batches of its own."""
    with bureau(tmp_path_factory.mktemp("preparing") / "station") as found:
        yield found


_NUMBER = iter(range(1, 10_000))


def a_batch(desk: Desk, rows: int = ROWS, **more: Any) -> int:
    """A batch of holders that nobody had before."""
    number = next(_NUMBER)
    return batch_of(desk, rows, reference=f"P-{number}", first=1000 * number, **{"shard_size": rows, **more}).id


def again(desk: Desk, batch: int, shard: int = 1) -> None:
    """White box: the cards of a shard are gone, what was drawn is there."""
    with desk.database.transaction("test") as tx:
        run = tx.shards._connection.execute
        run(delete(bureau_card).where(bureau_card.c.batch_id == batch, bureau_card.c.shard == shard))
        these = (bureau_shard.c.batch_id == batch, bureau_shard.c.shard == shard)
        run(update(bureau_shard).where(*these).values(state=ShardState.DRAWN, digest=None))


def cards_of(desk: Desk, batch: int) -> list[PreparedCard]:
    """Opened as the station opens the card of a job."""
    with desk.database.reading() as tx:
        rows = {row.place: row for row in tx.batches.rows_of(batch)}
        kept = tx.shards.cards(batch, 1, 10_000)
    found = []
    for one in kept:
        job: Any = type("Job", (), {"sealed_card": one.sealed})
        card = open_card(desk.keys, job, rows[one.place].as_request())
        assert one.number_index == number_index(desk.keys, card.card_number)
        found.append(card)
    return found


def by_itself(desk: Desk, work: _Work, place: int, drawn: Drawn) -> PreparedCard:
    """The card of a row as a station makes one: single calls of the key store."""
    from cardfab.station.vault import open_request

    with desk.database.reading() as tx:
        row = tx.batches.row(work.batch.id, place)
    first = work.batch
    request = open_request(desk.keys, row.as_request())
    begun = work.lot.making.begin(request, (first.first_card or 0) + place - 1, (first.first_account or 0) + place - 1)

    def take(bits: int, exponent: int, filling: Any) -> IccKey:
        return desk.keys.icc_from_pool(drawn.rsa, filling)  # type: ignore[attr-defined,no-any-return]

    bank = prepare_financial(
        work.lot.making.chosen.financial, begun.data, desk.keys,
        take_key=take, pin=drawn.pin, sm2_key=drawn.sm2, custody=work.lot.custody,
    )  # fmt: skip
    return work.lot.making.card(begun, bank)


@pytest.mark.parametrize("product", [SM2, RSA, "debit-dual-sm2"])
@pytest.mark.shows("digest is over the content, not its sealing (test)")
def test_a_shard_gives_each_card_what_it_gets_by_itself(desk: Desk, product: str) -> None:
    batch = a_batch(desk)
    work = _Work.open(desk, batch, 1)
    chosen = desk.product(product)  # the dual one is printed: its bank side on the rows of the first
    chosen = replace(chosen, product=chosen.product.model_copy(update={"print": False}))
    bank = chosen.financial
    lot = Lot.of(Making.of(desk, chosen, work.lot.making.today), work.lot.salt, work.lot.custody)
    work, signed, draws = replace(work, lot=lot), lot.signed, lot.draws
    drawn = unpack(pack(draw(desk.keys, desk.pool, draws, range(1, ROWS + 1))))
    with desk.database.reading() as tx:
        rows = list(tx.batches.rows_of(batch))
    made = list(work.prepared(rows, drawn))
    again_made = list(work.prepared(rows, drawn))
    alone = [by_itself(desk, work, one.place, one) for one in drawn]
    assert [own for _, own in made] == [own for _, own in again_made]
    assert [own for _, own in made] == [
        card_digest(card, card.to_json_bytes(), signed, one) for card, one in zip(alone, drawn, strict=True)
    ]
    assert len({own for _, own in made}) == ROWS
    assert all(one.sealed != other.sealed for (one, _), (other, _) in zip(made, again_made, strict=True))
    algorithms = {path.algorithm for path in bank.ways if path.signed}
    assert all(bool(one.sm2) is ("SM2" in algorithms) and bool(one.rsa) is ("RSA" in algorithms) for one in drawn)


def test_the_digest_sees_every_content(desk: Desk) -> None:
    batch = a_batch(desk, 2)
    work = _Work.open(desk, batch, 1)
    drawn = draw(desk.keys, desk.pool, work.lot.draws, [1])[0]
    card = by_itself(desk, work, 1, drawn)

    def digest(one: PreparedCard, of: Drawn = drawn) -> bytes:
        return card_digest(one, one.to_json_bytes(), work.lot.signed, of)

    def changed(dgi: str, value: Any) -> PreparedCard:
        groupings = tuple(replace(one, value=value) if one.dgi == dgi else one for one in card.groupings)
        return replace(card, groupings=groupings)

    values = {one.dgi: one.value for one in card.groupings}
    static, udks, pin = values["0802"], values["8000"], values["8010"]
    assert isinstance(static, bytes)
    assert isinstance(udks, Sealed)
    assert isinstance(pin, Sealed)
    same = (changed("8000", replace(udks, ciphertext=os.urandom(76))), changed("0802", static[:-64] + os.urandom(64)))
    other = (
        replace(card, pan=card.pan[::-1]),
        replace(card, face={**card.face, "name": "某"}),
        changed("8000", replace(udks, kcvs=(bytes(3), *udks.kcvs[1:]))),
        changed("8010", replace(pin, length=9)),
        changed("8010", replace(pin, meaning="another")),
        changed("8010", replace(pin, under="another")),
        changed("0802", static[:-65] + bytes([static[-65] ^ 1]) + static[-64:]),
    )
    assert {digest(one) for one in same} == {digest(card)}
    assert len({digest(card), *map(digest, other)}) == 1 + len(other)
    assert digest(card, draw(desk.keys, desk.pool, work.lot.draws, [1])[0]) != digest(card)  # another PIN and key
    plain = card.to_json_bytes()  # and what it is by its definition: the same bytes in every version
    left_out = [value.ciphertext for value in values.values() if isinstance(value, Sealed)]
    records = [value for dgi, value in values.items() if dgi in work.lot.signed and isinstance(value, bytes)]
    objects = [one for record in records for outer in parse(record) for one in outer.children]
    signatures = [one.value[-64:] for one in objects if one.tag in (0x93, 0x9F46)]
    assert len(signatures) == 2
    for one in [*left_out, *signatures]:
        plain = plain.replace(one.hex().encode(), b"")
    assert digest(card) == sha256(plain + sha256(drawn.to_bytes()).digest()).digest()


def test_cards_are_written_out_some_at_a_time(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    batch = a_batch(desk, 5)
    digest = do_shard(desk, batch, 1, "at once")
    sealed, seal_cards = list[int](), lot_module.seal_cards

    def counted(keys: Any, plains: Any, *more: Any) -> tuple[bytes, ...]:
        sealed.append(len(plains))
        return seal_cards(keys, plains, *more)

    monkeypatch.setattr(lot_module, "seal_cards", counted)
    monkeypatch.setattr(lot_module, "_WRITTEN", 2)
    again(desk, batch)
    assert do_shard(desk, batch, 1, "in parts") == digest
    assert sealed == [2, 2, 1]


def test_draws_are_packed_in_parts(desk: Desk) -> None:
    work = _Work.open(desk, a_batch(desk), 1)
    parts, rsa = draw_packed(desk.keys, desk.pool, work.lot.draws, range(1, 6), 2)
    drawn = [unpack(part) for part in parts]
    assert [[one.place for one in part] for part in drawn] == [[1, 2], [3, 4], [5]]
    assert rsa == [b""] * 5
    assert len({one.sm2.public for part in drawn for one in part if one.sm2 is not None}) == 5


@pytest.mark.proof
def test_a_shard_is_prepared_once_and_its_draws_serve_again(desk: Desk) -> None:
    batch = a_batch(desk, product=RSA)
    digest = do_shard(desk, batch, 1, "first")
    before = cards_of(desk, batch)
    with desk.database.reading() as tx:
        draws = tx.shards.draws(batch, 1)
    assert do_shard(desk, batch, 1, "second") == digest
    again(desk, batch)
    draw_shard(desk, batch, 1)  # drawn already
    assert do_shard(desk, batch, 1, "third") == digest
    with desk.database.reading() as tx:
        row, kept = tx.shards.get(batch, 1), tx.shards.draws(batch, 1)
    assert kept == draws
    assert (row.worker, row.tries, row.state) == ("third", 2, ShardState.DONE)
    assert row.cost is not None
    assert row.begun_at is not None
    assert row.ended_at is not None
    after = cards_of(desk, batch)
    clear = [[one.value for one in card.groupings if isinstance(one.value, bytes)] for card in before]
    assert clear == [[one.value for one in card.groupings if isinstance(one.value, bytes)] for card in after]
    assert len({card.card_number for card in after}) == len({card.pan for card in after}) == ROWS


def test_of_two_at_once_one_puts_it_and_both_give_it(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    batch = a_batch(desk)
    draw_shard(desk, batch, 1)
    computed, prepared, found = threading.Barrier(2, timeout=20), _Work.prepared, list[str]()

    def together(self: _Work, *given: Any) -> Iterator[Any]:
        yield from prepared(self, *given)
        computed.wait()  # both have computed, and neither has put

    monkeypatch.setattr(_Work, "prepared", together)
    threads = [threading.Thread(target=lambda n=n: found.append(do_shard(desk, batch, 1, f"w{n}"))) for n in (1, 2)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(30)
    assert len(found) == 2
    assert len(set(found)) == 1
    assert len(cards_of(desk, batch)) == ROWS


def test_two_draw_at_once_and_no_key_of_the_pool_is_lost_or_shared(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    batch, pool = a_batch(desk, product=RSA), desk.pool
    assert pool is not None
    work = _Work.open(desk, batch, 1)
    bits, exponent = work.lot.draws.rsa or (0, 0)
    pool.fill(bits, exponent, 2 * ROWS)
    monkeypatch.setattr(_Work, "open", lambda *_: work)  # both look before either has drawn
    draw_shard(desk, batch, 1)
    assert pool.count(bits, exponent) == ROWS
    with desk.database.reading() as tx:
        kept = tx.shards.draws(batch, 1)
    draw_shard(desk, batch, 1)
    with desk.database.reading() as tx:
        assert tx.shards.draws(batch, 1) == kept
    assert pool.count(bits, exponent) == ROWS
    assert len(set(pool.draw(bits, exponent, ROWS))) == ROWS


@pytest.mark.proof
def test_an_empty_pool_gives_nothing_and_keeps_what_it_has(desk: Desk) -> None:
    batch = a_batch(desk, product=RSA)
    assert desk.pool is not None
    work = _Work.open(desk, batch, 1)
    bits, exponent = work.lot.draws.rsa or (0, 0)
    desk.pool.draw(bits, exponent, desk.pool.count(bits, exponent))
    desk.pool.fill(bits, exponent, ROWS - 1)
    strict = replace(desk, pool=replace(desk.pool, on_the_spot=None))
    with pytest.raises(PoolEmpty):
        do_shard(strict, batch, 1, "w")
    assert desk.pool.count(bits, exponent) == ROWS - 1
    with desk.database.reading() as tx:
        assert tx.shards.get(batch, 1).state is ShardState.WAITING


class Cut(BaseException):
    """The power is gone."""


@pytest.mark.proof
@pytest.mark.parametrize("point", ["before:commit:draw shard", "after:commit:draw shard", "before:commit:shard"])
def test_what_is_cut_goes_on_and_no_key_serves_two_rows(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    batch, pool = a_batch(desk, 2, product=RSA), desk.pool
    assert pool is not None
    pool.draw(1024, 3, pool.count(1024, 3))
    pool.fill(1024, 3, 4)

    def watch(here: str) -> None:
        if here == point:
            raise Cut

    with monkeypatch.context() as patched:
        patched.setattr(desk.database, "_watch", watch)
        with pytest.raises(Cut):
            do_shard(desk, batch, 1, "w")
    with desk.database.reading() as tx:
        assert tx.shards.get(batch, 1).state is not ShardState.DONE
        assert not tx.shards.cards(batch, 1, 2)
    digest = do_shard(desk, batch, 1, "w")
    assert finish_prepare(desk, batch) == finish_prepare(desk, batch)
    with desk.database.reading() as tx:
        assert tx.batches.get(batch).state is BatchState.PREPARED
        assert tx.shards.get(batch, 1).digest == digest
    assert pool.count(1024, 3) == (0 if point == "before:commit:draw shard" else 2)  # cut before: lost, never used
    certificates = [one.value for card in cards_of(desk, batch) for one in card.groupings if one.dgi == "0203"]
    assert len(set(certificates)) == 2


@dataclass
class Uses:
    """A record of key uses in memory."""

    acts: list[tuple[str, int]] = field(default_factory=list)

    def intent(self, use: Any) -> None:
        self.acts.append((f"{use.label} {use.act}", use.count))

    def outcome(self, use: Any, outcome: str, code: str) -> None:
        pass

    def counted(self, uses: Any) -> None:
        pass


@pytest.mark.proof
@pytest.mark.parametrize("product", [SM2, RSA])
def test_a_shard_is_some_uses_of_keys_however_many_rows(desk: Desk, product: str) -> None:
    acts: dict[int, Mapping[str, int]] = {}
    for rows in (2, 9):
        batch = a_batch(desk, rows, product=product)
        if desk.pool is not None and product == RSA:
            desk.pool.fill(1024, 3, rows)
        uses = Uses()
        assert isinstance(desk.keys, AuditedKeyStore)
        do_shard(replace(desk, keys=AuditedKeyStore(desk.keys.inner, uses)), batch, 1, "w")
        acts[rows] = dict(uses.acts)
        assert len(uses.acts) == len(acts[rows])  # one leaf an act
    assert acts[2].keys() == acts[9].keys()
    assert len(acts[2]) <= 6
    assert all(9 * acts[2][act] == 2 * acts[9][act] for act in acts[2])


def test_what_cannot_be_prepared_is_refused(desk: Desk) -> None:
    with pytest.raises(ShardUnknown):
        do_shard(desk, a_batch(desk), 9, "w")
    waiting = batch_of(desk, 2, reference="P-w", first=900_000, approved=False)
    with pytest.raises((NotPreparable, ShardUnknown)):
        do_shard(desk, waiting.id, 1, "w")
    batch = a_batch(desk, 6, shard_size=3)
    do_shard(desk, batch, 1, "w")
    with pytest.raises(NotPreparable, match="1 of 2 shards"):
        finish_prepare(desk, batch)
    do_shard(desk, batch, 2, "w")
    again(desk, batch)
    with desk.database.transaction("test") as tx:
        shard = (bureau_shard.c.batch_id == batch, bureau_shard.c.shard == 1)
        tx.shards._connection.execute(update(bureau_shard).where(*shard).values(sealed_draws=b"\0\0\0\1x"))
    with pytest.raises(Exception, match="Sealed data"):
        do_shard(desk, batch, 1, "w")
    with desk.database.transaction("test") as tx:
        tx.requests.erase_batch(batch)
    with pytest.raises(Erased):
        do_shard(desk, batch, 1, "w")


def test_a_batch_nobody_approved_is_not_called_half_prepared(desk: Desk) -> None:
    """What to do is to approve it, and of a refused one nothing is left."""
    waiting = batch_of(desk, 2, reference="P-n", first=910_000, approved=False)
    with pytest.raises(NotPreparable, match="not approved") as refused:
        finish_prepare(desk, waiting.id)
    assert refused.value.do is not None
    assert f"cardfab bureau approve {waiting.id}" in refused.value.do.en
    batch = a_batch(desk)
    do_shard(desk, batch, 1, "w")
    finish_prepare(desk, batch)
    for one in (waiting.id, batch):
        refuse(desk, one, why="test")
        with pytest.raises(NotPreparable, match="refused") as refused:
            finish_prepare(desk, one)
        assert refused.value.code == "CF-3494"


def test_a_holders_pin_is_not_prepared_ahead(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    batch, chosen = a_batch(desk), desk.product(SM2)
    pin = chosen.financial.pin.model_copy(update={"first": "holder", "pad_key": "bank/PIN-PAD"})
    holders = replace(chosen, financial=chosen.financial.model_copy(update={"pin": pin}))
    monkeypatch.setattr(Desk, "product", lambda *_: holders)
    with pytest.raises(NotPreparable) as refused:
        do_shard(desk, batch, 1, "w")
    assert refused.value.code == "CF-3492"


def test_a_shard_that_comes_out_differently_is_a_fault(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    batch = a_batch(desk)
    prepared = _Work.prepared

    def meanwhile(self: _Work, *given: Any) -> Iterator[Any]:
        monkeypatch.setattr(_Work, "prepared", prepared)
        do_shard(desk, batch, 1, "other")
        for card, _ in prepared(self, *given):
            yield card, bytes(32)

    monkeypatch.setattr(_Work, "prepared", meanwhile)
    with pytest.raises(ShardDiffers):
        do_shard(desk, batch, 1, "w")


@pytest.mark.parametrize("broken", [b"", b"\0\0\0\x02{}", b'\0\0\0\x0a{"form":1}\0', b"\0\0\xff\xff{}"])
def test_draws_that_cannot_be_read_are_a_fault(broken: bytes) -> None:
    with pytest.raises(DrawsUnreadable):
        unpack(broken)


@pytest.mark.proof
def test_processes_share_a_batch_and_a_dead_one_is_done_without(desk: Desk, tmp_path: Path) -> None:
    folder = desk.database.path.parent
    batch = a_batch(desk, 12, shard_size=2)
    before, told = os.getpid(), list[tuple[int, int]]()
    mark = tmp_path / "died"

    @contextmanager
    def desk_of(given: Desk) -> Iterator[Desk]:
        database = database_at(read_settings((folder / "cardfab.toml",)))
        assert isinstance(given.keys, AuditedKeyStore)
        assert os.getpid() != before
        keys = AuditedKeyStore(given.keys.inner, KeyRecord(database, lambda *said: mine.event(*said)))

        def random(count: int) -> bytes:
            return os.urandom(count)

        mine = replace(given, database=database, keys=keys, random=random)
        with mark.open("a") as file:
            file.write("x")
        if mark.stat().st_size == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        yield mine
        database.close()

    shards = range(1, 7)
    lost = do_shards(desk, batch, shards, processes=2, desk_of=desk_of, tell=lambda done, of: told.append((done, of)))
    assert lost == 1
    assert told[-1] == (6, 6)
    assert len(cards_of(desk, batch)) == 12
    with desk.database.reading() as tx:
        workers = {one.worker for one in tx.shards.of(batch)}
    assert workers
    assert f"{desk.station}/{before}" not in workers
    assert finish_prepare(desk, batch)


def test_the_calls_for_many_give_what_single_calls_give_through_a_key_service_too(desk: Desk, tmp_path: Path) -> None:
    store = Kept.training(os.urandom)
    pans = ["6299990000000000017", "6299990000000000025"]
    masters = ("bank/IMK-AC", "bank/IMK-SMI", "bank/IMK-SMC")
    with running(store, tmp_path) as service:
        for keys in (store, service.client()):
            pins = keys.first_pin_many(2, 6, "first PIN", published=False)
            one_by_one = [keys.emv_keys(masters, pan, "01", "UDK", parity=True) for pan in pans]
            assert [one.kcvs for one in keys.emv_keys_many(masters, pans, "01", "UDK", parity=True)] == [
                one.kcvs for one in one_by_one
            ]
            assert keys.cvn_many("bank/CVK", pans, "3312", "220") == tuple(
                keys.cvn("bank/CVK", pan, "3312", "220") for pan in pans
            )
            assert keys.pvv_many("bank/PVK", pans, pins, 1) == tuple(
                keys.pvv("bank/PVK", pan, pin, 1) for pan, pin in zip(pans, pins, strict=True)
            )
            plains, bounds = [b"x" * 700_000, b"y" * 700_000, b""], [b"1", b"2", b"3"]  # over a megabyte: two messages
            sealed = keys.seal_many("station/seal", bytes(32), plains, bounds)
            assert keys.unseal("station/seal", bytes(32), sealed[2], b"3") == b""
            assert list(keys.unseal_many("station/seal", bytes(32), sealed, bounds)) == plains
            assert keys.index_many("station/index", [b"a", b"b"]) == tuple(
                keys.index("station/index", one) for one in (b"a", b"b")
            )
            pooled = [keys.make_for_pool(1024, 3)]
            assert [one.public for one in keys.icc_from_pool_many(pooled)] == [keys.icc_from_pool(pooled[0]).public]
            assert len({one.public for one in keys.icc_sm2_many(2)}) == 2


def test_signatures_of_a_lot_are_verified_together() -> None:
    d, public = sm2_generate(os.urandom)
    digests = [sm2_digest(public, bytes([one])) for one in range(5)]
    signed = sm2_sign_digests(d, digests, os.urandom)
    assert all(sm2_verify(public, bytes([n]), signature) for n, (signature, _) in enumerate(signed))
    assert sm2_verify_all(public, digests, signed, os.urandom)
    signature, point = signed[2]
    other = signed[3]
    wrong = [
        (signature[:-1] + bytes([signature[-1] ^ 1]), point),
        (bytes([signature[0] ^ 1]) + signature[1:], point),
        (signature, other[1]),
        (signature, point[:63] + bytes([point[63] ^ 1])),
        other,
        (bytes(64), point),
    ]
    for one in wrong:
        assert not sm2_verify_all(public, digests, [*signed[:2], one, *signed[3:]], os.urandom)
    assert not sm2_verify_all(sm2_generate(os.urandom)[1], digests, signed, os.urandom)
