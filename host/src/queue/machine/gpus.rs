//! The memory of GPUs, where the library of their driver is there.

use nvml_wrapper::Nvml;

use super::Space;

/// The GPUs of this machine. The library is looked for once.
pub(super) struct Gpus {
    /// None where there is no such library, which is as normal as a machine without a GPU.
    nvml: Option<Nvml>,
}

impl Gpus {
    pub(super) fn find() -> Self {
        let nvml = Nvml::init()
            .inspect_err(|error| tracing::debug!(%error, "nothing is known of the memory of GPUs"))
            .ok();
        Self { nvml }
    }

    /// The memory of each; of those that do not tell, nothing.
    pub(super) fn spaces(&self) -> Vec<Space> {
        let Some(nvml) = &self.nvml else { return Vec::new() };
        let space = |index| {
            let memory = nvml.device_by_index(index).and_then(|gpu| gpu.memory_info());
            match memory {
                Ok(memory) => Some(Space { total: memory.total, free: memory.free }),
                Err(error) => {
                    tracing::debug!(%error, index, "the memory of a GPU is not known");
                    None
                }
            }
        };
        (0..nvml.device_count().unwrap_or(0)).filter_map(space).collect()
    }
}
