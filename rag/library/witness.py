"""A note beside the library of the newest change, by which one can tell that a change was lost.

SQLite takes a damaged write-ahead log for one that ends before the damage: what came after would be
gone without a word. The same goes for a folder that was copied while somebody wrote.
"""

from __future__ import annotations

import contextlib
import zlib
from pathlib import Path

from rag.errors import LibraryCorrupt
from rag.types import Mark


class Witness:
    """``path`` holds one line: number and token of the newest change, and a checksum."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, mark: Mark) -> None:
        """Called when ``mark`` has been committed. That it fails loses nothing but the note."""
        line = f"{mark.seq} {mark.token}"
        with contextlib.suppress(OSError):
            self.path.write_text(f"{line} {zlib.crc32(line.encode()):08x}\n", encoding="ascii")

    def read(self) -> int:
        """The number of the newest change that was noted; 0 where there is no sound note."""
        try:
            seq, token, checksum = self.path.read_text(encoding="ascii").split()
            return int(seq) if zlib.crc32(f"{seq} {token}".encode()) == int(checksum, 16) else 0
        except (OSError, ValueError):
            return 0

    def check(self, noted: int, found: Mark) -> None:
        """Raises LibraryCorrupt when a later change than ``found`` had been ``noted`` before it was looked for."""
        if noted > found.seq:
            raise LibraryCorrupt(
                expected=f"change {noted}, which was committed, in {self.path.parent}",
                found=f"{found.seq} as the last: library.db-wal is damaged or missing, or the folder was copied in use",
                remedy="restore a backup, or take what is there for the truth with quotewell doctor --rebuild",
            )
