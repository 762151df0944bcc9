"""Our System as LangChain components: a retriever, and a chat model that cites (``pip install 'quotewell[llm]'``).

    from rag.build import build
    from rag.langchain import ChatQuotewell, QuotewellRetriever
    from rag.settings import load_settings

    system = build(load_settings())
    documents = QuotewellRetriever(system=system).invoke("What did the council decide?")
    message = ChatQuotewell(system=system).invoke("What did the council decide?")

A document's metadata says which characters of which revision it is. A message's text has LangChain's own citations;
each ``cited_text`` is those characters, letter by letter. The whole answer is in ``response_metadata["quotewell"]``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from langchain_core.callbacks import CallbackManagerForLLMRun, CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.retrievers import BaseRetriever

from rag.build import System
from rag.errors import UsageError
from rag.types import Answer, Citation, Delta, Turn, Where
from rag.wire import Wire, answer_out, citation_out, passage_out, permalink


class QuotewellRetriever(BaseRetriever):
    """Passages as documents, best first. ``k`` and ``where`` are as for ``System.search``."""

    system: Any
    k: int | None = None
    where: Any = None

    def _get_relevant_documents(self, query: str, *, run_manager: CallbackManagerForRetrieverRun) -> list[Document]:
        system: System = self.system
        return [_document(passage_out(passage)) for passage in system.search(query, k=self.k, where=self.where)]


class ChatQuotewell(BaseChatModel):
    """A chat model that answers the last message of the user from the articles, in their own words, or declines."""

    system: Any
    k: int | None = None
    where: Any = None

    @property
    def _llm_type(self) -> str:
        return "quotewell"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        system: System = self.system
        return {"embedder": system.embedder.fingerprint, "reader": system.reader}

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        answer = next(piece for piece in self._ask(messages) if isinstance(piece, Answer))
        blocks = [_text_block(answer.text, answer.citations)]
        message = AIMessage(content=blocks, response_metadata=_metadata(answer))  # type: ignore[arg-type]
        return ChatResult(generations=[ChatGeneration(message=message)])

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        for piece in self._ask(messages):
            if isinstance(piece, Answer):
                message = AIMessageChunk(content="", response_metadata=_metadata(piece), chunk_position="last")
            else:
                blocks = [{**_text_block(piece.text, piece.citations), "index": 0}]
                message = AIMessageChunk(content=blocks)
            chunk = ChatGenerationChunk(message=message)
            if run_manager and isinstance(piece, Delta):
                run_manager.on_llm_new_token(piece.text, chunk=chunk)
            yield chunk

    def _ask(self, messages: Sequence[BaseMessage]) -> Iterator[Delta | Answer]:
        asked = [n for n, message in enumerate(messages) if message.type == "human"]
        if not asked:
            raise UsageError(expected="a human message", found="none", remedy="ask a question")
        system: System = self.system
        turns = [
            Turn("user" if message.type == "human" else "assistant", message.text)
            for message in messages[: asked[-1]]
            if message.type in ("human", "ai")
        ]
        where: Where | None = self.where
        return system.ask(messages[asked[-1]].text, k=self.k, where=where, history=turns)


def _document(passage: Wire) -> Document:
    start, end = passage["start_char_index"], passage["end_char_index"]
    place = permalink(passage["article_id"], passage["revision"], start, end).removeprefix("/articles/")
    metadata = {name: value for name, value in passage.items() if name != "text"}
    return Document(id=place, page_content=passage["text"], metadata=metadata)


def _text_block(text: str, citations: Sequence[Citation]) -> dict[str, Any]:
    block: dict[str, Any] = {"type": "text", "text": text}
    return block | {"annotations": [_citation(one) for one in citations]} if citations else block


def _citation(citation: Citation) -> dict[str, Any]:
    """LangChain's citation; what it has no name for is in ``extras``. Indices are of the whole answer."""
    told = citation_out(citation)
    known = {"title": told["title"], "cited_text": told["cited_text"]}
    known |= {"url": told["url"]} if told["url"] else {}
    places = {"start_index": told["answer_start"], "end_index": told["answer_end"]}
    extras = {name: value for name, value in told.items() if name not in (*known, "answer_start", "answer_end")}
    return {"type": "citation", **known, **places, "extras": extras}


def _metadata(answer: Answer) -> dict[str, Any]:
    return {"model_name": "quotewell", "quotewell": answer_out(answer)}
