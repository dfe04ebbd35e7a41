//! Following what happens.

use axum::body::{Body, BodyDataStream};
use bytes::Bytes;
use cjm_host::{Error, EventFilter, Notice, Result, Since};
use futures::StreamExt;
use http::Method;

use super::{Client, answer};
use crate::wire;

/// The longest line that is read, in bytes: an event has a plugin's log record or an error at most.
const LINE_BYTES: usize = 64 << 20;

/// A stream of events, as [`QueueEvents`](cjm_host::QueueEvents) is one.
#[derive(Debug)]
pub struct Events {
    body: Option<BodyDataStream>,
    lines: Lines,
    /// What the lines since the last empty one say.
    message: Message,
}

#[derive(Debug, Default)]
struct Message {
    event: String,
    data: String,
}

/// Takes a stream of bytes apart into lines.
#[derive(Debug, Default)]
struct Lines {
    bytes: Vec<u8>,
    /// Where in the bytes the next line begins.
    next: usize,
    /// Up to where there is no end of a line, from there on.
    searched: usize,
}

impl Client {
    /// Follows what happens, from now on or from a point in the past. When this returns, what happens from then on is
    /// told.
    ///
    /// # Errors
    ///
    /// As for all requests.
    pub async fn subscribe(&self, filter: EventFilter, since: Since) -> Result<Events> {
        let mut parameters = filter.parameters();
        if let Since::Sequence(sequence) = since {
            parameters.push(("from".to_owned(), sequence.to_string()));
        }
        let response = self.send(Method::GET, &wire::target("/v1/events", &parameters), None).await?;
        Ok(Events::of(response.into_body()))
    }
}

impl Events {
    fn of(body: Body) -> Self {
        Self { body: Some(body.into_data_stream()), lines: Lines::default(), message: Message::default() }
    }

    /// Waits for the next notice. None once the worker ends in good order: to go on, subscribe to the next one from the
    /// last number and one. Cancel safe.
    ///
    /// # Errors
    ///
    /// Those of [`QueueEvents::next`](cjm_host::QueueEvents::next), after which the next call goes on. `transient`,
    /// where the worker ended otherwise; `fatal`, where it is of another release, and told what this one does not know.
    pub async fn next(&mut self) -> Option<Result<Notice>> {
        loop {
            while let Some(line) = self.lines.take() {
                if let Some(notice) = self.message.line(&line) {
                    return Some(notice);
                }
            }
            match self.body.as_mut()?.next().await {
                Some(Ok(bytes)) => {
                    if let Err(error) = self.lines.add(&bytes) {
                        self.body = None;
                        return Some(Err(error));
                    }
                }
                Some(Err(error)) => {
                    self.body = None;
                    return Some(Err(answer::broken(&error)));
                }
                None => self.body = None,
            }
        }
    }
}

impl Lines {
    fn add(&mut self, bytes: &Bytes) -> Result<()> {
        self.bytes.drain(..self.next);
        self.searched -= self.next;
        self.next = 0;
        self.bytes.extend_from_slice(bytes);
        if self.bytes.len() > LINE_BYTES {
            return Err(Error::fatal(format!(
                "the worker told an event that is over {LINE_BYTES} bytes long; follow from the one after it"
            )));
        }
        Ok(())
    }

    /// The next whole line, without its end.
    fn take(&mut self) -> Option<String> {
        let unknown = self.bytes.get(self.searched..)?;
        let Some(end) = unknown.iter().position(|byte| *byte == b'\n') else {
            self.searched = self.bytes.len();
            return None;
        };
        let end = self.searched + end;
        let line = self.bytes.get(self.next..end).unwrap_or_default();
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let line = String::from_utf8_lossy(line).into_owned();
        self.next = end + 1;
        self.searched = self.next;
        Some(line)
    }
}

impl Message {
    /// Takes one line; an empty one ends the message.
    fn line(&mut self, line: &str) -> Option<Result<Notice>> {
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "" if line.is_empty() => return self.end(),
            "event" => self.event = value.to_owned(),
            "data" => {
                if !self.data.is_empty() {
                    self.data.push('\n');
                }
                self.data.push_str(value);
            }
            // A comment, which only keeps the connection; or the id, which the data have too.
            _ => {}
        }
        None
    }

    fn end(&mut self) -> Option<Result<Notice>> {
        let Message { event, data } = std::mem::take(self);
        if data.is_empty() {
            return None;
        }
        Some(match event.as_str() {
            "error" => {
                Err(serde_json::from_str::<Error>(&data).unwrap_or_else(|error| answer::unknown(&error)))
            }
            _ => serde_json::from_str(&data).map_err(|error| answer::unknown(&error)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_whole_wherever_they_are_cut() {
        let text = "id: 1\r\ndata: \u{fc}\n\n: alive\ndata: b\n\nopen";
        for size in 1..text.len() {
            let (mut lines, mut taken) = (Lines::default(), Vec::new());
            for part in text.as_bytes().chunks(size) {
                lines.add(&Bytes::copy_from_slice(part)).unwrap();
                taken.extend(std::iter::from_fn(|| lines.take()));
            }
            assert_eq!(taken, ["id: 1", "data: \u{fc}", "", ": alive", "data: b", ""], "{size}");
        }
    }

    #[test]
    fn a_message_is_what_its_lines_say_and_nothing_else_is_told() {
        let mut message = Message::default();
        let mut take = |lines: &str| lines.lines().find_map(|line| message.line(line));
        assert!(take(": a comment\n\n").is_none());
        assert!(matches!(
            take("event: notice\ndata: {\"notice\": \"behind\",\ndata:  \"events\": 3}\n\n"),
            Some(Ok(Notice::Behind { events: 3 }))
        ));
        let error = serde_json::to_string(&Error::fatal("broken")).unwrap();
        assert_eq!(
            take(&format!("event: error\ndata: {error}\n\n")).unwrap().unwrap_err(),
            Error::fatal("broken")
        );
        let unknown = take("data: {}\n\n").unwrap().unwrap_err();
        assert!(unknown.to_string().contains("restart it with this release"), "{unknown}");
    }
}
