//! One row of the table of profiles.

use std::collections::BTreeMap;

use rusqlite::{Connection, Row, params};

use super::{ProfileKey, ProfileQuery, StoredProfile, Welford};
use crate::error::Error;
use crate::store::fault::Fault;

const COLUMNS: &str = "instance, configuration, samples, successes,
     duration_count, duration_mean, duration_m2, duration_peak, memory_count, memory_mean, memory_m2, memory_peak,
     cpu_count, cpu_mean, cpu_m2, cpu_peak, gpu_count, gpu_mean, gpu_m2, gpu_peak, usage, since, updated_at";

/// All profiles that can be read. One that is damaged is left out: it is nothing but figures, and begins anew.
pub(super) fn all(connection: &Connection) -> Result<Vec<StoredProfile>, Fault> {
    let mut statement = connection.prepare(&format!("SELECT {COLUMNS} FROM profiles"))?;
    let mut rows = statement.query([])?;
    let mut profiles = Vec::new();
    while let Some(row) = rows.next()? {
        match read(row) {
            Ok(profile) => profiles.push(profile),
            Err(error) => tracing::warn!(%error, "a profile cannot be read, and begins anew"),
        }
    }
    Ok(profiles)
}

pub(super) fn write(connection: &Connection, profile: &StoredProfile) -> Result<(), Fault> {
    let usage = serde_json::to_string(&profile.usage)
        .map_err(|error| Error::fatal(format!("a profile cannot be written: {error}")))?;
    let StoredProfile { key, samples, successes, duration, memory, cpu, gpu, since, updated_at, .. } =
        profile;
    let count = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    connection
        .prepare_cached(&format!(
            "INSERT OR REPLACE INTO profiles ({COLUMNS}) VALUES
             (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23)"
        ))?
        .execute(params![
            key.instance,
            key.configuration,
            count(*samples),
            count(*successes),
            count(duration.count),
            duration.mean,
            duration.squares,
            duration.peak,
            count(memory.count),
            memory.mean,
            memory.squares,
            memory.peak,
            count(cpu.count),
            cpu.mean,
            cpu.squares,
            cpu.peak,
            count(gpu.count),
            gpu.mean,
            gpu.squares,
            gpu.peak,
            usage,
            since,
            updated_at
        ])?;
    Ok(())
}

pub(super) fn delete(connection: &Connection, query: &ProfileQuery) -> Result<(), Fault> {
    connection
        .prepare_cached(
            "DELETE FROM profiles WHERE (?1 IS NULL OR instance = ?1) AND (?2 IS NULL OR configuration = ?2)",
        )?
        .execute(params![query.instance, query.configuration])?;
    Ok(())
}

fn read(row: &Row<'_>) -> rusqlite::Result<StoredProfile> {
    let instance: String = row.get(0)?;
    let usage: String = row.get(20)?;
    let usage: BTreeMap<String, f64> = serde_json::from_str(&usage).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(20, rusqlite::types::Type::Text, Box::new(error))
    })?;
    Ok(StoredProfile {
        key: ProfileKey { instance: instance.into(), configuration: row.get(1)? },
        samples: count(row, 2)?,
        successes: count(row, 3)?,
        duration: figure(row, 4)?,
        memory: figure(row, 8)?,
        cpu: figure(row, 12)?,
        gpu: figure(row, 16)?,
        usage,
        since: row.get(21)?,
        updated_at: row.get(22)?,
    })
}

fn figure(row: &Row<'_>, at: usize) -> rusqlite::Result<Welford> {
    let number = |at: usize| -> rusqlite::Result<f64> {
        // One that is none would make none of all that is added to it.
        let number: f64 = row.get(at)?;
        if number.is_finite() {
            Ok(number)
        } else {
            Err(rusqlite::Error::IntegralValueOutOfRange(at, i64::MAX))
        }
    };
    Ok(Welford {
        count: count(row, at)?,
        mean: number(at + 1)?,
        squares: number(at + 2)?,
        peak: number(at + 3)?,
    })
}

fn count(row: &Row<'_>, at: usize) -> rusqlite::Result<u64> {
    let count: i64 = row.get(at)?;
    u64::try_from(count).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(at, count))
}
