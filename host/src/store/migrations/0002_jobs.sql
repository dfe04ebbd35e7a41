-- Jobs, in the order in which they were accepted.
CREATE TABLE jobs (
    number           INTEGER PRIMARY KEY AUTOINCREMENT,
    -- UUIDv7.
    id               BLOB    NOT NULL UNIQUE CHECK (length(id) = 16),
    instance         TEXT    NOT NULL,
    action           TEXT    NOT NULL,
    state            TEXT    NOT NULL CHECK (state IN ('pending', 'running', 'completed', 'failed', 'cancelled')),
    priority         INTEGER NOT NULL,
    lane             TEXT,
    -- JSON object of strings.
    labels           TEXT    CHECK (labels IS NULL OR json_valid(labels)),
    -- JSON: what is looked at only when the job runs.
    options          TEXT    NOT NULL CHECK (json_valid(options)),
    idempotency_key  TEXT,
    -- SHA-256 of what the key stands for.
    idempotency_hash BLOB    CHECK ((idempotency_hash IS NULL) = (idempotency_key IS NULL)),
    attempt          INTEGER NOT NULL DEFAULT 0,
    -- Attempts that ended with the process that ran them.
    interruptions    INTEGER NOT NULL DEFAULT 0,
    cancel_requested INTEGER NOT NULL DEFAULT 0 CHECK (cancel_requested IN (0, 1)),
    -- All times are milliseconds since 1970-01-01 UTC.
    submitted_at     INTEGER NOT NULL,
    due_at           INTEGER,
    deadline         INTEGER,
    started_at       INTEGER,
    finished_at      INTEGER CHECK ((finished_at IS NULL) = (state IN ('pending', 'running'))),
    -- JSON: the taxonomy's structure, of the last attempt that failed.
    error            TEXT    CHECK (error IS NULL OR json_valid(error))
) STRICT;

CREATE INDEX jobs_by_state ON jobs (state);
CREATE INDEX jobs_by_end ON jobs (finished_at) WHERE finished_at IS NOT NULL;
CREATE UNIQUE INDEX jobs_by_key ON jobs (instance, idempotency_key) WHERE idempotency_key IS NOT NULL;

-- Apart from the jobs, whose rows are rewritten at each transition. Small contents are in the row, large ones in files
-- that are named by their digest.
CREATE TABLE inputs (
    job        INTEGER PRIMARY KEY REFERENCES jobs ON DELETE CASCADE,
    -- NULL where it is JSON.
    media_type TEXT,
    content    BLOB,
    digest     BLOB CHECK ((digest IS NULL) = (content IS NOT NULL))
) STRICT;

CREATE TABLE results (
    job        INTEGER PRIMARY KEY REFERENCES jobs ON DELETE CASCADE,
    media_type TEXT,
    content    BLOB,
    digest     BLOB CHECK ((digest IS NULL) = (content IS NOT NULL))
) STRICT;

CREATE INDEX inputs_by_digest ON inputs (digest) WHERE digest IS NOT NULL;
CREATE INDEX results_by_digest ON results (digest) WHERE digest IS NOT NULL;

-- What happened, numbered without gaps. It outlives the jobs, and is cut only at its beginning.
CREATE TABLE events (
    sequence INTEGER PRIMARY KEY,
    at       INTEGER NOT NULL,
    job      BLOB    NOT NULL,
    instance TEXT    NOT NULL,
    attempt  INTEGER NOT NULL,
    -- JSON.
    what     TEXT    NOT NULL CHECK (json_valid(what))
) STRICT;

CREATE INDEX events_by_job ON events (job);
