"""The training host as the SOAP family "allDsjk" speaks: Chinese elements, CSV after a line end, bare texts.

Two regions: their operations, columns and states differ. Columns are looked up by their names, and a table whose
columns are another region's is turned away.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Mapping
from html import escape, unescape
from xml.etree.ElementTree import ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from cardfab.simulator.host.books import Record
from cardfab.simulator.host.host import TrainingHost
from cardfab.simulator.host.web import Page

_NS = "http://schemas.xmlsoap.org/soap/envelope/"
COLUMNS = {
    "henan": (
        "序号", "社保卡号", "社会保障号码", "姓名", "制卡日期", "有效期至", "卡识别码", "卡复位码", "个人帐户",
        "银行卡号", "金融帐户", "装箱位置", "失败环节", "失败原因",
    ),
    "jilin": (
        "序号", "社保卡号", "社会保障号码", "姓名", "发卡日期", "卡有效期", "卡识别码", "卡复位码", "服务银行",
        "银行卡号", "个人帐户", "装箱位置", "失败环节", "失败原因",
    ),
}  # fmt: skip
_STATES = {
    "henan": {
        "normal": "正常", "temporary loss": "临时挂失", "formal loss": "正式挂失", "cancelled": "注销",
        "issued": "封存",
    },
    "jilin": {"normal": "1", "temporary loss": "A", "formal loss": "2", "cancelled": "9", "issued": "0"},
}  # fmt: skip
_SENTENCES = {
    "not_found": "身份证号不存在", "name_mismatch": "姓名不符", "dead": "人员已死亡", "state_conflict": "卡状态不允许",
    "region_denied": "非本地卡", "already": "01", "busy": "系统忙", "credentials": "用户名或密码错误",
    "batch_locked": "批次确认加锁失败(保存失败)", "has_batch": "已经有批次号", "batch_used": "批次号已经被使用",
    "locked_by_other": "其他网点正在办理", "blank_bank_mismatch": "空白卡银行不符", "photo_refused": "相片不合格",
    "payment_needed": "未做交费登记或已撤销交费登记", "field_missing": "缺少必填项", "mismatch": "写卡数据不符",
    "cert_refused": "拒绝签发", "duplicate": "已提交过办卡申请",
}  # fmt: skip
_PAIR = re.compile(r"\s*<([^<>/]+)>([^<]*)</\1>")


class Silence(Exception):
    """Nothing comes back."""


class Said(Exception):
    """A sentence comes back instead of an answer."""


class SoapFace:
    """``region`` is ``henan`` or ``jilin``; ``head`` is the user and the password of every message."""

    def __init__(
        self,
        host: TrainingHost,
        region: str = "henan",
        charset: str = "",
        head: tuple[str, str] = ("training", "training"),
    ) -> None:
        self._host, self._region = host, region
        self._charset = charset or {"henan": "gbk", "jilin": "utf-8"}[region]
        self._user, self._word = head
        self.not_read: list[str] = []
        """Why requests could not be read, oldest first."""

    def __call__(self, _headers: Mapping[str, str], body: bytes) -> Page | None:
        """One call."""
        try:
            method, parameters = self._call(body)
        except (ValueError, ParseError, DefusedXmlException, LookupError) as unread:
            self.not_read.append(type(unread).__name__)
            return Page(b"<fault/>", {}, 500)
        try:
            text = self._method(method, parameters)
        except Said as said:
            text = str(said)
        except Silence:
            return None
        if text == "\x00":
            return Page("<soap".encode(self._charset))
        inner = escape(text, quote=False).replace("\r", "&#13;")
        whole = (
            f'<?xml version="1.0" encoding="{self._charset.upper()}"?>\n<S:Envelope xmlns:S="{_NS}"><S:Body>'
            f'<n:{method}Response xmlns:n="http://service.dsjk/"><return>{inner}</return></n:{method}Response>'
            "</S:Body></S:Envelope>"
        )
        return Page(whole.encode(self._charset), {"Content-Type": f"text/xml; charset={self._charset}"})

    def _call(self, body: bytes) -> tuple[str, dict[str, str]]:
        text = body.decode(self._charset)
        text = text[text.index("?>") + 2 :] if text.startswith("<?xml") else text
        root = fromstring(text, forbid_dtd=True)
        inner = root.find(f"{{{_NS}}}Body")
        method = None if inner is None else next(iter(inner), None)
        if method is None:
            raise ValueError("no body")
        return method.tag.rpartition("}")[2], {one.tag: one.text or "" for one in method}

    def _method(self, method: str, parameters: Mapping[str, str]) -> str:
        if method == "allDsjk":
            return self._whole(parameters["xml"])
        if (parameters.get("user"), parameters.get("password")) != (self._user, self._word):
            raise Said(_SENTENCES["credentials"])
        fields = {"number": parameters.get("aac002", ""), "name": parameters.get("aac003", "")}
        if method in ("getRysj", "getAC01"):
            return self._person(fields)
        if method == "getZkjd":
            return self._progress(fields)
        if method == "getCard":
            state = self._ask("status", {**fields, "card_number": parameters["aaz500"]}, "卡号不存在").get("state")
            return _STATES[self._region][str(state)] if state else "卡号不存在"
        raise Said("无此方法")

    def _person(self, fields: Record) -> str:
        found = self._ask("person", fields)
        cards = found.get("cards") or [{"card_number": ""}]
        return _elements({
            "ERR": "OK", "AAC002": fields["number"], "AAC003": found["name"], "AAZ500": cards[0]["card_number"],
            "AAB301": "440199", "所在社区(村)": "样村（二）, <东>",
        })  # fmt: skip

    def _progress(self, fields: Record) -> str:
        found = self._ask("status", fields, "身份证号不存在")
        open_ = bool(found.get("application"))
        return _elements({"ERR": "OK", "TRANSACTTYPE": "4" if open_ else "", "ZKZT": "已申请" if open_ else ""})

    def _whole(self, text: str) -> str:
        values, rows = _taken_apart(text)
        head = (values.pop("用户名", ""), values.pop("密码", ""))
        if head != (self._user, self._word):
            raise Said(_SENTENCES["credentials"])
        operation = values.pop("操作", "")
        acts: dict[str, Callable[[dict[str, str], list[dict[str, str]]], str]] = {
            "申请社保卡": self._apply, "相片修改": self._photo, "即制卡人数": self._count, "即制卡人员": self._persons,
            "获取批次号": self._number, "即制卡批次": self._batch, "查询批次号": self._find, "即制卡数据": self._data,
            "即制卡回盘": self._complete, "领卡启用": self._enable, "申请证书": self._certificate,
            "正式挂失": self._loss("formal"), "解除挂失": self._loss("release"),
            {"henan": "即制卡标注", "jilin": "即时制卡标注"}[self._region]: self._mark,
        }  # fmt: skip
        if self._region == "jilin":
            acts["临时挂失"] = self._loss("temporary")
        if operation not in acts:
            raise Said("无此操作")
        return acts[operation](values, rows)

    def _ask(self, operation: str, fields: Record, absent: str = "", *, step: str = "") -> Record:
        answer = self._host.ask("", operation, fields, step=step)
        if answer is None:
            raise Silence
        if answer.get("garbled"):
            raise Said("\x00")
        if answer["outcome"] == "refused":
            code = str(answer["code"])
            raise Said(absent if code == "not_found" and absent else _SENTENCES.get(code, f"未知错误{code}"))
        found: Record = answer["answer"]
        return found

    def _apply(self, values: dict[str, str], _rows: object) -> str:
        number = values.get("证件号码") or values["社会保障号"]
        fields = {"number": number, "name": values["姓名"], "card_number": values.get("社保卡号", "")}
        more = {"photo": values.get("相片", ""), "bank": values.get("服务银行", "")}
        self._ask("apply", {**fields, **more, "household_address": values.get("户口地址", "")})
        return _elements({"ERR": "00"})

    def _photo(self, values: dict[str, str], _rows: object) -> str:
        application = self._host.books.applications.get(values["社会保障号码"])
        if application is None:
            raise Said("无办卡申请")
        application["photo"] = values["相片"]
        return "00"

    def _loss(self, level: str) -> Callable[[dict[str, str], object], str]:
        def report(values: dict[str, str], _rows: object) -> str:
            number = values.get("卡号") or values["社保卡号"]
            self._ask("loss", {**_holder(values), "card_number": number, "level": level}, "卡号不存在")
            return "00"

        return report

    def _mark(self, values: dict[str, str], _rows: object) -> str:
        found = self._ask("reserve", _holder(values), "无办卡申请", step="mark")
        return "已经开始制卡" if found["begun"] else "01" if found["already"] else "00"

    def _count(self, values: dict[str, str], _rows: object) -> str:
        return _elements({"ERR": "OK", "人数": self._ask("reserve", _holder(values), step="count")["persons"]})

    def _persons(self, values: dict[str, str], _rows: object) -> str:
        found = self._ask("reserve", _holder(values), step="persons")
        table = _table(("序号", "社会保障号码", "姓名"), [("1", values["社会保障号码"], found["name"])])
        return _elements({"ERR": "OK", "人数": found["persons"]}) + "\r\n" + table

    def _number(self, _values: dict[str, str], _rows: object) -> str:
        return _elements({"ERR": "OK", "批次号": self._ask("reserve", {}, step="batch_number")["batch"]})

    def _batch(self, values: dict[str, str], rows: list[dict[str, str]]) -> str:
        if len(rows) != int(values["人数"]):
            raise Said("人数不符")
        fields = {"number": rows[0]["社会保障号码"], "name": rows[0]["姓名"], "batch": values["批次号"]}
        found = self._ask("reserve", fields, step="batch")
        table = _table(
            ("序号", "社保卡号", "社会保障号码", "姓名"),
            [("1", found["card_number"], fields["number"], found["name"])],
        )
        return f"OK,{found['batch']},1\r\n{table}"

    def _find(self, values: dict[str, str], _rows: object) -> str:
        found = self._ask("reserve", _holder(values), step="find_batch")
        if not found["batch"]:
            raise Said("无批次")
        return _elements({"ERR": "OK", "AAZ500": found["card_number"], "batchno": found["batch"]})

    def _data(self, values: dict[str, str], _rows: object) -> str:
        fields = {"number": values["社会保障号码"], "batch": values["批次号"]}
        found = self._ask("reserve", fields, "无此批次", step="data")
        first, last = {"henan": ("制卡日期", "有效期至"), "jilin": ("发卡日期", "卡有效期")}[self._region]
        return _elements({
            "ERR": "00", "社保卡号": found["card_number"], "社会保障号码": found["number"], "姓名": found["name"],
            first: found["issued_on"], last: found["expires_on"], "户口地址": found["household_address"],
            "所在社区(村)": "样村（二）", "相片": found.get("photo", ""),
        })  # fmt: skip

    def _complete(self, values: dict[str, str], rows: list[dict[str, str]]) -> str:
        if len(rows) != 1 or tuple(rows[0]) != COLUMNS[self._region]:
            raise Said("格式错误")
        row = rows[0]
        fields = {"number": row["社会保障号码"], "name": row["姓名"], "card_number": row["社保卡号"]}
        if row["失败环节"]:
            if row["失败环节"] not in ("银行", "制卡") or len(row["失败原因"].encode("gbk")) > 50 or row["银行卡号"]:
                raise Said("格式错误")
            self._ask("complete", {**fields, "result": "failure", "blank": row["失败原因"]}, "无此批次")
            return "00"
        if not row["银行卡号"].isdecimal() or len(row["卡识别码"]) != 32 or row["失败原因"]:
            raise Said("写卡数据不符")
        self._ask("complete", {**fields, "result": "success"}, "无此批次")
        return "00"

    def _enable(self, values: dict[str, str], _rows: object) -> str:
        number = values.get("社会保障卡卡号") or values["社保卡号"]
        self._ask("activate", {**_holder(values), "card_number": number, "kind": "social"}, "卡号不存在")
        return "00"

    def _certificate(self, values: dict[str, str], _rows: object) -> str:
        fields = {"card_number": values["KH"], "number": values["SHBZHM"], "public_key": values["QMGY"]}
        found = self._ask("certificate", fields)
        return _elements({
            "STATE": "1", "QMZS": found["signing_certificate"], "JMZS": found["encryption_certificate"],
            "JMMY": found["envelope"], "ZKMY": found["master_key"], "GLYPIN": found["manager_pin"],
        })  # fmt: skip


def _holder(values: Mapping[str, str]) -> Record:
    return {"number": values["社会保障号码"], "name": values.get("姓名", "")}


def _taken_apart(text: str) -> tuple[dict[str, str], list[dict[str, str]]]:
    values: dict[str, str] = {}
    at = 0
    while (found := _PAIR.match(text, at)) is not None:
        values[found[1].rstrip("*")] = unescape(found[2])
        at = found.end()
    lines = list(csv.reader(io.StringIO(text[at:].strip("\r\n"), newline="")))
    if not lines:
        return values, []
    names = [one.rstrip("*") for one in lines[0]]
    return values, [dict(zip(names, line, strict=True)) for line in lines[1:]]


def _elements(values: Mapping[str, object]) -> str:
    return "".join(f"<{name}>{escape(str(value), quote=False)}</{name}>" for name, value in values.items())


def _table(names: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerows([names, *rows])
    return out.getvalue()
