"""Article → Chunk…: whole sentences, packed to the embedder's window. Pure and offset-exact."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from sentencex import get_sentence_boundaries

from rag.types import Article, Chunk, Span

_WORD_LENGTHS = (60, 8, 1)  # a word of 60 characters is at most 60 pieces, and nearly always far fewer
_CLAUSE_END = re.compile(r"[,;:.!?…)\]»”—–、，；：]$")
_HEADLINE_CHARS = 160
_BLANK = re.compile(r"[ \t\r\n]")  # others, such as \x1c, are no blanks to a tokenizer
_MARGINS = (0, 2, 8, 32)


def sentences(text: str, language: str | None = None) -> list[Span]:
    """The sentences of ``text`` in order, without the white space around them; none overlap."""
    spans = []
    for boundary in get_sentence_boundaries((language or "en")[:2], text):
        start, end = boundary["start_index"], boundary["end_index"]
        piece = text[start:end]
        start += len(piece) - len(piece.lstrip())
        end -= len(piece) - len(piece.rstrip())
        if start < end:
            spans.append(Span(start, end))
    return spans


@dataclass(frozen=True, slots=True)
class _Piece:
    span: Span
    size: int
    ends_paragraph: bool
    whole: bool = True


@dataclass(frozen=True)
class Splitter:
    """Packs sentences into chunks of at most ``window`` of the embedder's own word pieces.

    ``count`` gives the word pieces of texts, without the two special ones of a passage. The
    article's title is put before a chunk when it is embedded, and is counted, but is not in its
    text. Inside a paragraph one chunk shares ``overlap`` sentences with the next. A chunk ends with
    its paragraph once it is ``fill`` full, and the next then starts afresh: on
    squad2_dev_half this puts the right passage first for 83 % of questions instead of 81 %. A sentence
    longer than the window is cut after its last clause that fits, or its last word.
    """

    count: Callable[[Sequence[str]], list[int]]
    window: int
    overlap: int = 1
    fill: float = 0.25

    @property
    def fingerprint(self) -> str:
        """Libraries made with another fingerprint hold other chunks."""
        return f"sentences/1 window={self.window} overlap={self.overlap} fill={self.fill}"

    def passage_texts(self, chunks: Sequence[Chunk]) -> list[str]:
        """What is embedded for each chunk: the headline of its article, then its text."""
        headlines = {title: self._headline(title) for title in {chunk.title for chunk in chunks}}
        return ["\n".join(filter(None, (headlines[chunk.title], chunk.text))) for chunk in chunks]

    def split(self, article: Article) -> list[Chunk]:
        """The chunks of an article, in order; together they cover each of its sentences."""
        _, size = _fitting_headline(article.title, self.window // 4, self.count)
        limit = self.window - 2 - size
        return [
            Chunk(
                article_id=article.id,
                revision=article.revision,
                span=span,
                text=span.of(article.text),
                title=article.title,
                url=article.url,
                published_at=article.published_at,
            )
            for span in self._spans(article, limit)
        ]

    def _spans(self, article: Article, limit: int) -> list[Span]:
        """Where words were cut, or no blank parts them, a chunk can have more word pieces than its parts together."""
        text = article.text
        for margin in (*_MARGINS, limit // 2, limit - 1):
            pieces = list(self._pieces(article, limit - margin))
            spans = list(self._pack(pieces, limit - margin))
            gaps = [text[a.span.end : b.span.start] for a, b in zip(pieces, pieces[1:], strict=False)]
            parted = all(piece.whole for piece in pieces) and all(_BLANK.search(gap) for gap in gaps)
            if parted or max(self.count([span.of(text) for span in spans])) <= limit:
                break
        return spans

    def _headline(self, title: str) -> str:
        return _fitting_headline(title, self.window // 4, self.count)[0]

    def _pieces(self, article: Article, limit: int) -> Iterator[_Piece]:
        text = article.text
        spans = sentences(text, article.language)
        sizes = self.count([span.of(text) for span in spans])
        for n, (span, size) in enumerate(zip(spans, sizes, strict=True)):
            until = spans[n + 1].start if n + 1 < len(spans) else len(text)
            ends_paragraph = "\n\n" in text[span.end : until]
            if size <= limit:
                yield _Piece(span, size, ends_paragraph)
            else:
                yield from self._cut(text, span, limit, ends_paragraph)

    def _cut(self, text: str, span: Span, limit: int, ends_paragraph: bool) -> Iterator[_Piece]:
        """A sentence over the limit, cut after the last clause, or else word, that fits."""
        words, sizes = self._words(text, span, limit)
        first = 0
        while first < len(words):
            end, used = first, 0
            while end < len(words) and (end == first or used + sizes[end] <= limit):
                used += sizes[end]
                end += 1
            if end < len(words):
                for n in range(end, first + (end - first) // 2, -1):
                    if _CLAUSE_END.search(words[n - 1].of(text)):
                        end = n
                        break
            last = end == len(words)
            span = Span(words[first].start, words[end - 1].end)
            yield _Piece(span, sum(sizes[first:end]), ends_paragraph and last, whole=False)
            first = end

    def _words(self, text: str, span: Span, limit: int) -> tuple[list[Span], list[int]]:
        """The words of a sentence and their sizes; words that are too long are cut, as short as it takes."""
        for longest in _WORD_LENGTHS:
            found = re.finditer(rf"\S{{1,{longest}}}", span.of(text))
            words = _whole_characters(text, [Span(span.start + m.start(), span.start + m.end()) for m in found])
            sizes = self.count([word.of(text) for word in words])
            if max(sizes) <= limit:
                break
        return words, sizes

    def _pack(self, pieces: list[_Piece], limit: int) -> Iterator[Span]:
        first = 0
        while first < len(pieces):
            end, used = first, 0
            while end < len(pieces) and (end == first or used + pieces[end].size <= limit):
                used += pieces[end].size
                end += 1
                if pieces[end - 1].ends_paragraph and used >= self.fill * limit:
                    break
            yield Span(pieces[first].span.start, pieces[end - 1].span.end)
            if end == len(pieces):
                return
            first = self._next_first(pieces, first, end, limit)

    def _next_first(self, pieces: list[_Piece], first: int, end: int, limit: int) -> int:
        """Where the chunk after ``pieces[first:end]`` starts: with overlap where that leaves room."""
        if pieces[end - 1].ends_paragraph:
            return end
        back = max(first + 1, end - self.overlap)
        return back if sum(piece.size for piece in pieces[back : end + 1]) <= limit else end


@lru_cache(maxsize=1024)
def _fitting_headline(title: str, most: int, count: Callable[[Sequence[str]], list[int]]) -> tuple[str, int]:
    """The title, cut to at most ``most`` word pieces, and how many it has: three quarters are left to the text."""
    headline = " ".join(title.split())[:_HEADLINE_CHARS]
    while headline:
        (size,) = count([headline])
        if size <= most:
            return headline, size
        headline = headline[: len(headline) * 3 // 4].rstrip()
    return "", 0


def _whole_characters(text: str, words: list[Span]) -> list[Span]:
    """Moves cuts inside a long word so that no mark is parted from the character that it joins."""
    whole: list[Span] = []
    for word in words:
        glued = whole and whole[-1].end == word.start
        if glued and (unicodedata.combining(text[word.start]) or text[word.start] in "\u200d\ufe0f"):
            start = word.start
            while start < word.end and (unicodedata.combining(text[start]) or text[start] in "\u200d\ufe0f"):
                start += 1
            whole[-1] = Span(whole[-1].start, start)
            if start == word.end:
                continue
            word = Span(start, word.end)
        whole.append(word)
    return whole
