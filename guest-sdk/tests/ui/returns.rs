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
    fn nothing(&self) {}

    fn shown(&self) -> impl std::fmt::Display {
        0
    }

    fn vague(&self) -> impl Iterator {
        0..3
    }
}

fn main() {}
