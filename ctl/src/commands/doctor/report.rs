//! What was found, and how it is shown.

use cjm_host::Error;
use serde::Serialize;

use crate::output::{BAD, BOLD, DIM, GOOD, WARNING, styled};
use crate::text::{one_line, printable};

/// What was found at one place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Finding {
    section: Section,
    check: String,
    pub(super) level: Level,
    message: String,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Level {
    Ok,
    /// It works, but not as it could.
    Warning,
    /// Something does not work.
    Problem,
}

/// Where it belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Section {
    Project,
    Jobs,
    Plugins,
    Machine,
}

impl Section {
    fn title(self) -> &'static str {
        match self {
            Section::Project => "Project",
            Section::Jobs => "Jobs",
            Section::Plugins => "Plugins",
            Section::Machine => "Machine",
        }
    }
}

impl Finding {
    /// Nothing yet, of this check.
    pub(super) fn of(section: Section, check: impl Into<String>) -> Self {
        Finding { section, check: check.into(), level: Level::Ok, message: String::new(), hint: None }
    }

    pub(super) fn ok(self, message: impl Into<String>) -> Self {
        Finding { message: message.into(), ..self }
    }

    pub(super) fn warning(self, message: impl Into<String>) -> Self {
        Finding { level: Level::Warning, message: message.into(), ..self }
    }

    pub(super) fn problem(self, message: impl Into<String>) -> Self {
        Finding { level: Level::Problem, message: message.into(), ..self }
    }

    /// What the taxonomy says, which has what to do in it.
    pub(super) fn error(self, error: &Error) -> Self {
        self.problem(error.to_string())
    }

    pub(super) fn hint(self, hint: impl Into<Option<String>>) -> Self {
        Finding { hint: hint.into(), ..self }
    }
}

/// The findings for people.
pub(super) fn page(findings: &[Finding], all: bool) -> String {
    let width = findings.iter().map(|finding| finding.check.chars().count()).max().unwrap_or(0).min(32);
    let mut page = String::new();
    let mut section = None;
    for finding in findings {
        if section != Some(finding.section) {
            let space = if section.is_some() { "\n" } else { "" };
            page.push_str(&format!("{space}{}\n", styled(BOLD, finding.section.title())));
            section = Some(finding.section);
        }
        let level = match finding.level {
            Level::Ok => styled(GOOD, "ok     "),
            Level::Warning => styled(WARNING, "warning"),
            Level::Problem => styled(BAD, "problem"),
        };
        let check = styled(DIM, format!("{:<width$}", one_line(&finding.check)));
        let message = printable(&finding.message).lines().collect::<Vec<_>>().join("\n    ");
        page.push_str(&format!("  {level}  {check}  {message}\n"));
        if let Some(hint) = finding.hint.as_ref().filter(|_| all || finding.level != Level::Ok) {
            page.push_str(&format!("           {} {}\n", styled(GOOD, "→"), one_line(hint)));
        }
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_are_grouped_and_say_what_to_do() {
        let findings = [
            Finding::of(Section::Project, "settings").ok("cjm.toml"),
            Finding::of(Section::Project, "database").problem("it is damaged").hint("mend it".to_owned()),
            Finding::of(Section::Machine, "GPU").ok("none").hint("get one".to_owned()),
        ];
        let plain = |all| anstream::adapter::strip_str(&page(&findings, all)).to_string();
        assert_eq!(
            plain(false),
            "Project\n  ok       settings  cjm.toml\n  problem  database  it is damaged\n           → mend it\n\nMachine\n  \
             ok       GPU       none\n"
        );
        assert!(plain(true).ends_with("→ get one\n"));
    }
}
