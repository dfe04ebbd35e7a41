//! The machine as the operating system tells it.

use std::sync::{Mutex, PoisonError};

use sysinfo::{CGroupLimits, MemoryRefreshKind, Pid, ProcessRefreshKind, ProcessesToUpdate, System};

use super::gpus::Gpus;
use super::{Figures, Machine, Space};

/// Reads what the operating system and the GPUs' driver tell.
#[derive(Default)]
pub(in crate::queue) struct Live {
    parts: Mutex<Option<Parts>>,
}

struct Parts {
    /// None where this operating system tells nothing.
    system: Option<System>,
    own: Option<Pid>,
    gpus: Gpus,
}

impl Machine for Live {
    fn figures(&self) -> Figures {
        let mut parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        let parts = parts.get_or_insert_with(|| Parts {
            system: System::new().ok(),
            own: sysinfo::get_current_pid().ok(),
            gpus: Gpus::find(),
        });
        let own = parts.own;
        Figures {
            memory: parts.system.as_mut().and_then(|system| memory(system, own)),
            gpus: parts.gpus.spaces(),
        }
    }
}

fn memory(system: &mut System, own: Option<Pid>) -> Option<Space> {
    system.refresh_memory_specifics(MemoryRefreshKind::nothing().with_ram());
    let machine = Space { total: system.total_memory(), free: system.available_memory() };
    if machine.total == 0 {
        return None;
    }
    // Of the control group in which this process runs, and where that is not told, of the one that looks like the
    // root: the container's.
    let of_process = own.and_then(|own| {
        let (update, nothing) =
            (ProcessesToUpdate::Some(&[own]), ProcessRefreshKind::nothing().without_tasks());
        system.refresh_processes_specifics(update, false, nothing);
        system.process(own)?.cgroup_limits()
    });
    Some(within(machine, of_process.or_else(|| system.cgroup_limits()).as_ref()))
}

/// The part of a machine that a control group leaves. What its files are cached in counts as free: it is given up
/// where it is needed.
fn within(machine: Space, group: Option<&CGroupLimits>) -> Space {
    let Some(group) = group.filter(|group| group.total_memory > 0) else { return machine };
    let free = group.total_memory.saturating_sub(group.rss).max(group.free_memory);
    Space { total: machine.total.min(group.total_memory), free: machine.free.min(free) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_has_memory_of_which_not_more_is_free_than_there_is() {
        let live = Live::default();
        for _ in 0..2 {
            let figures = live.figures();
            let memory = figures.memory.unwrap();
            assert!(memory.free > 0 && memory.free <= memory.total, "{memory:?}");
            assert!(figures.gpus.iter().all(|gpu| gpu.free <= gpu.total));
        }
    }

    #[test]
    fn a_control_group_leaves_what_it_has_and_what_caches_give_up() {
        let machine = Space { total: 100, free: 50 };
        let group =
            |total_memory, free_memory, rss| CGroupLimits { total_memory, free_memory, rss, free_swap: 0 };
        assert_eq!(within(machine, None), machine);
        assert_eq!(within(machine, Some(&group(30, 2, 20))), Space { total: 30, free: 10 });
        assert_eq!(within(machine, Some(&group(90, 80, 10))), Space { total: 90, free: 50 });
        assert_eq!(within(machine, Some(&group(u64::MAX, u64::MAX, 10))), machine);
    }
}
