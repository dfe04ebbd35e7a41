-- What an operator set for each instance of a plugin.
CREATE TABLE configurations (
    instance   TEXT    NOT NULL PRIMARY KEY,
    plugin     TEXT    NOT NULL,
    -- JSON; NULL where the instance has no configuration of its own, but was enabled or disabled.
    config     TEXT    CHECK (config IS NULL OR json_valid(config)),
    enabled    INTEGER NOT NULL DEFAULT 1 CHECK (enabled IN (0, 1)),
    -- Milliseconds since 1970-01-01 UTC.
    updated_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX configurations_by_plugin ON configurations (plugin);
