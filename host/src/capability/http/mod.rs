//! `wasi:http`, outgoing: each request is held against the grants, and so is each address that it leads to.

mod body;
mod client;
mod connect;
mod failure;
mod place;
mod resolve;
#[cfg(test)]
mod tests;
mod tls;

use std::sync::Arc;

use wasmtime::Result;
use wasmtime::component::{Linker, ResourceTable};
use wasmtime_wasi_http::{
    Error, RequestOptions, WasiBody, WasiHttpCtx, WasiHttpCtxView, WasiHttpHooks, WasiHttpView,
};

use super::job::Current;
pub(crate) use client::HttpClient;

/// The state of one Store.
pub(crate) struct HttpCtx {
    wasi: WasiHttpCtx,
    hooks: Hooks,
}

impl HttpCtx {
    /// `client` is none where no place is granted; `current` is the job that requests are made for.
    pub(crate) fn new(client: Option<Arc<HttpClient>>, current: Current) -> Self {
        Self { wasi: WasiHttpCtx::new(), hooks: Hooks { client, current } }
    }

    /// A borrow of the state.
    pub(crate) fn view<'a>(&'a mut self, table: &'a mut ResourceTable) -> WasiHttpCtxView<'a> {
        WasiHttpCtxView { hooks: &mut self.hooks, table, ctx: &mut self.wasi }
    }
}

/// WASI 0.2 and 0.3 both end in the hooks of [`HttpCtx`].
pub(crate) fn add_to_linker<T: WasiHttpView + 'static>(linker: &mut Linker<T>) -> Result<()> {
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(linker)?;
    wasmtime_wasi_http::p3::add_to_linker(linker)
}

struct Hooks {
    client: Option<Arc<HttpClient>>,
    current: Current,
}

/// The end of a response, or of the work on it.
type End = Box<dyn Future<Output = Result<(), Error>> + Send>;

impl WasiHttpHooks for Hooks {
    fn send_request(
        &mut self,
        request: ::http::Request<WasiBody>,
        options: Option<RequestOptions>,
        _processed: End,
    ) -> Box<dyn Future<Output = Result<(::http::Response<WasiBody>, End), Error>> + Send> {
        let Some(client) = self.client.clone() else {
            return Box::new(async { Err(Error::HttpRequestDenied) });
        };
        let job = self.current.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
        Box::new(async move {
            let response = client.send(job, request, options.unwrap_or_default()).await?;
            // The connection is driven elsewhere, and fails where the body is read.
            Ok((response, Box::new(std::future::ready(Ok(()))) as End))
        })
    }
}
