use cjm_guest::{NoConfig, Plugin, Result, SecretNeed};

struct Mine;

impl Plugin for Mine {
    type Config = NoConfig;
    const CATEGORY: Option<&'static str> = Some("speech to text");
    const PLATFORMS: &'static [&'static str] = &["linux", "Mac OS"];
    const SECRETS: &'static [SecretNeed] = &[SecretNeed::required("api key", "The key of your account.")];

    fn new(_: NoConfig) -> Result<Self> {
        Ok(Self)
    }
}

#[cjm_guest::actions]
impl Mine {}

fn main() {}
