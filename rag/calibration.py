"""The threshold that a user's own questions ask for, kept in the home: ``quotewell calibrate``."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from rag.errors import LibraryError

_FILE = "calibration.json"


@dataclass(frozen=True, slots=True)
class Calibration:
    """``threshold`` keeps the share of questions that are answered wrongly at ``risk`` on average.

    ``bound`` is what it stayed under in 99 of 100 draws. ``reader`` is whose confidence it is held against,
    ``articles`` how many the collection had.
    """

    threshold: float
    risk: float
    bound: float
    questions: int
    set_name: str
    reader: str
    articles: int

    def save(self, home: Path) -> None:
        beside = home / f"{_FILE}.{os.getpid()}"
        beside.write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")
        beside.replace(home / _FILE)


def load_calibration(home: Path, reader: str) -> Calibration | None:
    """What was fitted in ``home`` for this reader; None where nothing was, or for another one. Raises LibraryError."""
    path = home / _FILE
    try:
        found = Calibration(**json.loads(path.read_text(encoding="utf-8")))
        fits = 0.0 <= float(found.threshold) <= 1.0
    except FileNotFoundError:
        return None
    except (ValueError, TypeError) as err:
        raise LibraryError(
            expected=f"what quotewell calibrate wrote in {_FILE}", found=str(err), remedy="delete it, or calibrate anew"
        ) from err
    return found if fits and found.reader == reader else None
