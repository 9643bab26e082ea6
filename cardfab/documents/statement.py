"""The statement of the medical account: balance, totals of the year, and the log the card still holds.

The log is DF04 EF08 (V2.0 file structure, 8.5.3); loads and settlements are counted apart, so their numbers are too.
"""

from __future__ import annotations

from itertools import accumulate

from cardfab.errors import Text
from cardfab.face.fonts import FontBook
from cardfab.prepare.spoken import yuan

from .blocks import Block, Column, gap, kept
from .counter import Statement, Transaction
from .head import a4_document, big_figures, holder_lines
from .paper import A4, QUIET
from .table import Heading, table, total
from .wording import NOTHING, moment, signed_yuan

TITLE = Text("Statement of the medical account", "医疗个人账户对账单")
KINDS = {"load": Text("Load", "账户划入"), "purchase": Text("Settlement", "医疗结算")}
COLUMNS = (
    Text("No.", "序号"),
    Text("Time", "时间"),
    Text("Type", "类型"),
    Text("Terminal", "终端机编号"),
    Text("Account", "个人账户"),
    Text("Own payment", "个人自付"),
    Text("Pooled fund", "统筹支付"),
    Text("Balance", "账户余额"),
)
NOTE = Text(
    "Amounts in yuan. Listed are the transactions that the card still holds; the balance after each is reckoned back "
    "from the balance of the card. If an amount is not yours, ask at the counter; bring this statement and the bill.",
    "金额单位：元。以上为卡内仍保存的交易，逐笔余额由卡内当前余额倒推得出。如有疑问，请携带本对账单和结算票据到经办网点查询。",
)
_SHARES = (9.0, 32.0, 21.5, 24.5, 20.0, 22.0, 20.0, 21.0)


def balances(statement: Statement) -> tuple[int | None, ...]:
    """The account after each transaction, reckoned back from the balance of the card; none where that cannot be right.

    A log with a gap (a transaction undone after a torn purchase) leads below zero; then no balance is shown at all.
    """
    changes = [_change(each) for each in statement.transactions]
    back = list(accumulate((-each for each in reversed(changes)), initial=statement.balance))
    if any(each < 0 for each in back):
        return (None,) * len(changes)
    return tuple(reversed(back[:-1]))


def statement_rows(statement: Statement) -> list[tuple[Text | str, ...]]:
    """The table under ``COLUMNS``, for paper and terminal alike; oldest first, the sum not among them."""
    return [
        (
            str(each.sequence),
            moment(each.at),
            KINDS[each.kind],
            each.terminal,
            signed_yuan(_change(each)),
            yuan(each.own) if each.own else NOTHING,
            yuan(each.pooled) if each.pooled else NOTHING,
            NOTHING if after is None else yuan(after),
        )
        for each, after in zip(statement.transactions, balances(statement), strict=True)
    ]


def statement_sums(statement: Statement) -> list[tuple[Text | str, ...]]:
    """What stands under the table: what was loaded, and what was paid from account, own and pooled."""
    rows: list[tuple[Text | str, ...]] = []
    for kind, words in KINDS.items():
        those = [each for each in statement.transactions if each.kind == kind]
        if those:
            own, pooled = sum(each.own for each in those), sum(each.pooled for each in those)
            rows.append(
                (
                    "",
                    Text(f"{len(those)} in all", f"共 {len(those)} 笔"),
                    words,
                    "",
                    signed_yuan(sum(map(_change, those))),
                    yuan(own) if own else NOTHING,
                    yuan(pooled) if pooled else NOTHING,
                    "",
                )
            )
    return rows


def count_words(statement: Statement) -> Text:
    """How many transactions were counted against the limit, and what becomes of the count."""
    left = max(statement.limit - statement.count, 0)
    if statement.cleared:
        return Text(
            f"{statement.count} transactions were counted since the last statement (limit {statement.limit}). After "
            "printing the count is cleared.",
            f"自上次打印对账单以来计 {statement.count} 笔交易（上限 {statement.limit} 笔）。打印后计数清零。",
        )
    return Text(
        f"{statement.count} transactions were counted since the last statement (limit {statement.limit}, {left} left). "
        "This print does not clear the count.",
        f"自上次打印对账单以来计 {statement.count} 笔交易（上限 {statement.limit} 笔，还可交易 {left} 笔）。"
        "本次打印不清除计数。",
    )


def statement_pdf(statement: Statement, fonts: FontBook) -> bytes:
    """The statement as PDF, A4, as many pages as its transactions need; the same statement gives the same bytes.

    Raises ``FaceRefused`` when no font for Chinese text is there.
    """
    return a4_document(fonts, statement.made, TITLE, [_blocks(statement, fonts)])


def _blocks(statement: Statement, fonts: FontBook) -> list[Block]:
    column = Column(fonts, statement.made.language, A4.margin, A4.inside)
    left = column.part(0, 100.0, label=38.0)
    # A card that never paid has no year yet.
    year = Text(f"{statement.year}", f"{statement.year} 年度") if statement.year else Text("this year", "本年度")
    since: Text | str = ""
    if statement.year_begins is not None:
        month, first = statement.year_begins
        since = Text(f"the year begins on {month:02d}-{first:02d}", f"年度自 {month:02d} 月 {first:02d} 日起")
    blocks = [
        *left.pairs(holder_lines(statement.holder)),
        column.rule(before=2.5, after=3.0),
        big_figures(
            column,
            [
                (Text("Balance of the account, yuan", "个人账户余额（元）"), yuan(statement.balance), ""),
                (Text(f"Own payment, {year.en}, yuan", f"{year.zh}个人自付累计（元）"), yuan(statement.own), since),
                (Text(f"Pooled fund, {year.en}, yuan", f"{year.zh}统筹支付累计（元）"), yuan(statement.pooled), since),
            ],
        ),
        gap(2.0),
        column.words(count_words(statement), size=9.5, after=2.0),
        column.heading(Text("Transactions on the card", "卡内交易明细"), before=2.0),
    ]
    if not statement.transactions:
        return [*blocks, column.words(Text("The card holds no transaction.", "卡内没有交易记录。"))]
    headings = [
        Heading(words, share, figures=place > 3)
        for place, (words, share) in enumerate(zip(COLUMNS, _SHARES, strict=True))
    ]
    rows = table(column, headings, statement_rows(statement))
    sums = total(column, headings, statement_sums(statement))
    # The note is never on a page alone.
    end = kept([rows[-1], *sums, gap(3.0), column.words(NOTE, size=8.0, colour=QUIET)])
    return [*blocks, *rows[:-1], *end]


def _change(transaction: Transaction) -> int:
    """What a transaction did to the account."""
    return transaction.account if transaction.kind == "load" else -transaction.account
