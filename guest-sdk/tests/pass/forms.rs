//! Every form that an action can have.

use std::fmt;
use std::marker::PhantomData;

use cjm_guest::{
    Blob, BlobOr, Choice, ConfigOptions, Error, Job, Lifecycle, NoConfig, Plugin, Result, SecretNeed, Sender, Stream,
    Value,
};

#[derive(Clone)]
struct Mine;

impl Plugin for Mine {
    type Config = NoConfig;
    const CATEGORY: Option<&'static str> = Some("anything");
    const DOMAIN: Option<&'static str> = Some("any-thing");
    const PLATFORMS: &'static [&'static str] = &["linux", "macos-aarch64"];
    const SECRETS: &'static [SecretNeed] = &[SecretNeed::required("api.key", ""), SecretNeed::optional("b", "")];

    fn new(_: NoConfig) -> Result<Self> {
        Ok(Self)
    }
}

struct OwnError;

impl From<OwnError> for Error {
    fn from(_: OwnError) -> Self {
        Self::fatal("own")
    }
}

type Fallible<T> = Result<T, fmt::Error>;

#[cjm_guest::actions]
impl Mine {
    fn nothing(&self) -> Result<()> {
        Ok(())
    }

    fn job_only(&self, job: &Job) -> cjm_guest::Result<String> {
        Ok(job.id())
    }

    #[action(name = "input-first", description = "Says so.")]
    fn input_first(&self, text: String, job: &cjm_guest::Job) -> Result<String, OwnError> {
        job.progress(None, &text);
        job.progress(0.5, text.clone());
        Ok(text)
    }

    async fn waits(&self, blob: Blob) -> Result<Blob> {
        Ok(blob)
    }

    fn anything(&self, value: Value) -> Result<Value> {
        Ok(value)
    }

    fn either(&self, value: BlobOr<Vec<u8>>) -> Result<BlobOr<Vec<u8>>> {
        Ok(value)
    }

    async fn sends(&self, job: &Job, to: u32, mut out: Sender<u32>) -> Result<()> {
        for n in 0..to {
            job.check_cancelled()?;
            out.send(n).await?;
        }
        Ok(())
    }

    fn iterates(&self, to: u32) -> impl Iterator<Item = Result<u32>> {
        (0..to).map(Ok)
    }

    fn may_iterate(&self, job: &Job, to: u32) -> Result<impl Iterator<Item = Result<u32>>> {
        job.check_cancelled()?;
        Ok((0..to).map(move |n| job.check_cancelled().map(|()| n)))
    }

    fn streams(&self) -> impl Stream<Item = Fallible<String>> + use<> {
        Empty(PhantomData)
    }

    async fn opens(&self) -> Result<impl Stream<Item = Result<String, OwnError>>> {
        Ok(Empty(PhantomData))
    }

    fn r#type(&self) -> Result<u8> {
        Ok(1)
    }
}

#[cjm_guest::lifecycle]
impl Lifecycle for Mine {
    async fn reconfigure(&self, _: NoConfig, _: NoConfig) -> Result<Self> {
        Ok(self.clone())
    }

    async fn release(&self, _: &str) -> Result<()> {
        Ok(())
    }

    async fn shutdown(&self) {}
}

#[cjm_guest::config_options]
impl ConfigOptions for Mine {
    async fn options(&self, job: &Job, field: &str) -> Result<Vec<Choice>> {
        job.check_cancelled()?;
        Ok(vec![field.into(), Choice::new(1, "one"), String::new().into()])
    }
}

struct Empty<E>(PhantomData<E>);

impl<E> Stream for Empty<E> {
    type Item = Result<String, E>;

    fn poll_next(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        std::task::Poll::Ready(None)
    }
}

fn main() {}
