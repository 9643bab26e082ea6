"""Keys, transport and release (L17, L18, L26 to L28, L33)."""

from __future__ import annotations

from collections.abc import Iterator

from cardfab.prepare.financial.numbers import NAME_OFF_CHIP
from cardfab.prepare.lint.assembly import SECRET_DGIS, Assembly, name
from cardfab.prepare.lint.fault import Fault

TEST_INDEXES = (b"\x08", b"\x09", b"\x0a", b"\x0b", b"\xf1", b"\xf2", b"\xf3")
"""Of the schemes' test keys, and of this project's training authority."""
TEST_IIN = "629999"
_CHECKED = {"8000": ("9000",), "8400": ("9400", "9003")}
_LENGTHS = {
    "8000": (48,),
    "8400": (48,),
    "9000": (9,),
    "9400": (9,),
    "9003": (9,),
    "8010": (8,),
    "8011": (8,),
    "9010": (2, 5),
}


def check_values(a: Assembly) -> Iterator[Fault]:
    """L17: 9000 and 9400 are the check values of the keys that are loaded."""
    for keys, places in _CHECKED.items():
        for dgi in places:
            if dgi in a.by_dgi and a.kcvs(keys) and a.clear(dgi) != a.kcvs(keys):
                yield Fault(dgi, "", f"the check values are not those of {keys}", f"校验值与 {keys} 不符")
        if keys in a.by_dgi and not any(dgi in a.by_dgi for dgi in places):
            if keys == "8400" and a.application.quirks.sm_kcv_dgi == "none":
                continue
            yield Fault(places[0], "", f"there is no check value for {keys}", f"缺少 {keys} 的校验值")


def secret_lengths(a: Assembly) -> Iterator[Fault]:
    """L18: 8000/8400 48 bytes, 9000/9400 9, 8010 8, 9010 2 (or 5); try counter and limit equal."""
    for dgi, allowed in _LENGTHS.items():
        length = a.length(dgi)
        if length is not None and length not in allowed:
            yield Fault(dgi, "", f"{length} bytes instead of {' or '.join(map(str, allowed))}", "长度错误")
    counters = a.clear("9010")
    if counters and counters[-1] != counters[-2]:
        yield Fault("9010", "", "try counter and limit differ", "重试计数与上限不一致")


def encrypted(a: Assembly) -> Iterator[Fault]:
    """L26: exactly the secret groupings are encrypted, in whole blocks of 8 bytes."""
    for one in a.groupings:
        if one.secret != (one.dgi in SECRET_DGIS):
            en = "is secret and travels in clear" if not one.secret else "is not secret and travels encrypted"
            yield Fault(one.dgi, "", en, "加密方式错误")
        if one.secret and one.length % 8:
            yield Fault(one.dgi, "", f"{one.length} bytes are not whole blocks", "长度不是 8 的倍数")


def transport(a: Assembly) -> Iterator[Fault]:
    """L27: exactly one P1 with b8, on the last command; P2 counts from 00 without a gap."""
    marked = [number for number, (p1, _) in enumerate(a.sent) if p1 & 0x80]
    if marked != [len(a.sent) - 1]:
        yield Fault("P1", "STORE DATA", "the last command, and no other, carries b8", "仅最后一条命令可置 b8")
    if [p2 for _, p2 in a.sent] != [number & 0xFF for number in range(len(a.sent))] or len(a.sent) > 256:
        yield Fault("P2", "STORE DATA", "does not count from 00 without a gap", "未从 00 连续计数")


def production(a: Assembly) -> Iterator[Fault]:
    """L28: a production profile has no test key, no test IIN, no test index."""
    if a.application.training:
        return
    if a.application.iin == TEST_IIN:
        yield Fault("5A", "", f"IIN {TEST_IIN} is for tests", "测试用发卡行标识")
    if a.training_keys:
        yield Fault("8000", "", "a key of this card is published", "使用了公开的培训密钥")
    for one in a.every:
        if one.tag == 0x8F and one.value in TEST_INDEXES:
            yield Fault(
                "8F", one.dgi, f"index {one.value.hex().upper()} is of a test authority", "测试认证中心公钥索引"
            )


def personal_data(a: Assembly) -> Iterator[Fault]:
    """L33: 9F61, 9F62, 9F1F and a name carry personal data."""
    for one in a.every:
        named = one.tag in (0x9F61, 0x9F62, 0x9F0B) or (one.tag == 0x5F20 and one.value != NAME_OFF_CHIP)
        letters = one.tag == 0x9F1F and not all(0x30 <= byte <= 0x39 for byte in one.value)
        if named or letters:
            yield Fault(name(one.tag), one.dgi, "carries personal data", "包含个人信息")
