//! Bytes in and out, several instances of one plugin at a time, and progress.

use std::path::Path;

use anyhow::{Context, Result, bail};
use cjm_host::{EventKind, Source, Subscription, Value};
use indicatif::ProgressBar;
use serde_json::json;
use tokio::task::JoinSet;

use crate::screen::fill;
use crate::{Stage, input};

/// The instances: the longest edge of what each makes, and the format.
const SIZES: [(u32, &str); 3] = [(1600, "jpeg"), (800, "png"), (200, "webp")];

pub(crate) async fn play(stage: &Stage) -> Result<String> {
    let photo = input("lake.jpg")?;
    stage.screen.title("Pictures: three instances of the plugin `thumbnail`, at the same time");
    stage.screen.line(&format!("a JPEG of {} kB, 3600 x 2400 pixels", photo.len() / 1000));
    let folder = stage.plugins.join("demo");
    std::fs::create_dir_all(&folder).with_context(|| format!("{} cannot be made", folder.display()))?;

    let mut work = JoinSet::new();
    for (edge, format) in SIZES {
        let id = format!("thumbnail-{edge}");
        let thumbnail = stage
            .host
            .loader(Source::path(stage.plugin("thumbnail")))
            .id(&id)
            .config(json!({ "longest_edge": edge, "format": format }))
            .load()
            .await?;
        let mut call = thumbnail.call("thumbnail", Value::blob("image/jpeg", photo.clone()));
        let bar = stage.screen.bar(&format!("{edge} {format}"));
        let watching = tokio::spawn(watch(call.events(), bar.clone()));
        let running = call.start();
        let path = folder.join(format!("lake-{edge}.{format}"));
        work.spawn(async move {
            let small = running.await?;
            let reports = watching.await?;
            Ok::<_, anyhow::Error>((bar, path, small, reports))
        });
    }

    let mut reports = 0;
    while let Some(done) = work.join_next().await {
        let (bar, path, small, reported) = done??;
        stage.screen.full(&bar, &save(&path, &small)?);
        reports += reported;
    }
    stage.screen.line(&format!("in {}", folder.display()));
    if reports == 0 {
        bail!("no plugin reported progress");
    }
    Ok(format!("{} thumbnails made at the same time, with {reports} reports of progress", SIZES.len()))
}

/// Moves the bar along until the call is over; gives the number of reports.
async fn watch(mut events: Subscription, bar: ProgressBar) -> usize {
    let mut reports = 0;
    while let Some(event) = events.next().await {
        if let EventKind::Progress(progress) = event.kind {
            reports += 1;
            fill(&bar, progress.fraction.unwrap_or_default());
            bar.set_message(progress.message);
        }
    }
    reports
}

fn save(path: &Path, small: &Value) -> Result<String> {
    let Value::Blob(small) = small else { bail!("the thumbnail is no image") };
    std::fs::write(path, &small.data).with_context(|| format!("{} cannot be written", path.display()))?;
    Ok(format!("{} kB of {}", small.data.len().div_ceil(1000), small.media_type))
}
