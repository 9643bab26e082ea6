"""The training host as the service family "serviceProxy" speaks: a form, ``<p><s …/></p>`` in GBK, errflag and rows."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from urllib.parse import parse_qsl
from xml.etree.ElementTree import ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from cardfab.simulator.host.books import Record
from cardfab.simulator.host.host import TrainingHost
from cardfab.simulator.host.web import Page

_STATES = {"normal": "1", "temporary loss": "B", "formal loss": "2", "cancelled": "4", "issued": "0"}
_SENTENCES = {
    "not_found": "卡号不存在", "state_conflict": "卡状态不允许", "region_denied": "非本地卡", "busy": "系统忙",
    "credentials": "授权无效", "locked_by_other": "其他网点正在办理", "blank_bank_mismatch": "银行不符",
    "in_making": "正在制卡", "batch_locked": "批次已锁定", "photo_refused": "照片不合格", "not_allowed": "不允许办理",
    "authorisation_needed": "未授权", "mismatch": "写卡数据不符", "key_missing": "无此密钥", "duplicate": "重复申请",
}  # fmt: skip
_CHECKS = {"not_found": "1", "name_mismatch": "2", "duplicate": "3", "not_allowed": "4", "dead": "4"}
_TEXTS = {"dead": "死亡", "not_allowed": "不允许办理"}


class _No(Exception):
    def __init__(self, code: str, already: str = "") -> None:
        super().__init__(code)
        self.already = already


class _Silence(Exception):
    pass


class _Garbled(Exception):
    pass


class XmlFace:
    """``licence`` stands in every call. ``number_name``: ``sbkh``, or ``kh`` as in the other version of the service."""

    def __init__(
        self, host: TrainingHost, licence: str = "training", number_name: str = "sbkh", charset: str = "gbk"
    ) -> None:
        self._host, self._licence, self._name, self._charset = host, licence, number_name, charset

    def __call__(self, _headers: Mapping[str, str], body: bytes) -> Page | None:
        """One call."""
        form = dict(parse_qsl(body.decode("ascii"), keep_blank_values=True, encoding=self._charset, errors="strict"))
        try:
            values = self._values(form["xml"])
        except (ValueError, KeyError, ParseError, DefusedXmlException):
            return self._page(_flag("1", "请求格式错误"))
        operation = form.get("operation", "")
        if form.get("licence") != self._licence:
            return self._page(_flag("1", _SENTENCES["credentials"]))
        try:
            return self._page(self._do(operation, values))
        except _Silence:
            return None
        except _Garbled:
            return Page(b"<r><errflag>0</errfl")
        except _No as no:
            return self._page(self._refused(operation, str(no), no.already))
        except KeyError as missing:
            return self._page(_flag("1", f"缺少{missing.args[0]}"))

    def _values(self, text: str) -> dict[str, str]:
        root = fromstring(text, forbid_dtd=True)
        if root.tag != "p":
            raise ValueError("no p")
        found: dict[str, str] = {}
        for child in root:
            found |= child.attrib
        return found

    def _page(self, inner: str) -> Page:
        text = f'<?xml version="1.0" encoding="{self._charset.upper()}"?>\n<result>{inner}</result>'
        return Page(text.encode(self._charset, "xmlcharrefreplace"), {"Content-Type": "text/xml"})

    def _refused(self, operation: str, code: str, already: str) -> str:
        if code == "already" and already:
            return _flag("1", already)
        if operation in ("connectCASerive", "connectHSMSerive"):
            return _flag("-1", _SENTENCES.get(code, ""))
        asking = operation.startswith(("chk", "query"))
        if asking and code in _CHECKS:
            return _flag("1", _TEXTS.get(code, ""), _CHECKS[code])
        if code in ("name_mismatch", "dead") and operation == "queryPersonInfo":
            return _flag("1", _TEXTS.get(code, ""), _CHECKS[code])
        return _flag("1", _SENTENCES.get(code, code))

    def _ask(self, operation: str, fields: Record, already: str = "") -> Record:
        answer = self._host.ask("", operation, fields)
        if answer is None:
            raise _Silence
        if answer.get("garbled"):
            raise _Garbled
        if answer["outcome"] == "refused":
            raise _No(str(answer["code"]), already)
        found: Record = answer["answer"]
        return found

    def _do(self, operation: str, values: dict[str, str]) -> str:
        fields: Record = {"number": values.get("yxzjhm", ""), "name": values.get("xm", "")}
        card = {**fields, "card_number": values.get("kh", "")}
        if operation == "queryPersonInfo":
            found = self._ask("person", fields)
            return _ok({"shbzhm": fields["number"], "xm": found["name"], "txdz": "样街1号 <东>", "mz": "01"})
        if operation in ("chkCanCardSq", "chkCanCardBh"):
            return self._check(operation, fields)
        if operation in ("saveCardSqList", "saveCardBhList"):
            old = {} if operation == "saveCardSqList" else {"card_number": self._lost(fields)}
            self._ask("apply", {**fields, **old, "photo": values.get("zp", ""), "bank": values.get("yhbh", "")})
            return _ok({})
        if operation == "queryCardInfoBySfzhm":
            return self._cards(fields)
        levels = {"saveCardLsgs": "temporary", "saveCardLsgsjg": "release", "saveCardGs": "formal"}
        if operation in levels:
            level = levels[operation]
            if level == "release" and (self._host.books.card(card["card_number"]) or {}).get("state") == "formal loss":
                raise _No("state_conflict")
            self._ask("loss", {**card, "level": level}, "卡状态正常" if level == "release" else "已挂失")
            return _ok({})
        if operation == "saveCardOpen":
            found = self._ask("reserve", fields)
            return _ok({"shbzhm": fields["number"], "xm": found["name"], self._name: found["card_number"]})
        if operation == "connectHSMSerive":
            return self._hsm(values["hsm_in"].split("|"))
        if operation == "connectCASerive":
            return self._ca(values["ca_in"])
        if operation == "saveCardCompleted":
            if not values["kxpzh"] or not values["kfwm"]:
                raise _No("mismatch")
            made = {"number": values["shbzhm"], "name": values["xm"], "card_number": values["kh"]}
            self._ask("complete", {**made, "result": "success"}, "已回盘")
            return _ok({})
        if operation == "saveCardActive":
            self._ask("activate", {**card, "kind": "social"}, "已启用")
            return _ok({})
        if operation == "saveCardHandToGr":
            self._ask("activate", {**card, "kind": "hand-over"}, "已发放")
            return _ok({"fkdid": "F1"})
        if operation == "saveCardJrzhActive":
            return _ok({}) if values["kctzh"] else _flag("1", "缺少kctzh")
        return _flag("1", "无此操作")

    def _check(self, operation: str, fields: Record) -> str:
        application = self._host.books.applications.get(str(fields["number"]), {})
        if application.get("card_number"):
            return _flag("1", "放号", "4")
        kind = {"kind": "new"} if operation == "chkCanCardSq" else {"kind": "replace", "reason": "other"}
        self._ask("check", {**fields, **kind, "card_number": self._lost(fields)})
        return _ok({})

    def _lost(self, fields: Record) -> str:
        """The service finds the old card by the person."""
        cards = self._host.books.cards_of(str(fields["number"]))
        live = [number for number, card in cards.items() if card["state"] not in ("cancelled",)]
        return live[-1] if live else ""

    def _cards(self, fields: Record) -> str:
        found = self._ask("person", fields)
        rows = "".join(
            f'<r><s shbzhm="{escape(str(fields["number"]))}" kh="{one["card_number"]}" '
            f'kzt="{_STATES[str(one["state"])]}" kctzh="" yhbh=""/></r>'
            for one in found["cards"]
        )
        return _ok({}) + f"<ds>{rows}</ds>"

    def _hsm(self, parts: list[str]) -> str:
        kind = {"01": "read", "02": "write", "03": "pin"}.get(parts[0], "")
        length = {"01": 9, "02": 7, "03": 8}.get(parts[0])
        if length != len(parts):
            raise _No("field_bad")
        named = {f"part{at}": part for at, part in enumerate(parts)}
        found = self._ask("chip_auth", {**named, "kind": kind, "region": parts[1]})
        return _ok({"hsm_out": f"{found['value']}|"})

    def _ca(self, text: str) -> str:
        root = fromstring(f"<a>{text}</a>", forbid_dtd=True)
        asked = {one.tag: one.text or "" for one in root}
        fields = {"card_number": asked["KH"], "number": asked["SHBZHM"], "public_key": asked["QMGY"]}
        found = self._ask("certificate", fields)
        inner = "".join(
            f"<{name}>{found[part]}</{name}>"
            for name, part in (
                ("QMZS", "signing_certificate"), ("JMZS", "encryption_certificate"), ("JMMY", "envelope"),
                ("ZKMY", "master_key"), ("GLYPIN", "manager_pin"),
            )
        )  # fmt: skip
        return _ok({"ca_out": f"<STATE>1</STATE>{inner}"})


def _flag(flag: str, text: str, code: str = "") -> str:
    return f"<errflag>{flag}</errflag><errtext>{escape(text)}</errtext><errcode>{code}</errcode>"


def _ok(values: Mapping[str, object]) -> str:
    inner = "".join(f'<s {name}="{escape(str(value))}"/>' for name, value in values.items())
    return _flag("0", "") + inner
