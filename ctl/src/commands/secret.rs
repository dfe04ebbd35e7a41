//! `cjm-ctl secret`: what is kept for plugins and never printed.

use serde_json::json;

use crate::cli::{ScopeArgs, SecretCommand};
use crate::failure::{Failure, Result};
use crate::output::{Console, GOOD, NAME, styled};
use crate::project::Project;
use crate::prompt;

/// Sets, lists or deletes.
pub(crate) fn secret(command: &SecretCommand, project: &Project, console: &Console) -> Result<()> {
    let store = |scope: &ScopeArgs| {
        let layer = project.layer();
        let layer = match &scope.scope {
            Some(scope) => layer.secrets_scope(scope),
            None => layer,
        };
        Ok::<_, Failure>(layer.load()?.secrets()?)
    };
    match command {
        SecretCommand::Set { name, scope } => {
            let store = store(scope)?;
            store.set(name, &prompt::secret(name)?)?;
            console.note(format!(
                "{} {}{}; a plugin gets it where it is granted: cjm-ctl grant PLUGIN secret={name}",
                styled(GOOD, "kept"),
                styled(NAME, name),
                in_scope(store.scope())
            ));
            if console.json() {
                return console.print_json(&json!({ "set": name, "scope": store.scope() }));
            }
            Ok(())
        }
        SecretCommand::List { scope } => {
            let store = store(scope)?;
            let names = store.list()?;
            if console.json() {
                return console.print_json(&json!({ "scope": store.scope(), "secrets": names }));
            }
            if names.is_empty() {
                console
                    .note(format!("no secret is kept{}: `cjm-ctl secret set NAME`", in_scope(store.scope())));
            }
            console.print(&names.iter().map(|name| format!("{}\n", styled(NAME, name))).collect::<String>())
        }
        SecretCommand::Delete { names, scope } => {
            let store = store(scope)?;
            for name in names {
                if !store.delete(name)? {
                    return Err(Failure::user(format!(
                        "there is no secret `{name}`{}",
                        in_scope(store.scope())
                    ))
                    .hint(
                        "`cjm-ctl secret list` shows those that there are; another scope goes with --scope",
                    ));
                }
                console.note(format!(
                    "{} {}{}",
                    styled(GOOD, "deleted"),
                    styled(NAME, name),
                    in_scope(store.scope())
                ));
            }
            if console.json() {
                return console.print_json(&json!({ "deleted": names, "scope": store.scope() }));
            }
            Ok(())
        }
    }
}

/// Names the scope where it is not the usual one.
fn in_scope(scope: &str) -> String {
    match scope {
        "default" => String::new(),
        other => format!(" in the scope {}", styled(NAME, other)),
    }
}
