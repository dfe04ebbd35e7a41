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
    fn run(&self) -> Result<()> {
        Ok(())
    }

    #[action(name = "run")]
    fn start(&self) -> Result<()> {
        Ok(())
    }

    #[action(name = "not a name")]
    fn stop(&self) -> Result<()> {
        Ok(())
    }

    #[action(title = "Pause")]
    fn pause(&self) -> Result<()> {
        Ok(())
    }
}

fn main() {}
