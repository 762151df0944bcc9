"""Our parts in LangChain's hands: in a chain, whole and streamed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

pytest.importorskip("langchain_core")

from langchain_core.documents import Document
from langchain_core.language_models import FakeListChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnablePassthrough

from rag.build import System, build
from rag.errors import UsageError
from rag.langchain import ChatQuotewell, QuotewellRetriever
from rag.settings import load_settings
from rag.types import Answer, Is
from rag.wire import citation_out

TEXTS = {
    "bridge": "The Ardent Bridge was opened on 4 May 1931 by Queen Maud. Its builder was Jonas Lind.",
    "mill": "The mill of Norham was built in 1877. It burned down twice.",
}
QUESTION = "When was the Ardent Bridge opened?"


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    made = build(load_settings(home=tmp_path_factory.mktemp("home")))
    records = [{"id": id_, "title": id_, "text": text, "url": f"https://x.org/{id_}"} for id_, text in TEXTS.items()]
    assert {r.outcome for r in made.ingest(made.make_article(record, "t") for record in records)} == {"added"}
    yield made
    made.close()


def answer_of(system: System, question: str = QUESTION) -> Answer:
    return next(piece for piece in system.ask(question) if isinstance(piece, Answer))


def citations(message: BaseMessage) -> list[dict]:  # type: ignore[type-arg]
    return [one for block in message.content_blocks for one in block.get("annotations", [])]  # type: ignore[misc]


def test_documents_say_which_characters_they_are(system: System) -> None:
    documents = QuotewellRetriever(system=system).invoke(QUESTION)
    assert documents[0].metadata["article_id"] == "bridge"
    for document in documents:
        place = document.metadata
        text = system.library.article(place["article_id"], place["revision"]).text
        assert text[place["start_char_index"] : place["end_char_index"]] == document.page_content
        assert document.id


def test_the_retriever_heeds_k_and_where(system: System) -> None:
    only = QuotewellRetriever(system=system, k=5, where=Is("id", ("mill",)))
    assert {document.metadata["article_id"] for document in only.invoke(QUESTION)} == {"mill"}
    assert len(QuotewellRetriever(system=system, k=1).invoke(QUESTION)) == 1


def test_the_retriever_in_a_chain(system: System) -> None:
    seen: list[str] = []

    def shown(documents: list[Document]) -> str:
        seen.extend(document.page_content for document in documents)
        return "\n".join(seen)

    given = {"context": QuotewellRetriever(system=system) | shown, "question": RunnablePassthrough()}
    prompt = ChatPromptTemplate.from_template("{context} {question}")
    chain = given | prompt | FakeListChatModel(responses=["In 1931."]) | StrOutputParser()
    assert chain.invoke(QUESTION) == "In 1931."
    assert TEXTS["bridge"] in seen


def test_a_message_cites_what_the_answer_cites(system: System) -> None:
    message = ChatQuotewell(system=system).invoke(QUESTION)
    answer = answer_of(system)
    assert message.text == answer.text
    (citation,) = citations(message)
    assert citation["type"] == "citation"
    assert citation["cited_text"] == answer.citations[0].quote
    assert message.text[citation["start_index"] : citation["end_index"]] == citation["cited_text"]
    assert citation["url"] == "https://x.org/bridge"
    told = citation_out(answer.citations[0])
    assert citation["extras"]["start_char_index"] == told["start_char_index"]
    assert message.response_metadata["quotewell"]["citations"] == [told]


@pytest.mark.parametrize("question", [QUESTION, "Who won the cup?", "When was the mill of Norham built?"])
def test_streamed_and_whole_messages_are_the_same(system: System, question: str) -> None:
    model = ChatQuotewell(system=system)
    whole = model.invoke(question)
    chunks = list(model.stream(question))
    joined = sum(chunks[1:], chunks[0])
    assert joined.text == whole.text
    assert citations(joined) == citations(whole)
    told = [message.response_metadata["quotewell"] for message in (joined, whole)]
    assert told[0] | {"timings_ms": None} == told[1] | {"timings_ms": None}


def test_the_last_human_message_is_the_question(system: System) -> None:
    messages = [SystemMessage("Be brief."), HumanMessage("Hello"), AIMessage("Hello."), HumanMessage(QUESTION)]
    assert ChatQuotewell(system=system).invoke(messages).text == answer_of(system).text
    with pytest.raises(UsageError, match="human message"):
        ChatQuotewell(system=system).invoke([SystemMessage("Be brief.")])


def test_what_the_articles_do_not_say_is_declined_without_citations(system: System) -> None:
    message = ChatQuotewell(system=system).invoke("Who invented the telescope of Ulm?")
    assert message.response_metadata["quotewell"]["status"] == "unanswerable"
    assert citations(message) == []
