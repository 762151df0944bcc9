"""The stored format, numbered. A new number needs an upgrade step and a golden folder in tests."""

FORMAT = 1

SCHEMA = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;

-- Each text that an article ever had; articles names the current one.
CREATE TABLE revisions (
    article_id   TEXT NOT NULL,
    revision     TEXT NOT NULL,
    title        TEXT NOT NULL,
    text         TEXT NOT NULL,
    url          TEXT,
    published_at TEXT,
    publisher    TEXT,
    language     TEXT,
    metadata     TEXT NOT NULL,
    seq          INTEGER NOT NULL,
    PRIMARY KEY (article_id, revision)
) STRICT;

CREATE TABLE articles (
    id       TEXT PRIMARY KEY,
    revision TEXT NOT NULL,
    FOREIGN KEY (id, revision) REFERENCES revisions (article_id, revision)
) STRICT, WITHOUT ROWID;

-- Chunks of current revisions only; span_start and span_end are code points of the revision's text.
CREATE TABLE chunks (
    id         INTEGER PRIMARY KEY,
    article_id TEXT NOT NULL REFERENCES articles (id),
    span_start INTEGER NOT NULL,
    span_end   INTEGER NOT NULL,
    title      TEXT NOT NULL,
    text       TEXT NOT NULL,
    seq        INTEGER NOT NULL
) STRICT;
CREATE INDEX chunks_article ON chunks (article_id);
CREATE INDEX chunks_seq ON chunks (seq);

CREATE TABLE vectors (chunk_id INTEGER PRIMARY KEY REFERENCES chunks (id), vector BLOB NOT NULL) STRICT;

-- What an index that has seen an earlier state must forget.
CREATE TABLE removals (seq INTEGER NOT NULL, chunk_id INTEGER NOT NULL) STRICT;
CREATE INDEX removals_seq ON removals (seq);

CREATE VIRTUAL TABLE fulltext USING fts5 (
    title, text, content='chunks', content_rowid='id', tokenize='porter unicode61 remove_diacritics 2'
);
"""
