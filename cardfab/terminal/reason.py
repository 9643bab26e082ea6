"""Why something on a card was not read, written or done: one list of reasons, in the words of a counter."""

from __future__ import annotations

import enum

from cardfab.errors import CardRefused, InputRefused, KeyFault, Text


class Denied(enum.IntEnum):
    """Why a right on a card is not there. The higher, the farther away: of several ways the nearest is told."""

    PIN = 1
    OTHER_CITY = 2
    OTHER_PROVINCE = 3
    NO_KEY = 4
    CIPHER = 5
    ABSENT = 6
    BLOCKED = 7
    CARD_BLOCKED = 8
    REFUSED = 9
    FORBIDDEN = 10

    @property
    def text(self) -> Text:
        """A sentence."""
        return _TEXTS[self]


_TEXTS = {
    Denied.PIN: Text("The holder's PIN is needed.", "需要持卡人密码。"),
    Denied.OTHER_CITY: Text("The key is that of another city.", "所需密钥属于其他城市。"),
    Denied.OTHER_PROVINCE: Text("The key is that of another province.", "所需密钥属于其他省份。"),
    Denied.NO_KEY: Text("This terminal does not hold the key.", "本终端没有所需密钥。"),
    Denied.CIPHER: Text("The card's cipher cannot be computed here.", "本机无法计算该卡的算法。"),
    Denied.ABSENT: Text("The card does not have it.", "卡内没有此项。"),
    Denied.BLOCKED: Text("The application is blocked.", "该应用已锁定。"),
    Denied.CARD_BLOCKED: Text("The card is blocked.", "卡片已锁定。"),
    Denied.REFUSED: Text("The card refused.", "卡片拒绝。"),
    Denied.FORBIDDEN: Text("Nobody may: only the card itself.", "任何人不得操作，仅由卡片自身进行。"),
}


class RightMissing(KeyFault):
    """The terminal has no right to do this on this card; the card was not asked."""

    default_code = "CF-6240"

    def __init__(self, what: Text, why: Denied) -> None:
        super().__init__(
            Text(f"{what.en}: {why.text.en[0].lower()}{why.text.en[1:]}", f"{what.zh}：{why.text.zh}"),
            do=_ADVICE.get(why, Text("Serve this card where its keys are held.", "请到持有该密钥的地区办理。")),
        )
        self.why = why


_ADVICE = {
    Denied.PIN: Text("Let the holder enter the PIN.", "请持卡人输入密码。"),
    Denied.BLOCKED: Text("Replace the card.", "请换发新卡。"),
    Denied.CARD_BLOCKED: Text("Replace the card.", "请换发新卡。"),
    Denied.ABSENT: Text("Check that the profile fits this card.", "请核对应用配置是否适用于该卡。"),
    Denied.FORBIDDEN: Text("It cannot be done by anybody.", "此操作任何人都不能进行。"),
}


class PinWrong(CardRefused):
    """The PIN is not the card's."""

    default_code = "CF-4510"

    def __init__(self, tries: int) -> None:
        super().__init__(
            Text(f"The PIN is wrong; {tries} tries are left.", f"密码错误，还可尝试 {tries} 次。"),
            do=Text("Ask the holder once more.", "请持卡人重新输入。"),
        )
        self.tries = tries


class PinBlocked(CardRefused):
    """No try is left."""

    default_code = "CF-4511"

    def __init__(self) -> None:
        super().__init__(
            Text("The PIN is blocked.", "密码已锁定。"),
            do=Text("Unblock it with the holder's identity document.", "请凭持卡人证件办理密码解锁。"),
        )


class ReadFirst(InputRefused):
    """The card was used before it was identified."""

    default_code = "CF-3800"

    def __init__(self) -> None:
        super().__init__(
            Text("The card has not been identified yet.", "尚未识别该卡。"),
            do=Text("Identify the card first.", "请先识别卡片。"),
        )


class TerminalRefused(InputRefused):
    """An order that the terminal does not take to a card."""

    default_code = "CF-3810"
