-- What the jobs of an instance need, by what attempts at them were measured to use.
CREATE TABLE profiles (
    instance       TEXT    NOT NULL,
    -- SHA-256 of the component and the configuration.
    configuration  BLOB    NOT NULL CHECK (length(configuration) = 32),
    samples        INTEGER NOT NULL CHECK (samples >= 0),
    successes      INTEGER NOT NULL CHECK (successes BETWEEN 0 AND samples),
    -- Of each figure: how many samples have it, their mean, the sum of the squares of their distances from it, and the
    -- greatest.
    duration_count INTEGER NOT NULL CHECK (duration_count >= 0),
    duration_mean  REAL    NOT NULL,
    duration_m2    REAL    NOT NULL,
    duration_peak  REAL    NOT NULL,
    memory_count   INTEGER NOT NULL CHECK (memory_count >= 0),
    memory_mean    REAL    NOT NULL,
    memory_m2      REAL    NOT NULL,
    memory_peak    REAL    NOT NULL,
    cpu_count      INTEGER NOT NULL CHECK (cpu_count >= 0),
    cpu_mean       REAL    NOT NULL,
    cpu_m2         REAL    NOT NULL,
    cpu_peak       REAL    NOT NULL,
    gpu_count      INTEGER NOT NULL CHECK (gpu_count >= 0),
    gpu_mean       REAL    NOT NULL,
    gpu_m2         REAL    NOT NULL,
    gpu_peak       REAL    NOT NULL,
    -- JSON object: the sum of what was used of each unit.
    usage          TEXT    NOT NULL CHECK (json_valid(usage)),
    -- Milliseconds since 1970-01-01 UTC.
    since          INTEGER NOT NULL,
    updated_at     INTEGER NOT NULL,
    PRIMARY KEY (instance, configuration)
) STRICT, WITHOUT ROWID;
