//! What a plugin and its tests can rely on.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::cell::RefCell;
use std::future::pending;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use cjm_guest::testing::{Harness, block_on, set_secret};
use cjm_guest::{
    Blob, Choice, ConfigOptions, Error, Job, Lifecycle, NoConfig, Plugin, ResourceKind, Result, SecretNeed,
    Value, secrets,
};
use schemars::JsonSchema;
use serde::Deserialize;

struct Mine;

impl Plugin for Mine {
    type Config = NoConfig;
    const AUTHORS: Option<&'static [&'static str]> = Some(&["Ada", "Grace"]);

    fn new(_: NoConfig) -> Result<Self> {
        Ok(Self)
    }
}

#[cjm_guest::actions]
impl Mine {
    /// Counts
    /// to a number.
    fn count(&self, to: u32) -> impl Iterator<Item = Result<u32>> {
        (0..to).map(|n| if n < 3 { Ok(n) } else { Err(Error::transient("enough for now")) })
    }

    fn blobs(&self) -> impl Iterator<Item = Result<Blob>> {
        std::iter::once(Ok(Blob::new("image/png", [1])))
    }

    #[action(idempotent = false)]
    fn nothing(&self) -> Result<()> {
        Ok(())
    }

    async fn forever(&self, job: &Job) -> Result<()> {
        job.unless_cancelled(pending()).await
    }
}

fn json(text: &str) -> Value {
    Value::Json(text.to_owned())
}

#[test]
fn a_streaming_action_can_be_called_both_ways() {
    let harness = Harness::<Mine>::new("{}").unwrap();
    assert_eq!(harness.call_json("count", "2").unwrap(), "[0,1]");
    assert_eq!(harness.stream("count", json("2")).items, [json("0"), json("1")]);
    let streamed = harness.stream("count", json("9"));
    assert_eq!((streamed.items.len(), streamed.end), (3, Err(Error::transient("enough for now"))));
}

#[test]
fn an_action_that_does_not_stream_gives_one_item() {
    let harness = Harness::<Mine>::new("{}").unwrap();
    assert_eq!(harness.stream("nothing", json("null")).items, [json("null")]);
}

#[test]
fn blobs_need_a_stream() {
    let harness = Harness::<Mine>::new("{}").unwrap();
    assert!(matches!(harness.call("blobs", json("{}")), Err(Error::InvalidInput(_))));
    assert_eq!(harness.stream("blobs", json("{}")).items.len(), 1);
}

#[test]
fn cancellation_wakes_what_waits() {
    let harness = Harness::<Mine>::new("{}").unwrap();
    harness.job().cancel();
    assert_eq!(harness.call("forever", json("{}")), Err(Error::Cancelled));
    let job = Job::for_test();
    assert_eq!(block_on(job.unless_cancelled(async { 1 })), Ok(1));
}

#[test]
fn describes_from_the_manifest_unless_told_otherwise() {
    let description = Harness::<Mine>::description();
    assert_eq!(description.name, "cjm-guest");
    assert_eq!(description.authors, ["Ada", "Grace"]);
    assert_eq!(description.actions.first().unwrap().description, "Counts\nto a number.");
    assert!(description.config_schema.contains(r#""additionalProperties":false"#));
}

#[test]
fn an_action_may_run_again_unless_it_says_otherwise() {
    let once: Vec<_> = Harness::<Mine>::description()
        .actions
        .into_iter()
        .filter(|action| !action.idempotent)
        .map(|action| action.name)
        .collect();
    assert_eq!(once, ["nothing"]);
}

#[test]
fn a_configuration_of_another_shape_is_invalid() {
    assert!(matches!(Harness::<Mine>::new(r#"{"a":1}"#).err(), Some(Error::InvalidInput(_))));
}

#[test]
fn the_test_job_records() {
    let job = Job::for_test().with_attempt(2);
    job.progress(7.0, "far");
    job.progress(f64::NAN, "somewhere");
    job.usage("tokens", 1.5);
    job.usage("tokens", -1.0);
    log::info!(target: "mine", "hello {}", 1);
    assert_eq!(job.attempt(), 2);
    assert_eq!(job.progress_reports(), [(Some(1.0), "far".to_owned()), (None, "somewhere".to_owned())]);
    assert_eq!(job.usage_of("tokens"), 1.5);
    assert_eq!(job.logs(), [(log::Level::Info, "mine".to_owned(), "hello 1".to_owned())]);
}

#[test]
fn secrets_do_not_print_themselves() {
    set_secret("key", Some("xyzzy"));
    let secret = secrets::get("key").unwrap();
    assert_eq!(secret.reveal(), "xyzzy");
    assert!(!format!("{secret:?}").contains("xyzzy"));
    assert!(secrets::require("other").unwrap_err().to_string().contains("`other`"));
}

#[test]
fn errors_of_the_system_find_their_case() {
    let of = |kind: io::ErrorKind| Error::from(io::Error::from(kind));
    assert!(matches!(of(io::ErrorKind::NotFound), Error::InvalidInput(_)));
    assert!(matches!(of(io::ErrorKind::TimedOut), Error::Transient(_)));
    assert!(matches!(of(io::ErrorKind::PermissionDenied), Error::Fatal(_)));
    match of(io::ErrorKind::StorageFull).needing(10) {
        Error::ResourceExhausted(shortfall) => {
            assert_eq!((shortfall.kind, shortfall.needed_bytes), (ResourceKind::Disk, Some(10)));
        }
        other => panic!("{other:?}"),
    }
    match Error::transient("busy").retry_after(Duration::from_secs(2)) {
        Error::Transient(transient) => assert_eq!(transient.retry_after_ms, Some(2000)),
        other => panic!("{other:?}"),
    }
}

#[derive(Deserialize, JsonSchema)]
struct ModelConfig {
    #[schemars(extend("x-cjm-reload" = "model", "x-cjm-options" = true))]
    model: String,
}

/// A plugin that keeps what is costly.
struct Keeper {
    model: String,
    loaded: Rc<RefCell<Vec<String>>>,
}

impl Plugin for Keeper {
    type Config = ModelConfig;
    const CATEGORY: Option<&'static str> = Some("keeping");
    const PLATFORMS: &'static [&'static str] = &["linux"];
    const SECRETS: &'static [SecretNeed] = &[SecretNeed::required("key", "A key.")];

    fn new(config: ModelConfig) -> Result<Self> {
        Ok(Self { model: config.model, loaded: Rc::default() })
    }
}

#[cjm_guest::actions]
impl Keeper {
    fn loaded(&self) -> Result<Vec<String>> {
        Ok(self.loaded.borrow().clone())
    }
}

#[cjm_guest::lifecycle]
impl Lifecycle for Keeper {
    async fn prefetch(&self, job: &Job) -> Result<()> {
        job.progress(1.0, "loaded");
        self.loaded.borrow_mut().push(self.model.clone());
        Ok(())
    }

    async fn release(&self, resource: &str) -> Result<()> {
        if resource == "model" {
            self.loaded.borrow_mut().clear();
        }
        Ok(())
    }

    async fn reconfigure(&self, _: ModelConfig, new: ModelConfig) -> Result<Self> {
        Ok(Self { model: new.model, loaded: self.loaded.clone() })
    }
}

#[cjm_guest::config_options]
impl ConfigOptions for Keeper {
    async fn options(&self, _: &Job, field: &str) -> Result<Vec<Choice>> {
        match field {
            "/model" => Ok(vec![Choice::new("s", "Small"), "large".into()]),
            _ => Err(Error::invalid("no such field")),
        }
    }
}

#[test]
fn the_harness_goes_through_a_life() {
    let mut harness = Harness::<Keeper>::new(r#"{"model":"a"}"#).unwrap();
    harness.prefetch().unwrap();
    assert_eq!(harness.job().progress_reports(), [(Some(1.0), "loaded".to_owned())]);
    assert_eq!(harness.call_json("loaded", "null").unwrap(), r#"["a"]"#);
    harness.release("model").unwrap();
    harness.reconfigure(r#"{"model":"b"}"#).unwrap();
    harness.prefetch().unwrap();
    assert_eq!(harness.call_json("loaded", "null").unwrap(), r#"["b"]"#);
    assert!(harness.reconfigure("{}").is_err());
    assert_eq!(harness.plugin().model, "b", "it is what it was");
}

#[test]
fn options_have_values_and_labels() {
    let harness = Harness::<Keeper>::new(r#"{"model":"a"}"#).unwrap();
    assert_eq!(
        harness.options("/model").unwrap(),
        [Choice::new("s", "Small"), Choice::new("large", "large")]
    );
    assert!(harness.options("/other").is_err());
}

#[test]
fn describes_what_it_belongs_to_and_needs() {
    let description = Harness::<Keeper>::description();
    assert_eq!(description.category.as_deref(), Some("keeping"));
    assert_eq!(description.platforms, ["linux"]);
    assert_eq!(description.secrets, [SecretNeed::required("key", "A key.")]);
    assert!(description.config_schema.contains(r#""x-cjm-reload":"model""#), "{}", description.config_schema);
}
