use cjm_guest::{Job, NoConfig, Plugin, Result, Sender};

struct Mine;

impl Plugin for Mine {
    type Config = NoConfig;

    fn new(_: NoConfig) -> Result<Self> {
        Ok(Self)
    }
}

#[cjm_guest::actions]
impl Mine {
    fn two(&self, a: f64, b: f64) -> Result<f64> {
        Ok(a + b)
    }

    fn borrowed(&self, text: &str) -> Result<usize> {
        Ok(text.len())
    }

    fn owned_job(&self, job: Job) -> Result<()> {
        Ok(())
    }

    fn generic<T>(&self, input: T) -> Result<()> {
        Ok(())
    }

    fn blocking_sender(&self, out: Sender<u32>) -> Result<()> {
        Ok(())
    }
}

fn main() {}
