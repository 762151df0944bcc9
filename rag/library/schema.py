"""The stored format, numbered. A new number needs an upgrade step in ``upgrades`` and a golden folder in tests."""

FORMAT = 3
PAGE = 8192  # bytes; five vectors of 384 numbers
CHECKSUM = 8  # bytes at the end of each page, which the checksum VFS fills and verifies

SCHEMA = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;

-- Each change: a random token, by which states of equal number in different copies are told apart, and the
-- highest number that an article had by then.
CREATE TABLE commits (seq INTEGER PRIMARY KEY, token INTEGER NOT NULL, number INTEGER NOT NULL) STRICT;

-- Each text that an article ever had; articles names the current one.
CREATE TABLE revisions (
    article_id   TEXT NOT NULL,
    revision     TEXT NOT NULL,
    title        TEXT NOT NULL,
    url          TEXT,
    published_at TEXT,
    publisher    TEXT,
    language     TEXT,
    metadata     TEXT NOT NULL,
    seq          INTEGER NOT NULL,
    text         TEXT NOT NULL,
    PRIMARY KEY (article_id, revision)
) STRICT;

-- What is current. A number is given for each put, and never again.
CREATE TABLE articles (
    number       INTEGER PRIMARY KEY AUTOINCREMENT,
    id           TEXT NOT NULL UNIQUE,
    revision     TEXT NOT NULL,
    url          TEXT,
    published_at TEXT,
    day          TEXT,
    publisher    TEXT,
    language     TEXT,
    cluster      INTEGER NOT NULL,
    chunks       INTEGER NOT NULL,
    FOREIGN KEY (id, revision) REFERENCES revisions (article_id, revision)
) STRICT;
CREATE INDEX articles_facts ON articles (day, publisher, language);  -- all that most filters need to read
CREATE INDEX articles_cluster ON articles (cluster);

CREATE TABLE tags (tag TEXT NOT NULL, number INTEGER NOT NULL, PRIMARY KEY (tag, number)) STRICT, WITHOUT ROWID;
CREATE INDEX tags_number ON tags (number);

-- Chunks of current revisions only. An id is the article's number times 2^20, plus a place; span_start and
-- span_end are code points of the revision's text.
CREATE TABLE chunks (
    id         INTEGER PRIMARY KEY,
    span_start INTEGER NOT NULL,
    span_end   INTEGER NOT NULL,
    title      TEXT NOT NULL,
    text       TEXT NOT NULL
) STRICT;
CREATE TABLE vectors (chunk_id INTEGER PRIMARY KEY, vector BLOB NOT NULL) STRICT;

-- What an index that has seen an earlier state must forget.
CREATE TABLE removals (seq INTEGER NOT NULL, number INTEGER NOT NULL, PRIMARY KEY (seq, number)) STRICT, WITHOUT ROWID;

-- By which near duplicates are found: an article's MinHash signature, and the hash of each band of it.
CREATE TABLE sketches (number INTEGER PRIMARY KEY, signature BLOB NOT NULL) STRICT;
CREATE TABLE bands (band INTEGER NOT NULL, number INTEGER NOT NULL, PRIMARY KEY (band, number)) STRICT, WITHOUT ROWID;

CREATE VIRTUAL TABLE fulltext USING fts5 (
    title, text, content='chunks', content_rowid='id', tokenize='porter unicode61 remove_diacritics 2'
);
INSERT INTO fulltext (fulltext, rank) VALUES ('secure-delete', 1);
CREATE VIRTUAL TABLE vocabulary USING fts5vocab (fulltext, row);
"""
