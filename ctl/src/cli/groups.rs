//! The list of commands in the help, by what people want to do.

use std::fmt::Write as _;

use clap::builder::styling::Styles;

/// The commands of each group, in the order in which they are likely to be needed.
const GROUPS: [(&str, &[&str]); 7] = [
    ("Write plugins", &["new", "build", "inspect"]),
    ("Run them", &["run", "prefetch", "watch"]),
    (
        "Have them run as jobs",
        &[
            "submit", "worker", "jobs", "job", "wait", "result", "logs", "cancel", "retry", "reorder",
            "purge", "sequence", "events", "profiles",
        ],
    ),
    ("Manage them", &["install", "upgrade", "remove", "list", "info", "categories", "enable", "disable"]),
    ("Say what they may use", &["grant", "revoke", "grants", "config", "secret"]),
    ("Trust", &["verify", "validate", "regenerate", "keygen", "sign", "trust"]),
    ("More", &["doctor", "completions", "help"]),
];

/// What clap adds by itself, and therefore cannot be asked about before it has.
const HELP: (&str, &str) = ("help", "Print this message or the help of the given command");

/// The groups as text, each command with its line.
pub(super) fn render(command: &clap::Command, styles: &Styles) -> String {
    let width = GROUPS.iter().flat_map(|(_, names)| *names).map(|name| name.len()).max().unwrap_or(0);
    let (header, literal) = (styles.get_header(), styles.get_literal());
    let mut text = String::new();
    for (title, names) in GROUPS {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{header}{title}:{header:#}");
        for name in names {
            let about = command.find_subcommand(name).and_then(clap::Command::get_about);
            let about = about.map_or(HELP.1.to_owned(), ToString::to_string);
            let _ = writeln!(text, "  {literal}{name:<width$}{literal:#}  {about}");
        }
        text.push('\n');
    }
    text
}

/// The whole page of help, around the groups.
pub(super) fn template(groups: &str) -> String {
    format!("{{about-with-newline}}\n{{usage-heading}} {{usage}}\n\n{groups}{{options}}{{after-help}}")
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn every_command_is_in_one_group() {
        let command = crate::cli::Cli::command();
        let mut known: Vec<_> = command.get_subcommands().map(clap::Command::get_name).collect();
        known.push(HELP.0);
        let mut grouped: Vec<_> = GROUPS.iter().flat_map(|(_, names)| *names).copied().collect();
        known.sort_unstable();
        grouped.sort_unstable();
        assert_eq!(known, grouped);
    }
}
