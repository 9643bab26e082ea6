"""The financial application of one card as EMV CPS data groupings.

Layout: EMV CPS 1.1 and the PBOC groupings of the facts (9102 FCI, 9104 GPO, 9200 IAD, SSrr records, 0D01 and 0E01
internal data, 8000/9000 keys and check values, 8201 to 8205 and 8501 the chip's own keys, 8010/9010 PIN). What stands
where is the profile's; secrets come sealed.
"""

from cardfab.prepare.financial.grouping import DataGrouping
from cardfab.prepare.financial.numbers import FinancialData, financial_values, luhn, make_pan
from cardfab.prepare.financial.prepare import (
    PreparedFinancial,
    TakeKey,
    build_groupings,
    prepare_financial,
)
from cardfab.prepare.financial.recipe import Recipe, application_file_locator

__all__ = [
    "DataGrouping",
    "FinancialData",
    "PreparedFinancial",
    "Recipe",
    "TakeKey",
    "application_file_locator",
    "build_groupings",
    "financial_values",
    "luhn",
    "make_pan",
    "prepare_financial",
]
