//! Stand-ins for what a component imports and this host does not have, so that it can be asked what it is.

use std::sync::Arc;

use wasmtime::component::types::{ComponentFunc, ComponentItem};
use wasmtime::component::{Component, Linker, LinkerInstance, ResourceType};
use wasmtime::{Engine, Result};

use super::state::State;
use crate::catalog::Capability;

/// Whether there are stand-ins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StandIns {
    /// What is missing is an error.
    None,
    /// What is missing is there, and a trap to whoever calls it.
    ForWhatIsMissing,
}

/// Whether an import has no implementation in this host.
fn is_missing(import: &str) -> bool {
    matches!(Capability::of_import(import), Capability::Gpu | Capability::Other)
}

/// A linker that has, beside what `linker` has, stand-ins for what it lacks; none where it lacks nothing.
pub(super) fn add(
    linker: &Linker<State>,
    engine: &Engine,
    component: &Component,
) -> Result<Option<Linker<State>>> {
    let mut added: Option<Linker<State>> = None;
    for (name, import) in component.component_type().imports(engine) {
        if is_missing(name) {
            let linker = added.get_or_insert_with(|| linker.clone());
            stand_in(&mut linker.root(), engine, name, name, &import.ty)?;
        }
    }
    Ok(added)
}

fn stand_in(
    linker: &mut LinkerInstance<'_, State>,
    engine: &Engine,
    path: &str,
    name: &str,
    item: &ComponentItem,
) -> Result<()> {
    match item {
        ComponentItem::ComponentInstance(instance) => {
            let mut linker = linker.instance(name)?;
            for (export, item) in instance.exports(engine) {
                stand_in(&mut linker, engine, &format!("{path}#{export}"), export, &item.ty)?;
            }
            Ok(())
        }
        ComponentItem::ComponentFunc(function) => function_stand_in(linker, path, name, function),
        ComponentItem::Resource(_) => linker.resource(name, ResourceType::host::<()>(), |_, _| Ok(())),
        // Types need nothing; modules and components cannot be made up, and the linker says so.
        _ => Ok(()),
    }
}

fn function_stand_in(
    linker: &mut LinkerInstance<'_, State>,
    path: &str,
    name: &str,
    function: &ComponentFunc,
) -> Result<()> {
    let path: Arc<str> = path.into();
    let refuse = move || wasmtime::format_err!("this host does not have `{path}`");
    if function.async_() {
        linker.func_new_concurrent(name, move |_, _, _, _| {
            let error = refuse();
            Box::pin(async move { Err(error) })
        })
    } else {
        linker.func_new(name, move |_, _, _, _| Err(refuse()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{EngineOptions, Engines};

    #[test]
    fn what_is_missing_is_stood_in_for_and_nothing_else() {
        let engine = Engines::new(EngineOptions::default(), None).unwrap().select(false).unwrap();
        let linker = {
            let mut linker = Linker::new(&engine.engine);
            super::super::state::add_to_linker(&mut linker).unwrap();
            linker
        };
        let component = |text: &str| Component::new(&engine.engine, wat::parse_str(text).unwrap()).unwrap();
        let missing = component(
            r#"(component
                (import "acme:tools/saw@1.0.0" (instance
                    (export "blade" (type (sub resource)))
                    (export "cut" (func (param "depth" u32) (result string)))
                    (export "wait" (func async (result u32)))))
                (import "wasi:nn/tensor@0.2.0" (instance))
                (import "wasi:cli/exit@0.2.0" (instance)))"#,
        );
        assert!(linker.instantiate_pre(&missing).is_err());
        let with = add(&linker, &engine.engine, &missing).unwrap().expect("something is missing");
        with.instantiate_pre(&missing).unwrap();

        let whole = component(r#"(component (import "wasi:cli/exit@0.2.0" (instance)))"#);
        assert!(add(&linker, &engine.engine, &whole).unwrap().is_none());
    }
}
