"""Report of loss: the black list at once, then the issuer host. Two confirmations; a formal one nobody takes back here.

The list of this station holds from the moment of the report, whatever the host answers; what the host did not take is
said on the receipt and asked again by the next report.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from typing import Literal

from cardfab.errors import Text, UsageRefused
from cardfab.production import OUT_OF_USE, CardState
from cardfab.station.counter.kinds import Kind
from cardfab.station.counter.outbox import about, report_completed, status_of
from cardfab.station.counter.service import Counter, Served, Service, Shown, Subject, served, serving
from cardfab.station.desk import Desk
from cardfab.station.host import Operation
from cardfab.station.hostdesk import HostRefused
from cardfab.station.vault import number_index
from cardfab.store import Transaction

Level = Literal["temporary", "formal"]
_SEAL = "station/seal"
_STATES = {"temporary": "temporary loss", "formal": "formal loss"}
LISTED: dict[Level, str] = {"temporary": "lost, temporary", "formal": "lost"}
"""The reason on the black list, by the level of the report."""
_REASONS = {
    "lost": Text("lost", "挂失"),
    "lost, temporary": Text("lost, reported for a time", "临时挂失"),
    "blocked": Text("blocked", "锁定"),
    "replaced": Text("replaced", "已换发"),
}


def reason_words(reason: str) -> Text:
    """Why a card is on the list, in words."""
    return _REASONS.get(reason, Text(reason, reason))


class NotConfirmed(UsageRefused):
    """A report of loss was not confirmed twice."""

    default_code = "CF-2230"


@dataclass(frozen=True, slots=True)
class Confirmed:
    """The two confirmations: the holder said yes, and somebody read the last four characters of the card's number."""

    yes: bool
    last_four: str

    def require(self, subject: Subject) -> None:
        """Raise :class:`NotConfirmed` unless both are there."""
        read = hmac.compare_digest(self.last_four.strip().upper().encode(), subject.card_number[-4:].encode())
        if not self.yes or not read:
            raise NotConfirmed(
                Text("The report of loss was not confirmed twice.", "挂失未经两次确认。"),
                do=Text(
                    "Confirm with yes, then with the last four characters of the card number.",
                    "请先确认，再输入卡号后四位。",
                ),
            )


def report_loss(
    counter: Counter, subject: Subject, shown: Shown, confirmed: Confirmed, level: Level = "formal"
) -> Served:
    """Take a report of loss. Raises :class:`NotConfirmed`, NotTheHolder, HostInDoubt (the list holds nevertheless)."""
    counter.desk.must(Kind.LOST.act)
    confirmed.require(subject)
    with serving(counter, Kind.LOST, subject, shown) as service:
        with counter.desk.database.transaction("loss") as tx:
            listed = black_list(counter.desk, tx, service, LISTED[level])
            row = subject.row and tx.cards.get(subject.row.job_id)
            if row is not None and row.state not in OUT_OF_USE:
                tx.cards.move(row, CardState.LOST, counter.desk.move())
        service.audit |= {"level": level, "listed": str(listed).lower()}
        service.values |= {"level": level, "black_list": True}
        formal = level == "formal"
        service.outcome = Text(
            "The card is reported lost; no terminal here accepts it from now on." if formal
            else "The card is reported lost for a time; no terminal here accepts it from now on.",
            "已办理挂失，即时生效。" if formal else "已办理临时挂失，即时生效。",
        )  # fmt: skip
        service.say("Black list", "黑名单", Text("listed at once", "已即时列入"), strong=True)
        _tell_host(counter, service, level)
        if not formal:
            service.next(
                "If you find the card, bring it with your identity document to have this taken back.",
                "如找回卡片，请持卡和身份证件到柜台解除挂失。",
            )
        service.next(
            "Order the replacement at the counter; the identity document is enough.", "请凭身份证件到柜台办理补卡。"
        )
        service.next("Report the loss of the bank account to the bank.", "请另向银行办理金融账户挂失。")
    return served(counter, service)


def black_list(desk: Desk, tx: Transaction, service: Service, reason: str) -> bool:
    """List the card of a service, inside a transaction that has begun; False when it was listed already.

    A loss reported for a time becomes a formal one, or a block: the old entry ends, the new one holds.
    """
    salt, number = desk.random(32), service.subject.card_number
    index = number_index(desk.keys, number)
    sealed = desk.keys.seal(_SEAL, salt, number.encode(), b"black list")
    there = tx.black_list.get(index)
    if there is not None and there.reason == LISTED["temporary"] != reason:
        tx.black_list.end(index, at=desk.at(), by=desk.person.login)
    added = tx.black_list.add(index, reason, at=desk.at(), by=desk.person.login, sealed=sealed, salt=salt)
    if added:
        details = {"receipt": service.row.receipt, "reason": reason}
        tx.audit.append(desk.event("card.black-list", service.row.token, "done", details))
    return added


def listed_number(desk: Desk, sealed: bytes, salt: bytes | None) -> str | None:
    """The number of an entry of the list; None once it was erased."""
    return None if salt is None else desk.keys.unseal(_SEAL, salt, sealed, b"black list").decode()


def loss_name(counter: Counter, subject: Subject, level: str) -> str:
    """What a report of loss is known by at the host: a report after one that was taken back is another."""
    desk = counter.desk
    with desk.database.reading() as tx:
        found = tx.services.of_card(number_index(desk.keys, subject.card_number), service=Kind.FOUND)
    taken_back = sum(one.outcome == "done" for one in found)
    return f"{about(subject)}:{level}" + (f":{taken_back + 1}" if taken_back else "")


def _tell_host(counter: Counter, service: Service, level: Level) -> None:
    host, subject = counter.host, service.subject
    if host is None:
        service.say("Issuer host", "发卡主机", Text("not connected; tell the card centre", "未连接，请通知卡管中心"))
        service.values["host"] = "none"
        return
    wanted = _STATES[level]
    try:
        report_completed(host, subject)
        fields = {**status_of(subject), "level": level, "reason": "lost"}
        done = host.change(
            Operation.LOSS,
            loss_name(counter, subject, level),
            fields,
            status_of(subject),
            lambda said: said if said.get("state") == wanted else None,
        )
    except HostRefused as refused:
        words = refused.host_code.text
        service.say(
            "Issuer host",
            "发卡主机",
            Text(f"refused: {words.en}; tell the card centre", f"拒绝：{words.zh}；请通知卡管中心"),
            strong=True,
        )
        service.values["host"] = f"refused:{refused.host_code}"
        service.audit["host"] = str(refused.host_code)
        return
    again = Text("was reported before", "此前已挂失") if done.again else Text("reported", "已挂失")
    service.say("Issuer host", "发卡主机", again)
    service.values["host"] = "done"
