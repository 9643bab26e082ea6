"""What a card printer can refuse or suffer, each with a stable code and its sentence in both languages."""

from __future__ import annotations

from enum import Enum

from cardfab.errors import DeviceFault, InputRefused, Text


class Fault(Enum):
    """A trouble of the printer; the value is the name used in profiles and status lists."""

    NO_ANSWER = "no-answer"
    LINK_LOST = "link-lost"
    REFUSED = "refused"
    WRONG_POSITION = "wrong-position"
    COVER_OPEN = "cover-open"
    FEEDER_EMPTY = "feeder-empty"
    RIBBON_MISSING = "ribbon-missing"
    RIBBON_ENDED = "ribbon-ended"
    JAM = "jam"
    NEEDS_CLEANING = "needs-cleaning"
    REJECT_BOX_FULL = "reject-box-full"
    CARD_INSIDE = "card-inside"
    WRONG_MOMENT = "wrong-moment"
    UNREADABLE = "unreadable-answer"
    WARMING = "warming"
    HEAD_HOT = "head-hot"
    STRIPE = "stripe"
    NO_STATION = "no-station"
    NOT_TAKEN = "not-taken"

    @property
    def code(self) -> str:
        """The stable code (``CF-52`` and two digits)."""
        return _TABLE[self][0]

    @property
    def what(self) -> Text:
        return _TABLE[self][1]

    @property
    def do(self) -> Text:
        return _TABLE[self][2]


_TABLE: dict[Fault, tuple[str, Text, Text]] = {
    Fault.NO_ANSWER: (
        "CF-5201",
        Text("The card printer does not answer", "证卡打印机没有应答"),
        Text(
            "Check that it is switched on and its cable is in, then look where the card is before going on.",
            "请检查打印机电源和连接线，继续之前先确认卡片所在位置。",
        ),
    ),
    Fault.LINK_LOST: (
        "CF-5202",
        Text("The connection to the card printer cannot be opened or was lost", "无法连接证卡打印机，或连接已中断"),
        Text("Check the cable, the address and the power of the printer.", "请检查打印机的连接线、地址和电源。"),
    ),
    Fault.REFUSED: (
        "CF-5203",
        Text("The card printer refused a command", "证卡打印机拒绝了一条命令"),
        Text(
            "Look at the printer; when nothing is wrong there, its profile does not fit this model.",
            "请查看打印机；若打印机本身正常，则配置文件与该机型不符。",
        ),
    ),
    Fault.WRONG_POSITION: (
        "CF-5204",
        Text("The card is not where the printer was told to bring it", "卡片不在打印机应送达的位置"),
        Text("Reject the card; when it happens again, call service.", "请废弃该卡；如再次发生，请联系维修。"),
    ),
    Fault.COVER_OPEN: (
        "CF-5205",
        Text("The cover of the card printer is open", "证卡打印机上盖未关闭"),
        Text("Close the cover.", "请关闭上盖。"),
    ),
    Fault.FEEDER_EMPTY: (
        "CF-5206",
        Text("The card feeder is empty", "发卡箱无卡"),
        Text("Put blank cards into the feeder.", "请在发卡箱中放入空白卡。"),
    ),
    Fault.RIBBON_MISSING: (
        "CF-5207",
        Text("The card printer finds no ribbon that it knows", "证卡打印机未检测到可用色带"),
        Text("Put in the ribbon that the printer profile names.", "请安装打印机配置文件指定的色带。"),
    ),
    Fault.RIBBON_ENDED: (
        "CF-5208",
        Text("The ribbon is at its end", "色带已用完"),
        Text(
            "Put in a new ribbon; count, lock away and destroy the old one, which can be read.",
            "请更换色带；旧色带可还原出打印内容，须登记、上锁并销毁。",
        ),
    ),
    Fault.JAM: (
        "CF-5209",
        Text("A card is jammed in the card printer", "卡片在证卡打印机内卡住"),
        Text(
            "Open the cover, take the card out, hand it in as spoiled, close the cover.",
            "请打开上盖取出卡片，按废卡登记，再关闭上盖。",
        ),
    ),
    Fault.NEEDS_CLEANING: (
        "CF-5210",
        Text("The card printer must be cleaned", "证卡打印机需要清洁"),
        Text("Take the ribbon out and run the cleaning card.", "请取出色带并使用清洁卡进行清洁。"),
    ),
    Fault.REJECT_BOX_FULL: (
        "CF-5211",
        Text("The reject box of the card printer is full", "证卡打印机废卡箱已满"),
        Text("Count the rejected cards, take them out and lock them away.", "请清点并取出废卡，上锁保管。"),
    ),
    Fault.CARD_INSIDE: (
        "CF-5212",
        Text("A card is still inside the card printer", "证卡打印机内仍有卡片"),
        Text("Reject that card before a new one is fed.", "请先废弃该卡，再送入新卡。"),
    ),
    Fault.WRONG_MOMENT: (
        "CF-5213",
        Text("The card printer is not at the stage this step needs", "证卡打印机当前状态不允许此操作"),
        Text("Take the printer over again, so that it is asked where the card is.", "请重新接管打印机以确认卡片位置。"),
    ),
    Fault.UNREADABLE: (
        "CF-5214",
        Text("The card printer gave an answer that cannot be read", "无法识别证卡打印机的应答"),
        Text("Check that the printer profile fits this model.", "请确认打印机配置文件与该机型相符。"),
    ),
    Fault.WARMING: (
        "CF-5215",
        Text("The card printer is still warming up", "证卡打印机仍在预热"),
        Text("Wait until it is warm; that takes some minutes.", "请等待预热完成，需要几分钟。"),
    ),
    Fault.HEAD_HOT: (
        "CF-5216",
        Text("The print head is too hot", "打印头温度过高"),
        Text("Let the printer cool down, with its cover closed.", "请关闭上盖，等待打印机冷却。"),
    ),
    Fault.STRIPE: (
        "CF-5217",
        Text(
            "The magnetic stripe was not written, or does not read as it was written", "磁条写入失败，或读回内容不一致"
        ),
        Text("Reject the card; clean the magnetic head when it happens again.", "请废弃该卡；如再次发生，请清洁磁头。"),
    ),
    Fault.NO_STATION: (
        "CF-5218",
        Text("This printer has no such station", "该打印机没有此工位"),
        Text(
            "Choose a printer that has it, or make this card by hand at a reader.",
            "请改用具备该工位的打印机，或在读卡器上手工制卡。",
        ),
    ),
    Fault.NOT_TAKEN: (
        "CF-5219",
        Text(
            "Nobody took the card; the card printer drew it back into the reject box",
            "无人取卡，证卡打印机已将其收回废卡箱",
        ),
        Text(
            "Take the card out of the reject box and settle its job.",
            "请从废卡箱取出该卡，并核实其作业。",
        ),
    ),
}


def said(text: str) -> Text:
    """What the wire said, which reads the same in both languages."""
    return Text(text, text)


class PrinterFault(DeviceFault):
    """A `Fault` that stopped an operation; ``detail`` says on which command and with which answer."""

    def __init__(self, fault: Fault, detail: Text | None = None) -> None:
        self.fault = fault
        self.detail = detail
        what = (
            Text(f"{fault.what.en} ({detail.en}).", f"{fault.what.zh}（{detail.zh}）。")
            if detail
            else Text(f"{fault.what.en}.", f"{fault.what.zh}。")
        )
        super().__init__(what, do=fault.do, code=fault.code)


class RasterRefused(InputRefused):
    """A picture whose shape, type or levels cannot be printed; nothing was sent to the printer."""

    default_code = "CF-3410"
