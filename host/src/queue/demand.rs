//! What jobs take up of a machine.

use serde::{Deserialize, Serialize};

use crate::catalog::Digest;
use crate::error::ResourceKind;

/// An amount of what jobs take up of a machine. Zero also stands for what is not known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct Demand {
    /// Memory, in bytes.
    pub memory_bytes: u64,
    /// Memory of a GPU, in bytes: of one, where there are several.
    pub gpu_memory_bytes: u64,
}

impl Demand {
    /// Nothing, or nothing that is known.
    pub const NONE: Self = Self { memory_bytes: 0, gpu_memory_bytes: 0 };

    /// How much of one kind it is; zero of kinds that are neither memory nor memory of a GPU.
    pub fn of(&self, kind: &ResourceKind) -> u64 {
        match kind {
            ResourceKind::SystemMemory => self.memory_bytes,
            ResourceKind::GpuMemory => self.gpu_memory_bytes,
            _ => 0,
        }
    }

    /// Whether it is nothing.
    pub fn is_none(&self) -> bool {
        *self == Self::NONE
    }

    /// Both together.
    pub(super) fn plus(self, other: Self) -> Self {
        self.each(other, u64::saturating_add)
    }

    /// What is left of it without the other.
    pub(super) fn less(self, other: Self) -> Self {
        self.each(other, u64::saturating_sub)
    }

    /// The larger of the two, of each kind.
    pub(super) fn most(self, other: Self) -> Self {
        self.each(other, u64::max)
    }

    fn each(self, other: Self, of: impl Fn(u64, u64) -> u64) -> Self {
        Self {
            memory_bytes: of(self.memory_bytes, other.memory_bytes),
            gpu_memory_bytes: of(self.gpu_memory_bytes, other.gpu_memory_bytes),
        }
    }
}

/// What a runner tells of the jobs of an instance.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Footprint {
    /// What one job takes up at its peak, together with the instance that it runs in, as far as that is said somewhere.
    /// What was measured counts instead where something was. Where nothing is known a job is let run, whatever is free,
    /// and measured.
    pub job: Demand,
    /// What jobs run with now, as it is told to [`Attempt::measure`](crate::Attempt::measure): what was measured with it
    /// counts. None where that is not known before they run: then what was measured last counts.
    pub configuration: Option<Digest>,
    /// Whether each job that runs takes this up for itself, in an instance of its own. Otherwise jobs that run at the
    /// same time share one instance, which takes it up once, and keeps it after they have ended.
    pub each: bool,
    /// The most memory that a job may ever have, in bytes, where there is such a limit.
    pub memory_limit: Option<u64>,
}

/// What an instance takes up now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holding {
    /// The instance's id.
    pub instance: String,
    /// How much it takes up, with all that runs in it.
    pub held: Demand,
    /// How long nothing has run in it; none while something does.
    pub idle: Option<std::time::Duration>,
}
