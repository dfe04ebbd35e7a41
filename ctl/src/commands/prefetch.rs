//! `cjm-ctl prefetch`.

use cjm_host::EventKind;
use serde_json::json;

use crate::cli::PrefetchArgs;
use crate::events;
use crate::failure::Result;
use crate::output::{Console, GOOD, NAME, styled};
use crate::progress::{Progress, Report};
use crate::project::{Missing, Project};

/// Has the plugin fetch what its first job would wait for.
pub(crate) fn prefetch(args: &PrefetchArgs, project: &Project, console: &Console) -> Result<()> {
    project.manage(Missing::Refuse, &format!("prefetching for `{}`", args.name), console, async |manager| {
        let mut progress = Progress::new(console, &args.name);
        progress.phase("loading; the first time this takes a while");
        let mut events = manager.host().events();
        let id = args.instance.as_deref().unwrap_or(&args.name);
        let instance = manager.load_as(&args.name, id).await?;
        progress.phase("");
        let mut work = std::pin::pin!(instance.prefetch());
        let done = loop {
            tokio::select! {
                biased;
                Some(event) = events.next() => match event.kind {
                    EventKind::Progress(report) => progress.report(Report::new(report.fraction, report.message)),
                    EventKind::Log(record) if events::is_wanted(&record, console) => {
                        match console.json() {
                            true => console.event("log", &record),
                            false => progress.console().complain(&events::log_line(&record)),
                        }
                    }
                    refusal => {
                        if let Some(line) = events::refusal_line(&refusal, Some(&args.name)) {
                            progress.console().note(line);
                        }
                    }
                },
                done = &mut work => break done,
            }
        };
        progress.finish();
        manager.unload_all().await;
        done?;
        console.note(format!("{} {} has what it needs", styled(GOOD, "ready:"), styled(NAME, id)));
        if console.json() { console.print_json(&json!({ "prefetched": id })) } else { Ok(()) }
    })
}
