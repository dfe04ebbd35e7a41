-- Jobs that follow one another.
CREATE TABLE sequences (
    number           INTEGER PRIMARY KEY AUTOINCREMENT,
    -- UUIDv7.
    id               BLOB    NOT NULL UNIQUE CHECK (length(id) = 16),
    mode             TEXT    NOT NULL CHECK (mode IN ('fail-fast', 'best-effort')),
    state            TEXT    NOT NULL CHECK (state IN ('running', 'completed', 'failed', 'cancelled')),
    steps            INTEGER NOT NULL CHECK (steps > 0),
    -- JSON object of strings.
    labels           TEXT    CHECK (labels IS NULL OR json_valid(labels)),
    idempotency_key  TEXT    UNIQUE,
    -- SHA-256 of what the key stands for.
    idempotency_hash BLOB    CHECK ((idempotency_hash IS NULL) = (idempotency_key IS NULL)),
    cancel_requested INTEGER NOT NULL DEFAULT 0 CHECK (cancel_requested IN (0, 1)),
    -- Milliseconds since 1970-01-01 UTC.
    submitted_at     INTEGER NOT NULL,
    finished_at      INTEGER CHECK ((finished_at IS NULL) = (state = 'running'))
) STRICT;

CREATE INDEX sequences_by_end ON sequences (finished_at) WHERE finished_at IS NOT NULL;

-- A step of a sequence is a job, and goes with its sequence.
ALTER TABLE jobs ADD COLUMN sequence_id BLOB REFERENCES sequences (id) ON DELETE CASCADE;
-- Its place, from 0.
ALTER TABLE jobs ADD COLUMN step INTEGER CHECK ((step IS NULL) = (sequence_id IS NULL));
ALTER TABLE jobs ADD COLUMN step_name TEXT;
-- Whether it waits for the step before it.
ALTER TABLE jobs ADD COLUMN held INTEGER NOT NULL DEFAULT 0 CHECK (held IN (0, 1));

CREATE UNIQUE INDEX jobs_by_step ON jobs (sequence_id, step) WHERE sequence_id IS NOT NULL;
CREATE INDEX jobs_of_open_steps ON jobs (sequence_id, held, step)
    WHERE sequence_id IS NOT NULL AND finished_at IS NULL;

-- Steps end with their sequence.
DROP INDEX jobs_by_end;
CREATE INDEX jobs_by_end ON jobs (finished_at) WHERE finished_at IS NOT NULL AND sequence_id IS NULL;

-- Not everything that happens is of a job.
CREATE TABLE new_events (
    sequence    INTEGER PRIMARY KEY,
    at          INTEGER NOT NULL,
    job         BLOB,
    instance    TEXT    NOT NULL,
    attempt     INTEGER NOT NULL,
    sequence_id BLOB,
    -- JSON.
    what        TEXT    NOT NULL CHECK (json_valid(what))
) STRICT;
INSERT INTO new_events (sequence, at, job, instance, attempt, what)
    SELECT sequence, at, job, instance, attempt, what FROM events;
DROP TABLE events;
ALTER TABLE new_events RENAME TO events;

CREATE INDEX events_by_job ON events (job) WHERE job IS NOT NULL;
CREATE INDEX events_by_sequence ON events (sequence_id) WHERE sequence_id IS NOT NULL;
