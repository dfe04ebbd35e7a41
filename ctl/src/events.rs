//! What happens to plugins, for people.

use cjm_host::{EventKind, LogLevel, LogRecord};

use crate::output::{BAD, Console, DIM, GOOD, NAME, WARNING, styled};
use crate::project::shown;
use crate::text::{self, one_line};

/// Whether a record is to be shown to somebody who wants to know so much.
pub(crate) fn is_wanted(record: &LogRecord, console: &Console) -> bool {
    let least = match console.verbosity() {
        0 => LogLevel::Info,
        1 => LogLevel::Debug,
        _ => LogLevel::Trace,
    };
    !console.quiet() && record.level >= least
}

/// A record as a line, or as many as its message has.
pub(crate) fn log_line(record: &LogRecord) -> String {
    let (style, name) = match record.level {
        LogLevel::Trace => (DIM, "trace"),
        LogLevel::Debug => (DIM, "debug"),
        LogLevel::Info => (GOOD, "info"),
        LogLevel::Warn => (WARNING, "warn"),
        LogLevel::Error => (BAD, "error"),
        LogLevel::Critical => (BAD, "critical"),
    };
    let target = match text::one_line(&record.target) {
        target if target.is_empty() => String::new(),
        target => format!(" {}", styled(DIM, target)),
    };
    let message = text::printable(record.message.trim_end());
    format!("{}{target} {message}", styled(style, format!("{name:>5}")))
}

/// What happened to an instance of a plugin; nothing where nobody wants to know it.
pub(crate) fn in_words(instance: &str, kind: &EventKind, plugin: &str, console: &Console) -> Option<String> {
    let id = styled(NAME, instance);
    Some(match kind {
        EventKind::Loaded { digest } => {
            format!("{} {id} {}", styled(GOOD, "loaded"), styled(DIM, digest.short()))
        }
        EventKind::Replaced { digest } => {
            format!("{} {id} by {}", styled(GOOD, "replaced"), styled(DIM, digest.short()))
        }
        EventKind::Unloaded => format!("{} {id}", styled(WARNING, "unloaded")),
        EventKind::Enabled => format!("{} {id}", styled(GOOD, "enabled")),
        EventKind::Disabled => format!("{} {id}", styled(WARNING, "disabled")),
        EventKind::PluginProblem { path, error } => {
            let what = if instance.is_empty() { shown(path) } else { id };
            format!("{} {what}: {}", styled(BAD, "not usable"), one_line(&error.to_string()))
        }
        EventKind::Drift { recorded, live } => format!(
            "{} {id}: its configuration schema is {}, and was {} when it was installed",
            styled(WARNING, "drifted"),
            live.short(),
            recorded.short()
        ),
        EventKind::Log(record) if is_wanted(record, console) => format!("{id} {}", log_line(record)),
        EventKind::Lagged { missed } => format!("{missed} events were missed"),
        other => format!("{id} {}", refusal_line(other, Some(plugin))?),
    })
}

/// A refusal, with what would have let it: a grant to the plugin, or to the run of a file. Nothing for other events.
pub(crate) fn refusal_line(kind: &EventKind, plugin: Option<&str>) -> Option<String> {
    let EventKind::GrantRefused { capability, wanted, grant, untold } = kind else { return None };
    let more = if *untold > 0 { format!(" (and {untold} more before)") } else { String::new() };
    let grant = text::shell_word(&text::one_line(grant));
    let way = match plugin {
        Some(plugin) => format!("cjm-ctl grant {plugin} {grant}"),
        None => format!("--grant {grant}"),
    };
    Some(format!(
        "{} {}{more}; to allow it: {way}",
        styled(WARNING, format!("refused {capability}:")),
        text::one_line(wanted)
    ))
}

/// A refusal for programs.
pub(crate) fn refusal_json(kind: &EventKind) -> Option<serde_json::Value> {
    let EventKind::GrantRefused { capability, wanted, grant, untold } = kind else { return None };
    Some(serde_json::json!({ "capability": capability, "wanted": wanted, "grant": grant, "untold": untold }))
}
