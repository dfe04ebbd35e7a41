//! The attribute macros of `cjm-guest`, which re-exports and documents them.

mod action;
mod actions;
mod expand;
mod extras;
mod signature;

use proc_macro::TokenStream;
use syn::parse_macro_input;

/// Makes each method of an `impl` block an action, and exports the plugin from the component.
///
/// There is one such block for a plugin, and one plugin for a component; helpers go into an `impl` block of their own. An
/// action is
///
/// ```text
/// /// What it does, for people and for agents that choose among actions.
/// [async] fn name(&self [, job: &Job] [, input: In] [, out: Sender<Item>]) -> Result<Out>
/// ```
///
/// - `In` is a type that is `Deserialize` and `JsonSchema`, or `Blob`, `BlobOr<T>`, `Value`; without it the action takes
///   nothing.
/// - `Out` is a type that is `Serialize` and `JsonSchema`, or `Blob`, `BlobOr<T>`, `Value`.
/// - It *streams* where it takes a `Sender<Item>` (then it is an `async fn` that returns `Result<()>`), or returns
///   `impl Iterator<Item = Result<Item>>` or `impl Stream<Item = Result<Item>>`, either also inside a `Result`.
/// - The error may be any type that is `Into<cjm_guest::Error>`.
///
/// The action's name is the method's, and its description the doc comment. `#[action(name = "…", description = "…")]` on
/// the method sets others. `#[action(idempotent = false)]` marks one that must not happen twice: a job that ran when its
/// host ended fails then, where it would be run again otherwise.
///
/// Where no action is `async` or returns a `Stream`, the component exports a synchronous function, which hosts call several
/// times faster: leave `async` away where nothing is awaited.
#[proc_macro_attribute]
pub fn actions(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let block = parse_macro_input!(item as syn::ItemImpl);
    actions::expand(arguments.into(), block).unwrap_or_else(syn::Error::into_compile_error).into()
}

/// Exports the hooks of an `impl Lifecycle for …` block from the component, so that the host calls them.
#[proc_macro_attribute]
pub fn lifecycle(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let block = parse_macro_input!(item as syn::ItemImpl);
    extras::lifecycle(arguments.into(), block).unwrap_or_else(syn::Error::into_compile_error).into()
}

/// Exports the choices of an `impl ConfigOptions for …` block from the component, so that the host asks for them.
#[proc_macro_attribute]
pub fn config_options(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let block = parse_macro_input!(item as syn::ItemImpl);
    extras::config_options(arguments.into(), block).unwrap_or_else(syn::Error::into_compile_error).into()
}
