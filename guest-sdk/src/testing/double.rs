//! What stands in for the host's imports in a native build.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::future::poll_fn;
use std::task::{Poll, Waker};

thread_local! {
    pub(crate) static SECRETS: RefCell<HashMap<String, String>> = RefCell::default();
    pub(crate) static LOGS: RefCell<Vec<(log::Level, String, String)>> = RefCell::default();
}

#[derive(Debug)]
pub(crate) struct Backend {
    pub(crate) attempt: u32,
    pub(crate) progress: RefCell<Vec<(Option<f64>, String)>>,
    pub(crate) usage: RefCell<BTreeMap<String, f64>>,
    cancelled: Cell<bool>,
    checks_left: Cell<Option<u32>>,
    waiting: RefCell<Vec<Waker>>,
}

impl Default for Backend {
    fn default() -> Self {
        Self {
            attempt: 1,
            progress: RefCell::default(),
            usage: RefCell::default(),
            cancelled: Cell::new(false),
            checks_left: Cell::new(None),
            waiting: RefCell::default(),
        }
    }
}

impl Backend {
    pub(crate) fn id(&self) -> String {
        "test".to_owned()
    }

    pub(crate) fn attempt(&self) -> u32 {
        self.attempt
    }

    pub(crate) fn progress(&self, fraction: Option<f64>, message: &str) {
        // As the host does, so that tests see what a watcher would.
        let fraction =
            fraction.filter(|fraction| !fraction.is_nan()).map(|fraction| fraction.clamp(0.0, 1.0));
        self.progress.borrow_mut().push((fraction, message.to_owned()));
    }

    pub(crate) fn usage(&self, unit: &str, amount: f64) {
        if amount.is_finite() && amount >= 0.0 {
            *self.usage.borrow_mut().entry(unit.to_owned()).or_default() += amount;
        }
    }

    pub(crate) fn is_cancelled(&self) -> bool {
        match self.checks_left.get() {
            Some(0 | 1) => self.cancel(),
            Some(left) => self.checks_left.set(Some(left - 1)),
            None => {}
        }
        self.cancelled.get()
    }

    pub(crate) async fn cancelled(&self) {
        poll_fn(|context| {
            if self.cancelled.get() {
                return Poll::Ready(());
            }
            let mut waiting = self.waiting.borrow_mut();
            if !waiting.iter().any(|waker| waker.will_wake(context.waker())) {
                waiting.push(context.waker().clone());
            }
            Poll::Pending
        })
        .await;
    }

    pub(crate) fn cancel(&self) {
        self.checks_left.set(None);
        self.cancelled.set(true);
        for waker in self.waiting.take() {
            waker.wake();
        }
    }

    pub(crate) fn cancel_after(&self, checks: u32) {
        self.checks_left.set(Some(checks));
    }
}

pub(crate) fn secret(name: &str) -> Option<String> {
    SECRETS.with_borrow(|secrets| secrets.get(name).cloned())
}

pub(crate) fn log(level: log::Level, target: &str, message: &str) {
    LOGS.with_borrow_mut(|logs| logs.push((level, target.to_owned(), message.to_owned())));
}
