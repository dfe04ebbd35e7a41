//! What is known of a plugin, for people.

use cjm_host::{Action, Capability, Description, Inspection, InstanceMode, Role, Schema, Tool};
use serde_json::{Map, Value};

use crate::output::{BOLD, DIM, GOOD, NAME, styled};
use crate::schema;
use crate::text::one_line;

/// The whole page.
pub(super) fn all(inspection: &Inspection, description: Option<&Description>) -> String {
    let mut page = Page::default();
    match description {
        Some(description) => {
            page.line(format!(
                "{} {}  {}",
                styled(NAME, &description.name),
                description.version,
                one_line(&description.summary)
            ));
        }
        None => page.line(styled(NAME, one_line(&inspection.file))),
    }
    facts(&mut page, inspection, description);
    if let Some(description) = description {
        actions(&mut page, description);
        configuration(&mut page, description);
        secrets(&mut page, description);
    }
    needs(&mut page, inspection);
    offers(&mut page, inspection);
    page.text
}

#[derive(Default)]
struct Page {
    text: String,
}

impl Page {
    fn line(&mut self, line: impl AsRef<str>) {
        self.text.push_str(line.as_ref());
        self.text.push('\n');
    }

    fn section(&mut self, title: &str) {
        self.line("");
        self.line(styled(GOOD, title));
    }

    fn fact(&mut self, name: &str, what: impl AsRef<str>) {
        self.line(format!("  {} {}", styled(DIM, format!("{name:<9}")), what.as_ref()));
    }
}

fn facts(page: &mut Page, inspection: &Inspection, description: Option<&Description>) {
    page.fact("digest", inspection.digest.to_string());
    page.fact("size", bytesize::ByteSize(inspection.size).to_string());
    page.fact("contract", format!("cjm:plugin {}", inspection.contract));
    if let Some(language) = &inspection.language {
        page.fact(
            "language",
            format!("{} {}", one_line(language), styled(DIM, made_with(&inspection.tools))),
        );
    }
    let Some(description) = description else { return };
    if !description.authors.is_empty() {
        page.fact("authors", one_line(&description.authors.join(", ")));
    }
    if let Some(category) = &description.category {
        page.fact("category", one_line(category));
    }
    if let Some(domain) = &description.domain {
        page.fact("domain", one_line(domain));
    }
    if !description.platforms.is_empty() {
        page.fact("platforms", one_line(&description.platforms.join(", ")));
    }
    page.fact(
        "instance",
        match description.instance {
            InstanceMode::Exclusive => "exclusive: one call at a time, state is kept",
            InstanceMode::Shared => "shared: several calls at a time, state is kept and shared",
            InstanceMode::Fresh => "fresh: a new instance for each call, nothing is kept",
        },
    );
}

/// Each tool once, with the first word of its version: what follows is the hash of a commit or the address of a fork.
fn made_with(tools: &[Tool]) -> String {
    let mut named: Vec<(&str, String)> = Vec::new();
    for tool in tools {
        if !named.iter().any(|(name, _)| *name == tool.name) {
            let version = tool.version.split_whitespace().next().unwrap_or("");
            named.push((&tool.name, one_line(&format!("{} {version}", tool.name))));
        }
    }
    match named.is_empty() {
        true => String::new(),
        false => {
            let named: Vec<_> = named.into_iter().map(|(_, named)| named).collect();
            format!("(made with {})", named.join(", "))
        }
    }
}

fn actions(page: &mut Page, description: &Description) {
    page.section("Actions");
    if description.actions.is_empty() {
        page.line("  none");
    }
    for action in &description.actions {
        page.line(format!("  {}  {}", styled(NAME, &action.name), one_line(&action.description)));
        if !action.idempotent {
            page.line("    not idempotent: a job that is interrupted fails, and is not run again");
        }
        schema(page, "input", action.input_schema.as_ref());
        schema(page, if action.streams { "items" } else { "output" }, action.output_schema.as_ref());
    }
}

fn configuration(page: &mut Page, description: &Description) {
    let rendered = schema::render(description.config_schema.as_json(), "  ");
    if !rendered.lines.is_empty() {
        page.section("Configuration");
        rendered.lines.iter().for_each(|line| page.line(line));
    }
}

fn schema(page: &mut Page, name: &str, schema: Option<&Schema>) {
    let label = styled(DIM, format!("{name:<6}"));
    match schema {
        None => page.line(format!("    {label} anything")),
        Some(schema) => {
            let rendered = schema::render(schema.as_json(), "      ");
            page.line(format!("    {label} {}", rendered.kind));
            rendered.lines.iter().for_each(|line| page.line(line));
        }
    }
}

fn needs(page: &mut Page, inspection: &Inspection) {
    page.section("Needs");
    if inspection.imports.is_empty() {
        page.line("  nothing");
    }
    let width = inspection.imports.keys().map(|capability| capability.as_str().len()).max().unwrap_or(0);
    for (capability, imports) in &inspection.imports {
        let name = Capability::as_str(*capability);
        let padding = " ".repeat(width.saturating_sub(name.len()));
        page.line(format!("  {}{padding}  {}", styled(BOLD, name), packages(imports)));
    }
}

/// The imports with each package and version named once: `wasi:cli@0.2.6 (stdin, stdout)`.
fn packages(imports: &[String]) -> String {
    let mut groups: Vec<(String, Vec<String>)> = Vec::new();
    for import in imports {
        let import = one_line(import);
        let (path, version) = match import.split_once('@') {
            Some((path, version)) => (path, format!("@{version}")),
            None => (import.as_str(), String::new()),
        };
        let (package, interface) = path.split_once('/').unwrap_or((path, ""));
        let package = format!("{package}{version}");
        match groups.iter_mut().find(|(known, _)| *known == package) {
            Some((_, interfaces)) => interfaces.push(interface.to_string()),
            None => groups.push((package, vec![interface.to_string()])),
        }
    }
    let said = |(package, interfaces): &(String, Vec<String>)| {
        let interfaces: Vec<_> =
            interfaces.iter().filter(|name| !name.is_empty()).map(String::as_str).collect();
        if interfaces.is_empty() { package.clone() } else { format!("{package} ({})", interfaces.join(", ")) }
    };
    groups.iter().map(said).collect::<Vec<_>>().join(", ")
}

/// What an operator has to provide, or may.
fn secrets(page: &mut Page, description: &Description) {
    if description.secrets.is_empty() {
        return;
    }
    page.section("Secrets");
    let width = description.secrets.iter().map(|secret| secret.name.chars().count()).max().unwrap_or(0);
    for secret in &description.secrets {
        let need = if secret.required { "required" } else { "optional" };
        let name = format!("{:<width$}", one_line(&secret.name));
        page.line(format!("  {}  {need}  {}", styled(BOLD, name), one_line(&secret.description)));
    }
}

fn offers(page: &mut Page, inspection: &Inspection) {
    page.section("Offers");
    for export in &inspection.exports {
        let role = match export.role {
            Role::Plugin => "actions",
            Role::Streaming => "results as they come",
            Role::Lifecycle => "hooks into the life of an instance",
            Role::ConfigOptions => "options for the configuration",
            _ => "nothing that the host uses",
        };
        page.line(format!("  {}  {}", one_line(&export.name), styled(DIM, role)));
    }
}

/// The option that gives an action an input which at least has the right fields; nothing where none is needed.
pub(super) fn example_input(action: &Action) -> String {
    let Some(schema) = action.input_schema.as_ref().map(Schema::as_json) else { return String::new() };
    let properties = schema.get("properties").and_then(Value::as_object);
    let required = schema.get("required").and_then(Value::as_array);
    let example: Map<String, Value> = required
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .map(|name| (name.to_string(), example(properties.and_then(|fields| fields.get(name)))))
        .collect();
    match example.is_empty() {
        true => String::new(),
        // The text stands between single quotes in a shell.
        false => format!(" --input '{}'", Value::Object(example).to_string().replace('\'', r"'\''")),
    }
}

fn example(schema: Option<&Value>) -> Value {
    let field = |key: &str| schema.and_then(|schema| schema.get(key));
    let kind = field("type").and_then(|kind| kind.as_str().or_else(|| kind.get(0)?.as_str()));
    match kind {
        _ if field("default").is_some() => field("default").cloned().unwrap_or(Value::Null),
        Some("integer" | "number") => field("minimum").cloned().unwrap_or_else(|| 1.into()),
        Some("boolean") => true.into(),
        Some("array") => Value::Array(vec![example(field("items"))]),
        Some("object") => Value::Object(Map::new()),
        Some("null") => Value::Null,
        _ => "…".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_are_named_once() {
        let imports = ["wasi:cli/stdin@0.2.6", "wasi:cli/stdout@0.2.6", "wasi:io/poll@0.2.6", "plain"];
        let imports: Vec<String> = imports.map(Into::into).to_vec();
        assert_eq!(packages(&imports), "wasi:cli@0.2.6 (stdin, stdout), wasi:io@0.2.6 (poll), plain");
    }

    #[test]
    fn an_example_has_the_fields_that_are_needed() {
        let schema = serde_json::json!({"type": "array", "items": {"type": "string"}});
        assert_eq!(example(Some(&schema)), serde_json::json!(["…"]));
        assert_eq!(example(Some(&serde_json::json!({"type": "integer", "minimum": 3}))), 3);
        assert_eq!(example(None), "…");
    }
}
