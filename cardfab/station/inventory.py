"""Which keys there are, what hangs on each, and what must be replaced if one is compromised (PCI PIN 9-2, 17, 20-1)."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from cardfab.errors import InputRefused, Text
from cardfab.keys import KeyUnknown
from cardfab.keys.label import KeyInfo, State, Usage
from cardfab.production import JobState
from cardfab.station.desk import Desk
from cardfab.station.keyscan import used_by
from cardfab.station.signing import DOCUMENTS_KEY
from cardfab.store.keyuses import CardMarks, CardOfKey

SOON = 90
"""Days before its end that a key is shown as ending."""
_WAITING = (JobState.PREPARED, JobState.QUEUED, JobState.CLAIMED)

HOLDS: dict[Usage, Text] = {
    Usage.POOL: Text("chip keys made ahead", "预生成的芯片密钥"),
    Usage.TRANSPORT: Text("secrets of cards that wait for their chip", "待写卡的卡片机密"),
    Usage.SEAL: Text("personal data at rest", "静态个人数据"),
    Usage.INDEX: Text("indexes of holders and cards, digests of plans", "持卡人和卡的索引、制卡计划摘要"),
    Usage.KEY_BLOCK: Text("keys in transport", "传输中的密钥"),
}
"""What lies under a key of the station."""

ADVICE: dict[Usage, Text] = {
    Usage.CARD_ROOT: Text(
        "Every card with a key of this root can be read or written by who has it. Tell the ministry, province or city "
        "whose it is. Use the next group of the key where the cards hold one (groups 2 and 3), or replace the cards.",
        "持有此根密钥者可读写相应卡片。更换卡片，或启用卡内该密钥的第 2、3 组；并通知所属部、省、市。",
    ),
    Usage.LOAD_ROOT: Text(
        "Money can be loaded without the host. Stop loads, replace the cards, settle accounts by the host's books.",
        "可绕过主机圈存。停止圈存，更换卡片，以主机账目为准清算。",
    ),
    Usage.PURCHASE_ROOT: Text(
        "False payments can be made. Stop offline payments, replace the PSAMs and the cards.",
        "可伪造消费。停止脱机消费，更换 PSAM 和卡片。",
    ),
    Usage.TAC_ROOT: Text(
        "Certificates of transactions prove nothing any more. Settle by the host's books; replace the cards.",
        "交易验证码不再可信。以主机账目清算，并更换卡片。",
    ),
    Usage.MASTER_ROOT: Text(
        "Every other key of these cards can be overwritten and those loaded under it were readable. Replace the cards.",
        "可覆盖卡内其他密钥，由其加载的密钥亦视为泄露。更换卡片。",
    ),
    Usage.FACTORY: Text(
        "Blanks on their way can be opened. Refuse the lot, agree a new transport key with the factory.",
        "在途空白卡可被打开。拒收该批次，与厂商更换传输密钥。",
    ),
    Usage.CHANNEL_ROOT: Text(
        "The applications of these cards can be rewritten. Give cards in stock new channel keys; replace those issued.",
        "可改写卡内应用。库存卡更换通道密钥，已发卡予以更换。",
    ),
    Usage.EMV_ROOT: Text(
        "Cards can be forged for online payment. Tell the issuer at once; the host refuses them; replace the cards.",
        "可伪造联机支付卡。立即通知发卡行，主机拒绝相关卡段，更换卡片。",
    ),
    Usage.ISSUER: Text(
        "Chips can be forged offline. Have the authority revoke the certificate; new issuer key; replace the cards.",
        "可伪造脱机支付卡。请认证机构吊销证书，更换发卡行密钥和卡片。",
    ),
    Usage.CVN: Text(
        "Stripes can be forged. The host refuses stripe payments; replace the cards.",
        "可伪造磁条。主机拒绝磁条交易，更换卡片。",
    ),
    Usage.PVV: Text(
        "PINs can be tried offline against the stripe. New PVK, new PINs, replace the cards.",
        "可脱机猜测密码。更换 PVK、密码和卡片。",
    ),
    Usage.PIN_TRANSPORT: Text(
        "PINs that went through its pin pads may be known. New zone key, new PINs for these cards.",
        "经相关密码键盘输入的密码视为泄露。更换区域密钥和密码。",
    ),
    Usage.POOL: Text(
        "Chip keys made ahead are known to who has the pool's files. Destroy the pool, replace cards made from it.",
        "预生成的芯片密钥视为泄露。销毁密钥池，更换由其制成的卡。",
    ),
    Usage.TRANSPORT: Text(
        "Secrets of prepared cards are known to who has the database. Prepare them anew; replace cards made meanwhile.",
        "已准备的卡片机密视为泄露。重新准备，并更换期间所制的卡。",
    ),
    Usage.SEAL: Text(
        "Personal data at rest is readable to who has the database. Rotate, seal anew, report as the law wants.",
        "静态个人数据可被读取。轮换密钥并重新加密，依法报告。",
    ),
    Usage.INDEX: Text(
        "Who has the database can test whether a person is in it. Build the indexes anew; report as the law wants.",
        "可验证某人是否在库。重建索引，依法报告。",
    ),
    Usage.SIGN: Text(
        "Signatures after the compromise prove nothing. Publish a new key; name the last outside checkpoint that "
        "holds; exchange papers that are still valid.",
        "泄露后的签名不再可信。公布新公钥，确认最后一个外部检查点，更换仍有效的文书。",
    ),
    Usage.KEY_BLOCK: Text(
        "Every key that came or went under it is known to who has the blocks. Replace them all.",
        "由其导入导出的密钥均视为泄露，须全部更换。",
    ),
}
"""What to do, by what the key is for."""


class NotUnique(InputRefused):
    """Two cards share a key or a chip (K13)."""

    default_code = "CF-3914"


@dataclass(frozen=True, slots=True)
class Line:
    """One key of the inventory. ``ends_in`` days, None where it has no end."""

    info: KeyInfo
    below: tuple[str, ...]
    """Keys that came in under it, and those under them."""
    profiles: tuple[str, ...]
    cards: int
    ends_in: int | None

    @property
    def ends_soon(self) -> bool:
        """Whether somebody should think of the next version."""
        return self.ends_in is not None and self.ends_in <= SOON and self.info.state is not State.DESTROYED

    @property
    def holds(self) -> Text | None:
        """What lies under a key of the station."""
        return HOLDS.get(self.info.usage)


@dataclass(frozen=True, slots=True)
class Compromise:
    """What hangs on a compromised key."""

    info: KeyInfo
    region: str
    keys: tuple[KeyInfo, ...]
    """Below it, the key itself not among them."""
    profiles: tuple[str, ...]
    cards: tuple[CardOfKey, ...]
    waiting: tuple[str, ...]
    """Tokens of jobs that are prepared and not made."""
    papers: tuple[str, ...]
    """Numbers of temporary cards and ceremony records that it signed."""
    advice: tuple[tuple[Usage, Text], ...]

    @property
    def by_product(self) -> dict[str, int]:
        """Cards by product."""
        return dict(sorted(Counter(card.product for card in self.cards).items()))


@dataclass(frozen=True, slots=True)
class Uniqueness:
    """How many cards were compared, and each mark that more than one of them has."""

    cards: int
    shared: tuple[tuple[str, str, tuple[str, ...]], ...]
    """What is shared (chip, secret keys, public key), the mark, the cards' tokens."""


def keys_below(infos: Sequence[KeyInfo], label: str) -> list[str]:
    """The labels of keys that came in under a key, and under those: the lowest first. A destroyed one is no more."""
    under: dict[str, list[str]] = defaultdict(list)
    for info in infos:
        if info.parent and info.state is not State.DESTROYED:
            under[info.parent].append(info.label)
    found: list[str] = []

    def walk(parent: str, above: frozenset[str]) -> None:
        for each in sorted(under[parent]):
            if each not in found and each not in above:
                walk(each, above | {each})
                found.append(each)

    walk(label, frozenset({label}))
    return found


def inventory(desk: Desk, today: date) -> tuple[Line, ...]:
    """Every key, by label."""
    infos = desk.keys.infos()
    profiles = used_by(desk, {info.label for info in infos})
    with desk.database.reading() as tx:
        counts = tx.key_uses.counts()
    return tuple(
        Line(
            info,
            tuple(keys_below(infos, info.label)),
            tuple(sorted(profiles.get(info.label, ()))),
            counts.get(info.label, 0),
            (date.fromisoformat(info.valid_until) - today).days if info.valid_until else None,
        )
        for info in infos
    )


def compromised(desk: Desk, label: str, region: str = "") -> Compromise:
    """What must be replaced if this key, of this province or city, is compromised. Raises KeyUnknown."""
    infos = {info.label: info for info in desk.keys.infos()}
    if label not in infos:
        raise KeyUnknown(label)
    info = infos[label]
    below = keys_below(list(infos.values()), label)
    labels = {label, *below}
    region = region or info.region
    profiles = used_by(desk, infos)
    with desk.database.reading() as tx:
        cards = tx.key_uses.cards(labels, region)
        products = {name for each in labels for name in profiles.get(each, ())}
        waiting = tuple(
            job.token
            for job in tx.jobs.all(*_WAITING)
            if f"products/{tx.requests.get(job.request_id).product}" in products or info.usage in HOLDS
        )
        papers: list[str] = []
        if DOCUMENTS_KEY in labels:
            papers += [row.number for row in tx.temporary_cards.all()]
            papers += [row.id for row in tx.ceremonies.all()]
    keys = tuple(infos[each] for each in below)
    usages = dict.fromkeys(one.usage for one in (info, *keys))
    advice = tuple((usage, ADVICE[usage]) for usage in usages)
    return Compromise(info, region, keys, tuple(sorted(products)), cards, waiting, tuple(papers), advice)


def uniqueness(desk: Desk) -> Uniqueness:
    """Compare the marks of every finished card: no two share a chip, their secret keys or a public key (K13)."""
    with desk.database.reading() as tx:
        marks = tx.key_uses.marks()
    return Uniqueness(len(marks), tuple(_shared(marks)))


def _shared(marks: Sequence[CardMarks]) -> Iterable[tuple[str, str, tuple[str, ...]]]:
    seen: dict[tuple[str, str], list[str]] = defaultdict(list)
    for one in marks:
        named = [("chip", one.chip), ("secret keys", one.secret), *(("public key", mark) for mark in one.publics)]
        for kind, mark in named:
            if mark:
                seen[kind, mark].append(one.token)
    return ((kind, mark, tuple(tokens)) for (kind, mark), tokens in seen.items() if len(tokens) > 1)
