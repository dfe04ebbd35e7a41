use cjm_guest::{NoConfig, Plugin};
use std::num::ParseIntError;

struct Mine;

impl Plugin for Mine {
    type Config = NoConfig;

    fn new(_: NoConfig) -> cjm_guest::Result<Self> {
        Ok(Self)
    }
}

#[cjm_guest::actions]
impl Mine {
    fn run(&self, text: String) -> Result<u32, ParseIntError> {
        text.parse()
    }
}

fn main() {}
