//! `#[lifecycle]` and `#[config_options]`: what a plugin may implement beside its actions, exported.

use proc_macro2::TokenStream;
use quote::quote;
use syn::spanned::Spanned;
use syn::{Error, ItemImpl, Result};

use crate::actions::check_generics;

/// Exports the hooks.
pub(crate) fn lifecycle(arguments: TokenStream, block: ItemImpl) -> Result<TokenStream> {
    check(&arguments, &block, "lifecycle", "Lifecycle")?;
    let plugin = &block.self_ty;
    Ok(quote! {
        #block

        #[cfg(target_arch = "wasm32")]
        const _: () = {
            type Exported = ::cjm_guest::runtime::exports::Hooks<#plugin>;
            ::cjm_guest::runtime::bindings::lifecycle::export_lifecycle!(
                Exported with_types_in ::cjm_guest::runtime::bindings::lifecycle
            );
        };
    })
}

/// Exports the choices for fields of the configuration.
pub(crate) fn config_options(arguments: TokenStream, block: ItemImpl) -> Result<TokenStream> {
    check(&arguments, &block, "config_options", "ConfigOptions")?;
    let plugin = &block.self_ty;
    Ok(quote! {
        #block

        #[cfg(target_arch = "wasm32")]
        const _: () = {
            type Exported = ::cjm_guest::runtime::exports::Options<#plugin>;
            ::cjm_guest::runtime::bindings::options::export_options!(
                Exported with_types_in ::cjm_guest::runtime::bindings::options
            );
        };
    })
}

fn check(arguments: &TokenStream, block: &ItemImpl, attribute: &str, of: &str) -> Result<()> {
    if !arguments.is_empty() {
        return Err(Error::new(arguments.span(), format!("`#[{attribute}]` takes no arguments")));
    }
    let fits = block
        .trait_
        .as_ref()
        .and_then(|(_, path, _)| path.segments.last())
        .is_some_and(|segment| segment.ident == of);
    if !fits {
        return Err(Error::new(
            block.self_ty.span(),
            format!("`#[{attribute}]` goes on an `impl {of} for …` block"),
        ));
    }
    check_generics(block)
}
