//! The demo: `cargo xtask demo` builds what it needs and runs it.

mod acts;
mod screen;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, Result};
use cjm_host::Host;

use screen::Screen;

/// What the acts work with.
struct Stage {
    host: Host,
    plugins: PathBuf,
    screen: Screen,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Plays all acts; true if everything was shown.
async fn run() -> Result<bool> {
    let plugins = std::env::args_os().nth(1).map(PathBuf::from);
    let plugins =
        plugins.context("the folder of the plugins is missing; start the demo with `cargo xtask demo`")?;
    let host = Host::builder().cache_dir(plugins.join("compiled")).build()?;
    let stage = Stage { host, plugins, screen: Screen::new() };
    let begin = Instant::now();

    let shown = [
        ("numbers", acts::numbers::play(&stage).await),
        ("pictures", acts::pictures::play(&stage).await),
        ("sentences", acts::sentences::play(&stage).await),
        ("a plugin that spins for ever", acts::spin::play(&stage).await),
    ];
    stage.host.shutdown().await;

    stage.screen.title(&format!("What was shown, in {:.1} s", begin.elapsed().as_secs_f64()));
    for (what, outcome) in &shown {
        stage.screen.outcome(what, outcome.as_deref());
    }
    Ok(shown.iter().all(|(_, outcome)| outcome.is_ok()))
}

impl Stage {
    fn plugin(&self, name: &str) -> PathBuf {
        self.plugins.join(name).with_extension("wasm")
    }
}

/// A file of this example's input.
fn input(name: &str) -> Result<Vec<u8>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("input").join(name);
    std::fs::read(&path).with_context(|| format!("{} cannot be read", path.display()))
}
