"""Bytes → text: which encoding, and what is no text at all."""

from __future__ import annotations

import codecs
import re

from charset_normalizer import from_bytes

from rag.errors import ReadError

# The longer mark first: UTF-32's little-endian mark begins with that of UTF-16.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_MAGIC = (
    (b"%PDF-", "a PDF document"),
    (b"PK\x03\x04", "a zip archive (docx, xlsx, odt and epub are zip archives)"),
    (b"PK\x05\x06", "a zip archive"),
    (b"\x89PNG\r\n\x1a\n", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF87a", "a GIF image"),
    (b"GIF89a", "a GIF image"),
    (b"\x1f\x8b", "gzip data"),
    (b"BZh", "bzip2 data"),
    (b"\xfd7zXZ\x00", "xz data"),
    (b"\x28\xb5\x2f\xfd", "zstandard data"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (b"Rar!\x1a\x07", "a RAR archive"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Office document (doc, xls or ppt)"),
    (b"{\\rtf", "an RTF document"),
    (b"%!PS", "a PostScript document"),
    (b"SQLite format 3\x00", "a SQLite database"),
    (b"\x7fELF", "a program"),
)
# What texts are really written in; detection among every codec there is takes French for Mac Latin 2.
_DETECTED = (
    "cp1252 cp1250 cp1251 cp1253 cp1254 cp1255 cp1256 cp1257 iso8859_2 koi8_r "
    "cp932 euc_jp iso2022_jp gb18030 big5 euc_kr"
).split()
_DECLARED = re.compile(
    r"(windows-|cp)(125[0-8]|874|866|932|949)|iso-8859-\d{1,2}|latin-?1|us-ascii|ascii|koi8-[ru]|gbk|gb2312|gb18030|big5"
    r"(-hkscs)?|euc-(jp|kr)|shift[_-]jis|sjis|iso-2022-(jp|kr)|macintosh|utf-?8|utf-16(le|be)?"
)
_LATIN_1 = re.compile(r"iso-8859-1|latin-?1|(us-)?ascii")  # which every browser reads as windows-1252
_SAMPLE_BYTES = 262_144
_MARGIN = 0.05


def decode(data: bytes, *, declared: str | None = None) -> str:
    """The text of ``data``, without its byte order mark. ``declared`` is the charset that a page or server names.

    UTF-8, or what the byte order mark says; else the declared charset; else the detected one, where no other reading
    comes near it. Raises ReadError naming the kind of binary data, or every encoding that was tried.
    """
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return _by_mark(data[len(mark) :], encoding)
    refuse_binary(data)
    tried: list[str] = []
    encodings = ["utf-8"]
    if name := _known(declared):  # ISO-2022 is made of ASCII bytes, so that UTF-8 would always take it
        encodings.insert(0 if name.startswith("iso-2022") else 1, name)
    for encoding in encodings:
        try:
            return data.decode(encoding)
        except (UnicodeDecodeError, LookupError):
            tried.append(encoding)
    found = _detect(data)
    if found:
        try:
            return data.decode(found)
        except UnicodeDecodeError:
            tried.append(found)
    raise ReadError(
        expected="text in UTF-8, or in another encoding that can be told for certain",
        found=f"bytes that fit none for certain (tried {', '.join(tried)} and detection)",
        remedy="save it as UTF-8",
    )


def refuse_binary(data: bytes) -> None:
    """Raises ReadError that names what ``data`` is, where that is no text."""
    for magic, name in _MAGIC:
        if data.startswith(magic):
            raise _binary(name)
    if data[:4] == b"RIFF" and data[8:12] in (b"WEBP", b"WAVE", b"AVI "):
        raise _binary(f"a {data[8:12].decode().strip()} file")
    if data[4:8] == b"ftyp":
        raise _binary("a video or an image (MP4, HEIC or AVIF)")
    if b"\x00" in data:
        raise _binary("binary data (NUL bytes)")


def _binary(name: str) -> ReadError:
    return ReadError(
        expected="text, Markdown, HTML or JSON lines", found=name, remedy="export it as text or HTML first"
    )


def _by_mark(data: bytes, encoding: str) -> str:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as err:
        raise ReadError(
            expected=f"{encoding.upper()}, as the byte order mark says",
            found=f"{err.reason} at byte {err.start} after the mark",
            remedy="save it as UTF-8",
        ) from err


def _known(declared: str | None) -> str | None:
    """The codec of a declared charset; None for one that no article is written in (UTF-7, punycode, rot13…)."""
    name = (declared or "").strip().strip("\"'").lower()
    if not _DECLARED.fullmatch(name):
        return None
    return "cp1252" if _LATIN_1.fullmatch(name) else name


def _detect(data: bytes) -> str | None:
    cut = len(data) if len(data) <= _SAMPLE_BYTES else data.rfind(b"\n", 0, _SAMPLE_BYTES)
    matches = list(from_bytes(data[: cut if cut > 0 else _SAMPLE_BYTES], cp_isolation=_DETECTED))
    if not matches or matches[0].chaos > 0.1:
        return None
    best = matches[0]
    for other in matches[1:]:  # readings that give the same text have already been made one
        if (other.chaos - best.chaos) + (best.coherence - other.coherence) < _MARGIN:
            return None
    return str(best.encoding)
