"""Status words: one table of names and meanings. An unknown value lives and prints; it never raises.

Sources: ISO/IEC 7816-4 tables 5 and 6; LD/T 32 part 5, tables 5, 21, 30, 33, 45; part 7, 7.4 (the 93xx and 94xx).
"""

from __future__ import annotations

from dataclasses import dataclass

from cardfab.errors import Text


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a status word is called and what it says."""

    name: str
    text: Text


def _m(name: str, en: str, zh: str) -> Meaning:
    return Meaning(name, Text(en, zh))


_TABLE: dict[int, Meaning] = {
    0x6006: _m("UNPUBLISHED", "a value that one source names and none explains", "仅见于个别资料，含义未公布"),
    0x6281: _m("DATA_MAY_BE_CORRUPTED", "the data returned may be corrupted", "返回的数据可能有误"),
    0x6282: _m("END_REACHED", "end of file or record reached before Le bytes", "文件或记录长度小于 Le"),
    0x6283: _m("FILE_INVALIDATED", "the selected file or application is blocked", "所选文件或应用已锁定"),
    0x6284: _m("FCI_NOT_FORMATTED", "the file control information is not formatted as P2 asks", "FCI 格式与 P2 不符"),
    0x6300: _m("AUTHENTICATION_FAILED", "authentication failed", "认证失败"),
    0x6400: _m("EXECUTION_ERROR", "execution error, memory unchanged", "执行出错，存储器未改变"),
    0x6581: _m("MEMORY_FAILURE", "memory failure while writing", "写存储器失败"),
    0x6700: _m("WRONG_LENGTH", "wrong length", "长度错误"),
    0x6881: _m("CHANNEL_NOT_SUPPORTED", "logical channel not supported", "不支持逻辑通道"),
    0x6882: _m("SM_NOT_SUPPORTED", "secure messaging not supported", "不支持安全报文"),
    0x6901: _m("WRONG_STATE", "the command does not fit the state of the transaction", "当前状态不接受该命令"),
    0x6981: _m("WRONG_FILE_STRUCTURE", "the command does not fit the structure of the file", "命令与文件结构不相容"),
    0x6982: _m("SECURITY_NOT_SATISFIED", "security status not satisfied", "不满足安全状态"),
    0x6983: _m("AUTHENTICATION_BLOCKED", "the key or PIN is blocked", "密钥或密码已锁定"),
    0x6984: _m(
        "DATA_NOT_USABLE",
        "referenced data not usable (for example no challenge taken)",
        "引用数据无效（例如未取随机数）",
    ),
    0x6985: _m("CONDITIONS_NOT_SATISFIED", "conditions of use not satisfied", "不满足使用条件"),
    0x6986: _m("NO_CURRENT_FILE", "command not allowed: no current elementary file", "命令不被允许：未选择基本文件"),
    0x6987: _m("SM_DATA_MISSING", "secure messaging data missing", "安全报文数据项丢失"),
    0x6988: _m("SM_DATA_INCORRECT", "secure messaging data incorrect", "安全报文数据项不正确"),
    0x6A80: _m("WRONG_DATA", "incorrect data field", "数据域参数不正确"),
    0x6A81: _m(
        "FUNCTION_NOT_SUPPORTED", "function not supported, or the card is blocked", "不支持此功能，或卡片已锁定"
    ),
    0x6A82: _m("FILE_NOT_FOUND", "file or application not found", "未找到文件或应用"),
    0x6A83: _m("RECORD_NOT_FOUND", "record not found", "未找到记录"),
    0x6A84: _m("NO_SPACE", "not enough space in the file", "文件空间不足"),
    0x6A85: _m("LENGTH_AGAINST_TLV", "Lc does not agree with the TLV structure", "Lc 与 TLV 结构不一致"),
    0x6A86: _m("WRONG_P1_P2", "incorrect parameters P1 P2", "参数 P1 P2 不正确"),
    0x6A88: _m("DATA_NOT_FOUND", "referenced data or key not found", "未找到引用的数据或密钥"),
    0x6B00: _m("WRONG_PARAMETERS", "wrong parameters (offset outside the file)", "参数错误（偏移超出文件）"),
    0x6D00: _m("INS_NOT_SUPPORTED", "instruction not supported", "不支持该指令"),
    0x6E00: _m("CLA_NOT_SUPPORTED", "class not supported", "不支持该指令类别"),
    0x6F00: _m("NO_DIAGNOSIS", "no precise diagnosis", "未给出具体原因"),
    0x9000: _m("OK", "success", "成功"),
    0x9302: _m("MAC_INVALID", "MAC invalid", "MAC 无效"),
    0x9303: _m("APPLICATION_BLOCKED", "the application is permanently blocked", "应用已永久锁定"),
    0x9401: _m("BALANCE_TOO_LOW", "the balance is too low", "余额不足"),
    0x9402: _m("COUNTER_AT_MAXIMUM", "the transaction counter is at its maximum", "交易计数器达到最大值"),
    0x9403: _m("KEY_INDEX_NOT_SUPPORTED", "key index not supported", "不支持该密钥索引"),
    0x9406: _m("MAC_NOT_AVAILABLE", "the MAC asked for is not available", "所需 MAC 不可用"),
    0x9840: _m("NO_SPACE_ON_CARD", "not enough space on the card", "卡片空间不足"),
    0x9850: _m("FILE_EXISTS", "the file exists already", "文件已存在"),
}

_FAMILIES: dict[int, Meaning] = {
    0x62: _m("WARNING", "warning, memory unchanged", "警告，存储器未改变"),
    0x63: _m("WARNING_CHANGED", "warning, memory changed", "警告，存储器已改变"),
    0x64: _m("EXECUTION_ERROR", "execution error, memory unchanged", "执行出错，存储器未改变"),
    0x65: _m("EXECUTION_ERROR_CHANGED", "execution error, memory changed", "执行出错，存储器已改变"),
    0x68: _m("CLA_FUNCTION", "a function of CLA is not supported", "不支持 CLA 中的功能"),
    0x69: _m("NOT_ALLOWED", "command not allowed", "命令不被允许"),
    0x6A: _m("WRONG_P1_P2", "wrong parameters P1 P2", "参数 P1 P2 错误"),
}

_UNKNOWN = _m("UNKNOWN", "a status word this program does not know", "本程序未收录的状态字")

_KEYS = Text(
    "Check that the keys in use belong to this batch of cards; do not try again with this card.",
    "请核对所用密钥是否属于本批卡片；不要用此卡重试。",
)
_AUTHENTICATION = frozenset({0x6300, 0x6982, 0x6983, 0x6984, 0x6988, 0x9302})
_CARD = Text(
    "Put this card aside and check that the profile fits this kind of card.",
    "请将此卡另放，并核对卡型配置是否适用于该卡。",
)


class StatusWord(int):
    """SW1 SW2 as one number, 0 to FFFF."""

    __slots__ = ()

    @property
    def sw1(self) -> int:
        return self >> 8

    @property
    def sw2(self) -> int:
        return self & 0xFF

    @property
    def ok(self) -> bool:
        """Whether it is 9000."""
        return self == 0x9000

    @property
    def tries(self) -> int | None:
        """The tries left that 63Cx tells; None with another value."""
        return self & 0xF if self & 0xFFF0 == 0x63C0 else None

    @property
    def available(self) -> int | None:
        """Response bytes that 61xx holds ready (00 is 256 or more); None with another value."""
        return (self.sw2 or 256) if self.sw1 == 0x61 else None

    @property
    def right_ne(self) -> int | None:
        """The Ne that 6Cxx asks for (00 is 256); None with another value."""
        return (self.sw2 or 256) if self.sw1 == 0x6C else None

    @property
    def name(self) -> str:
        return self._looked_up().name

    @property
    def meaning(self) -> Text:
        return self._looked_up().text

    @property
    def advice(self) -> Text:
        """What a person can do after this answer stopped the work."""
        return _KEYS if self in _AUTHENTICATION or self.tries is not None else _CARD

    def _looked_up(self) -> Meaning:
        if self.tries is not None:
            return _m("TRIES_LEFT", f"not verified, {self.tries} tries left", f"验证未通过，剩余 {self.tries} 次")
        if self.available is not None:
            n = self.available
            return _m("RESPONSE_READY", f"{n} response bytes are ready", f"有 {n} 字节响应待取")
        if self.right_ne is not None:
            n = self.right_ne
            return _m("WRONG_LE", f"wrong Le, {n} is right", f"Le 错误，应为 {n}")
        return _TABLE.get(int(self)) or _FAMILIES.get(self.sw1, _UNKNOWN)

    def __str__(self) -> str:
        return f"{int(self):04X} ({self.meaning.en})"

    def __repr__(self) -> str:
        return f"StatusWord({int(self):04X} {self.name})"


def known() -> tuple[StatusWord, ...]:
    """Every value with a line of its own in the table, ascending."""
    return tuple(StatusWord(value) for value in sorted(_TABLE))
