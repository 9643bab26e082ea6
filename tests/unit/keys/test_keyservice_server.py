"""The key service and who connects: stations that are enrolled, strangers, revoked ones, and hostile ones."""

from __future__ import annotations

import ctypes
import gc
import secrets
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cardfab.crypto import CipherRefused
from cardfab.crypto.purse import Load
from cardfab.errors import KeyFault
from cardfab.keys import KeyOfAnotherRegion, KeyUnknown, KeyUseRefused, Level, SoftKeyStore
from cardfab.keys.auditing import about
from cardfab.keys.away import KeysAway
from cardfab.keys.service.identity import Greeting, Identity, IdentityRefused, Station, Stations, service_proves
from cardfab.keys.service.server import PROTOCOL, Limits, listen
from cardfab.keys.service.session import OBJECTS_MOST, Session
from cardfab.keys.service.wire import HEAD, WireFault, frame, read
from tests.keyservice_place import Book, Kept, Service_, running

REGION, HISTORICAL = "440100", bytes(range(13))
LABELS = ("bank/IMK-AC", "bank/IMK-SMI", "bank/IMK-SMC")
PAN = "6299990000000014"


@pytest.fixture
def kept(made_once: SoftKeyStore) -> Kept:
    return Kept(made_once._held, secrets.token_bytes)


@pytest.fixture
def service(kept: Kept, tmp_path: Path) -> Iterator[Service_]:
    with running(kept, tmp_path) as found:
        yield found


def _body(connection: socket.socket) -> bytes:
    """The next frame's value in bytes; empty at the end."""
    data = b""
    while len(data) < HEAD or len(data) < HEAD + int.from_bytes(data[:HEAD], "big"):
        try:
            part = connection.recv(65536)
        except ConnectionResetError:  # it was closed with something unread
            part = b""
        if not part:
            return b""
        data += part
    return data[HEAD:]


# -- what an enrolled station gets -------------------------------------------------------------------------------------


def test_a_station_computes_as_beside_the_keys(service: Service_, kept: Kept) -> None:
    keys = service.client()
    assert keys.infos() == tuple(kept.infos())
    assert keys.capabilities() == kept.capabilities()
    here, there = kept.card_key("ss/IRK", REGION, HISTORICAL), keys.card_key("ss/IRK", REGION, HISTORICAL)
    assert there.mac(bytes(8), b"data") == here.mac(bytes(8), b"data")
    assert there.answer(b"12345678") == here.answer(b"12345678")
    loaded = keys.load_key("ss/IRK", REGION, HISTORICAL, under="ss/MK/MF", header=b"\x01", fill=16)
    assert loaded.encrypted() == kept.load_key(
        "ss/IRK", REGION, HISTORICAL, under="ss/MK/MF", header=b"\x01", fill=16
    ).encrypted()  # fmt: skip
    load = Load(0, 100, 1, bytes(4), bytes(6))
    assert keys.purse_load("ss/DF04/DLK", REGION, HISTORICAL).credit(load) == kept.purse_load(
        "ss/DF04/DLK", REGION, HISTORICAL
    ).credit(load)
    sealed = keys.emv_keys(LABELS, PAN, "01", "card keys")
    one, other = (store.channel("bank/KMC").open(bytes(10), 0, bytes(2)) for store in (keys, kept))
    assert one.rewrap(sealed) == other.rewrap(sealed)
    assert keys.emv_card(LABELS, PAN, "01").arpc(b"\x00\x01", bytes(8), b"00") == kept.emv_card(LABELS, PAN, "01").arpc(
        b"\x00\x01", bytes(8), b"00"
    )
    assert keys.unseal("station/seal", b"s", kept.seal("station/seal", b"s", b"name", b"b"), b"b") == b"name"
    keys.close()


def test_a_pin_is_printed_at_the_station_and_wiped_behind(service: Service_) -> None:
    keys, pages = service.client(), []
    pin = keys.training_pin(6, "first PIN")

    def printer(page: memoryview) -> None:
        pages.append((page, bytes(page)))

    keys.print_pin(pin, b"<", b">", printer)
    [(page, content)] = pages
    assert content == b"<123456>"
    assert not any(page)
    keys.close()


def test_errors_come_out_as_they_were(service: Service_) -> None:
    keys = service.client()
    with pytest.raises(KeyUnknown, match="none") as unknown:
        keys.card_key("ss/none", REGION, HISTORICAL)
    assert unknown.value.do is not None
    assert unknown.value.do.zh
    with pytest.raises(KeyUseRefused):
        keys.card_key("bank/KMC", REGION, HISTORICAL)
    with pytest.raises(KeyFault) as odd:
        keys.emv_card(LABELS[:2], PAN, "01")
    assert odd.value.code == "CF-6411"
    with pytest.raises(CipherRefused, match="at most 8"):
        keys.card_key("ss/IRK", REGION, HISTORICAL).answer(bytes(9))
    with pytest.raises(KeyFault) as inside:
        keys.holder_pin("not hex")
    assert inside.value.code == "CF-6322"
    assert "not hex" not in inside.value.sentence("en")
    assert keys.infos()
    keys.close()


def test_a_key_of_another_region_says_of_which_level(tmp_path: Path) -> None:
    from cardfab.keys import terminal_store

    held = terminal_store("440100", secrets.token_bytes)
    with running(Kept(held._held, secrets.token_bytes), tmp_path) as service:
        keys = service.client()
        with pytest.raises(KeyOfAnotherRegion) as other:
            keys.card_key("ss/UKSSSE", "330100", HISTORICAL)
        assert other.value.level is Level.PROVINCE
        keys.close()


def test_who_used_which_key_for_what(service: Service_) -> None:
    keys = service.client()
    with about("job-1"):
        keys.card_key("ss/IRK", REGION, HISTORICAL)
    with pytest.raises(KeyUseRefused):
        keys.card_key("bank/KMC", REGION, HISTORICAL)
    keys.index("station/index", b"x")
    keys.close()
    service.stop()
    time.sleep(0.2)
    assert [(outcome, use.label, use.about) for outcome, use, _ in service.book.uses] == [
        ("intent", "ss/IRK", "job-1"),
        ("done", "ss/IRK", "job-1"),
        ("intent", "bank/KMC", "-"),
        ("refused", "bank/KMC", "-"),
    ]
    assert [use.act for use in service.book.counts] == ["index"]
    [(action, actor, outcome, details)] = service.book.events
    assert (action, actor, outcome) == ("keyservice.connect", "one", "done")
    assert details["peer"].startswith("pid ")


def test_no_record_no_use_over_the_socket(service: Service_) -> None:
    keys = service.client()
    service.book.broken = True
    with pytest.raises(KeyFault) as unwritten:
        keys.card_key("ss/IRK", REGION, HISTORICAL)
    assert unwritten.value.code == "CF-6322"
    service.book.broken = False
    keys.card_key("ss/IRK", REGION, HISTORICAL)
    keys.close()


def test_two_stations_at_once(service: Service_, kept: Kept) -> None:
    wanted = kept.card_key("ss/IRK", REGION, HISTORICAL).code(b"data")
    wrong: list[object] = []

    def work(name: str) -> None:
        keys = service.client(service.enroll(name))
        for _ in range(40):
            if keys.card_key("ss/IRK", REGION, HISTORICAL).code(b"data") != wanted:
                wrong.append(name)
        keys.close()

    threads = [threading.Thread(target=work, args=(name,)) for name in ("one", "two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert sorted(actor for _, actor, _, _ in service.book.events) == ["one", "two"]
    assert service.book.acts.count(("done", "card_key")) == 80


# -- objects -----------------------------------------------------------------------------------------------------------


def _ask(session: Session, method: str, *given: object, of: int = 0) -> object:
    answer = session.answer(frame(("call", "-", of, method, given))[HEAD:])
    assert answer is not None
    return read(answer[HEAD:])


@pytest.mark.shows("A card's key is wiped the moment the station lets go of it (test)")
@pytest.mark.parametrize("ends", ["freed", "hung up"])
def test_a_key_that_is_let_go_is_wiped(ends: str, kept: Kept) -> None:
    session = Session(kept, Book())
    assert _ask(session, "purse_load", "ss/DF04/DLK", REGION, HISTORICAL) == ("object", 1, "LoadPurse")
    view = session._objects[1][1].value.view()
    key, place = bytes(view), ctypes.addressof(ctypes.c_char.from_buffer(view))
    del view
    gc.collect()
    assert ctypes.string_at(place, 16) == key
    if ends == "freed":
        assert session.answer(frame(("free", (1,)))[HEAD:]) is None
    else:
        session.end()
    assert ctypes.string_at(place, 16)[8:] != key[8:]  # the allocator itself writes over the first bytes only
    assert any(kept._held["ss/DF04/DLK"].value.view())
    assert session.kept == 0


@pytest.mark.proof
def test_dropping_an_object_frees_it_in_the_service(
    kept: Kept, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sessions: list[Session] = []
    real = Session.__init__

    def watched(self: Session, *given: object) -> None:
        sessions.append(self)
        real(self, *given)  # type: ignore[arg-type]

    monkeypatch.setattr(Session, "__init__", watched)
    with running(kept, tmp_path) as service:
        keys = service.client()
        objects = [keys.card_key("ss/IRK", REGION, HISTORICAL) for _ in range(5)]
        [session] = sessions
        assert session.kept == 5
        objects.pop()
        objects[0] = keys.card_key("ss/IRK", REGION, HISTORICAL)
        keys.infos()
        assert session.kept == 4
        objects.clear()
        gc.collect()
        deadline = time.monotonic() + 5
        while session.kept and time.monotonic() < deadline:  # the word of it needs no further call
            time.sleep(0.01)
        assert session.kept == 0
        keys.close()


def test_a_station_keeps_so_many_objects(service: Service_) -> None:
    keys = service.client()
    objects = [keys.card_key("ss/IRK", REGION, HISTORICAL) for _ in range(OBJECTS_MOST)]
    with pytest.raises(KeyFault) as full:
        keys.card_key("ss/IRK", REGION, HISTORICAL)
    assert full.value.code == "CF-6323"
    objects.pop()
    assert keys.card_key("ss/IRK", REGION, HISTORICAL).code(b"x")
    keys.close()


def test_objects_are_of_their_connection(service: Service_) -> None:
    one, two = service.client(service.enroll("one")), service.client(service.enroll("two"))
    key = one.card_key("ss/IRK", REGION, HISTORICAL)
    two.infos()
    key._handle._line = two._line  # the same number at another's connection
    with pytest.raises(WireFault):
        key.code(b"x")


# -- who is refused ----------------------------------------------------------------------------------------------------


def test_a_stranger_is_refused_and_on_record(service: Service_) -> None:
    service.enroll("one")
    stranger = Identity.new("stranger", secrets.token_bytes)
    impostor = Identity.new("one", secrets.token_bytes)
    for identity in (stranger, impostor):
        with pytest.raises(IdentityRefused, match="does not know"):
            service.client(identity).infos()
    assert [(actor, outcome, details["claims"]) for _, actor, outcome, details in service.book.events] == [
        ("-", "refused", "stranger"),
        ("one", "refused", "one"),
    ]
    assert service.book.uses == []


def test_a_revoked_station_is_refused_at_once(service: Service_) -> None:
    identity = service.enroll("one")
    keys = service.client(identity)
    key = keys.card_key("ss/IRK", REGION, HISTORICAL)
    service.stations.revoke("one", "2026-11-22T10:00:00+00:00")
    with pytest.raises(IdentityRefused) as revoked:
        key.code(b"x")
    assert revoked.value.code == "CF-6333"
    with pytest.raises(IdentityRefused, match="does not know"):
        keys.infos()
    assert [outcome for _, _, outcome, _ in service.book.events] == ["done", "refused", "refused"]


def test_a_service_that_is_another_is_not_trusted(service: Service_) -> None:
    known = service.enroll("one")
    other = Identity(known.name, known.seed, service=Identity.new("x", secrets.token_bytes).public)
    with pytest.raises(IdentityRefused) as impostor:
        service.client(other).infos()
    assert impostor.value.code == "CF-6334"


def test_a_service_that_only_knows_the_public_key_is_not_trusted(
    service: Service_, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its public key is no secret: the service proves that it has the private one, and by words of its own side."""
    identity, stranger, right = service.enroll("one"), Identity.new("x", secrets.token_bytes), Identity.sign
    for signs, side in ((stranger, "service"), (None, "station")):

        def sign(self: Identity, greeting: Greeting, said: str = "station") -> bytes:
            whose, as_side = (signs or self, side) if said == "service" else (self, "station")  # noqa: B023
            return right(whose, greeting, as_side)  # type: ignore[arg-type]

        with monkeypatch.context() as patched:
            patched.setattr(Identity, "sign", sign)
            with pytest.raises(IdentityRefused) as impostor:
                service.client(identity).infos()
        assert impostor.value.code == "CF-6334"
    keys = service.client(identity)
    assert keys.infos()
    keys.close()


@pytest.mark.parametrize("changed", ["name", "of_service", "of_station", "schema", "side"])
def test_both_proofs_are_of_this_greeting_alone(changed: str) -> None:
    """A recorded welcome or answer is worth nothing to who gives another nonce, name or schema."""
    service, greeting = Identity.new("one", secrets.token_bytes), Greeting("one", b"s" * 32, b"t" * 32, b"d" * 32)
    station = Station("one", service.public)
    signed = service.sign(greeting, "service"), service.sign(greeting, "station")
    assert service_proves(service.public, greeting, signed[0])
    assert station.proves(greeting, signed[1])
    if changed == "side":
        signed = signed[1], signed[0]
    else:
        greeting = replace(greeting, **{changed: "two" if changed == "name" else bytes(32)})
    assert not service_proves(service.public, greeting, signed[0])
    assert not station.proves(greeting, signed[1])


def test_a_proof_is_of_one_connection(service: Service_) -> None:
    """What one connection proved is worth nothing at another: both nonces are in it."""
    identity = service.enroll("one")
    proofs: list[bytes] = []
    real = identity.sign
    with service.raw() as connection:
        from cardfab.keys.service.identity import Greeting

        _, _, schema, nonce = read(_body(connection))
        greeting = Greeting("one", nonce, bytes(32), schema)
        proofs.append(bytes(frame(("station", "one", bytes(32), real(greeting)))))
        connection.sendall(proofs[0])
        assert read(_body(connection))[0] == "welcome"
    with service.raw() as connection:
        _body(connection)
        connection.sendall(proofs[0])
        assert read(_body(connection))[0] == "refused"


def test_one_name_has_one_key(tmp_path: Path) -> None:
    stations = Stations(tmp_path / "stations")
    one, two = (Station("one", secrets.token_bytes(32)) for _ in range(2))
    assert stations.enroll(one, "now") == stations.enroll(one, "later")
    with pytest.raises(IdentityRefused):
        stations.enroll(two, "now")
    stations.revoke("one", "later")
    with pytest.raises(IdentityRefused):
        stations.enroll(one, "now")
    with pytest.raises(IdentityRefused):
        stations.revoke("none", "now")
    assert (tmp_path / "stations").stat().st_mode & 0o777 == 0o600
    assert Stations(tmp_path / "stations").all() == stations.all()


@pytest.mark.parametrize("data", [b"", b"{}", b'{"form": "cardfab station identity 1", "name": "a b"}', b"\xff"])
def test_files_that_are_no_identity(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "stations").write_bytes(data)
    for reader in (Identity.from_bytes, Station.from_bytes, lambda _: Stations(tmp_path / "stations").all()):
        with pytest.raises(IdentityRefused):
            reader(data)


def test_an_identity_is_kept_and_not_shown() -> None:
    identity = Identity.new("one", secrets.token_bytes, service=bytes(32))
    again = Identity.from_bytes(identity.to_bytes())
    assert (again.name, again.public, again.service) == ("one", identity.public, bytes(32))
    assert bytes(identity.seed.view()).hex() not in repr(identity)


# -- hostile clients ---------------------------------------------------------------------------------------------------


HOSTILE: tuple[bytes, ...] = (
    b"", b"\x00\x00\x00\x00", b"\xff\xff\xff\xff", b"\x00\x00\x00\x01", b"GET / HTTP/1.1\r\n\r\n",
    bytes(frame(("station", "one", bytes(32), bytes(64)))), bytes(frame(("call", "-", 0, "infos", ()))),
    bytes(frame(("station", "../x", bytes(32), bytes(64)))), bytes(frame(("free", (1, 2, 3)))),
)  # fmt: skip
CALLS = (
    ("call", "-", 0, "infos", (1,)), ("call", "-", 0, "close", ()), ("call", "-", 0, "__class__", ()),
    ("call", "-", 0, "_held", ()), ("call", "-", 9, "code", (b"x",)), ("call", "a b", 0, "infos", ()),
    ("call", "-", 0, "card_key", ("ss/IRK", REGION, "no bytes")), ("call", "-", -1, "infos", ()), ("other",), None, 7,
    ("call", "-", 0, "platform", ("bank/KMC", None)), ("call", "-", 0, "inner", ()),
)  # fmt: skip


@pytest.mark.parametrize("said", HOSTILE)
def test_who_has_not_proved_itself_gets_nothing(said: bytes, service: Service_) -> None:
    service.enroll("one")
    with service.raw() as connection:
        assert read(_body(connection))[:2] == ("hello", PROTOCOL)
        connection.sendall(said)
        answer = _body(connection)
        assert not answer or read(answer)[0] == "refused"
        assert answer == b"" or _body(connection) == b""
    assert service.book.uses == []
    service.client(service.known["one"]).infos()


@pytest.mark.parametrize("call", CALLS)
def test_a_station_gets_what_is_on_the_list_and_no_more(call: object, service: Service_) -> None:
    keys = service.client()
    keys.infos()
    connection = keys._line._socket
    assert connection is not None
    connection.sendall(frame(call))
    assert read(_body(connection))[0] == "refused"
    assert _body(connection) == b""
    assert keys.infos()  # over a new connection
    keys.close()


@pytest.mark.proof
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(min_size=1, max_size=400), st.booleans())
def test_fuzz_after_the_greeting(service: Service_, data: bytes, framed: bool) -> None:
    """Whatever a station sends, the service answers or hangs up, and serves the next one."""
    keys = service.client(service.known.get("one") or service.enroll("one"))
    keys.infos()
    connection = keys._line._socket
    assert connection is not None
    connection.sendall((len(data).to_bytes(HEAD, "big") if framed else b"") + data)
    connection.shutdown(socket.SHUT_WR)
    while answer := _body(connection):
        assert read(answer)[0] in ("refused", "done", "object", "cipher")
    keys.close()
    other = service.client(service.known["one"])
    assert other.info("ss/IRK").label == "ss/IRK"
    other.close()


@pytest.mark.proof
def test_who_is_slow_is_hung_up_and_holds_nobody_up(kept: Kept, tmp_path: Path) -> None:
    with running(kept, tmp_path, Limits(greeting=1.0, frame=1.0)) as service:
        keys = service.client()
        keys.infos()
        with service.raw() as silent, service.raw() as half:
            for connection in (silent, half):
                _body(connection)
            half.sendall(b"\x00")
            began = time.monotonic()
            keys.info("ss/IRK")
            assert time.monotonic() - began < 0.9
            assert _body(silent) == _body(half) == b""
        assert keys._line._socket is not None
        keys._line._socket.sendall(b"\x00\x00")  # a frame that does not go on
        assert _body(keys._line._socket) == b""
        assert keys.infos()
        keys.close()


def _fill(connection: socket.socket, asked: bytes) -> None:
    with suppress(BlockingIOError):
        while True:
            connection.send(asked)


@pytest.mark.proof
def test_who_takes_no_answer_is_hung_up(kept: Kept, tmp_path: Path) -> None:
    with running(kept, tmp_path, Limits(frame=0.5)) as service:
        keys, other = service.client(), service.client(service.enroll("two"))
        keys.infos()
        connection = keys._line._socket
        assert connection is not None
        connection.setblocking(False)
        asked = bytes(frame(("call", "-", 0, "infos", ())))
        _fill(connection, asked)
        other.info("ss/IRK")
        time.sleep(1.0)
        with pytest.raises((BrokenPipeError, ConnectionResetError)):
            connection.send(asked)
        keys.close()
        other.close()


def test_so_many_connections(kept: Kept, tmp_path: Path) -> None:
    with running(kept, tmp_path, Limits(connections=2)) as service, service.raw() as one, service.raw() as two:
        assert _body(one)
        assert _body(two)
        with service.raw() as three:
            assert _body(three) == b""


def test_a_socket_is_of_one_service_and_one_user(service: Service_, tmp_path: Path) -> None:
    assert service.path.stat().st_mode & 0o777 == 0o600
    assert service.path.parent.stat().st_mode & 0o777 == 0o700
    with pytest.raises(KeyFault) as taken:
        listen(service.path)
    assert taken.value.code == "CF-6325"
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o755)  # whatever the umask of this process
    with pytest.raises(KeyFault) as others:
        listen(tmp_path / "open" / "s")
    assert others.value.code == "CF-6324"


# -- when it goes away -------------------------------------------------------------------------------------------------


def test_a_break_is_said_once_and_the_next_act_connects(kept: Kept, tmp_path: Path) -> None:
    with running(kept, tmp_path) as service:
        identity = service.enroll("one")
        keys = service.client(identity)
        key = keys.card_key("ss/IRK", REGION, HISTORICAL)
    with pytest.raises(KeysAway) as gone:
        key.code(b"x")
    assert gone.value.do is not None
    assert "job resolve" in gone.value.do.en
    with pytest.raises(KeysAway) as absent:
        keys.infos()
    assert absent.value.code == "CF-6327"
    with running(kept, tmp_path) as service:
        again = Identity(identity.name, identity.seed)  # this one has another identity of the service
        keys = service.client(again)
        assert keys.infos()
        with pytest.raises(KeysAway):
            key.code(b"x")
        keys.close()


def test_an_idle_connection_that_ended_is_made_again(kept: Kept, tmp_path: Path) -> None:
    with running(kept, tmp_path) as service:
        keys = service.client(Identity(service.enroll("one").name, service.known["one"].seed))
        keys.infos()
    with running(kept, tmp_path) as service:
        assert keys.infos()
        keys.close()


def test_a_token_that_goes_away_ends_the_service(kept: Kept, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*_: object) -> bytes:
        raise KeysAway

    with running(kept, tmp_path) as service:
        keys = service.client()
        keys.infos()
        monkeypatch.setattr(kept, "index", gone)
        with pytest.raises(KeysAway):
            keys.index("station/index", b"x")
    assert service.ended == ["away"]


def test_a_wire_fault_says_what_to_do(service: Service_) -> None:
    keys = service.client()
    keys._line._schema = bytes(32)
    with pytest.raises(WireFault, match="different versions") as other:
        keys.infos()
    assert other.value.do is not None


def test_the_record_of_a_call(service: Service_) -> None:
    """An unknown name in `about` ends the connection; a token does not."""
    keys = service.client()
    with about("A1.b-c:d_e"):
        assert keys.card_key("ss/IRK", REGION, HISTORICAL).code(b"x")
    with about("张三"), pytest.raises(KeyFault):
        keys.card_key("ss/IRK", REGION, HISTORICAL)
    keys.close()
