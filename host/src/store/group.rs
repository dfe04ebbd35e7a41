//! Writing in groups: what waits is committed as one transaction, so that many share the wait for the disk.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;

use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::sync::{mpsc, oneshot};

use super::events::{About, Events, StoredEvent};
use super::fault::Fault;
use super::profiles::{self, Profiles};
use super::{Database, now};
use crate::error::{Error, Result};

/// Operations that may wait for the writer; whoever comes then waits to be let in.
const WAITING: usize = 1024;

/// Operations of one transaction at most: what comes first must not wait for very many others.
const GROUP: usize = 512;

/// Writes to a database from one thread. Cheap to clone; the thread ends with the last clone.
///
/// Each operation is done in whole or not at all, and by itself: one that fails leaves its neighbours alone. What was
/// answered is on the disk.
#[derive(Clone)]
pub(crate) struct Writer {
    sender: mpsc::Sender<Message>,
    database: Database,
    profiles: Arc<Profiles>,
}

enum Message {
    Do(Box<dyn Operation>),
    Close(oneshot::Sender<()>),
}

/// What an operation works on.
pub(crate) struct Batch<'a> {
    pub(super) connection: &'a Connection,
    now: i64,
    sequence: i64,
    told: &'a mut Vec<StoredEvent>,
    pub(super) profiles: &'a mut Vec<profiles::Change>,
}

/// Told of the events of each group, in their order, when they are on the disk.
pub(crate) type OnCommit = Arc<dyn Fn(Vec<StoredEvent>) + Send + Sync>;

trait Operation: Send {
    fn doing(&self) -> &str;
    /// Does it, and keeps what it gives.
    fn run(&mut self, batch: &mut Batch<'_>) -> Result<(), Fault>;
    /// Hands it out, once it is on the disk, or tells what became of it.
    fn answer(self: Box<Self>, done: Result<()>);
}

struct Asked<T, F, A> {
    doing: &'static str,
    operation: Option<F>,
    value: Option<T>,
    after: A,
    waiter: Option<oneshot::Sender<Result<T>>>,
}

impl<T, F, A> Operation for Asked<T, F, A>
where
    T: Send,
    F: FnOnce(&mut Batch<'_>) -> Result<T, Fault> + Send,
    A: FnOnce(&Result<T>) + Send,
{
    fn doing(&self) -> &str {
        self.doing
    }

    fn run(&mut self, batch: &mut Batch<'_>) -> Result<(), Fault> {
        if let Some(operation) = self.operation.take() {
            self.value = Some(operation(batch)?);
        }
        Ok(())
    }

    fn answer(self: Box<Self>, done: Result<()>) {
        let Self { value, after, waiter, .. } = *self;
        let value = done.and_then(|()| value.ok_or_else(ended));
        after(&value);
        if let Some(waiter) = waiter {
            // Nobody waits any more where the caller's future was dropped.
            let _ = waiter.send(value);
        }
    }
}

impl Writer {
    /// Starts the thread.
    ///
    /// # Errors
    ///
    /// What reading the database can fail with; `resource-exhausted`, where the machine gives no thread.
    pub(crate) fn start(database: Database, on_commit: OnCommit) -> Result<Self> {
        let (sender, receiver) = mpsc::channel(WAITING);
        let profiles = Arc::new(Profiles::read(&database)?);
        let mut thread = Thread { database: database.clone(), profiles: profiles.clone(), on_commit };
        thread::Builder::new().name("cjm-writer".into()).spawn(move || thread.run(receiver)).map_err(
            |error| {
                let message = format!("no thread can be started for writing to the database: {error}");
                Error::exhausted(crate::error::ResourceKind::Other("threads".into()), message, None, None)
            },
        )?;
        Ok(Self { sender, database, profiles })
    }

    /// The database that it writes to.
    pub(crate) fn database(&self) -> &Database {
        &self.database
    }

    /// The profiles, as they were committed.
    pub(crate) fn profiles(&self) -> &Arc<Profiles> {
        &self.profiles
    }

    /// Does `operation`, and answers when it is on the disk; `doing` is what is said to have failed. `after` is called
    /// with the answer before the caller has it, on the writer's thread: in the order in which operations were
    /// committed. It must neither block nor write.
    ///
    /// # Cancellation
    ///
    /// An operation that the writer has taken is done even if the future is dropped.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        doing: &'static str,
        operation: impl FnOnce(&mut Batch<'_>) -> Result<T, Fault> + Send + 'static,
        after: impl FnOnce(&Result<T>) + Send + 'static,
    ) -> Result<T> {
        let (waiter, answer) = oneshot::channel();
        let asked = Asked { doing, operation: Some(operation), value: None, after, waiter: Some(waiter) };
        self.sender.send(Message::Do(Box::new(asked))).await.map_err(|_| ended())?;
        answer.await.unwrap_or_else(|_| Err(ended()))
    }

    /// Takes nothing more, and waits until all that was taken is done.
    pub(crate) async fn close(&self) {
        let (closed, answer) = oneshot::channel();
        if self.sender.send(Message::Close(closed)).await.is_ok() {
            let _ = answer.await;
        }
    }
}

fn ended() -> Error {
    Error::fatal("the database is closed for writing; open the data folder again")
}

struct Thread {
    database: Database,
    profiles: Arc<Profiles>,
    on_commit: OnCommit,
}

impl Thread {
    fn run(&mut self, mut receiver: mpsc::Receiver<Message>) {
        let (mut group, mut closed) = (Vec::new(), Vec::new());
        while let Some(first) = receiver.blocking_recv() {
            let mut next = Some(first);
            while let Some(message) = next.take() {
                match message {
                    Message::Do(operation) => group.push(operation),
                    Message::Close(answer) => {
                        receiver.close();
                        closed.push(answer);
                    }
                }
                if group.len() < GROUP {
                    next = receiver.try_recv().ok();
                }
            }
            self.commit(&mut group);
        }
        for answer in closed {
            let _ = answer.send(());
        }
    }

    /// Does all that is in the group, and answers.
    fn commit(&self, group: &mut Vec<Box<dyn Operation>>) {
        if group.is_empty() {
            return;
        }
        let (mut done, mut told) = (Vec::with_capacity(group.len()), Vec::new());
        let committed = {
            let mut connection = self.database.connection();
            transact(&mut connection, &self.profiles, group, &mut done, &mut told)
        };
        let path = self.database.path();
        let failed = match committed {
            Ok(profiles) => {
                self.profiles.publish(profiles);
                None
            }
            Err(fault) => Some(fault.told("write to", path)),
        };
        if failed.is_none() && !told.is_empty() {
            (self.on_commit)(told);
        }
        let mut done = done.into_iter();
        for operation in group.drain(..) {
            let own = done.next().unwrap_or(Ok(()));
            let result = match (own, &failed) {
                (Err(fault), _) => Err(fault.told(operation.doing(), path)),
                (Ok(()), Some(error)) => Err(error.clone()),
                (Ok(()), None) => Ok(()),
            };
            operation.answer(result);
        }
    }
}

fn transact(
    connection: &mut Connection,
    profiles: &Profiles,
    group: &mut [Box<dyn Operation>],
    done: &mut Vec<Result<(), Fault>>,
    told: &mut Vec<StoredEvent>,
) -> Result<profiles::Changed, Fault> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let last = Events::last(&transaction)?;
    // Events are in the order of their times even where the machine's clock is put back.
    let now = now().max(last.map_or(0, |(_, at)| at));
    let mut sequence = last.map_or(0, |(sequence, _)| sequence);
    let mut changes = Vec::new();
    for operation in group {
        let before = (told.len(), changes.len());
        let mut batch = Batch { connection: &transaction, now, sequence, told, profiles: &mut changes };
        // A panic is a fault of ours, but what others accepted must not be lost with it.
        let run = || alone(&transaction, || operation.run(&mut batch));
        let result = catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|_| {
            let _ = transaction.execute_batch("ROLLBACK TO operation; RELEASE operation");
            Err(Fault::Told(Error::fatal(format!(
                "cannot {} the database: a fault of the host",
                operation.doing()
            ))))
        });
        let after = batch.sequence;
        match result {
            Ok(()) => sequence = after,
            Err(_) => {
                told.truncate(before.0);
                changes.truncate(before.1);
            }
        }
        // Some failures end the whole transaction.
        if transaction.is_autocommit() {
            return Err(result.err().unwrap_or_else(|| {
                Fault::Told(Error::fatal("the database ended a transaction before its end"))
            }));
        }
        done.push(result);
    }
    let changed = match changes.as_slice() {
        [] => profiles::Changed::new(),
        _ => match alone(&transaction, || profiles::flush(&transaction, profiles, changes, now)) {
            Ok(changed) => changed,
            Err(fault) if transaction.is_autocommit() => return Err(fault),
            // The jobs' ends must not wait for figures.
            Err(fault) => {
                tracing::warn!(
                    ?fault,
                    "what attempts used could not be stored, and is left out of the profiles"
                );
                profiles::Changed::new()
            }
        },
    };
    transaction.commit()?;
    Ok(changed)
}

/// Does one operation in whole, or not at all.
fn alone<T>(transaction: &Transaction<'_>, operation: impl FnOnce() -> Result<T, Fault>) -> Result<T, Fault> {
    transaction.prepare_cached("SAVEPOINT operation")?.execute([])?;
    let result = operation();
    if result.is_err() && !transaction.is_autocommit() {
        transaction.prepare_cached("ROLLBACK TO operation")?.execute([])?;
    }
    if !transaction.is_autocommit() {
        transaction.prepare_cached("RELEASE operation")?.execute([])?;
    }
    result
}

impl Batch<'_> {
    /// The time of this group, in milliseconds since 1970-01-01 UTC.
    pub(crate) fn now(&self) -> i64 {
        self.now
    }

    /// Stores an event under the next number.
    pub(crate) fn tell(&mut self, about: About<'_>, what: String) -> Result<(), Fault> {
        let event = StoredEvent {
            // Only damage can have used them up.
            sequence: self.sequence.checked_add(1).ok_or_else(|| {
                Fault::Told(Error::fatal(
                    "there are no more numbers for events: the last one in the database is damaged; save what can be \
                     read with `sqlite3`, and begin anew",
                ))
            })?,
            at: self.now,
            job: about.job.copied(),
            instance: about.instance.into(),
            attempt: about.attempt,
            sequence_id: about.sequence_id.copied(),
            what: what.into(),
        };
        Events::insert(self.connection, &event)?;
        self.sequence = event.sequence;
        self.told.push(event);
        Ok(())
    }
}
