"""One operator's place: what every act at it needs, and the two sentences every act writes (history, audit)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from cardfab.apdu.dialect import CosDialect
from cardfab.audit import AuditEvent, Checkpoint, CompactRange, Outcome, VerifierKey, milliseconds, sign_checkpoint
from cardfab.errors import CardfabError, DeviceFault, InDoubt, InputRefused, Text
from cardfab.face.fonts import FontBook
from cardfab.keys import KeyStore
from cardfab.keys.pool import IccPool
from cardfab.plan import Run
from cardfab.plan.authority import CertificateAuthority
from cardfab.prepare.financial import TakeKey
from cardfab.production import Act, NotAllowed, Person
from cardfab.profile.application import FileApplication
from cardfab.profile.card import CardProfile
from cardfab.profile.codes import CodeTables
from cardfab.profile.dialect import DialectProfile
from cardfab.profile.face import FaceTemplate
from cardfab.profile.financial import FinancialApplication
from cardfab.profile.loader import ProfileSource, load
from cardfab.profile.policy import OutletPolicy
from cardfab.profile.product import Product
from cardfab.station.access import Door
from cardfab.station.pinpad import PinPad
from cardfab.store import Database, Move, Transaction

AUDIT_KEY = "station/audit"


@dataclass(frozen=True, slots=True)
class ProductSet:
    """A product with every profile it names."""

    product: Product
    card: CardProfile
    files: FileApplication
    financial: FinancialApplication
    face: FaceTemplate
    dialect: CosDialect | None = None
    """Of the chips' operating system, where the station makes blanks of them."""


@dataclass(frozen=True, slots=True)
class Desk:
    """A station in use by a person. Clock and random come in as arguments, so that a test can hold them."""

    station: str
    training: bool
    person: Person
    database: Database
    keys: KeyStore
    profiles: ProfileSource
    fonts: FontBook
    now: Callable[[], datetime]
    random: Callable[[int], bytes]
    authority: CertificateAuthority | None = None
    """Who certifies the keys of third-generation cards."""
    chip_keys: TakeKey | None = None
    """Gives RSA keys for payment applications, made ahead."""
    pool: IccPool | None = None
    """Where they lie, for whoever takes many at once."""
    pin_pad: PinPad | None = None
    """Where holders enter the first PIN of products that want it."""
    door: Door | None = None
    """Where a second person comes in; None: nobody can be asked for a password here."""
    pictures: Callable[[str], Mapping[str, bytes]] = lambda face: {}
    """The issuer's own artwork for a face, by slot; none where the issuer gave none."""
    auditors: tuple[str, ...] = ()
    """Verifier keys of those who countersign this station's checkpoints."""
    by_token: str = ""
    """The token by which a program acts in the person's name; empty where the person does."""
    outlet_policy: str = "training"
    """The policy of what is made at the counter at once."""
    looks: bool = False
    """Whether a person looks at every card, also where its product takes a print as good."""
    record: str = ""
    """The name of the record of several stations on one database; empty: the station's own."""
    slot: str | None = None
    """The slot of a line that is worked at; None: the station has one place for a card."""

    def must(self, act: Act) -> None:
        """Raise NotAllowed unless the person may; the refusal is on record."""
        try:
            self.person.must(act)
        except NotAllowed as refused:
            self.refused(refused, act=act)
            raise

    def refused(self, why: CardfabError, **details: str) -> None:
        """Put a refusal on record, once; no roll-back takes it away."""
        if not why.recorded:
            outcome: Outcome = "failed" if isinstance(why, DeviceFault | InDoubt) else "refused"
            self.database.note(self.event("act.refuse", self.token(), outcome, {"code": why.code, **details}))
            why.recorded = True

    def entrance(self) -> Door:
        """Where other people of the station prove themselves at this desk."""
        return self.door or Door(self.station, self.training, self.database, self.now, self.random)

    def run(self, historical: bytes, region: str = "000000") -> Run:
        """A carrying-out on the chip with these historical bytes; its region is asked of the chip where it has one."""
        return Run(self.keys, historical, self.random, region=region, ca=self.authority)

    def at(self) -> str:
        """The present moment as the tables keep it."""
        return milliseconds(self.now()).isoformat(timespec="milliseconds")

    def token(self) -> str:
        """A random name for something that must not be guessable from what it names."""
        return self.random(16).hex()

    def move(self, note: str = "") -> Move:
        """The person moves a job now."""
        return Move(self.at(), self.person.login, note)

    def event(self, action: str, subject: str, outcome: Outcome, details: Mapping[str, str]) -> AuditEvent:
        """An audit event of this person at this station, now."""
        now = milliseconds(self.now())
        told = {**details, "token": self.by_token} if self.by_token else details
        return AuditEvent(now, self.person.login, self.station, action, subject, outcome, told)

    @property
    def origin(self) -> str:
        """The name of this station's record, which it shares with others on its database."""
        return f"cardfab/{self.record or self.station}"

    def audit_key(self) -> VerifierKey:
        """The public key that checks this station's record."""
        return VerifierKey(self.origin, self.keys.public(AUDIT_KEY))

    def unsigned(self, tx: Transaction) -> bool:
        """Whether the record of a new station waits for its key: nothing was ever signed, and no key is there."""
        return tx.audit.last_checkpoint() is None and all(info.label != AUDIT_KEY for info in self.keys.infos())

    def checkpoint(self, tx: Transaction) -> None:
        """Have the record signed up to this transaction's events, when they have their places."""
        tx.audit.sign_after(self.signed)

    def signed(self, tree: CompactRange) -> bytes:
        """A checkpoint: the head of a tree, signed now."""
        head = Checkpoint.at(milliseconds(self.now()), self.origin, tree.size, tree.root())
        return sign_checkpoint(head, self.audit_key(), self.sign_audit)

    def sign_audit(self, message: bytes) -> bytes:
        """The station's signature over a checkpoint."""
        return self.keys.sign(AUDIT_KEY, message)

    def codes(self) -> CodeTables:
        """The code tables of this kind of station."""
        return load(self.profiles, "codes", "training" if self.training else "station", CodeTables)

    def policy(self) -> OutletPolicy:
        """What this outlet may make at once; raises ProfileRefused, and at a real station for an example."""
        found = load(self.profiles, "policies", self.outlet_policy, OutletPolicy)
        if found.training and not self.training:
            raise InputRefused(
                Text(
                    f"The policy '{found.name}' is an example for training.",
                    f"即时制卡范围“{found.name}”仅为训练示例。",
                ),
                do=Text("Name the outlet's own: [outlet] policy.", "请在配置 [outlet] policy 中指定本网点的。"),
                code="CF-3303",
            )
        return found

    def product(self, name: str) -> ProductSet:
        """A product with all it names; raises ProfileRefused."""
        product = load(self.profiles, "products", name, Product)
        card = load(self.profiles, "cards", product.card, CardProfile)
        dialect = None if card.dialect is None else load(self.profiles, "dialects", card.dialect, DialectProfile)
        return ProductSet(
            product=product,
            card=card,
            files=load(self.profiles, "applications", product.files, FileApplication),
            financial=load(self.profiles, "applications", product.financial, FinancialApplication),
            face=load(self.profiles, "faces", product.face, FaceTemplate),
            dialect=None if dialect is None else dialect.dialect(),
        )
