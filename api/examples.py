"""One worked example, from article to answer, for the documentation. A test checks that its spans slice."""

from __future__ import annotations

from rag.types import Answer, Article, Chunk, Citation, Passage, Receipt, Span, Verification
from rag.wire import Wire, answer_out, article_out, citation_out, passage_out, receipt_out

QUESTION = "When did the ferry to Ostrel start?"

_QUOTE = "The ferry between Marn and Ostrel made its first crossing on 3 May 2019."
_TEXT = (
    f"{_QUOTE} It carries forty cars and two hundred people.\n\n"
    "Before that the island could be reached by the post boat only."
)
_TITLE, _DATE = "A ferry for Ostrel", "2019-05-04"

_ARTICLE = Article("ostrel-ferry", _TITLE, _TEXT, published_at=_DATE, publisher="The Marn Messenger", language="en")
_CHUNK = Chunk(_ARTICLE.id, _ARTICLE.revision, Span(0, len(_TEXT)), _TEXT, _TITLE, None, _DATE)
_PASSAGE = Passage(_CHUNK, 0.91)
_CITATION = Citation(
    number=1,
    answer_span=Span(0, len(_QUOTE)),
    article_id=_ARTICLE.id,
    revision=_ARTICLE.revision,
    title=_TITLE,
    url=None,
    published_at=_DATE,
    span=Span(0, len(_QUOTE)),
    quote=_QUOTE,
    verification=Verification("exact", 1.0),
    suffix=_TEXT[len(_QUOTE) : len(_QUOTE) + 32],
)
_ANSWER = Answer(
    QUESTION, "answered", _QUOTE, None, (_CITATION,), (_PASSAGE,), 0.93, {"retrieve": 3.1, "answer": 4.2, "total": 7.3}
)

ARTICLE: Wire = article_out(_ARTICLE)
ARTICLE_IN: Wire = {key: value for key, value in ARTICLE.items() if value and key != "revision"}
ARTICLES: Wire = {"articles": [article_out(_ARTICLE, text=False)], "next_cursor": None}
REVISIONS: Wire = {"revisions": [article_out(_ARTICLE, text=False)]}
PASSAGE: Wire = passage_out(_PASSAGE)
CITATION: Wire = citation_out(_CITATION)
ANSWER: Wire = answer_out(_ANSWER)
SEARCH: Wire = {"question": QUESTION, "k": 3}
ASK: Wire = {"question": QUESTION, "k": 6, "where": {"published_from": "2019-01-01"}, "as_of": "2020-12-31"}
_RECEIPT = Receipt(_ARTICLE.id, "added", _ARTICLE.id, _ARTICLE.revision, 1, _ARTICLE.title)
RESULTS: Wire = {"results": [receipt_out(_RECEIPT)]}
CHAT: Wire = {"model": "quotewell", "messages": [{"role": "user", "content": QUESTION}], "stream": False}
VERIFY: Wire = {"answer": _QUOTE, "citations": [{"cited_text": _QUOTE, "article_id": _ARTICLE.id}]}
RESPONSES: Wire = {"model": "quotewell", "input": QUESTION}
