//! Inputs and results: in the row where they are small, in a file of their own where they are large.

use rusqlite::{Connection, OptionalExtension, params};

use crate::store::fault::Fault;

/// Which of a job's two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Which {
    Input,
    Result,
}

impl Which {
    fn table(self) -> &'static str {
        match self {
            Which::Input => "inputs",
            Which::Result => "results",
        }
    }
}

/// An input or a result as it is stored.
#[derive(Debug, Clone)]
pub(crate) struct Payload {
    /// None where it is JSON.
    pub(crate) media_type: Option<String>,
    pub(crate) content: Content,
}

#[derive(Debug, Clone)]
pub(crate) enum Content {
    /// The bytes themselves.
    Here(Vec<u8>),
    /// In the file of this digest.
    File([u8; 32]),
}

pub(super) fn insert(
    connection: &Connection,
    which: Which,
    job: i64,
    payload: &Payload,
) -> Result<(), Fault> {
    let (content, digest) = match &payload.content {
        Content::Here(bytes) => (Some(bytes), None),
        Content::File(digest) => (None, Some(digest)),
    };
    connection
        .prepare_cached(&format!(
            "INSERT OR REPLACE INTO {} (job, media_type, content, digest) VALUES (?1, ?2, ?3, ?4)",
            which.table()
        ))?
        .execute(params![job, payload.media_type, content, digest])?;
    Ok(())
}

pub(super) fn read(connection: &Connection, which: Which, job: i64) -> Result<Option<Payload>, Fault> {
    let row = connection
        .prepare_cached(&format!("SELECT media_type, content, digest FROM {} WHERE job = ?1", which.table()))?
        .query_row([job], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()?;
    Ok(row.map(|(media_type, content, digest): (_, Option<Vec<u8>>, Option<[u8; 32]>)| Payload {
        media_type,
        // The table has a check that one of the two is there.
        content: digest.map_or_else(|| Content::Here(content.unwrap_or_default()), Content::File),
    }))
}

/// Whether any job needs the file of this digest.
pub(super) fn is_used(connection: &Connection, digest: &[u8; 32]) -> Result<bool, Fault> {
    Ok(connection
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM inputs WHERE digest = ?1) OR EXISTS (SELECT 1 FROM results WHERE digest = ?1)",
        )?
        .query_row([digest], |row| row.get(0))?)
}
