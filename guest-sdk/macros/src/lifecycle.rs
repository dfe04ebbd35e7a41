//! `#[lifecycle]`: the hooks, exported.

use proc_macro2::TokenStream;
use quote::quote;
use syn::spanned::Spanned;
use syn::{Error, ItemImpl, Result};

use crate::actions::check_generics;

pub(crate) fn expand(arguments: TokenStream, block: ItemImpl) -> Result<TokenStream> {
    if !arguments.is_empty() {
        return Err(Error::new(arguments.span(), "`#[lifecycle]` takes no arguments"));
    }
    let is_lifecycle = block
        .trait_
        .as_ref()
        .and_then(|(_, path, _)| path.segments.last())
        .is_some_and(|segment| segment.ident == "Lifecycle");
    if !is_lifecycle {
        return Err(Error::new(
            block.self_ty.span(),
            "`#[lifecycle]` goes on an `impl Lifecycle for …` block",
        ));
    }
    check_generics(&block)?;
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
