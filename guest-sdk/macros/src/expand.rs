//! The code that is generated for a plugin.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::Type;
use syn::spanned::Spanned;

use crate::action::Action;
use crate::signature::{Parameter, Return};

pub(crate) fn plugin(plugin: &Type, actions: &[Action]) -> TokenStream {
    let names = actions.iter().map(|action| &action.name);
    let described = actions.iter().map(describe);
    let blocking = !actions.iter().any(Action::awaits);
    let run_arms = actions.iter().map(run);
    let run = quote! {
        match action {
            #(#run_arms)*
            _ => ::core::result::Result::Err(runtime::unknown_action(action, <Self as runtime::Actions>::NAMES)),
        }
    };
    let (run_async, run_blocking) = if blocking {
        let run_async = quote!(runtime::BlockingActions::run_blocking(self, job, action, input));
        let run_blocking = quote! {
            impl runtime::BlockingActions for #plugin {
                #[allow(unused_variables)]
                fn run_blocking(
                    &self,
                    job: &::cjm_guest::Job,
                    action: &str,
                    input: ::cjm_guest::Value,
                ) -> ::cjm_guest::Result<::cjm_guest::Value> {
                    #run
                }
            }
        };
        (run_async, run_blocking)
    } else {
        (run, quote!())
    };
    let stream_arms = actions.iter().filter_map(stream);
    let exports = exports(plugin, blocking, actions.iter().any(Action::streams));
    quote! {
        const _: () = {
            use ::cjm_guest::runtime;

            const _: () = ::core::assert!(
                runtime::valid_name(match <#plugin as ::cjm_guest::Plugin>::NAME {
                    ::core::option::Option::Some(name) => name,
                    ::core::option::Option::None => ::core::env!("CARGO_PKG_NAME"),
                }),
                "a plugin's name is 1 to 64 characters of [A-Za-z0-9_-]",
            );
            const _: () = ::core::assert!(
                runtime::valid_optional_name(<#plugin as ::cjm_guest::Plugin>::CATEGORY)
                    && runtime::valid_optional_name(<#plugin as ::cjm_guest::Plugin>::DOMAIN),
                "a plugin's category and domain are 1 to 64 characters of [A-Za-z0-9_-]",
            );
            const _: () = ::core::assert!(
                runtime::valid_platforms(<#plugin as ::cjm_guest::Plugin>::PLATFORMS),
                "a plugin's platforms are `<os>` or `<os>-<arch>`, for example `linux` or `macos-aarch64`",
            );
            const _: () = ::core::assert!(
                runtime::valid_secrets(<#plugin as ::cjm_guest::Plugin>::SECRETS),
                "the name of a secret is 1 to 64 characters of [A-Za-z0-9_.-]",
            );

            impl runtime::Actions for #plugin {
                const PACKAGE: runtime::Package = runtime::Package {
                    name: ::core::env!("CARGO_PKG_NAME"),
                    version: ::core::env!("CARGO_PKG_VERSION"),
                    description: ::core::env!("CARGO_PKG_DESCRIPTION"),
                    authors: ::core::env!("CARGO_PKG_AUTHORS"),
                };
                const NAMES: &'static [&'static str] = &[#(#names),*];

                fn actions() -> ::std::vec::Vec<runtime::Action> {
                    ::std::vec![#(#described),*]
                }

                fn slot() -> &'static ::std::thread::LocalKey<runtime::Slot<Self>> {
                    ::std::thread_local! {
                        static SLOT: runtime::Slot<#plugin> =
                            const { ::core::cell::RefCell::new(::core::option::Option::None) };
                    }
                    &SLOT
                }

                #[allow(unused_variables)]
                async fn run(
                    &self,
                    job: &::cjm_guest::Job,
                    action: &str,
                    input: ::cjm_guest::Value,
                ) -> ::cjm_guest::Result<::cjm_guest::Value> {
                    #run_async
                }

                async fn stream(
                    &self,
                    job: &::cjm_guest::Job,
                    action: &str,
                    input: ::cjm_guest::Value,
                    out: runtime::Channel,
                ) -> ::cjm_guest::Result<()> {
                    match action {
                        #(#stream_arms)*
                        _ => {
                            let result = runtime::Actions::run(self, job, action, input).await;
                            runtime::feed_one(out, result).await
                        }
                    }
                }
            }

            #run_blocking
            #exports
        };
    }
}

fn describe(action: &Action) -> TokenStream {
    let (name, description) = (&action.name, &action.description);
    let (streams, idempotent) = (action.streams(), action.idempotent);
    let input = match action.input() {
        Some(ty) => quote_spanned!(ty.span()=> runtime::input_schema::<#ty>()),
        None => quote!(runtime::no_input_schema()),
    };
    let output = match (action.sender(), &action.gives) {
        (Some(item), _) => quote_spanned!(item.span()=> runtime::output_schema::<#item>()),
        (None, Return::One(ty)) => output_schema(ty),
        (None, Return::Iterator(several) | Return::Stream(several)) => output_schema(&several.item),
    };
    quote! {
        runtime::Action {
            name: ::std::borrow::ToOwned::to_owned(#name),
            description: ::std::borrow::ToOwned::to_owned(#description),
            input_schema: #input,
            output_schema: #output,
            streams: #streams,
            idempotent: #idempotent,
        }
    }
}

fn output_schema(result: &Type) -> TokenStream {
    quote_spanned!(result.span()=> runtime::output_schema::<<#result as runtime::ActionResult>::Output>())
}

/// The arm of `execute`.
fn run(action: &Action) -> TokenStream {
    let name = &action.name;
    let call = call(action);
    let body = match (action.sender(), &action.gives) {
        (Some(_), _) => quote!(runtime::collect_sender(|sender| #call).await),
        (None, Return::One(ty)) => {
            let call = awaited(action, call);
            quote_spanned!(ty.span()=> runtime::encode(#call))
        }
        (None, Return::Iterator(_)) => {
            let items = opened(action, call);
            quote!(runtime::collect_iter(job, #items))
        }
        (None, Return::Stream(_)) => {
            let items = opened(action, call);
            quote!(runtime::collect_stream(job, #items).await)
        }
    };
    let decode = decode(action);
    quote!(#name => { #decode #body })
}

/// The arm of `execute-stream`; the others are answered with one item.
fn stream(action: &Action) -> Option<TokenStream> {
    let name = &action.name;
    let call = call(action);
    let body = match (action.sender(), &action.gives) {
        (Some(_), _) => quote!(runtime::feed_sender(out, |sender| #call).await),
        (None, Return::One(_)) => return None,
        (None, Return::Iterator(_)) => {
            let items = opened(action, call);
            quote!(runtime::feed_iter(out, #items).await)
        }
        (None, Return::Stream(_)) => {
            let items = opened(action, call);
            quote!(runtime::feed_stream(out, #items).await)
        }
    };
    let decode = decode(action);
    Some(quote!(#name => { #decode #body }))
}

fn decode(action: &Action) -> TokenStream {
    match action.input() {
        Some(ty) => quote_spanned!(ty.span()=> let input = runtime::decode::<#ty>(input)?;),
        None => quote!(),
    }
}

fn call(action: &Action) -> TokenStream {
    let method = &action.method;
    let arguments = action.parameters.iter().map(|parameter| match parameter {
        Parameter::Job => quote!(job),
        Parameter::Input(_) => quote!(input),
        Parameter::Sender(_) => quote!(sender),
    });
    quote!(Self::#method(self, #(#arguments),*))
}

fn awaited(action: &Action, call: TokenStream) -> TokenStream {
    if action.is_async { quote!(#call.await) } else { call }
}

/// The call of an action that gives several results, up to the iterator or the stream itself.
fn opened(action: &Action, call: TokenStream) -> TokenStream {
    let call = awaited(action, call);
    match &action.gives {
        Return::Iterator(several) | Return::Stream(several) if several.in_result => {
            quote!(runtime::ActionResult::into_result(#call)?)
        }
        _ => call,
    }
}

fn exports(plugin: &Type, blocking: bool, streams: bool) -> TokenStream {
    let plugin_export = if blocking {
        quote! {
            type Exported = runtime::exports::Blocking<#plugin>;
            ::cjm_guest::runtime::bindings::blocking::export_blocking!(
                Exported with_types_in ::cjm_guest::runtime::bindings::blocking
            );
        }
    } else {
        quote! {
            type Exported = runtime::exports::Concurrent<#plugin>;
            ::cjm_guest::runtime::bindings::concurrent::export_concurrent!(
                Exported with_types_in ::cjm_guest::runtime::bindings::concurrent
            );
        }
    };
    let streaming_export = streams.then(|| {
        quote! {
            #[cfg(target_arch = "wasm32")]
            const _: () = {
                type Exported = runtime::exports::Streaming<#plugin>;
                ::cjm_guest::runtime::bindings::streaming::export_streaming!(
                    Exported with_types_in ::cjm_guest::runtime::bindings::streaming
                );
            };
        }
    });
    quote! {
        #[cfg(target_arch = "wasm32")]
        const _: () = { #plugin_export };
        #streaming_export
    }
}
