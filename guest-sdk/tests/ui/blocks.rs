use cjm_guest::{NoConfig, Plugin, Result};

struct Mine<T>(T);

impl Plugin for Mine<u8> {
    type Config = NoConfig;

    fn new(_: NoConfig) -> Result<Self> {
        Ok(Self(0))
    }
}

#[cjm_guest::actions]
impl<T> Mine<T> {}

#[cjm_guest::actions(lifecycle)]
impl Mine<u8> {}

#[cjm_guest::actions]
impl Drop for Mine<u8> {}

#[cjm_guest::lifecycle]
impl Mine<u8> {}

#[cjm_guest::config_options]
impl Lifecycle for Mine<u8> {}

fn main() {}
