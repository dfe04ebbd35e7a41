//! What there is of a machine's memory.

mod gpus;
mod live;

pub(super) use live::Live;

/// Tells how much of what jobs take up there is. [`QueueBuilder::machine`](crate::QueueBuilder::machine) takes one where
/// what the operating system tells is not what counts.
///
/// # Examples
///
/// ```
/// use cjm_host::{Figures, Machine, Space};
///
/// /// Half of the machine belongs to somebody else.
/// struct Half<M>(M);
///
/// impl<M: Machine> Machine for Half<M> {
///     fn figures(&self) -> Figures {
///         let whole = self.0.figures();
///         let half = |space: Space| Space { total: space.total / 2, free: space.free.min(space.total / 2) };
///         Figures { memory: whole.memory.map(half), gpus: whole.gpus }
///     }
/// }
/// ```
pub trait Machine: Send + Sync + 'static {
    /// How much there is now. Asked about once a second while jobs wait of which it is known what they take up; it may
    /// block for a moment.
    fn figures(&self) -> Figures;
}

/// How much memory there is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Figures {
    /// Memory of the machine, or of the part of it that this process may use. None where that is not known.
    pub memory: Option<Space>,
    /// Memory of each GPU. Empty where there is none, or nothing is known of it: then jobs are not held against it.
    pub gpus: Vec<Space>,
}

impl Figures {
    /// What the operating system and the drivers of the GPUs tell now. It may block for a moment.
    pub fn now() -> Self {
        Live::default().figures()
    }
}

/// How much there is of something, in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Space {
    /// All of it.
    pub total: u64,
    /// What of it is free, or would be at once if it were needed.
    pub free: u64,
}
