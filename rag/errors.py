"""Every error that Quotewell raises on purpose.

    QuotewellError                 a one-line message: what was expected, what was found, what to do
    ├── UsageError                 the request itself is wrong                       HTTP 422, exit 2
    │   └── QuestionError          the question is empty or too long                 HTTP 422, exit 2
    ├── NotFound                   no such article, revision or question set         HTTP 404
    ├── ReadError                  a source cannot be turned into an article         HTTP 422
    ├── TooLarge                   a source, an article or a body is over its limit  HTTP 413
    ├── IndexMismatch              the library was made with another embedder        HTTP 503
    ├── LibraryError               the store cannot be opened, read or written       HTTP 503
    │   └── LibraryCorrupt         what is stored contradicts itself                 HTTP 503
    ├── ModelMissing               a model or a package of an extra is not there     HTTP 503
    ├── PortInUse                  the address to serve on is taken
    └── CitationError              a citation does not slice; the answer is withheld HTTP 500

The command line prints ``str(error)`` and exits with ``exit_code``; the HTTP service answers with
``status`` and ``code``.
"""

from __future__ import annotations


class QuotewellError(Exception):
    """Base of all: ``expected``, ``found`` and ``remedy`` make the one line that a person reads."""

    code = "error"
    status = 500
    exit_code = 1

    def __init__(self, *, expected: str, found: str, remedy: str) -> None:
        self.expected, self.found, self.remedy = (" ".join(part.split()) for part in (expected, found, remedy))
        super().__init__(f"expected {self.expected}; found {self.found}; {self.remedy}")


class UsageError(QuotewellError):
    code, status, exit_code = "usage", 422, 2


class QuestionError(UsageError):
    code = "question"


class NotFound(QuotewellError):
    code, status = "not_found", 404


class ReadError(QuotewellError):
    code, status = "unreadable", 422


class TooLarge(QuotewellError):
    code, status = "too_large", 413


class IndexMismatch(QuotewellError):
    code, status = "index_mismatch", 503


class LibraryError(QuotewellError):
    code, status = "library", 503


class LibraryCorrupt(LibraryError):
    code = "library_corrupt"


class ModelMissing(QuotewellError):
    code, status = "model_missing", 503


class PortInUse(QuotewellError):
    code = "port_in_use"


class CitationError(QuotewellError):
    code = "citation"
