from __future__ import annotations

import math
import random
from itertools import product

import ir_measures
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval import metrics
from eval.metrics import Estimate, Place
from rag.types import Span

SPANS = st.tuples(st.integers(0, 30), st.integers(1, 10)).map(lambda pair: Span(pair[0], pair[0] + pair[1]))
PLACES = st.builds(Place, st.sampled_from("ab"), SPANS, st.just(()))
SCORED = st.lists(st.tuples(st.sampled_from([0.0, 0.2, 0.5, 0.9]), st.booleans(), st.booleans()), max_size=12)


def place(article: str, start: int, end: int) -> Place:
    return Place(article, Span(start, end))


GOLD = [place("a", 10, 20), place("b", 0, 5)]


def test_a_hit_covers_the_whole_of_the_evidence() -> None:
    passages = [place("a", 0, 15), place("b", 0, 9), place("a", 10, 20)]
    assert [metrics.hit(passages, GOLD, k) for k in (1, 2, 3)] == [0, 1, 1]
    assert [metrics.hit(passages, GOLD, k, strict=True) for k in (1, 2, 3)] == [0, 0, 1]
    assert metrics.reciprocal_rank(passages, GOLD) == 1 / 2
    assert metrics.reciprocal_rank(passages[:1], GOLD) == 0


def test_without_gold_nothing_is_defined() -> None:
    figures = [metrics.hit(GOLD, [], 1), metrics.reciprocal_rank(GOLD, []), metrics.citation_recall(GOLD, [])]
    assert all(math.isnan(figure) for figure in [*figures, metrics.first_right(GOLD, []), metrics.answer_hit("x", [])])


@given(st.lists(PLACES), st.lists(PLACES, min_size=1), st.integers(1, 10))
def test_hits_grow_with_k_and_strict_is_stricter(passages: list[Place], gold: list[Place], k: int) -> None:
    lenient, strict = metrics.hit(passages, gold, k), metrics.hit(passages, gold, k, strict=True)
    assert strict <= lenient <= metrics.hit(passages, gold, k + 1)
    assert lenient == (metrics.reciprocal_rank(passages, gold) >= 1 / k)


@given(PLACES, PLACES)
def test_overlap_is_a_shared_character(one: Place, other: Place) -> None:
    shared = set(range(one.span.start, one.span.end)) & set(range(other.span.start, other.span.end))
    assert one.overlaps(other) == other.overlaps(one) == (one.article == other.article and bool(shared))
    assert not one.covers(other) or one.overlaps(other)


@pytest.mark.parametrize(
    ("predicted", "answers", "em", "f1"),
    [
        ("The Eiffel Tower!", ["eiffel tower"], 1, 1),
        ("in the 10th century", ["10th and 11th centuries", "10th century"], 0, 0.8),
        ("Paris", ["London"], 0, 0),
        ("a b b c", ["b b d"], 0, 2 / 3),  # articles go: "b b c" against "b b d"
        ("", [], 1, 1),
        ("Paris", [], 0, 0),
        ("", ["Paris"], 0, 0),
        ("the", ["An"], 1, 1),  # the official script scores answers without words as no answer
    ],
)
def test_squad_scores(predicted: str, answers: list[str], em: float, f1: float) -> None:
    assert metrics.exact_match(predicted, answers) == em
    assert metrics.f1(predicted, answers) == pytest.approx(f1)


@given(st.text(), st.lists(st.text(), max_size=3))
def test_squad_scores_are_shares_and_em_implies_f1(predicted: str, answers: list[str]) -> None:
    em, f1 = metrics.exact_match(predicted, answers), metrics.f1(predicted, answers)
    assert 0 <= em <= f1 <= 1
    assert metrics.normalize_answer(metrics.normalize_answer(predicted)) == metrics.normalize_answer(predicted)


def test_answer_hit_ignores_case() -> None:
    assert metrics.answer_hit("It opened in MAY.", ["in may"]) == 1
    assert metrics.answer_hit("It opened in June.", ["in may"]) == 0


def test_citations_by_overlap_with_the_evidence() -> None:
    cited = [place("a", 19, 30), place("a", 20, 30), place("c", 0, 5), place("a", 0, 11)]
    assert metrics.citation_precision(cited, GOLD) == 2 / 4
    assert metrics.citation_recall(cited, GOLD) == 1 / 2
    assert metrics.citation_precision(cited, []) == 0
    assert math.isnan(metrics.citation_precision([], GOLD))
    assert metrics.citation_recall([], GOLD) == 0
    assert [metrics.first_right(one, GOLD) for one in ([], cited, cited[1:])] == [0, 1, 0]


def test_abstention_by_hand() -> None:
    declined = np.array([True, True, False, False, True])
    answerable = np.array([False, True, False, True, False])
    assert metrics.mean(metrics.abstain_precision(declined, answerable)) == pytest.approx(2 / 3)
    assert metrics.mean(metrics.abstain_recall(declined, answerable)) == pytest.approx(2 / 3)
    assert math.isnan(metrics.mean(metrics.abstain_precision(~declined & declined, answerable)))


def test_auroc_by_hand() -> None:
    # pairs (answerable, not): 0.9 > 0.5, 0.9 > 0.1, 0.5 = 0.5, 0.5 > 0.1: 3.5 of 4
    assert metrics.auroc(np.array([0.9, 0.5, 0.5, 0.1]), np.array([True, True, False, False])) == 3.5 / 4


@given(SCORED)
def test_auroc_counts_pairs(rows: list[tuple[float, bool, bool]]) -> None:
    answerable = np.array([one for _, one, _ in rows], dtype=bool)
    figure = metrics.auroc(np.array([score for score, _, _ in rows]), answerable)
    positive = [score for score, one, _ in rows if one]
    negative = [score for score, one, _ in rows if not one]
    wins = [(p > n) + (p == n) / 2 for p, n in product(positive, negative)]
    assert math.isnan(figure) if not wins else figure == pytest.approx(sum(wins) / len(wins))


@given(st.lists(st.tuples(st.sampled_from([0.1, 0.3, 0.5, 0.9]), st.sampled_from([0.0, 0.4, 1.0]), st.booleans(),
                          st.booleans()), min_size=1, max_size=12))  # fmt: skip
def test_best_f1_is_the_best_of_all_thresholds(rows: list[tuple[float, float, bool, bool]]) -> None:
    sure, f1, answered, answerable = (np.array(column) for column in zip(*rows, strict=True))
    figure = metrics.best_f1(np.where(answerable, f1, 0.0), sure, answered, answerable)
    tried = []
    for threshold in (0.0, 0.2, 0.4, 0.6, 1.0):
        worth = [(f if a else 0) if told and c >= threshold else float(not a) for c, f, told, a in rows]
        tried.append(sum(worth) / len(worth))
    assert figure == pytest.approx(max(tried))


def test_risk_coverage_by_hand() -> None:
    confidence = np.array([0.9, 0.8, 0.8, 0.3, 0.95])
    answered = np.array([True, True, True, True, False])
    right = np.array([True, True, False, True, False])
    coverage, risk = metrics.risk_coverage(confidence, answered, right)
    assert coverage.tolist() == [1 / 5, 3 / 5, 4 / 5]
    assert risk.tolist() == [0, 1 / 3, 1 / 4]
    assert [metrics.coverage_at(limit, confidence, answered, right) for limit in (0.05, 0.25, 0.3)] == [0.2, 0.8, 0.8]


@given(SCORED, st.sampled_from([0.0, 0.05, 0.1, 0.5, 1.0]))
def test_coverage_at_a_risk_is_what_some_threshold_gives(rows: list[tuple[float, bool, bool]], limit: float) -> None:
    confidence = np.array([score for score, _, _ in rows])
    answered, right = (np.array([row[n] for row in rows], dtype=bool) for n in (1, 2))
    best = 0.0
    for threshold in (0.0, 0.2, 0.5, 0.9):
        kept = [one for score, given, one in rows if given and score >= threshold]
        if kept and kept.count(False) / len(kept) <= limit:
            best = max(best, len(kept) / len(rows))
    assert metrics.coverage_at(limit, confidence, answered, right) == best


def test_risk_area_and_calibration_by_hand() -> None:
    confidence = np.array([0.9, 0.8, 0.8, 0.3, 0.95])
    answered = np.array([True, True, True, True, False])
    right = np.array([True, True, False, True, False])
    # risk 0 over a fifth, 1/3 over two fifths, 1/4 over a fifth; four fifths in all
    assert metrics.risk_area(confidence, answered, right) == pytest.approx((0 + 2 / 3 + 1 / 4) / 4)
    assert metrics.reliability(confidence[:4], right[:4], bins=2) == [(0.55, 1.0, 2), (pytest.approx(0.85), 0.5, 2)]
    assert metrics.calibration_error(np.array([0.5] * 10), np.array([True] * 10)) == pytest.approx(0.5)
    assert math.isnan(metrics.risk_area(confidence, ~answered & answered, right))
    assert math.isnan(metrics.calibration_error(confidence[:0], right[:0]))


def test_overlap_and_density_count_characters() -> None:
    assert metrics.overlap([place("a", 15, 25)], GOLD[:1]) == 2 * 5 / (10 + 10)
    assert metrics.overlap([], GOLD) == 0
    assert math.isnan(metrics.overlap([place("a", 0, 5)], [Place("a")]))
    assert metrics.density([place("a", 0, 20), place("a", 10, 30)], GOLD, 2) == 10 / 30
    assert math.isnan(metrics.density([], GOLD, 4))


def test_one_of_several_places_that_state_a_fact_is_enough() -> None:
    fact = place("a", 0, 5)._replace(others=(place("b", 0, 5),))
    found = [place("b", 0, 9)]
    assert metrics.hit(found, [fact], 1, strict=True) == metrics.recall(found, [fact], 1) == 1
    assert metrics.citation_precision(found, [fact]) == metrics.citation_recall(found, [fact]) == 1
    assert metrics.overlap([place("b", 0, 5)], [fact]) == 1


@given(st.lists(st.booleans(), max_size=15), st.integers(0, 3))
def test_ranking_agrees_with_trec_eval(relevant: list[bool], missed: int) -> None:
    spans = [Span(10 * n, 10 * n + 10) for n in range(len(relevant) + missed)]
    passages = [Place("a", span) for span in spans[: len(relevant)]]
    gold = [Place("a", span) for span, right in zip(spans, relevant, strict=False) if right]
    gold += [Place("a", span) for span in spans[len(relevant) :]]
    if not gold:
        return
    judged = [ir_measures.Qrel("q", f"d{spans.index(one.span)}", 1) for one in gold]
    run = [ir_measures.ScoredDoc("q", f"d{n}", -float(n)) for n in range(len(passages))] or [
        ir_measures.ScoredDoc("q", "none", 0.0)
    ]
    wanted = {
        ir_measures.AP @ 10: metrics.average_precision(passages, gold, 10),
        ir_measures.nDCG @ 10: metrics.ndcg(passages, gold, 10),
        ir_measures.R @ 4: metrics.recall(passages, gold, 4),
        ir_measures.RR: metrics.reciprocal_rank(passages, gold),
        ir_measures.Success @ 4: metrics.hit(passages, gold, 4),
    }
    found = ir_measures.calc_aggregate(list(wanted), judged, run)
    assert {str(one): pytest.approx(value) for one, value in wanted.items()} == {
        str(one): value for one, value in found.items()
    }


@given(st.lists(st.sampled_from("abcdef"), max_size=15), st.sets(st.sampled_from("abcdefg"), min_size=1))
def test_ranking_of_whole_articles_counts_each_once(articles: list[str], judged: set[str]) -> None:
    passages = [place(article, n, n + 1) for n, article in enumerate(articles)]
    gold = [Place(article) for article in sorted(judged)]
    order = list(dict.fromkeys(articles))
    run = [ir_measures.ScoredDoc("q", one, -float(n)) for n, one in enumerate(order)] or [
        ir_measures.ScoredDoc("q", "none", 0.0)
    ]
    found = ir_measures.calc_aggregate(
        [ir_measures.AP @ 10, ir_measures.nDCG @ 10], [ir_measures.Qrel("q", one, 1) for one in judged], run
    )
    assert metrics.average_precision(passages, gold, 10) == pytest.approx(found[ir_measures.AP @ 10])
    assert metrics.ndcg(passages, gold, 10) == pytest.approx(found[ir_measures.nDCG @ 10])


ANSWERS = st.lists(
    st.sampled_from(["the", "a", "Rollo", "rollo,", "10th", "century", "U.S.", "é", "—", "Bridge-Town"]), max_size=6
).map(" ".join)


@given(ANSWERS, st.lists(ANSWERS, min_size=1, max_size=4))
def test_em_and_f1_agree_with_torchmetrics(predicted: str, answers: list[str]) -> None:
    squad = pytest.importorskip("torchmetrics.functional.text").squad
    answers = [answer for answer in answers if metrics.normalize_answer(answer)] or ["x"]
    target = {"answers": {"answer_start": [0] * len(answers), "text": answers}, "id": "q"}
    found = squad({"prediction_text": predicted, "id": "q"}, target)
    assert metrics.exact_match(predicted, answers) == pytest.approx(found["exact_match"].item() / 100)
    assert metrics.f1(predicted, answers) == pytest.approx(found["f1"].item() / 100, abs=1e-5)


def test_means_and_percentiles_leave_out_what_is_undefined() -> None:
    values = np.array([1.0, np.nan, 2.0, 6.0])
    assert (metrics.mean(values), metrics.percentile(values, 0.5)) == (3, 2)
    assert math.isnan(metrics.mean(values[1:2])) and math.isnan(metrics.percentile(values[1:2], 0.5))


def test_the_interval_is_seeded_and_as_wide_as_theory_says() -> None:
    values = np.array([float(random.Random(n).random() < 0.3) for n in range(400)])

    def estimate(seed: int) -> Estimate:
        return metrics.bootstrap({"it": lambda rows: metrics.mean(values[rows])}, 400, seed=seed)["it"]

    error = 1.96 * math.sqrt(values.mean() * (1 - values.mean()) / 400)
    assert estimate(1) == estimate(1) != estimate(2)
    assert estimate(1).low == pytest.approx(values.mean() - error, abs=0.012)
    assert estimate(1).high == pytest.approx(values.mean() + error, abs=0.012)


def test_many_draws_at_once_are_the_draws_one_by_one() -> None:
    values = np.array([1.0, np.nan, 0.5, 0.0])
    draws = np.array([[0, 1, 2, 3], [1, 1, 1, 1], [0, 0, 2, 1]])
    one_by_one = [metrics.mean(values[rows]) for rows in draws]
    np.testing.assert_allclose(metrics.over(metrics.Mean(values), draws), one_by_one)
    np.testing.assert_allclose(metrics.over(lambda rows: metrics.mean(values[rows]), draws), one_by_one)


def test_an_undefined_figure_has_an_undefined_interval_and_a_constant_no_width() -> None:
    found = metrics.bootstrap({"none": lambda rows: math.nan, "one": lambda rows: 1.0}, 3, times=5)
    assert all(math.isnan(one) for one in found["none"])
    assert found["one"] == Estimate(1, 1, 1)
