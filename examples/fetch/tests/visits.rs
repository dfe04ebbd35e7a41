//! How a page is come by: over how many steps, and what becomes of what is no page.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use std::cell::RefCell;
use std::collections::HashMap;

use cjm_guest::testing::{Harness, block_on};
use cjm_guest::{Error, Job, Result};
use fetch::{Answer, Body, Config, Failure, Fetch, Fetched, Web, visit};
use url::Url;

/// A web of a few pages, which remembers what it was asked for.
#[derive(Default)]
struct Pages {
    answers: HashMap<String, Page>,
    asked: RefCell<Vec<String>>,
}

type Page = (u16, Vec<(String, String)>, Parts);

#[derive(Debug, Clone, Default)]
struct Parts(Vec<Result<Vec<u8>, Failure>>);

impl Pages {
    fn with(mut self, url: &str, status: u16, headers: &[(&str, &str)], parts: &[&str]) -> Self {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let parts = parts.iter().rev().map(|part| Ok(part.as_bytes().to_vec())).collect();
        self.answers.insert(url.to_owned(), (status, headers, Parts(parts)));
        self
    }

    fn html(self, url: &str, html: &str) -> Self {
        self.with(url, 200, &[("content-type", "text/html; charset=utf-8")], &[html])
    }

    fn leads(self, url: &str, to: &str) -> Self {
        self.with(url, 302, &[("location", to)], &["moved"])
    }

    fn visit(&self, url: &str, config: &Config) -> Result<Fetched> {
        block_on(visit(self, &Job::for_test(), config, Url::parse(url).unwrap()))
    }
}

impl Web for Pages {
    type Body = Parts;

    async fn get(&self, url: &Url, _config: &Config) -> Result<Answer<Parts>, Failure> {
        self.asked.borrow_mut().push(url.to_string());
        match self.answers.get(url.as_str()) {
            Some((status, headers, body)) => {
                Ok(Answer { status: *status, headers: headers.clone(), body: body.clone() })
            }
            None => Err(Failure::NotGranted("not in this web".to_owned())),
        }
    }
}

impl Body for Parts {
    async fn next(&mut self) -> Result<Option<Vec<u8>>, Failure> {
        self.0.pop().transpose()
    }
}

#[test]
fn a_page_is_found_where_it_leads_to_in_the_end() {
    let web = Pages::default()
        .leads("http://a.org/", "https://a.org/x#part")
        .leads("https://a.org/x", "y?z")
        .html("https://a.org/y?z", "<title>T</title>text <a href=w>w</a>");
    let page = web.visit("http://a.org#here", &Config::default()).unwrap();
    assert_eq!((page.url.as_str(), page.status), ("https://a.org/y?z", 200));
    assert_eq!((page.title.as_deref(), page.text.as_str()), (Some("T"), "text w"));
    assert_eq!(page.links[0].url, "https://a.org/w");
    assert_eq!(*web.asked.borrow(), ["http://a.org/", "https://a.org/x", "https://a.org/y?z"]);
}

#[test]
fn leading_on_has_an_end() {
    let web = Pages::default().leads("http://a.org/", "/b").leads("http://a.org/b", "/");
    let error = web.visit("http://a.org", &Config { max_redirects: 3, ..Config::default() }).unwrap_err();
    assert_eq!(error.fields(), ["/url"]);
    assert_eq!(web.asked.borrow().len(), 4);
}

#[test]
fn where_it_must_not_lead_to_is_the_callers_to_know() {
    for (to, said) in [
        ("http://intranet/", "not in this web"),
        ("file:///etc/passwd", "not on the web"),
        ("https://me:pw@a.org", "name or password"),
        ("https://[bad", "no address"),
    ] {
        let web = Pages::default().leads("http://a.org/", to);
        let error = web.visit("http://a.org", &Config::default()).unwrap_err();
        assert_eq!(error.fields(), ["/url"], "{to}");
        assert!(error.to_string().contains(said), "{error}");
    }
}

#[test]
fn what_may_pass_says_when() {
    let web = Pages::default().with("http://a.org/busy", 429, &[("retry-after", "7")], &[]).with(
        "http://a.org/down",
        503,
        &[],
        &[],
    );
    let retry_after = |url: &str| match web.visit(url, &Config::default()) {
        Err(Error::Transient(transient)) => transient.retry_after_ms,
        other => panic!("{other:?}"),
    };
    assert_eq!(retry_after("http://a.org/busy"), Some(7000));
    assert_eq!(retry_after("http://a.org/down"), None);
}

#[test]
fn a_page_that_is_not_there_is_an_answer_too() {
    let web = Pages::default().with("http://a.org/", 404, &[], &["<h1>Not here"]);
    let page = web.visit("http://a.org", &Config::default()).unwrap();
    assert_eq!((page.status, page.text.as_str()), (404, "Not here"));
}

#[test]
fn a_page_is_taken_up_to_its_limit() {
    let config = Config { max_bytes: 10, ..Config::default() };
    let web = Pages::default()
        .with("http://a.org/fits", 200, &[("content-type", "text/plain")], &["12345", "67890"])
        .with("http://a.org/grows", 200, &[("content-type", "text/plain")], &["12345", "678901"])
        .with("http://a.org/says", 200, &[("content-length", "11")], &[]);
    assert_eq!(web.visit("http://a.org/fits", &config).unwrap().text, "1234567890");
    for url in ["http://a.org/grows", "http://a.org/says"] {
        let Err(Error::ResourceExhausted(shortfall)) = web.visit(url, &config) else { panic!("{url}") };
        assert_eq!((shortfall.needed_bytes, shortfall.available_bytes), (Some(11), Some(10)), "{url}");
    }
}

#[test]
fn what_is_no_text_is_refused() {
    let web = Pages::default().with("http://a.org/image", 200, &[("content-type", "image/png")], &[]).with(
        "http://a.org/packed",
        200,
        &[("content-encoding", "gzip")],
        &[],
    );
    assert_eq!(web.visit("http://a.org/image", &Config::default()).unwrap_err().fields(), ["/url"]);
    assert!(matches!(web.visit("http://a.org/packed", &Config::default()), Err(Error::Fatal(_))));
}

#[test]
fn an_answer_that_breaks_off_may_be_asked_for_again() {
    let mut web = Pages::default().html("http://a.org/", "never seen");
    let (_, _, parts) = web.answers.get_mut("http://a.org/").unwrap();
    parts.0.insert(0, Err(Failure::Passing("it broke off".to_owned())));
    assert!(matches!(web.visit("http://a.org", &Config::default()), Err(Error::Transient(_))));
}

#[test]
fn an_address_is_looked_at_before_anything_is_asked() {
    let harness = Harness::<Fetch>::new("{}").unwrap();
    for url in ["", "no address", "ftp://a.org", "https://me@a.org"] {
        let input = format!(r#"{{"url": "{url}"}}"#);
        assert_eq!(harness.call_json("fetch", &input).unwrap_err().fields(), ["/url"], "{url}");
    }
    let schema = Harness::<Fetch>::description().config_schema;
    assert!(schema.contains(r#""default":10"#), "{schema}");
}
