//! `#[actions]`: from an `impl` block to the trait that the SDK calls, and to the component's exports.

use std::collections::HashSet;

use proc_macro2::TokenStream;
use quote::quote;
use syn::spanned::Spanned;
use syn::{Error, ImplItem, ItemImpl, Result, Type};

use crate::action::Action;
use crate::expand;

pub(crate) fn expand(arguments: TokenStream, mut block: ItemImpl) -> Result<TokenStream> {
    if !arguments.is_empty() {
        return Err(Error::new(
            arguments.span(),
            "`#[actions]` takes no arguments: see the consts of `Plugin`",
        ));
    }
    if let Some((_, path, _)) = &block.trait_ {
        return Err(Error::new(
            path.span(),
            "`#[actions]` goes on an `impl` block of the plugin's own methods",
        ));
    }
    check_generics(&block)?;

    let mut actions = Vec::new();
    let mut errors: Option<Error> = None;
    let mut names = HashSet::new();
    for item in &mut block.items {
        let ImplItem::Fn(method) = item else { continue };
        let understood = Action::of(method).and_then(|action| {
            if names.insert(action.name.value()) {
                Ok(action)
            } else {
                Err(Error::new(
                    action.name.span(),
                    format!("there are two actions `{}`", action.name.value()),
                ))
            }
        });
        // All mistakes at once, not one a build.
        match (understood, &mut errors) {
            (Ok(action), _) => actions.push(action),
            (Err(error), Some(errors)) => errors.combine(error),
            (Err(error), None) => errors = Some(error),
        }
    }
    if let Some(errors) = errors {
        let errors = errors.into_compile_error();
        return Ok(quote!(#block #errors));
    }
    let generated = expand::plugin(&block.self_ty, &actions);
    Ok(quote!(#block #generated))
}

pub(crate) fn check_generics(block: &ItemImpl) -> Result<()> {
    if !block.generics.params.is_empty() {
        return Err(Error::new(
            block.generics.span(),
            "a plugin has no generic parameters: a component exports one type",
        ));
    }
    match &*block.self_ty {
        Type::Path(_) => Ok(()),
        other => Err(Error::new(other.span(), "a plugin is a struct or an enum of your own")),
    }
}
