//! SQLite's write-ahead log as bytes, and what a loss of power can leave of it and of the database.
//!
//! <https://sqlite.org/fileformat2.html#the_write_ahead_log>

use std::collections::BTreeMap;

/// What a disk writes in one piece, at best.
const SECTOR: usize = 512;

const HEADER: usize = 32;
const FRAME_HEADER: usize = 24;

/// A log, as far as it is valid.
pub(super) struct Log<'a> {
    bytes: &'a [u8],
    page: usize,
    frames: Vec<Frame>,
    /// Of each transaction: the number of its frames and those before it.
    commits: Vec<usize>,
}

#[derive(Clone, Copy)]
struct Frame {
    /// The number of the page, from 1.
    page: u32,
    /// Pages of the database after the commit.
    pages: u32,
    /// Where its content begins in the log.
    at: usize,
}

impl<'a> Log<'a> {
    /// None, where there is not even a valid header.
    pub(super) fn read(bytes: &'a [u8]) -> Option<Self> {
        let header = bytes.get(..HEADER)?;
        let big_endian = match number(header, 0) {
            0x377f_0682 => false,
            0x377f_0683 => true,
            _ => return None,
        };
        let page = number(header, 8) as usize;
        let mut sum = checksum(&header[..24], (0, 0), big_endian);
        if sum != (number(header, 24), number(header, 28)) {
            return None;
        }
        let (mut frames, mut commits) = (Vec::new(), Vec::new());
        for (index, frame) in bytes[HEADER..].chunks_exact(FRAME_HEADER + page).enumerate() {
            sum = checksum(&frame[FRAME_HEADER..], checksum(&frame[..8], sum, big_endian), big_endian);
            if frame[8..16] != header[16..24] || sum != (number(frame, 16), number(frame, 20)) {
                break;
            }
            let at = HEADER + index * (FRAME_HEADER + page) + FRAME_HEADER;
            frames.push(Frame { page: number(frame, 0), pages: number(frame, 4), at });
            if number(frame, 4) > 0 {
                commits.push(frames.len());
            }
        }
        Some(Self { bytes, page, frames, commits })
    }

    /// How many whole transactions are in it.
    pub(super) fn commits(&self) -> usize {
        self.commits.len()
    }

    /// Where the first so many transactions end in the log.
    fn end(&self, commits: usize) -> usize {
        let frames = if commits == 0 { 0 } else { self.commits[commits - 1] };
        HEADER + frames * (FRAME_HEADER + self.page)
    }

    /// The pages as these transactions left them, and how many pages the database has then.
    fn pages(&self, commits: usize) -> (BTreeMap<u32, &'a [u8]>, usize) {
        let frames = if commits == 0 { &[][..] } else { &self.frames[..self.commits[commits - 1]] };
        let content = |frame: &Frame| (frame.page, &self.bytes[frame.at..frame.at + self.page]);
        (frames.iter().map(content).collect(), frames.last().map_or(0, |frame| frame.pages as usize))
    }
}

/// What is on the disk afterwards.
pub(super) struct Left {
    pub(super) database: Vec<u8>,
    pub(super) log: Vec<u8>,
    pub(super) what: String,
}

/// The power is lost after `commits` transactions, while the next is written: nothing of that one was synced, so that
/// any part of it may have arrived, in any order. `older` is what the log was before it was begun anew.
pub(super) fn while_writing(
    dice: &mut fastrand::Rng,
    log: &Log<'_>,
    older: &[u8],
    commits: usize,
    database: &[u8],
) -> Left {
    let from = log.end(commits);
    let to = if commits < log.commits() { log.end(commits + 1) } else { log.bytes.len() };
    let mut left = log.bytes[..from].to_vec();
    // All of it or nothing is as possible as any part.
    let arrives = [0.0, 0.1, 0.5, 0.9, 1.0][dice.usize(..5)];
    while left.len() < to {
        let end = to.min((left.len() / SECTOR + 1) * SECTOR);
        let sector = left.len()..end;
        let was = |at: usize| older.get(at).copied().unwrap_or(0);
        if dice.f64() < arrives {
            left.extend_from_slice(&log.bytes[sector]);
        } else if dice.u8(..8) == 0 {
            left.extend(sector.map(|_| dice.u8(..)));
        } else {
            left.extend(sector.map(was));
        }
    }
    // What the file was long before is synced since long; what it has grown by may be missing.
    left.extend_from_slice(older.get(to..).unwrap_or_default());
    if older.len() < to && dice.bool() {
        left.truncate(dice.usize(from.max(older.len())..=to));
    }
    let what = format!("transaction {} of {} arrived by {arrives}", commits + 1, log.commits());
    Left { database: database.to_vec(), log: left, what }
}

/// The power is lost while the first `commits` transactions are copied into the database, which is not synced before
/// the end: the log was.
pub(super) fn while_copying(
    dice: &mut fastrand::Rng,
    log: &Log<'_>,
    commits: usize,
    database: &[u8],
) -> Left {
    let mut left = database.to_vec();
    let (pages, _) = log.pages(commits);
    let arrives = dice.f64();
    for (number, content) in pages {
        if dice.f64() < arrives {
            // A page can be torn as well.
            let torn = if dice.bool() { content.len() } else { dice.usize(..content.len()) };
            put(&mut left, number, &content[..torn], content.len());
        }
    }
    let mut kept = log.bytes[..log.end(commits)].to_vec();
    // Of what was never written, the file has nothing.
    kept.extend((0..dice.usize(..3 * SECTOR)).map(|_| 0));
    Left { database: left, log: kept, what: format!("{commits} transactions copied by {arrives:.1}") }
}

/// The power is lost when all was copied into the database and synced, and the log is begun anew, with a header of which
/// any part may have arrived.
pub(super) fn while_beginning_anew(dice: &mut fastrand::Rng, log: &Log<'_>, database: &[u8]) -> Left {
    let mut left = database.to_vec();
    let (pages, count) = log.pages(log.commits());
    for (number, content) in pages {
        put(&mut left, number, content, content.len());
    }
    if count > 0 {
        left.truncate(count * log.page);
    }
    let mut header = log.bytes[..HEADER].to_vec();
    let again = number(&header, 12).wrapping_add(1);
    header[12..16].copy_from_slice(&again.to_be_bytes());
    let salt = number(&header, 16).wrapping_add(1);
    header[16..20].copy_from_slice(&salt.to_be_bytes());
    header[20..24].copy_from_slice(&dice.u32(..).to_be_bytes());
    let sum = checksum(&header[..24], (0, 0), number(&header, 0) == 0x377f_0683);
    header[24..28].copy_from_slice(&sum.0.to_be_bytes());
    header[28..32].copy_from_slice(&sum.1.to_be_bytes());
    let arrived = dice.usize(..=HEADER);
    let mut anew = log.bytes.to_vec();
    anew[..arrived].copy_from_slice(&header[..arrived]);
    Left { database: left, log: anew, what: format!("{arrived} bytes of a new header") }
}

/// Writes the beginning of a page.
fn put(database: &mut Vec<u8>, number: u32, content: &[u8], page: usize) {
    let at = (number as usize - 1) * page;
    if database.len() < at + page {
        database.resize(at + page, 0);
    }
    database[at..at + content.len()].copy_from_slice(content);
}

fn number(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap())
}

fn checksum(bytes: &[u8], (mut a, mut b): (u32, u32), big_endian: bool) -> (u32, u32) {
    for pair in bytes.chunks_exact(8) {
        let word = |at: usize| {
            let four = pair[at..at + 4].try_into().unwrap();
            if big_endian { u32::from_be_bytes(four) } else { u32::from_le_bytes(four) }
        };
        a = a.wrapping_add(word(0)).wrapping_add(b);
        b = b.wrapping_add(word(4)).wrapping_add(a);
    }
    (a, b)
}
