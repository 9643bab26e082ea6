"""What leaves the bureau: return file, boxes, destroyed cards, mailers; and what is erased opens nowhere any more."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import sqlite3
import stat
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn, cast

import pytest
from asn1crypto import cms, pem

from cardfab.audit import open_note
from cardfab.bureau.books import papers, remakes
from cardfab.bureau.books.copies import NoSuchPaper, PaperDiffers, again, handed_over
from cardfab.bureau.books.destroying import Destroyed, NothingSpoiled, destroy
from cardfab.bureau.books.erasing import NotReturned, erase, erase_by
from cardfab.bureau.books.handing import BatchUnfit
from cardfab.bureau.books.mailers import print_mailers
from cardfab.bureau.books.reconcile import close, reconcile, sign
from cardfab.bureau.books.returning import return_file
from cardfab.bureau.books.returnlines import Untellable, head, line, shortened
from cardfab.bureau.books.shipping import NothingToShip, Shipment, ship
from cardfab.bureau.files import read_addressee, read_trust
from cardfab.bureau.files.envelope import opened
from cardfab.bureau.files.signed import SignedContent
from cardfab.bureau.rejection import write_rejected
from cardfab.crypto import password
from cardfab.documents.counter import Language
from cardfab.errors import KeyFault, StockFault, Text
from cardfab.face.fonts import FontBook
from cardfab.keys import KeyStore
from cardfab.production import NotAllowed, SamePerson
from cardfab.production.batches import BatchState, BoxState
from cardfab.production.stock import Place
from cardfab.profile.loader import load
from cardfab.profile.returning import ReturnProfile
from cardfab.resources import ProfileFolders, data_folder
from cardfab.station import retention
from cardfab.station.pinmailer import NoMailer
from cardfab.station.signing import document_signer
from cardfab.station.stockbook.moving import Counts, CountsDiffer
from cardfab.station.vault import Erased
from cardfab.store.batches import Finding
from tests.bureau_books import STOCK, Bureau, bureau, card_of, empty, request_of
from tests.issuer_files import party
from tests.unit.documents.counter_samples import lines_of

WHY = "持卡人已注销，发卡机构来函撤回本次制卡申请，不再制作"
PROFILES = ProfileFolders((data_folder("profiles"),))


@pytest.fixture(autouse=True, scope="module")
def _cheap() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(password, "_KIB", 64)
        yield


@pytest.fixture(scope="module")
def fonts() -> FontBook:
    return FontBook([Path("/usr/share/fonts")])


@pytest.fixture(scope="module")
def worked(_cheap: None, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, int]]:
    """A batch of five: the second row was wrong, the third is spoiled, the others are made; and what is known of it."""
    folder = tmp_path_factory.mktemp("handing")
    with bureau(folder, empty(folder)) as one:
        one.take_in(5, box=2, wrong=(2,))
        one.bring()
        for at in (1, 4, 5):
            one.make(at)
        one.claim(3)
        one.write(3)
        one.spoil(3)
        one.end_run()
    return folder / "station.db", {"batch_id": one.batch_id, "run": one.run}


@pytest.fixture
def place(worked: tuple[Path, dict[str, int]], tmp_path: Path, fonts: FontBook) -> Iterator[Bureau]:
    path, known = worked
    with bureau(tmp_path, path, fonts, **known) as one:
        yield one


def given_up(one: Bureau) -> Bureau:
    remakes.give_up(one.desks["zhao"], one.name, 3, WHY, "wang")
    return one


def closed(one: Bureau) -> Bureau:
    sign(one.desks["li"], reconcile(one.desks["li"], one.name), "zhao")
    close(one.desks["zhao"], one.name, without_mailers=True)
    return one


# -- the return file ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("layout", "number", "bank"), [("henan", 2, 9), pytest.param("jilin", 2, 9, marks=pytest.mark.proof)]
)
def test_every_row_is_in_the_return_file_by_name(place: Bureau, layout: str, number: int, bank: int) -> None:
    out = place.folder / "back.csv"
    with pytest.raises(BatchUnfit):
        return_file(place.desks["zhao"], place.name, out, layout)
    given_up(place)
    with pytest.raises(NotAllowed):
        return_file(place.desks["li"], place.name, out, layout)
    _, good, failed = return_file(place.desks["zhao"], place.name, out, layout)
    assert (good, failed) == (3, 2)
    text = out.read_bytes().decode("gb18030")
    first, *rest = text.split("\r\n")
    assert first == f"{place.batch.reference},5"
    rows = list(csv.DictReader(io.StringIO("\r\n".join(rest))))
    assert len(rows[0]) == 14
    assert [row["序号"] for row in rows] == ["1", "2", "3", "4", "5"]
    card, whom = card_of(1), request_of(1)
    assert list(rows[0].values())[number] == whom.social_security_number
    assert list(rows[0].values())[bank] == card.pan
    assert (rows[0]["姓名"], rows[0]["卡识别码"][:16], rows[0]["失败环节"]) == (whom.name, "440199D156000005", "")
    packed = [row["装箱位置"].removeprefix(place.batch.reference) for row in rows]
    assert packed == ["-1-1-1", "", "", "-1-2-1", "-1-2-2"]
    spoiled = rows[2]
    assert (spoiled["姓名"], spoiled["失败环节"], spoiled["银行卡号"]) == (request_of(3).name, "制卡", "")
    assert spoiled["失败原因"] == WHY[:25]
    assert (rows[1]["姓名"], rows[1]["失败环节"]) == ("", "制卡"), (
        "of a wrong row nothing is kept but that it was wrong"
    )


def test_the_return_file_is_its_owners_signed_and_on_record(place: Bureau) -> None:
    out = given_up(place).folder / "back.jsonl"
    return_file(place.desks["zhao"], place.name, out)
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert not list(place.folder.glob("*.part"))
    told = [json.loads(one) for one in out.read_text("utf-8").splitlines()]
    assert [one["result"] for one in told] == ["success", "failure", "failure", "success", "success"]
    signed = cms.ContentInfo.load((place.folder / "back.jsonl.p7s").read_bytes())["content"]
    [signer] = signed["signer_infos"]
    [digest] = [one["values"][0].native for one in signer["signed_attrs"] if one["type"].native == "message_digest"]
    with place.database.reading() as tx:
        [row] = tx.bureau_finish.handovers(place.batch_id, "return")
    assert (row.count, row.digest, row.by) == (5, digest.hex(), "zhao")
    [event] = place.events("bureau.return")
    assert (event.details["digest"], event.details["good"], event.details["failed"]) == (row.digest, "3", "2")
    certificate = place.folder / "certificate.der"
    certificate.write_bytes(signed["certificates"][0].dump())
    subprocess.run(
        ["openssl", "x509", "-inform", "DER", "-in", certificate, "-out", place.folder / "c.pem"], check=True
    )
    wanted = [
        "-inform",
        "DER",
        "-in",
        out.with_name("back.jsonl.p7s"),
        "-content",
        out,
        "-certfile",
        place.folder / "c.pem",
    ]
    verify = ["openssl", "cms", "-verify", "-binary", "-noverify", *wanted, "-out", "/dev/null"]
    subprocess.run(verify, check=True, capture_output=True)


@pytest.mark.parametrize("kind", ["rsa", "ec", "P-384", "P-521"])
def test_a_return_file_that_is_encrypted_is_the_clear_one_to_the_issuer_alone(place: Bureau, kind: str) -> None:
    zhao, issuer, out = given_up(place).desks["zhao"], party("issuer", kind, since=-900), place.folder / "back.p7m"
    return_file(zhao, place.name, place.folder / "clear.jsonl")
    to = read_addressee(issuer.certificate, zhao.now())
    assert return_file(zhao, place.name, out, to=to)[1:] == (3, 2)
    assert sorted(one.name for one in place.folder.glob("back*")) == ["back.p7m"], "the signature is inside"
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert request_of(1).name.encode() not in out.read_bytes()
    content = (place.folder / "clear.jsonl").read_bytes()

    certificate, key = issuer.files(place.folder, "issuer")
    by_station = cms.ContentInfo.load((place.folder / "clear.jsonl.p7s").read_bytes())["content"]["certificates"][0]
    (place.folder / "station.pem").write_bytes(pem.armor("CERTIFICATE", by_station.dump()))
    decrypt = ["-decrypt", "-inform", "DER", "-in", out, "-recip", certificate, "-inkey", key]
    inner = subprocess.run(["openssl", "cms", *decrypt, "-binary"], check=True, capture_output=True).stdout
    verify = ["-verify", "-inform", "DER", "-CAfile", place.folder / "station.pem", "-no_check_time", "-binary"]
    assert subprocess.run(["openssl", "cms", *verify], input=inner, check=True, capture_output=True).stdout == content
    trust = read_trust(by_station.dump())
    ours = SignedContent(opened(iter([out.read_bytes()]), issuer.recipient()), trust, zhao.now())
    assert b"".join(ours) == content

    with place.database.reading() as tx:
        clear, sealed = tx.bureau_finish.handovers(place.batch_id, "return")
    digest = hashlib.sha256(content).hexdigest()
    assert (clear.digest, clear.recipient, clear.file) == (digest, None, "clear.jsonl")
    assert (sealed.digest, sealed.recipient, sealed.file) == (digest, to.fingerprint, "back.p7m")
    assert to.fingerprint == hashlib.sha256(pem.unarmor(issuer.certificate)[2]).hexdigest()
    told = [(one.details["digest"], one.details.get("recipient")) for one in place.events("bureau.return")]
    assert told == [(digest, None), (digest, to.fingerprint)]


@pytest.mark.parametrize("sealed", [False, True])
def test_a_signature_that_fails_leaves_no_file(place: Bureau, sealed: bool) -> None:
    """It is made when all rows are written; by then no file has its name."""
    zhao, seen = given_up(place).desks["zhao"], list[str]()
    to = read_addressee(party("issuer", since=-900).certificate, zhao.now()) if sealed else None
    document_signer(zhao)  # its certificate is there

    def broken() -> NoReturn:
        seen.extend(one.name for one in place.folder.glob("back*"))
        raise KeyFault(Text("The token is away.", "令牌不在。"))

    desk = replace(zhao, keys=cast("KeyStore", _Unsigning(zhao.keys, broken)))
    with pytest.raises(KeyFault, match="away"):
        return_file(desk, place.name, place.folder / "back", to=to)
    assert seen
    assert all(one.endswith(".part") for one in seen)
    assert list(place.folder.glob("back*")) == []
    assert place.events("bureau.return") == []


class _Unsigning:
    """A key store that opens what is sealed, and whose signature fails."""

    def __init__(self, keys: KeyStore, sign: Callable[[], NoReturn]) -> None:
        self._keys, self._sign = keys, sign

    def __getattr__(self, name: str) -> Any:
        return getattr(self._keys, name)

    def sign(self, label: str, message: bytes) -> bytes:
        return self._sign()


def test_a_value_that_does_not_fit_is_refused_and_no_file_is_left(place: Bureau) -> None:
    profiles = place.folder / "profiles" / "returns"
    profiles.mkdir(parents=True)
    narrow = 'extends = "json"\nname = "narrow"\ncolumns = [{ name = "姓名", field = "name", bytes = 3 }]\n'
    (profiles / "narrow.toml").write_text(narrow, encoding="utf-8")
    own = ProfileFolders((profiles.parent, data_folder("profiles")))
    desk = replace(given_up(place).desks["zhao"], profiles=own)
    for to in (None, read_addressee(party("issuer", since=-900).certificate, desk.now())):
        with pytest.raises(Untellable, match="姓名") as refused:
            return_file(desk, place.name, place.folder / "back.jsonl", "narrow", to)
        assert request_of(1).name not in str(refused.value)
    assert sorted(one.name for one in place.folder.glob("back*")) == []
    assert place.events("bureau.return") == []


@pytest.mark.parametrize("charset", ["utf-8", "gb18030"])
@pytest.mark.parametrize("text", ["卡" * 40, "a" + "卡" * 40, "𠅤" * 20, "short"])
def test_a_reason_is_cut_at_a_character(charset: str, text: str) -> None:
    cut = shortened(text, 50, charset)
    assert text.startswith(cut)
    assert len(cut.encode(charset)) <= 50
    assert len(text[: len(cut) + 1].encode(charset)) > 50 or cut == text


def test_lines_of_fixed_width() -> None:
    profile = load(PROFILES, "returns", "fixed", ReturnProfile)
    assert head(profile, {}) == b""
    told = {"sequence": "7", "result": "success", "name": "古丽·阿卜", "number": "440199195109020001"}
    told |= {"card_number": "T1", "bank_number": "62", "chip": "AB"}
    one = line(profile, told)
    assert len(one) == sum(column.bytes or 0 for column in profile.columns) + 2
    assert one[:8] == b"       7"
    assert one[26:86].decode("gb18030").strip() == "古丽·阿卜"
    assert one[-53:-2] == b"0" + b" " * 50


def test_control_characters_do_not_break_a_line() -> None:
    profile = load(PROFILES, "returns", "henan", ReturnProfile)
    told = {"sequence": "1", "result": "failure", "stage": "make", "reason": 'a\r\nb,"c"', "name": "x"}
    [row] = csv.reader(io.StringIO(line(profile, told).decode("gb18030")))
    assert row[-2:] == ["制卡", 'a b,"c"']


# -- boxes, destroyed cards, mailers -----------------------------------------------------------------------------------


def test_boxes_leave_when_every_place_of_them_is_settled(place: Bureau) -> None:
    with pytest.raises(NotAllowed):
        ship(place.desks["li"], place.name)
    first = ship(place.desks["zhao"], place.name)
    assert [(one.box, one.first, one.last, one.cards, one.empty) for one in first.parcels] == [(2, 4, 5, 2, 0)]
    assert place.boxes() == [BoxState.WAITING, BoxState.SHIPPED]
    with pytest.raises(NothingToShip):
        ship(place.desks["zhao"], place.name)
    second = ship(given_up(place).desks["zhao"], place.name)
    assert [(one.box, one.first, one.last, one.cards, one.empty) for one in second.parcels] == [(1, 1, 3, 1, 2)]
    assert second.csv().splitlines()[1] == f"{place.batch.reference},示例市社会保障卡管理中心,1,1,3,1,2"
    assert [event.details["count"] for event in place.events("bureau.shipping")] == ["2", "1"]


def test_spoiled_cards_are_destroyed_by_count_and_by_name(place: Bureau) -> None:
    zhao = place.desks["zhao"]
    with pytest.raises(CountsDiffer):
        destroy(zhao, place.name, Counts(1, "wang", 2), "shredded")
    with pytest.raises(StockFault):
        destroy(zhao, place.name, Counts(1), "shredded")
    one = destroy(zhao, place.name, Counts(1, "wang", 1), "shredded")
    assert [(card.place, card.chip) for card in one.cards] == [(3, place.job(3).chip)]
    with pytest.raises(NothingSpoiled):
        destroy(zhao, place.name, Counts(0, "wang", 0), "shredded")
    with place.database.reading() as tx:
        assert tx.stock.held(STOCK)[Place.DESTROYED] == 1
    assert reconcile(zhao, place.name).balanced, "the equation of the batch does not see the box of spoiled cards"


def of_kind(place: Bureau, kind: str) -> list[int]:
    """The numbers of what left, of one kind."""
    return [one.id for one in handed_over(place.desks["zhao"], place.name)[1] if one.kind == kind]


def test_what_was_shipped_can_be_listed_again_as_it_was(place: Bureau) -> None:
    zhao = place.desks["zhao"]
    first = ship(zhao, place.name)
    second = ship(given_up(place).desks["zhao"], place.name)
    place.later(days=3)
    numbers = of_kind(place, "shipping")
    for one, number in zip((first, second), numbers, strict=True):
        copied = again(zhao, place.name, number)
        assert isinstance(copied, Shipment)
        assert (copied.parcels, copied.at, copied.csv()) == (one.parcels, one.at, one.csv())
        assert papers.shipping_paper(zhao, copied, "en", copy=True)[0] == papers.shipping_paper(zhao, one, "en")[0]
    assert [event.details["handover"] for event in place.events("bureau.copy")] == [str(one) for one in numbers]
    with pytest.raises(NotAllowed):
        again(place.desks["li"], place.name, numbers[0])
    with pytest.raises(NoSuchPaper):
        again(zhao, place.name, 99)
    with place.database.transaction("by hand") as tx:
        tx.bureau_finish._connection.exec_driver_sql("UPDATE bureau_handover SET file = '1..3'")
    with pytest.raises(PaperDiffers):
        again(zhao, place.name, numbers[0])


def test_cards_are_destroyed_once_whatever_the_clocks_say(place: Bureau) -> None:
    """A card that was spoiled at a machine whose clock is behind counts as spoiled before those that are gone."""
    zhao = place.desks["zhao"]
    spoiled = place.job(3).id
    first = destroy(zhao, place.name, Counts(1, "wang", 1), "punched")
    remakes.ask(place.desks["li"], place.name, [3])
    remakes.approve(zhao, place.name, "wang")
    place.chips = iter((100,))
    place.claim(3)
    place.write(3)
    place.later(hours=-2)
    place.spoil(3)
    place.later(hours=3)
    second = destroy(zhao, place.name, Counts(1, "wang", 1), "shredded")
    assert [card.job_id for card in (*first.cards, *second.cards)] == [spoiled, place.job(3).id]
    with pytest.raises(NothingSpoiled):
        destroy(zhao, place.name, Counts(0, "wang", 0), "shredded")
    for one, number in zip((first, second), of_kind(place, "destruction"), strict=True):
        copied = again(zhao, place.name, number)
        assert isinstance(copied, Destroyed)
        said = [lines_of(papers.destruction_certificate(zhao, each, "en")) for each in (copied, one)]
        assert said[0] == said[1]


def test_a_list_can_be_had_after_the_erasure(place: Bureau) -> None:
    zhao = place.desks["zhao"]
    one = ship(given_up(place).desks["zhao"], place.name)
    closed(place)
    return_file(zhao, place.name, place.folder / "back.jsonl")
    erase(zhao, place.name, "wang")
    copied = again(zhao, place.name, of_kind(place, "shipping")[0])
    assert isinstance(copied, Shipment)
    assert (copied.parcels, copied.at) == (one.parcels, one.at)


@pytest.mark.parametrize(("language", "words"), [("en", "(copy)"), ("zh", "（副本）")])
def test_a_copy_says_that_it_is_one(place: Bureau, language: Language, words: str) -> None:
    zhao = place.desks["zhao"]
    shipment, gone = ship(zhao, place.name), destroy(zhao, place.name, Counts(1, "wang", 1), "shredded")
    for copy in (False, True):
        for pdf in (
            papers.shipping_paper(zhao, shipment, language, copy=copy)[1],
            papers.destruction_certificate(zhao, gone, language, copy=copy),
        ):
            assert (words in " ".join(lines_of(pdf))) is copy


def test_cards_without_a_pin_of_the_banks_have_no_mailer(place: Bureau) -> None:
    desk = place.desks["li"]
    chosen = desk.product("bureau-sm2").financial.pin.first
    if chosen == "random":
        with place.database.reading() as tx:
            assert [at for at, _ in tx.bureau_finish.without_mailer(place.batch_id)] == [1, 4, 5]
            assert [at for at, _ in tx.bureau_finish.without_mailer(place.batch_id, 1)] == [4, 5]
        with place.database.transaction("printed") as tx:
            tx.jobs.next_number(f"mailer:{place.job(4).id}", 1)
            assert [at for at, _ in tx.bureau_finish.without_mailer(place.batch_id)] == [1, 5]
    with pytest.raises(NoMailer):  # these cards were prepared without any grouping
        print_mailers(desk, place.name, lambda page: None)
    assert place.events("bureau.mailers") == []


# -- the papers --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", ("Batch reconciliation", "balances", "Yield by hour", "Faults by slot and reason", "left out")),
        pytest.param("zh", ("批次核对报告", "平衡", "每小时产量", "各工位故障原因", "不制"), marks=pytest.mark.proof),
    ],
)
@pytest.mark.shows("the report names every one (test)")
def test_the_report_names_every_card_that_did_not_go_straight(
    place: Bureau, language: str, words: tuple[str, ...]
) -> None:
    place.fault("slot-1", "CF-4100", 3)
    place.fault("slot-2", "CF-5400")
    found = reconcile(place.desks["li"], place.name)
    number, pdf = papers.reconciliation_paper(place.desks["li"], found, "zh" if language == "zh" else "en")
    said = lines_of(pdf)
    whole = " ".join(said)
    assert number in whole
    assert "SPECIMEN" not in whole
    for one in words:
        assert one in whole, one
    assert any(one.startswith("2 1-Q00002") and "wrong" in one for one in said)
    assert any(one.startswith(f"3 1-Q00003 {place.job(3).id}") for one in said)
    assert "the chip does not" in whole
    value = papers.reconciliation_values(found)
    assert json.loads(json.dumps(value))["equation"]["difference"] == 0
    out = io.StringIO()
    papers.reconciliation_csv(found, out)
    rows = list(csv.DictReader(io.StringIO(out.getvalue())))
    assert [row["place"] for row in rows if row["of"] == "named"] == ["2", "3"]
    assert [row["value"] for row in rows if (row["of"], row["what"]) == ("batch", "spoiled")] == ["1"]


@pytest.mark.proof
@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_papers_of_handing_over(place: Bureau, language: Language) -> None:
    """In training all of them say so; at a real station none does."""
    zhao = given_up(place).desks["zhao"]
    shipment = ship(zhao, place.name)
    gone = destroy(zhao, place.name, Counts(1, "wang", 1), "shredded")
    for training in (False, True):
        desk = replace(zhao, training=training)
        number, pdf = papers.shipping_paper(desk, shipment, language)
        said = lines_of(pdf)
        assert number.startswith("FH")
        assert any("示例市社会保障卡管理中心" in one for one in said)
        assert "1 1 3 1 2 ________" in said
        lost = lines_of(papers.destruction_certificate(desk, gone, language))
        for words in (gone.number, place.batch.reference, place.job(3).chip or "", "CF-4100", "wang"):
            assert words in " ".join(lost)
        report = lines_of(papers.reconciliation_paper(desk, reconcile(desk, place.name), language)[1])
        for paper in (said, lost, report):
            whole = " ".join(paper)
            assert ("样卡" in whole, "SPECIMEN" in whole) == (training, training)


# -- erasing -----------------------------------------------------------------------------------------------------------


def test_erased_data_is_in_no_page_and_opens_nowhere(place: Bureau) -> None:
    closed(given_up(place))
    zhao = place.desks["zhao"]
    with pytest.raises(NotReturned):
        erase(zhao, place.name, "wang")
    return_file(zhao, place.name, place.folder / "back.jsonl")
    queries = ("SELECT sealed FROM request", "SELECT sealed_card FROM job", "SELECT sealed FROM issued_card",
               "SELECT salt FROM issued_card", "SELECT salt FROM batch")  # fmt: skip
    with closing(sqlite3.connect(place.folder / "station.db")) as raw:
        sealed = [row[0] for query in queries for row in raw.execute(query) if row[0]]
    before = place.folder.joinpath("station.db").read_bytes() + place.folder.joinpath("station.db-wal").read_bytes()
    assert all(one[:40] in before for one in sealed)
    with pytest.raises(SamePerson):
        erase(zhao, place.name, "zhao")
    with pytest.raises(NotAllowed):
        erase(place.desks["li"], place.name, "wang")
    done = erase(zhao, place.name, "wang")
    assert {kind: one.count for kind, one in done.sums.items()} == {"request": 4, "prepared card": 4, "card": 3}
    after = b"".join(one.read_bytes() for one in place.folder.glob("station.db*"))
    assert [one[:8].hex() for one in sealed if one[:40] in after] == []
    note, by = open_note(done.record, [zhao.audit_key()])
    assert by == (zhao.audit_key(),)
    told = json.loads(note.text)
    assert (told["by"], told["approved_by"], told["batch"]) == ("zhao", "wang", place.batch.reference)
    assert all(len(one["digest"]) == 64 for one in told["erased"].values())
    assert place.batch.state is BatchState.ERASED
    with pytest.raises(BatchUnfit):
        return_file(zhao, place.name, place.folder / "again.jsonl")
    with place.database.transaction("by hand") as tx:
        tx.batches.change(place.batch_id, state="CLOSED")
    with pytest.raises(Erased):
        return_file(zhao, place.name, place.folder / "again.jsonl")
    assert reconcile(zhao, place.name).balanced, "what is not personal stays"


def test_what_was_wrong_with_rows_is_erased_too(place: Bureau) -> None:
    with place.database.transaction("findings") as tx:
        tx.batches.put_findings(place.batch_id, [Finding(2, 3, "1-Q00002", "sex", Text("'***' is none", "'***' 有误"))])
    closed(given_up(place))
    return_file(place.desks["zhao"], place.name, place.folder / "back.jsonl")
    erase(place.desks["zhao"], place.name, "wang")
    with place.database.reading() as tx:
        assert list(tx.batches.findings(place.batch_id)) == []
    with pytest.raises(BatchUnfit):
        write_rejected(place.desks["zhao"], place.batch, place.folder / "rejected")
    assert list(place.folder.glob("rejected*")) == []


def test_the_stations_own_erasure_leaves_batches_of_the_bureau_alone(place: Bureau) -> None:
    """It goes request by request; a batch whose rows have no request yet would lose its salt."""
    first = place.batch_id
    place.take_in(3, box=3)
    place.later(days=40)
    retention.erase(place.desks["zhao"], "wang")
    with place.database.reading() as tx:
        assert [tx.batches.get(one).salt is None for one in (first, place.batch_id)] == [False, False]
        assert all(row.sealed for row in tx.batches.rows_of(place.batch_id))


def test_a_closed_batch_says_until_when_it_is_erased(place: Bureau) -> None:
    desk = place.desks["zhao"]
    assert erase_by(desk, place.batch) is None
    closed(given_up(place))
    by = erase_by(desk, place.batch)
    assert by is not None
    assert (by - desk.now().date()).days == 30
