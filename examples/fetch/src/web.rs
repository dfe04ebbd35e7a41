//! The network, as the host lends it: `wasi:http`.

#[cfg(target_arch = "wasm32")]
mod bindings;
#[cfg(target_arch = "wasm32")]
mod wasi;

use url::Url;

use crate::Config;
use crate::visit::{Answer, Failure, Web};

/// Everything that the host lets through.
#[derive(Debug)]
pub(crate) struct Internet;

#[cfg(target_arch = "wasm32")]
impl Web for Internet {
    type Body = wasi::Incoming;

    async fn get(&self, url: &Url, config: &Config) -> Result<Answer<wasi::Incoming>, Failure> {
        wasi::get(url, config.patience()).await
    }
}

/// Outside of a host there is no network; tests bring their own.
#[cfg(not(target_arch = "wasm32"))]
impl Web for Internet {
    type Body = Nothing;

    async fn get(&self, _url: &Url, _config: &Config) -> Result<Answer<Nothing>, Failure> {
        Err(Failure::Lasting("there is no network outside of a host".to_owned()))
    }
}

/// The body of an answer that never comes.
#[cfg(not(target_arch = "wasm32"))]
#[derive(Debug)]
pub(crate) enum Nothing {}

#[cfg(not(target_arch = "wasm32"))]
impl crate::visit::Body for Nothing {
    async fn next(&mut self) -> Result<Option<Vec<u8>>, Failure> {
        match *self {}
    }
}
