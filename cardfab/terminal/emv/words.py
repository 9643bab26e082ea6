"""Names of checks and tags, as a report says them."""

from __future__ import annotations

import enum

from cardfab.errors import Text


class Item(enum.Enum):
    """What is checked; the value is its stable name for programs."""

    ENVIRONMENT = "environment"
    SELECTION = "selection"
    OPTIONS = "options"
    RECORDS = "records"
    DATA = "data"
    AUTHORITY = "authority"
    ISSUER_CERTIFICATE = "issuer-certificate"
    STATIC = "static-signature"
    ICC_CERTIFICATE = "icc-certificate"
    DDA = "dda"
    CDA = "cda"
    FDDA = "fdda"
    VERSION = "version"
    USAGE = "usage"
    DATES = "dates"
    HOLDER = "cardholder"
    OFFLINE_PIN = "offline-pin"
    RISK = "terminal-risk"
    ACTION = "action"
    FIRST_AC = "first-ac"
    ARQC = "arqc"
    ISSUER_DATA = "issuer-data"
    ONLINE_PIN = "online-pin"
    ARPC = "arpc"
    SCRIPTS = "scripts"
    SECOND_AC = "second-ac"
    FINAL_CRYPTOGRAM = "final-cryptogram"
    BALANCE = "balance"

    @property
    def text(self) -> Text:
        """For people."""
        return _ITEMS[self]


_ITEMS = {
    Item.ENVIRONMENT: Text("payment environment", "支付环境"),
    Item.SELECTION: Text("application selection", "应用选择"),
    Item.OPTIONS: Text("processing options", "应用初始化"),
    Item.RECORDS: Text("records of the AFL", "读应用数据"),
    Item.DATA: Text("mandatory data", "必备数据"),
    Item.AUTHORITY: Text("authority's key", "认证中心公钥"),
    Item.ISSUER_CERTIFICATE: Text("issuer certificate", "发卡行公钥证书"),
    Item.STATIC: Text("static data authentication", "静态数据认证"),
    Item.ICC_CERTIFICATE: Text("ICC certificate", "IC 卡公钥证书"),
    Item.DDA: Text("dynamic data authentication (DDA)", "动态数据认证（DDA）"),
    Item.CDA: Text("combined authentication (CDA)", "复合动态数据认证（CDA）"),
    Item.FDDA: Text("fast authentication (fDDA)", "快速动态数据认证（fDDA）"),
    Item.VERSION: Text("application version", "应用版本号"),
    Item.USAGE: Text("usage control", "应用用途控制"),
    Item.DATES: Text("dates of the application", "应用有效期"),
    Item.HOLDER: Text("cardholder verification", "持卡人验证"),
    Item.OFFLINE_PIN: Text("off-line PIN", "脱机 PIN"),
    Item.RISK: Text("terminal risk management", "终端风险管理"),
    Item.ACTION: Text("terminal action analysis", "终端行为分析"),
    Item.FIRST_AC: Text("first GENERATE AC", "第一次 GENERATE AC"),
    Item.ARQC: Text("request cryptogram at the issuer", "发卡行验证 ARQC"),
    Item.ISSUER_DATA: Text("issuer application data", "发卡行应用数据"),
    Item.ONLINE_PIN: Text("on-line PIN at the issuer", "联机 PIN 验证"),
    Item.ARPC: Text("issuer authentication", "发卡行认证"),
    Item.SCRIPTS: Text("issuer scripts", "发卡行脚本"),
    Item.SECOND_AC: Text("second GENERATE AC", "第二次 GENERATE AC"),
    Item.FINAL_CRYPTOGRAM: Text("final cryptogram at the issuer", "发卡行验证最终密文"),
    Item.BALANCE: Text("e-cash balance", "电子现金余额"),
}

_TAGS = {
    "4F": ("application identifier", "应用标识符"),
    "57": ("track 2 equivalent data", "二磁道等效数据"),
    "5A": ("account number", "应用主账号"),
    "5F24": ("expiration date", "应用失效日期"),
    "5F25": ("effective date", "应用生效日期"),
    "5F28": ("issuer country", "发卡行国家代码"),
    "5F34": ("account sequence number", "应用主账号序列号"),
    "61": ("directory entry", "应用模板"),
    "6F": ("FCI", "文件控制信息"),
    "70": ("record template", "记录模板"),
    "77": ("answer template", "响应模板"),
    "82": ("application interchange profile", "应用交互特征"),
    "84": ("DF name", "专用文件名称"),
    "88": ("SFI of the directory", "目录短文件标识符"),
    "8C": ("CDOL1", "卡片风险管理数据对象列表 1"),
    "8D": ("CDOL2", "卡片风险管理数据对象列表 2"),
    "8E": ("CVM list", "持卡人验证方法列表"),
    "8F": ("authority key index", "认证中心公钥索引"),
    "90": ("issuer public key certificate", "发卡行公钥证书"),
    "91": ("issuer authentication data", "发卡行认证数据"),
    "92": ("issuer public key remainder", "发卡行公钥余项"),
    "93": ("signed static application data", "签名的静态应用数据"),
    "94": ("application file locator", "应用文件定位器"),
    "95": ("terminal verification results", "终端验证结果"),
    "9F07": ("application usage control", "应用用途控制"),
    "9F08": ("application version", "应用版本号"),
    "9F0D": ("issuer action code, default", "发卡行行为代码（缺省）"),
    "9F0E": ("issuer action code, denial", "发卡行行为代码（拒绝）"),
    "9F0F": ("issuer action code, on line", "发卡行行为代码（联机）"),
    "9F10": ("issuer application data", "发卡行应用数据"),
    "9F17": ("PIN try counter", "PIN 尝试计数器"),
    "9F23": ("upper consecutive off-line limit", "连续脱机交易上限"),
    "9F26": ("application cryptogram", "应用密文"),
    "9F27": ("cryptogram information data", "密文信息数据"),
    "9F32": ("issuer public key exponent", "发卡行公钥指数"),
    "9F34": ("CVM results", "持卡人验证方法结果"),
    "9F36": ("transaction counter", "应用交易计数器"),
    "9F38": ("PDOL", "处理选项数据对象列表"),
    "9F46": ("ICC public key certificate", "IC 卡公钥证书"),
    "9F47": ("ICC public key exponent", "IC 卡公钥指数"),
    "9F48": ("ICC public key remainder", "IC 卡公钥余项"),
    "9F49": ("DDOL", "动态数据认证数据对象列表"),
    "9F4A": ("static data tag list", "静态数据认证标签列表"),
    "9F4B": ("signed dynamic application data", "签名的动态应用数据"),
    "9F5D": ("available off-line amount", "可用脱机消费金额"),
    "9F69": ("card authentication data", "卡片认证相关数据"),
    "9F6C": ("card transaction qualifiers", "卡片交易属性"),
    "9F74": ("e-cash authorisation code", "电子现金发卡行授权码"),
    "9F77": ("e-cash balance limit", "电子现金余额上限"),
    "9F79": ("e-cash balance", "电子现金余额"),
}


def hexed(tag: int) -> str:
    """A tag as it is written."""
    text = f"{tag:X}"
    return text if len(text) % 2 == 0 else f"0{text}"


def tag_text(tag: str) -> Text:
    """``9F46 (ICC public key certificate)``; the bare tag where it has no name here."""
    if tag not in _TAGS:
        return Text(tag, tag)
    en, zh = _TAGS[tag]
    return Text(f"{tag} ({en})", f"{tag}（{zh}）")
