"""Why an issuer's file is not read. What is wrong with a row or a line is named as in every request file."""

from __future__ import annotations

from typing import ClassVar

from cardfab.errors import InputRefused, Text
from cardfab.prepare.finding import WHOLE_FILE, RequestFileRefused, RowFinding


class FileRefused(InputRefused):
    """An issuer's file that is not what it must be, whole; nothing of it is kept."""

    default_code: ClassVar[str] = "CF-3460"

    def __init__(self, what: Text, *, do: Text | None = None, code: str | None = None) -> None:
        super().__init__(
            what,
            do=do
            or Text("Nothing was taken in. Ask the issuer to send it again.", "未接收任何内容。请发行方重新发送。"),
            code=code,
        )


class KeyFileRefused(InputRefused):
    """The bureau's key, its certificate, the trust file or an issuer's certificate cannot be used."""

    default_code: ClassVar[str] = "CF-3650"


def certificate_not_taken() -> KeyFileRefused:
    """No certificate, or one of a kind that no file is sealed or signed with."""
    return KeyFileRefused(
        Text(
            "A certificate file cannot be read, or holds a key that is not taken.",
            "证书文件无法读取，或其中密钥不被接受。",
        ),
        do=Text(
            "Give X.509 certificates in PEM, or one in DER: RSA from 2048 bits, or P-256, P-384, P-521.",
            "请提供 PEM 格式的 X.509 证书，或一份 DER 格式的证书：RSA 2048 位以上，或 P-256、P-384、P-521。",
        ),
        code="CF-3653",
    )


def cut(at: int) -> FileRefused:
    """The bytes end before the structure does."""
    return FileRefused(
        Text(f"The file is cut off: it ends at byte {at}.", f"文件不完整：在第 {at} 字节处中断。"), code="CF-3461"
    )


def broken(at: int, en: str, zh: str) -> FileRefused:
    """The structure is not CMS, or says something that is not taken."""
    return FileRefused(
        Text(f"The file is damaged at byte {at}: {en}.", f"文件在第 {at} 字节处损坏：{zh}。"), code="CF-3462"
    )


def not_taken(en: str, zh: str) -> FileRefused:
    """Good CMS of a kind that this bureau does not take."""
    return FileRefused(
        Text(f"This kind of encrypted file is not taken: {en}.", f"不接受此类加密文件：{zh}。"),
        do=Text("docs/bureau-files.md says how to make one.", "制作方法见 docs/bureau-files.md。"),
        code="CF-3464",
    )


def not_opened() -> FileRefused:
    """The content key, or the content, does not open: which of them is nobody's to know."""
    return FileRefused(
        Text(
            "The file does not open with the bureau's key: it was changed on its way, or made for another key.",
            "文件无法用本中心的密钥解开：传输中被改动，或不是发给本中心的。",
        ),
        code="CF-3465",
    )


def at_line(line: int, en: str, zh: str) -> RequestFileRefused:
    """The whole file is refused for one of its lines or rows."""
    return RequestFileRefused((RowFinding(line, WHOLE_FILE, Text(en, zh)),))
