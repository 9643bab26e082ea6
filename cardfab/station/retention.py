"""Personal data of finished cards, erased in time (PCI CP-L 4.5): by two people, down to the database's free pages.

The record of it holds counts and digests only; the audit keeps tokens. What stays for service, and why, is said in
:mod:`cardfab.store.retention`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta

from cardfab.audit import milliseconds, sign_note
from cardfab.errors import DeviceFault, Text
from cardfab.production import Act
from cardfab.profile.loader import load
from cardfab.profile.product import Product
from cardfab.station.desk import Desk
from cardfab.station.people import second_person
from cardfab.station.temporary import reseal_paper
from cardfab.station.vault import reseal
from cardfab.store import Transaction
from cardfab.store.retention import KEPT, Sum, sum_of

REQUEST, PREPARED = "request", "prepared card"


class NotCompacted(DeviceFault):
    """The data is erased; the file's free pages may still hold it, sealed."""

    default_code = "CF-5780"


@dataclass(frozen=True, slots=True)
class Due:
    """What is to be erased now, by kind, and the days that hold for each product."""

    sums: dict[str, Sum]
    days: dict[str, int]

    @property
    def total(self) -> int:
        """How many values that are."""
        return sum(one.count for one in self.sums.values())


@dataclass(frozen=True, slots=True)
class Erasure:
    """What was erased, and the signed record of it (a signed note over one line of JSON)."""

    due: Due
    record: bytes


@dataclass(frozen=True, slots=True)
class _Terms:
    days: dict[str, int]
    before: dict[str, str]
    """Of each product: what was finished before this moment is due."""

    @property
    def first(self) -> str:
        """Of what names no product: the shortest term."""
        return max(self.before.values())


def due(desk: Desk) -> Due:
    """What is due now. That somebody looked is on record: the quarterly check."""
    desk.must(Act.RETENTION)
    terms = _terms(desk)
    with desk.database.transaction("retention check") as tx:
        found = _sums(tx, terms, tx.retention.due_requests(terms.before))
        tx.audit.append(desk.event("retention.check", desk.token(), "done", _counts(found)))
    return Due(found, terms.days)


def erase(desk: Desk, second: str) -> Erasure:
    """Erase what is due, signed off by a second person. Raises :class:`NotCompacted` where free pages stay unread."""
    desk.must(Act.RETENTION)
    approver = second_person(desk, second, Act.RETENTION)
    terms = _terms(desk)
    with desk.database.transaction("retention") as tx:
        requests = tx.retention.due_requests(terms.before)
        found = Due(_sums(tx, terms, requests), terms.days)
        for kind in KEPT:
            tx.retention.erase(kind, [key for key, _ in tx.retention.due(kind, terms.first)])
        _erase_requests(desk, tx, requests)
        token, at = desk.token(), desk.at()
        record = _record(desk, token, at, approver.login, found)
        tx.retention.keep(token=token, at=at, by=desk.person.login, approved_by=approver.login, record=record)
        details = _counts(found.sums)
        details |= {"approved_by": approver.login, "record": hashlib.sha256(record).hexdigest()}
        tx.audit.append(desk.event("retention.erase", token, "done", details))
        desk.checkpoint(tx)
    compact(desk, token)
    return Erasure(found, record)


def _terms(desk: Desk) -> _Terms:
    today = desk.now().date()
    days = {name: load(desk.profiles, "products", name, Product).kept_days(today) for name in _products(desk)}
    now = milliseconds(desk.now())
    before = {name: (now - timedelta(days=kept)).isoformat(timespec="milliseconds") for name, kept in days.items()}
    return _Terms(days, before)


def _products(desk: Desk) -> list[str]:
    return sorted(desk.profiles.names("products"))


def _sums(tx: Transaction, terms: _Terms, requests: Sequence[str]) -> dict[str, Sum]:
    """What is due, by kind; kinds without any are left out."""
    found = {kind: sum_of(sealed for _, sealed in tx.retention.due(kind, terms.first)) for kind in KEPT}
    gone = [sealed for bundle in tx.retention.bundles(requests) for _, sealed in bundle.due]
    found[REQUEST] = sum_of(gone)
    found[PREPARED] = sum_of(sealed for one in requests for _, sealed in tx.retention.cards(one))
    return {kind: one for kind, one in found.items() if one.count}


def _erase_requests(desk: Desk, tx: Transaction, requests: Sequence[str]) -> None:
    """Destroy the salts of the batches concerned; what lives on in one is sealed anew under another salt."""
    for bundle in tx.retention.bundles(requests):
        for request_id, _ in bundle.due:
            tx.retention.erase_request(request_id)
        salt = desk.random(32) if bundle.living else None
        for request_id, token, sealed in bundle.living:
            cards = tx.retention.cards(request_id)
            again = reseal(desk.keys, token, bundle.salt, salt or b"", sealed, [one for _, one in cards])
            numbers = [job for job, _ in cards]
            tx.retention.reseal(request_id, again[0], zip(numbers, again[1:], strict=True))
            papers = tx.retention.papers(request_id)
            tx.retention.keep_papers(
                (number, reseal_paper(desk, number, bundle.salt, salt or b"", one)) for number, one in papers
            )
        tx.retention.set_salt(bundle.batch_id, salt)


def _record(desk: Desk, token: str, at: str, approver: str, found: Due) -> bytes:
    told = {
        "at": at,
        "approved_by": approver,
        "by": desk.person.login,
        "days": found.days,
        "erased": {kind: asdict(one) for kind, one in found.sums.items()},
        "erasure": token,
        "station": desk.station,
    }
    text = json.dumps(told, ensure_ascii=False, sort_keys=True) + "\n"
    return sign_note(text, desk.audit_key(), desk.sign_audit).encode()


def compact(desk: Desk, token: str) -> None:
    """Rewrite the database's file, so that no free page has what was erased. Raises :class:`NotCompacted`."""
    done = desk.database.compact()
    desk.database.note(desk.event("retention.compact", token, "done" if done else "failed", {}))
    if not done:
        raise NotCompacted(
            Text("The data is erased, but another program holds the database's log.",
                 "数据已清除，但另有程序占用数据库日志。"),
            do=Text("End it and run 'cardfab retention erase' again.",
                    "请结束该程序后重新运行 cardfab retention erase。"),
        )  # fmt: skip


def _counts(sums: dict[str, Sum]) -> dict[str, str]:
    return {kind.replace(" ", "-"): str(one.count) for kind, one in sums.items()}
