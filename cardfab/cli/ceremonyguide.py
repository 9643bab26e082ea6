"""Leads people through a ceremony, step by step. What is refused says what to do, and is tried again or ends it."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from cardfab.cli.dialog import Dialog
from cardfab.documents.mailer import ComponentForm, component_page
from cardfab.errors import CardfabError, Text
from cardfab.keys.ceremony import (
    CeremonyRefused,
    Combining,
    ComponentRefused,
    Event,
    Kind,
    parity_rule,
    parse_component,
    print_component,
    random_component,
)
from cardfab.keys.label import KeyInfo
from cardfab.keys.secret import Secret
from cardfab.station.ceremony import Sitting
from cardfab.station.inventory import keys_below

Send = Callable[[memoryview], None]
TRIES = 3


@dataclass(frozen=True, slots=True)
class Guide:
    """One sitting with the people at the terminal. ``send`` is the printer of blind mailers, where one is needed."""

    sitting: Sitting
    dialog: Dialog
    send: Send | None = None

    def lead(self) -> None:
        """From the first step to the last."""
        sitting, spec = self.sitting, self.sitting.wanted.spec
        kind = sitting.wanted.kind
        if sitting.rehearsal:
            self._say("REHEARSAL. Nothing of it is kept.", "演练。不保留任何内容。")
        self._say(
            f"Ceremony {sitting.id}: {kind} '{spec.label}' version {spec.version}, {spec.algorithm}.",
            f"仪式 {sitting.id}：{kind.zh}，密钥“{spec.label}”第 {spec.version} 版，{spec.algorithm}。",
        )
        people = ", ".join((*sitting.wanted.custodians, *sitting.wanted.witnesses))
        self._say(f"Step 1. Everybody proves who they are: {people}.", f"步骤 1：全体人员核验身份：{people}。")
        sitting.prove_all()
        {
            Kind.GENERATE: self.generate,
            Kind.ENTER: self.enter,
            Kind.EXPORT: self.export,
            Kind.SEND: self.dispatch,
            Kind.RECEIVE: self.receive,
            Kind.DESTROY: self.destroy,
        }[kind]()

    # -- kinds ---------------------------------------------------------------------------------------------------------

    def generate(self) -> None:
        """The key is made inside the store."""
        self._go_on("Step 2. The key is generated in the store.", "步骤 2：在密钥库内生成密钥。")
        self._made(self.sitting.make())

    def enter(self) -> None:
        """Each custodian types his component; nobody sees another's."""
        spec, count = self.sitting.wanted.spec, len(self.sitting.wanted.custodians)
        self.dialog.say(parity_rule(spec.algorithm))
        with Combining(spec.algorithm, count, self.sitting.desk.random) as combining:
            for number in range(1, count + 1):
                self._enter_one(combining, number, count)
            self._combine(combining, told=True)

    def export(self) -> None:
        """New components are printed blind, each for its custodian; the store keeps their sum."""
        spec, count = self.sitting.wanted.spec, len(self.sitting.wanted.custodians)
        self.dialog.say(parity_rule(spec.algorithm))
        with Combining(spec.algorithm, count, self.sitting.desk.random) as combining:
            for number in range(1, count + 1):
                while not self._print_one(combining, number, count):
                    self._say(
                        "Destroy what came out before both of you; a new component is printed.",
                        "请双人当场销毁已打出的页面；将打印新的分量。",
                    )
            self._combine(combining, told=False)

    def dispatch(self) -> None:
        """Each package goes by a way of its own (PCI PIN 8-1)."""
        ways: dict[str, str] = {}
        packages = [one for one in self.sitting.packages() if one.state == "printed"]
        if not packages:
            raise CeremonyRefused(
                Text("There is no printed component of this key to send.", "没有待寄出的该密钥分量。"),
                do=Text(
                    "Print them first: 'cardfab keys ceremony export'.", "请先打印：cardfab keys ceremony export。"
                ),
                code="CF-6544",
            )
        for one in packages:
            self._say(
                f"Component {one.component}, package {one.serial}, custodian {one.custodian}.",
                f"分量 {one.component}，密封件 {one.serial}，保管员 {one.custodian}。",
            )
            way = self._until(
                lambda: self.dialog.ask(Text("By which way does it go (courier, person)", "寄送渠道（快递、专人）")),
                lambda given: _require_own_way(given, ways),
            )
            ways[way.casefold()] = one.serial
            self.sitting.package(one.serial, one.component, one.custodian, "sent", way)
            details = {"component": str(one.component), "package": one.serial, "channel": way}
            self.sitting.packaged(Event.SEND, [one.serial], **details)
        listed = ", ".join(f"{one.component}: {one.serial}" for one in packages)
        self._say(f"Tell the receiver by yet another way: {listed}.", f"请以另外的渠道通知接收方：{listed}。")

    def receive(self) -> None:
        """The serials are told first, by another way than the packages came; then each package is looked at."""
        sitting = self.sitting
        custodians = sitting.wanted.custodians
        self._say("Take the notice with the serials, which came by a way of its own.", "请取出另行送达的编号通知。")
        told: dict[int, str] = {}
        for number, custodian in enumerate(custodians, 1):
            serial = self._serial(
                Text(f"Serial told for component {number}", f"通知中分量 {number} 的编号"), told.values()
            )
            told[number] = serial
            sitting.package(serial, number, custodian, "told")
            sitting.packaged(Event.TELL, [serial], component=str(number), package=serial)
        for number, custodian in enumerate(custodians, 1):
            found = self.dialog.ask(
                Text(f"Serial on the package of component {number}", f"分量 {number} 密封件上的编号")
            )
            whole = self.dialog.yes(Text("Is the package whole, every seal unbroken", "密封件及封条是否完好"))
            details = {"component": str(number), "package": told[number]}
            if found == told[number] and whole:
                sitting.package(found, number, custodian, "checked")
                sitting.packaged(Event.CHECK, [found], **details)
                continue
            why = "seal broken" if found == told[number] else "another serial"
            sitting.package(told[number], number, custodian, "tampered")
            sitting.packaged(Event.TAMPER, [told[number]], **details, why=why)
            self._replace()
            return

    def destroy(self) -> None:
        """Both custodians say which key; the witness sees what is left of it go."""
        sitting, label = self.sitting, self.sitting.wanted.spec.label
        below = keys_below(sitting.keys.infos(), label)
        if below:
            self._say(
                f"Keys that came in under it stay and must be replaced: {', '.join(below)}.",
                f"由其保护导入的密钥仍在，须另行更换：{'、'.join(below)}。",
            )
        for custodian in sitting.wanted.custodians[:2]:
            self._until(
                lambda who=custodian: self.dialog.ask(  # type: ignore[misc]
                    Text(f"{who}: type the label of the key to be destroyed", f"{who}：请输入要销毁的密钥标签")
                ),
                lambda given: _require_label(given, label),
            )
        sitting.step(Event.CONFIRM, label=label)
        sitting.destroy([label])
        self._say(
            "Now destroy papers, cards and packages of this key before the witness.",
            "请在见证人面前销毁该密钥的纸张、卡片和密封件。",
        )
        if not self.dialog.yes(Text("Has the witness seen that nothing is left", "见证人是否确认无任何残留")):
            raise CeremonyRefused(
                Text("The destruction was not witnessed.", "销毁未经见证。"),
                do=Text(
                    "The key is gone from the store; hold the ceremony again for what is left on paper.",
                    "密钥库中的密钥已销毁；其余残留请重新举行销毁仪式。",
                ),
                code="CF-6517",
            )
        sitting.step(Event.WITNESS)

    # -- steps ---------------------------------------------------------------------------------------------------------

    def _enter_one(self, combining: Combining, number: int, count: int) -> None:
        sitting, spec = self.sitting, self.sitting.wanted.spec
        custodian, second = sitting.beside(number)
        self._say(
            f"Component {number} of {count}: only {custodian} looks at keyboard and form; {second} sees to it.",
            f"分量 {number}/{count}：仅 {custodian} 可看键盘和纸面，{second} 负责监督。",
        )
        sitting.present(custodian, second)
        serial = self.dialog.ask(Text("Serial of its package (empty: it came in none)", "密封件编号（无则留空）"))
        sitting.require_package(number, serial)
        sitting.open(number)
        for left in range(TRIES - 1, -1, -1):
            try:
                with self._typed(combining, spec.algorithm) as component:
                    kcv = combining.check(component)
                    self._compare(
                        kcv, Text("Check value on the form (empty: none)", "纸面上的校验值（无则留空）"), "CF-6526"
                    )
                    sitting.component(Event.ENTER, number, kcv, serial)
                    combining.add(component)
                self._say(f"Check value of component {number}: {kcv}", f"分量 {number} 的校验值：{kcv}")
                return
            except ComponentRefused as refused:
                if not left:
                    raise
                self._refused(refused)

    def _typed(self, combining: Combining, algorithm: str) -> Secret:
        return parse_component(
            self.dialog.hidden(Text("Component, in hex, unseen", "分量（十六进制，不回显）")), algorithm
        )

    def _print_one(self, combining: Combining, number: int, count: int) -> bool:
        """Whether a component is in its sealed mailer; False: the mailer was spoiled."""
        sitting, spec = self.sitting, self.sitting.wanted.spec
        custodian, second = sitting.beside(number)
        self._go_on(
            f"Component {number} of {count} is printed for {custodian}; {second} watches that nobody else takes it.",
            f"将为 {custodian} 打印分量 {number}/{count}；{second} 监督，他人不得接触。",
        )
        sitting.present(custodian, second)
        with random_component(spec.algorithm, sitting.desk.random) as component:
            kcv = combining.check(component)
            form = ComponentForm(
                sitting.id, spec.label, spec.version, number, count, custodian, kcv, sitting.desk.station,
                sitting.desk.now(), sitting.rehearsal,
            )  # fmt: skip
            before, behind = component_page(form)
            if self.send is None:
                raise CeremonyRefused(
                    Text("There is no printer of blind mailers.", "没有密封件打印机。"),
                    do=Text("Name it: --printer.", "请用 --printer 指定。"),
                    code="CF-6545",
                )
            print_component(component, before, behind, self.send)
            serial = self.dialog.ask(Text("Serial of the sealed mailer (empty: spoiled)", "密封件编号（损坏则留空）"))
            if not serial:
                sitting.step(Event.SPOIL, custodian, second, component=str(number), custodian=custodian)
                return False
            sitting.component(Event.PRINT, number, kcv, serial)
            combining.add(component)
        self._say(f"Check value of component {number}: {kcv}", f"分量 {number} 的校验值：{kcv}")
        return True

    def _combine(self, combining: Combining, *, told: bool) -> None:
        value, kcv = combining.result()
        with value:
            if told:
                self._say(f"Check value of the key: {kcv}", f"密钥的校验值：{kcv}")
                self._compare(
                    kcv, Text("Check value that was told (empty: none)", "另行通知的校验值（无则留空）"), "CF-6527"
                )
            self.sitting.step(Event.COMBINE, kcv=kcv)
            self._made(self.sitting.load(value))

    def _replace(self) -> None:
        """A package was tampered with: its key and all that hangs on it is destroyed and made anew (PCI PIN 9-2)."""
        sitting, label = self.sitting, self.sitting.wanted.spec.label
        gone = [*keys_below(sitting.keys.infos(), label), label]
        self._say(
            f"The package was tampered with. Every component of '{label}' is destroyed and made anew, with every key "
            f"under it: {', '.join(gone)}.",
            f"密封件被动过。“{label}”的全部分量及其保护的所有密钥须销毁并重新制作：{'、'.join(gone)}。",
        )
        self._until(
            lambda: self.dialog.ask(Text("Type the label to destroy them", "请输入密钥标签以确认销毁")),
            lambda given: _require_label(given, label),
        )
        sitting.destroy(gone, Event.REPLACE)

    def _made(self, info: KeyInfo) -> None:
        self._say(
            f"The key '{info.label}' is in the store, check value {info.kcv}. Write it down.",
            f"密钥“{info.label}”已存入密钥库，校验值 {info.kcv}，请记录。",
        )

    def _compare(self, found: str, question: Text, code: str) -> None:
        """Raise :class:`ComponentRefused` when a check value was told and is another."""
        given = self.dialog.ask(question).replace(" ", "").upper()
        if given and given != found:
            raise ComponentRefused(
                Text(f"The check value is {found}, not {given}.", f"校验值为 {found}，与 {given} 不符。"),
                do=Text("Look at the form and type it again.", "请核对纸面后重新录入。"),
                code=code,
            )

    def _serial(self, words: Text, taken: Collection[str]) -> str:
        return self._until(lambda: self.dialog.ask(words), lambda serial: _require_serial(serial, taken))

    def _until(self, ask: Callable[[], str], check: Callable[[str], None]) -> str:
        """Ask until the answer will do, three times at most."""
        for left in range(TRIES - 1, -1, -1):
            given = ask()
            try:
                check(given)
                break
            except CardfabError as refused:
                if not left:
                    raise
                self._refused(refused)
        return given

    def _refused(self, refused: CardfabError) -> None:
        sentence = refused.sentence
        self._say(sentence("en"), sentence("zh"))

    def _go_on(self, en: str, zh: str) -> None:
        self._say(en, zh)
        if not self.dialog.yes(Text("Go on", "继续")):
            raise KeyboardInterrupt

    def _say(self, en: str, zh: str) -> None:
        self.dialog.say(Text(en, zh))


def _require_label(given: str, label: str) -> None:
    if given != label:
        raise CeremonyRefused(
            Text(f"That is not '{label}'.", f"与“{label}”不一致。"),
            do=Text("Type the label as it is shown.", "请按显示的标签输入。"),
            code="CF-6518",
        )


def _require_serial(given: str, taken: Collection[str]) -> None:
    if not given or given in taken:
        raise CeremonyRefused(
            Text("Each package has a serial of its own.", "每个密封件须有各自的编号。"),
            do=Text("Type the serial that is printed on it.", "请输入密封件上印制的编号。"),
            code="CF-6542",
        )


def _require_own_way(given: str, ways: dict[str, str]) -> None:
    if not given or given.casefold() in ways:
        raise CeremonyRefused(
            Text("Components of one key go by different ways.", "同一密钥的分量须经不同渠道寄送。"),
            do=Text("Choose another courier or person, another day.", "请另选快递、专人或日期。"),
            code="CF-6543",
        )
