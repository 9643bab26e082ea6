"""The PIN as people key it in: digits, and how many (LD/T 33: 4 to 16)."""

from __future__ import annotations

import re

from cardfab.errors import InputRefused, Text

LEAST, MOST = 4, 16


def check_pin_digits(pin: str) -> None:
    """Raises InputRefused (CF-3345) unless ``pin`` is 4 to 16 digits; the message shows nothing of it."""
    if not re.fullmatch(rf"[0-9]{{{LEAST},{MOST}}}", pin):
        raise InputRefused(
            Text(f"The PIN must have {LEAST} to {MOST} digits, nothing else.", f"密码须为 {LEAST} 至 {MOST} 位数字。"),
            do=Text("Let the holder enter it again.", "请持卡人重新输入。"),
            code="CF-3345",
        )
