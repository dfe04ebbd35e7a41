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
    fn changes(&mut self) -> Result<()> {
        Ok(())
    }

    fn consumes(self) -> Result<()> {
        Ok(())
    }

    fn helper(number: u32) -> Result<u32> {
        Ok(number)
    }
}

fn main() {}
