//! Memory, tables and instances of one Store, counted and limited.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use wasmtime::{ResourceLimiter, Result};

use crate::policy::Limits;

/// Counts what a Store allocates. Memory is summed over all memories of the Store, because a guest may have several.
#[derive(Debug)]
pub(crate) struct StoreLimiter {
    memory_limit: u64,
    table_limit: u64,
    instances: usize,
    tables: usize,
    memories: usize,
    /// That of this Store alone, to be read from outside.
    memory: Arc<MemoryGauge>,
    refused: Option<Refusal>,
    gauge: Option<Arc<MemoryGauge>>,
}

/// Linear memory of one Store, or of several together. It changes as memories grow and Stores go, never with a call.
#[derive(Debug, Default)]
pub(crate) struct MemoryGauge {
    now: AtomicU64,
    peak: AtomicU64,
}

impl MemoryGauge {
    /// Bytes of all linear memories now.
    pub(crate) fn now(&self) -> u64 {
        self.now.load(Ordering::Relaxed)
    }

    /// The most that they ever had together.
    pub(crate) fn peak(&self) -> u64 {
        self.peak.load(Ordering::Relaxed)
    }

    fn grow(&self, bytes: u64) {
        let now = self.now.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes);
        self.peak.fetch_max(now, Ordering::Relaxed);
    }

    fn shrink(&self, bytes: u64) {
        self.now.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// A growth that was refused. A guest seldom survives it, so that a trap that follows is put down to it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Refusal {
    Memory { needed: u64, limit: u64 },
    Table { needed: u64, limit: u64 },
}

impl StoreLimiter {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            memory_limit: limits.memory_bytes,
            table_limit: limits.table_elements,
            instances: limits.instances as usize,
            tables: limits.tables as usize,
            memories: limits.memories as usize,
            memory: Arc::default(),
            refused: None,
            gauge: None,
        }
    }

    /// Has what the Store allocates count on a gauge, until the Store is dropped.
    pub(crate) fn count_on(&mut self, gauge: Arc<MemoryGauge>) {
        gauge.grow(self.memory_bytes());
        self.gauge = Some(gauge);
    }

    /// Where the memory of this Store can be read while it runs.
    pub(crate) fn memory(&self) -> &Arc<MemoryGauge> {
        &self.memory
    }

    /// Bytes of all linear memories now.
    pub(crate) fn memory_bytes(&self) -> u64 {
        self.memory.now()
    }

    /// The most bytes that all linear memories ever had together.
    pub(crate) fn peak_memory_bytes(&self) -> u64 {
        self.memory.peak()
    }

    /// The last growth that was refused and not followed by one that was granted.
    pub(crate) fn refused(&self) -> Option<Refusal> {
        self.refused
    }

    /// Forgets a refusal that an earlier call survived.
    pub(crate) fn begin_call(&mut self) {
        self.refused = None;
    }
}

impl Drop for StoreLimiter {
    fn drop(&mut self) {
        if let Some(gauge) = &self.gauge {
            gauge.shrink(self.memory_bytes());
        }
    }
}

impl ResourceLimiter for StoreLimiter {
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> Result<bool> {
        let grown = (desired as u64).saturating_sub(current as u64);
        let needed = self.memory_bytes().saturating_add(grown);
        if needed > self.memory_limit {
            self.refused = Some(Refusal::Memory { needed, limit: self.memory_limit });
            return Ok(false);
        }
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        if let Some(gauge) = &self.gauge {
            gauge.grow(grown);
        }
        self.memory.grow(grown);
        self.refused = None;
        Ok(true)
    }

    fn table_growing(&mut self, _current: usize, desired: usize, maximum: Option<usize>) -> Result<bool> {
        if desired as u64 > self.table_limit {
            self.refused = Some(Refusal::Table { needed: desired as u64, limit: self.table_limit });
            return Ok(false);
        }
        Ok(maximum.is_none_or(|maximum| desired <= maximum))
    }

    fn instances(&self) -> usize {
        self.instances
    }

    fn tables(&self) -> usize {
        self.tables
    }

    fn memories(&self) -> usize {
        self.memories
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limiter(memory_bytes: u64) -> StoreLimiter {
        StoreLimiter::new(&Limits { memory_bytes, table_elements: 10, ..Limits::default() })
    }

    #[test]
    fn sums_over_all_memories() {
        let mut limiter = limiter(100);
        assert!(limiter.memory_growing(0, 60, None).unwrap());
        assert!(!limiter.memory_growing(0, 60, None).unwrap(), "a second memory counts beside the first");
        assert!(limiter.memory_growing(60, 100, None).unwrap());
        assert_eq!((limiter.memory_bytes(), limiter.peak_memory_bytes()), (100, 100));
    }

    #[test]
    fn knows_what_it_refused() {
        let mut limiter = limiter(100);
        assert!(!limiter.memory_growing(0, 200, None).unwrap());
        assert!(matches!(limiter.refused(), Some(Refusal::Memory { needed: 200, limit: 100 })));
        assert!(limiter.memory_growing(0, 50, None).unwrap());
        assert!(limiter.refused().is_none(), "the guest made do with less");
        assert!(!limiter.table_growing(0, 11, None).unwrap());
        assert!(matches!(limiter.refused(), Some(Refusal::Table { needed: 11, limit: 10 })));
    }

    #[test]
    fn a_gauge_sums_over_stores_until_they_are_dropped() {
        let gauge = Arc::new(MemoryGauge::default());
        let store = || {
            let mut limiter = limiter(100);
            limiter.count_on(gauge.clone());
            assert!(limiter.memory_growing(0, 40, None).unwrap());
            limiter
        };
        let (mut a, b) = (store(), store());
        assert!(a.memory_growing(40, 60, None).unwrap());
        assert!(!a.memory_growing(60, 200, None).unwrap());
        assert_eq!((gauge.now(), gauge.peak()), (100, 100));
        drop(b);
        assert_eq!((gauge.now(), gauge.peak()), (60, 100));
        drop(a);
        assert_eq!(gauge.now(), 0);
    }
}
