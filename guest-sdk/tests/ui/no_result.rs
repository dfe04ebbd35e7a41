use cjm_guest::{NoConfig, Plugin, Result};

struct Mine;

impl Plugin for Mine {
    type Config = NoConfig;

    fn new(_: NoConfig) -> Result<Self> {
        Ok(Self)
    }
}

#[cjm_guest::actions]
impl Mine {
    fn bare(&self) -> f64 {
        1.0
    }

    fn items(&self) -> impl Iterator<Item = u32> {
        0..3
    }
}

fn main() {}
