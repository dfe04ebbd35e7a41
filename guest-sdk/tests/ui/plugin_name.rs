use cjm_guest::{NoConfig, Plugin, Result};

struct Mine;

impl Plugin for Mine {
    type Config = NoConfig;
    const NAME: Option<&'static str> = Some("my plugin");

    fn new(_: NoConfig) -> Result<Self> {
        Ok(Self)
    }
}

#[cjm_guest::actions]
impl Mine {}

fn main() {}
