"""The keys themselves went away: the key service, or the token that it works with."""

from __future__ import annotations

from cardfab.errors import KeyFault, Text


class KeysAway(KeyFault):
    """Nobody knows whether the last act was done. It is not a refusal, and it is never tried again by itself."""

    default_code = "CF-6320"

    def __init__(self, what: Text | None = None, *, do: Text | None = None, code: str | None = None) -> None:
        super().__init__(
            what or Text("The key service went away.", "密钥服务已中断。"),
            do=do
            or Text(
                "A card that was being written is in doubt: settle it with 'cardfab job resolve'. The next act "
                "connects again by itself; where it does not, start 'cardfab keys serve'.",
                "正在写入的卡处于存疑状态，请用 cardfab job resolve 处理。下一操作会自动重新连接；若仍不可用，"
                "请启动 cardfab keys serve。",
            ),
            code=code,
        )
