"""Papers of the counter for the tests: names of tests/vectors/requests.csv, all else obviously for practice."""

from __future__ import annotations

import csv
import subprocess
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path

from cardfab.documents import (
    Area,
    Change,
    DocumentSeen,
    Group,
    Holder,
    HolderSheet,
    Line,
    Made,
    Receipt,
    Records,
    Settlement,
    Share,
    Statement,
    Step,
    Transaction,
    Unread,
)
from cardfab.documents.counter import Language
from cardfab.errors import Text

REQUESTS = Path(__file__).resolve().parents[2] / "vectors/requests.csv"
MADE = Made("HZ20261121-000042", "示例市培训网点 01", "李玥", datetime(2026, 11, 21, 10, 42, 7))
HOLDER = Holder("王䶮", "650199195009244038", "D13044517", Text("Sample city (650199)", "示例市（650199）"))
LONG_HOLDER = replace(HOLDER, name="古丽巴哈尔·阿卜力米提艾合麦提江")
IDENTITY_CARD = DocumentSeen(Text("Resident identity card", "居民身份证"), "4038")


def names() -> list[str]:
    """The names of the 200 sample requests."""
    with REQUESTS.open(encoding="utf-8", newline="") as file:
        return [row["name"] for row in csv.DictReader(file)]


def in_language(language: Language, *, specimen: bool = True) -> Made:
    """Who made it, for a language."""
    return replace(MADE, language=language, specimen=specimen)


def receipts(language: Language) -> dict[str, Receipt]:
    """A receipt of each service of the counter."""
    made = in_language(language)

    def one(service: Text, outcome: Text, **more: object) -> Receipt:
        base = Receipt(made=made, service=service, holder=HOLDER, outcome=outcome, document=IDENTITY_CARD)
        return replace(base, **more)  # type: ignore[arg-type]

    keep_pin = Text("Tell the PIN to nobody; cover the pad when you enter it.", "请勿将密码告诉他人，输入时注意遮挡。")
    return {
        "pin-change": one(
            Text("PIN change", "修改密码"), Text("the new PIN is in force at once", "新密码即时生效"),
            next_steps=(keep_pin,),
        ),
        "pin-reset": one(
            Text("PIN reset and unblock", "重置密码（解锁）"),
            Text("the PIN was set anew and may be tried six times", "密码已重置，可尝试 6 次"),
            document=replace(IDENTITY_CARD, bearer="李玥（代办）"), approved_by="欧阳㛃",
            lines=(Line(Text("Tries before", "重置前可试次数"), "0"), Line(Text("Tries now", "现可试次数"), "6")),
            next_steps=(keep_pin, Text("Change the PIN at your next visit.", "请在下次办理业务时修改密码。")),
        ),
        "activation": one(
            Text("Card activation", "社会保障卡启用"), Text("the card may be used from today", "该卡自今日起可以使用"),
            lines=(
                Line(Text("Issued on", "发卡日期"), "2026-11-02"),
                Line(Text("Moved from the old account, yuan", "旧卡转入余额（元）"), "1,286.40", strong=True),
                Line(Text("Balance now, yuan", "现账户余额（元）"), "1,286.40"),
            ),
            next_steps=(Text("The bank account is activated at the bank.", "银行账户请到银行网点激活。"),),
        ),
        "release": one(
            Text("Release of a restricted card", "解除限制使用"),
            Text("the restriction for late activation is lifted", "因逾期未启用的限制已解除"), approved_by="欧阳㛃",
        ),
        "loss": one(
            Text("Report of loss", "挂失"), Text("the number is on the black list", "卡号已列入黑名单"),
            lines=(
                Line(Text("In force since", "生效时间"), "2026-11-21 10:42:07", strong=True),
                Line(Text("Old card", "原卡"), Text("not presented", "未出示")),
            ),
            next_steps=(
                Text("Report the loss to the bank as well: its account is not stopped by this.",
                     "请同时向银行挂失：本次挂失不停用银行账户。"),
                Text("If you find the card, bring it here; do not use it.", "找到原卡后请携带到网点办理，勿直接使用。"),
            ),
        ),
        "replacement": one(
            Text("Replacement order", "补领新卡"), Text("the card was ordered", "已受理补卡申请"),
            lines=(
                Line(Text("Ready by", "领卡日期"), Text("2026-11-28 (seven days)", "2026年11月28日（7 日内）"),
                     strong=True),
                Line(Text("Old card", "原卡"), "D*****517", note=Text("stopped", "已停用")),
                Line(Text("Balance to be moved, yuan", "待转余额（元）"), "1,286.40",
                     note=Text("as the issuer's host says, not the lost card", "以发卡系统记录为准")),
            ),
            next_steps=(
                Text("Fetch it with your identity card and this receipt.", "凭身份证件和本回执领卡。"),
                Text("Ask for a temporary card if you need treatment before.", "在此之前需就医的，可申领临时卡。"),
            ),
        ),
        "block": one(
            Text("Block of the medical application", "锁定医疗应用"),
            Text("it cannot be used again on this card", "该应用在此卡上永久停用"), approved_by="欧阳㛃",
        ),
        "update": one(
            Text("Update of a record", "信息变更"), Text("3 items were written and read back", "已写入 3 项并读回核对"),
            changes=(
                Change(Text("Address of residence", "常住所在地地址"), "示例省示例市第44街道76号",
                       "示例省示例市第78街道923号示例花园北区第三组团十二号楼二单元一千零二室"),
                Change(Text("Telephone", "联系电话"), "19900000066", "19900001890"),
                Change(Text("Marital status", "婚姻状况"), None, Text("married", "已婚")),
            ),
        ),
        "off-site": one(
            Text("Off-site treatment approval", "异地就医备案"),
            Text("the approval sign is on the card", "审批标识已写入卡片"),
            changes=(
                Change(Text("Off-site treatment approved", "异地就医审批标识"), Text("no", "否"), Text("yes", "是")),
                Change(Text("Designated institution 1", "定点医疗机构代码1"), "H11019900001", "H44019900007"),
                Change(Text("Designated institution 2", "定点医疗机构代码2"), "", "H44019900012"),
            ),
        ),
        "load": one(
            Text("Load of the medical account", "医疗账户划入"), Text("200.00 yuan were credited", "划入 200.00 元"),
            lines=(
                Line(Text("Loaded, yuan", "划入金额（元）"), "200.00", strong=True),
                Line(Text("Balance now, yuan", "账户余额（元）"), "1,486.40"),
                Line(Text("Terminal", "终端机编号"), "650199000001"), Line(Text("Transaction", "交易序号"), "12"),
                Line(Text("TAC", "TAC"), "5C1F2A90"),
            ),
        ),
        "purchase": one(
            Text("Settlement from the medical account", "医疗账户结算"),
            Text("the settlement was refused by the card", "卡片拒绝本次结算"), done=False,
            lines=(
                Line(Text("From the account, yuan", "个人账户支付（元）"), "2,000.00"),
                Line(Text("Own payment, yuan", "个人自付（元）"), "0.00"),
                Line(Text("Pooled fund, yuan", "统筹支付（元）"), "350.00"),
                Line(Text("Reason", "原因"),
                     Text("the account holds 1,286.40 (9401)", "账户余额 1,286.40 元，不足（9401）")),
            ),
            next_steps=(Text("Nothing was taken from the account.", "账户未扣款。"),),
        ),
    }  # fmt: skip


def statement(language: Language, count: int, *, cleared: bool = True) -> Statement:
    """A statement of ``count`` transactions, a load every tenth."""
    first = datetime(2026, 1, 5, 8, 30)
    rows = tuple(
        Transaction(
            sequence=number,
            kind="load" if number % 10 == 0 else "purchase",
            at=None if number == 3 else first + timedelta(days=5 * number, minutes=37 * number, seconds=11 * number),
            terminal=f"650199{number % 7 + 1:06d}",
            account=50_000 if number % 10 == 0 else 1_235 + 311 * number,
            own=0 if number % 3 else 880 * (number % 10 != 0),
            pooled=0 if number % 4 else 12_000 * (number % 10 != 0),
        )
        for number in range(count)
    )
    return Statement(
        made=replace(in_language(language), number="DZ20261121-000007"),
        holder=LONG_HOLDER,
        balance=1_234_567,
        own=sum(each.own for each in rows),
        pooled=sum(each.pooled for each in rows),
        year=2026,
        year_begins=(1, 1),
        transactions=rows,
        count=count,
        limit=60,
        cleared=cleared,
    )


def sheet(language: Language, *, settlement: bool = True) -> HolderSheet:
    """A sheet with every kind of thing on it."""
    lines = [
        Line(Text("Household type", "户口类别"), Text("non-agricultural household", "非农业户口（城镇）")),
        Line(Text("Household address", "户口所在地地址"), "示例省示例市第78街道923号"),
        Line(Text("Region of the household", "户口所在地行政区划代码"), "650199",
             note=Text("district of the sample data, not a real one", "样例数据中的区划，并非实际区划")),
    ]  # fmt: skip
    identity = (
        Group(Text("Issuer", "发卡机构"), (
            Line(Text("Card identification code", "卡的识别码"), "650199D156000005 6C8123F0 9A01B277"),
            Line(Text("Card category", "卡的类别"), Text("adult", "成年人卡")),
            Line(Text("Specification version", "规范版本"), "2.0"),
            Line(Text("Initialising institution", "初始化机构编号"), "915600000265019965019901"),
            Line(Text("Issued on", "发卡日期"), "2026-11-02"),
            Line(Text("Valid until", "卡有效期"), "2036-11-02"),
            Line(Text("Card number", "卡号"), "D13044517"),
        )),
        Group(Text("Holder", "持卡人"), (
            Line(Text("Social security number", "社会保障号码"), "650199 19500924 4038", strong=True),
            Line(Text("Name", "姓名"), LONG_HOLDER.name, strong=True),
            Line(Text("Sex", "性别"), Text("male", "男性")),
            Line(Text("Ethnic group", "民族"), Text("Uighur", "维吾尔族")),
            Line(Text("Name as stored", "卡内原文"), "王\x00\U000f0001 "),
            Line(Text("Place of birth", "出生地"), ""),
        )),
    )  # fmt: skip
    work = Records(
        Text("Employment record", "就业记录"),
        (Text("Occupation", "从事职业"), Text("From", "起始日期"), Text("Until", "终止日期"),
         Text("Employer", "工作单位名称")),
        (
            (Text("clerk", "行政办公人员"), "2019-07-01", "", "示例市示例机械制造有限责任公司第二分公司"),
            (Text("teacher of a vocational school", "中等职业教育教师"), "2012-09-01", "2019-06-30", "示例职业学校"),
        ),
    )  # fmt: skip
    no_key = Text("the terminal has no key for it", "终端没有相应的读取密钥")
    areas = (
        Area(Text("Identity", "基本信息"), identity, unread=(Unread(Text("Fingerprints", "指纹数据"), no_key),)),
        Area(Text("Common", "公共应用信息"), tuple(
            Group(Text(f"File {number}", f"信息文件 {number}"), tuple(lines)) for number in range(1, 6)
        )),
        Area(Text("Employment", "就业与失业信息"), (Group(Text("Registration", "就业状况"), tuple(lines)),), (work,)),
        Area(Text("Social insurance", "社会保险信息一")),
        Area(Text("Medical insurance", "社会保险信息二（医疗）"),
             (Group(Text("Insurance", "医保基本信息"), tuple(lines)),),
             unread=(Unread(Text("Settlement while off line", "临时脱网结算信息"),
                            Text("it opens to the PIN and a key of the medical insurance together, and the terminal "
                                 "has the PIN alone", "需同时验证密码和医保读取密钥，终端只验证了密码")),)),
        Area(Text("Personnel", "人事人才信息"), unread=(Unread(Text("All files", "全部文件"), no_key),)),
    )  # fmt: skip
    share = Share(
        bill=1_000_00,
        steps=(
            Step(Text("Bill", "本次费用"), "", 1_000_00),
            Step(Text("Not insured", "目录外费用"), "", 100_00),
            Step(Text("Deductible left this year", "本年度剩余起付线"), "300.00 - 120.00", 180_00),
            Step(Text("Pooled fund", "统筹基金支付"), "(1,000.00 - 100.00 - 180.00) × 85 %", 612_00),
            Step(Text("The holder pays", "个人负担"), "1,000.00 - 612.00", 388_00, total=True),
            Step(Text("of it from the account", "其中：个人账户支付"), "min(288.00, 12,345.67)", 288_00),
            Step(Text("of it in cash", "其中：现金支付"), "388.00 - 288.00", 100_00),
        ),
        holder_pays=388_00,
        rules=Text("sample rules of the region 650199", "650199 统筹区样例分担规则"),
        valid_from=date(2026, 1, 1),
        notes=(
            Text("A reckoning for information; the settlement itself decides.", "本计算仅供参考，以实际结算为准。"),
        ),
    )
    need = Settlement(
        lines=(
            Line(Text("Insurance", "医疗保险险种"), Text("basic medical insurance of employees", "职工基本医疗保险"),
                 strong=True),
            Line(Text("Insured category", "参保人员类别"), Text("retired", "退休人员")),
            Line(Text("Designated institutions", "定点医疗机构"), "H65019900001、H65019900007、H44019900012"),
            Line(Text("Off-site treatment", "异地就医"), Text("approved", "已备案"), strong=True),
            Line(Text("Balance of the account, yuan", "个人账户余额（元）"), "12,345.67"),
            Line(Text("Own payment of the year, yuan", "本年度个人自付累计（元）"), "1,204.00"),
            Line(Text("Pooled fund of the year, yuan", "本年度统筹支付累计（元）"), "8,800.00"),
        ),
        share=share,
    )  # fmt: skip
    return HolderSheet(
        made=replace(in_language(language), number="KN20261121-000003"),
        holder=LONG_HOLDER,
        areas=areas,
        rights=(Text("PIN of the holder", "持卡人密码"), Text("read keys of the city 650199", "650199 市级读取密钥")),
        settlement=need if settlement else None,
    )


def lines_of(pdf: bytes) -> list[str]:
    """The text of a file as poppler lays it out, a line each, runs of blanks as one."""
    command = ["pdftotext", "-layout", "-enc", "UTF-8", "-", "-"]
    text = subprocess.run(command, input=pdf, stdout=subprocess.PIPE, check=True, timeout=60).stdout.decode()
    return [" ".join(line.split()) for line in text.splitlines()]
