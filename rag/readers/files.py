"""A path → its bytes, never more of them than may be; a folder → the files in it that are articles."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from rag.errors import QuotewellError, ReadError
from rag.readers.records import too_long


def open_file(path: Path, *, follow: bool = True) -> BinaryIO:
    """A regular file, open for reading. With ``follow=False`` a symbolic link is refused.

    Raises ReadError: the path is missing, may not be read, or is no regular file (a pipe would wait for ever).
    """
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    if not follow:
        flags |= getattr(os, "O_NOFOLLOW", 0)
    try:
        number = os.open(path, flags)
    except (OSError, ValueError) as err:
        raise unreadable(err) from err
    stream = os.fdopen(number, "rb")
    if not stat.S_ISREG(os.fstat(number).st_mode):
        stream.close()
        raise ReadError(
            expected="a file or a folder", found="neither (a device, a pipe or a socket)", remedy="name a file"
        )
    return stream


def read_file_bytes(path: Path, *, max_chars: int, follow: bool = True) -> bytes:
    """All bytes of a file; TooLarge, before any is read, for more than ``4 * max_chars``. Raises ReadError too."""
    with open_file(path, follow=follow) as stream:
        size = os.fstat(stream.fileno()).st_size
        if size > 4 * max_chars:
            raise too_long(size, max_chars, "bytes")
        return read_bounded(stream, max_chars=max_chars)


def read_bounded(stream: BinaryIO, *, max_chars: int, first: bytes = b"") -> bytes:
    """``first`` and the rest of a stream. Raises TooLarge over ``4 * max_chars`` bytes, ReadError if reading fails."""
    limit = 4 * max_chars
    try:
        data = first + stream.read(max(0, limit + 1 - len(first)))
    except OSError as err:
        raise unreadable(err) from err
    if len(data) > limit:
        raise too_long(len(data), max_chars, "bytes")
    return data


def walk(folder: Path, suffixes: frozenset[str]) -> Iterator[Path | tuple[str, QuotewellError]]:
    """The files under ``folder`` with one of ``suffixes``, in order of their paths; ``(path, error)`` for a folder
    that cannot be read. Hidden files and folders are passed over, symbolic links are not followed.
    """
    waiting = [folder]
    while waiting:
        path = waiting.pop()
        if path.suffix.lower() in suffixes and path.is_file():
            yield path
            continue
        try:
            with os.scandir(path) as found:
                entries = sorted(found, key=lambda entry: entry.name, reverse=True)
        except OSError as err:
            yield str(path), unreadable(err)
            continue
        waiting += (Path(entry.path) for entry in entries if _is_wanted(entry, suffixes))


def _is_wanted(entry: os.DirEntry[str], suffixes: frozenset[str]) -> bool:
    if entry.name.startswith("."):
        return False
    if entry.is_dir(follow_symlinks=False):
        return True
    return entry.is_file(follow_symlinks=False) and Path(entry.name).suffix.lower() in suffixes


def unreadable(err: OSError | ValueError) -> ReadError:
    """The error for a path that the system would not open or read."""
    reason = (err.strerror or str(err)) if isinstance(err, OSError) else str(err)
    remedy = "check the name" if not isinstance(err, PermissionError) else "give yourself the right to read it"
    return ReadError(expected="a file, folder or URL that can be read", found=reason.lower(), remedy=remedy)
