use cjm_guest::{NoConfig, Plugin, Result};

struct Mine;

impl Plugin for Mine {
    type Config = NoConfig;

    fn new(_: NoConfig) -> Result<Self> {
        Ok(Self)
    }
}

struct Opaque;

#[cjm_guest::actions]
impl Mine {
    fn run(&self, input: Opaque) -> Result<()> {
        let _ = input;
        Ok(())
    }
}

fn main() {}
