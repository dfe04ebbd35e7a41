//! Fetches a web page over `wasi:http`: a page's address in, its title, its text and its links out.
//!
//! The host sees to it that every request, those of redirects too, goes to a place that was granted.

use std::time::Duration;

use cjm_guest::{Error, InstanceMode, Job, Plugin, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::Url;

mod charset;
mod page;
mod tree;
mod visit;
mod web;

pub use charset::decode;
pub use page::{Link, Page};
pub use visit::{Answer, Body, Failure, Web, visit};

/// How pages are fetched.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The largest page that is taken, in bytes.
    #[schemars(range(min = 1, max = 67_108_864))]
    pub max_bytes: u64,
    /// How often a page may lead on to another before its text comes.
    #[schemars(range(min = 0, max = 100))]
    pub max_redirects: u32,
    /// How long to wait for a connection, for the answer to begin, and for each part of it, in seconds.
    #[schemars(range(min = 1, max = 3600))]
    pub patience_seconds: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self { max_bytes: 8 << 20, max_redirects: 10, patience_seconds: 30 }
    }
}

impl Config {
    /// How long to wait for each step of a request.
    pub fn patience(&self) -> Duration {
        Duration::from_secs(self.patience_seconds)
    }
}

/// A page to fetch.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Address {
    /// Its address: `https://…` or `http://…`.
    pub url: String,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub struct Fetched {
    /// Where the page was found, after all redirects.
    pub url: String,
    /// The status of the answer: 200, or another that is no reason to try again, such as 404.
    pub status: u16,
    /// The page's title, where it has one.
    pub title: Option<String>,
    /// What the page says, a line for each block of text.
    pub text: String,
    /// Where the page leads, each place once, in the order of the page.
    pub links: Vec<Link>,
}

/// The plugin.
#[derive(Debug)]
pub struct Fetch {
    config: Config,
}

impl Plugin for Fetch {
    type Config = Config;
    const CATEGORY: Option<&'static str> = Some("fetch");
    const DOMAIN: Option<&'static str> = Some("web");
    // A call waits for the network most of the time, while another may go on.
    const INSTANCE: InstanceMode = InstanceMode::Shared;

    fn new(config: Config) -> Result<Self> {
        Ok(Self { config })
    }
}

#[cjm_guest::actions]
impl Fetch {
    /// Fetches a page of HTML or plain text, and gives its title, its text and its links.
    pub async fn fetch(&self, job: &Job, address: Address) -> Result<Fetched> {
        let url = parse(&address.url)?;
        job.unless_cancelled(visit(&web::Internet, job, &self.config, url)).await?
    }
}

fn parse(text: &str) -> Result<Url> {
    let url = Url::parse(text).map_err(|error| {
        Error::invalid_field("/url", format!("`{text}` is no address of a page: {error}"))
    })?;
    visit::check(&url)?;
    Ok(url)
}
