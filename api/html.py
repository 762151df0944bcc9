"""HTML that cannot forget to escape: what is not made here is text, and is written as text."""

from __future__ import annotations

from html import escape
from urllib.parse import urlsplit

_VOID = frozenset({"meta", "link", "input", "br"})


class Markup(str):
    """HTML made by ``el``. A plain ``str`` is text, whatever is in it."""

    __slots__ = ()


def el(name: str, /, *children: str, **attributes: str | None) -> Markup:
    """An element. ``class_`` is written ``class``; an attribute that is None is left out."""
    given = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    if name in _VOID:
        return Markup(f"<{name}{given}>")
    return Markup(f"<{name}{given}>{join(*children)}</{name}>")


def join(*children: str) -> Markup:
    """Text and markup, one after the other."""
    return Markup("".join(child if isinstance(child, Markup) else escape(child) for child in children))


def web_url(url: str | None) -> str | None:
    """``url`` where it is safe to follow, which ``javascript:`` and its like are not; else None."""
    if url is None:
        return None
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    return url if parts.scheme in ("http", "https") and parts.netloc else None
