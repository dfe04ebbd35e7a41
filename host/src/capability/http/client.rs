//! The client of one plugin: its grants, and its connections.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use ::http::{Method, Request, Response};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::sync::{Semaphore, watch};
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody};

use super::body::ResponseBody;
use super::connect::{Connector, Phase, WISH, Wish};
use super::resolve::{Resolve, System};
use super::{failure, place};
use crate::capability::job::Job;
use crate::capability::network::{Work, network};
use crate::capability::refusals::Refusals;
use crate::catalog::Capability;
use crate::policy::{Grant, NetworkGrant};

/// Requests of one instance whose responses are not read yet; more of them wait.
const MAX_REQUESTS: usize = 64;

/// How long a connection is kept for the next request.
const IDLE: Duration = Duration::from_secs(60);

/// Connections to one place that are kept.
const MAX_IDLE: usize = 8;

/// How long a connection may take, where the guest does not say.
const CONNECT_PATIENCE: Duration = Duration::from_secs(30);

/// How long the response may take to begin, and each part of it, where the guest does not say.
const RESPONSE_PATIENCE: Duration = Duration::from_secs(5 * 60);

/// The most patience that a guest may ask for; its own limit of wall time ends it sooner.
const LONGEST_PATIENCE: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// Sends the requests of one instance to where they are granted.
pub(crate) struct HttpClient {
    grants: Arc<[NetworkGrant]>,
    refusals: Arc<Refusals>,
    requests: Arc<Semaphore>,
    pool: Client<Connector, WasiBody>,
}

impl HttpClient {
    pub(crate) fn new(grants: Vec<NetworkGrant>, refusals: Arc<Refusals>) -> Self {
        let grants: Arc<[NetworkGrant]> = grants.into();
        let resolver: Arc<dyn Resolve> = Arc::new(System::new());
        Self::with(Connector { grants, resolver, refusals, tls: None })
    }

    pub(super) fn with(connector: Connector) -> Self {
        let (grants, refusals) = (connector.grants.clone(), connector.refusals.clone());
        let pool = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(MAX_IDLE)
            .build(connector);
        Self { grants, refusals, requests: Arc::new(Semaphore::new(MAX_REQUESTS)), pool }
    }

    /// Sends a request if its place is granted, and waits until its response begins.
    ///
    /// # Errors
    ///
    /// `HttpRequestDenied` and `DestinationIpProhibited`, where it is not granted; otherwise what became of it.
    ///
    /// # Cancellation
    ///
    /// Dropping the future ends the request.
    pub(crate) async fn send(
        &self,
        job: Option<Arc<Job>>,
        request: Request<WasiBody>,
        options: RequestOptions,
    ) -> Result<Response<WasiBody>, Error> {
        self.check(job.as_deref(), &request)?;
        let Some(network) = network() else {
            return Err(Error::InternalError(Some(
                "the host could not start its network threads".to_owned(),
            )));
        };
        let exchange = exchange(self.pool.clone(), self.requests.clone(), job, request, options);
        let broken_off = || Err(Error::InternalError(Some("the request was broken off".to_owned())));
        Work::start(network, exchange).await.unwrap_or_else(broken_off)
    }

    fn check(&self, job: Option<&Job>, request: &Request<WasiBody>) -> Result<(), Error> {
        // Nothing could be done with the tunnel.
        if request.method() == Method::CONNECT {
            return Err(Error::HttpRequestMethodInvalid);
        }
        let place = place::of(request.uri()).ok_or(Error::HttpRequestUriInvalid)?;
        if self.grants.iter().any(|grant| grant.covers(&place)) {
            return Ok(());
        }
        self.refusals
            .tell(job, Capability::Network, || (place.to_string(), Grant::Network(place.grant(false))));
        Err(Error::HttpRequestDenied)
    }
}

async fn exchange(
    pool: Client<Connector, WasiBody>,
    requests: Arc<Semaphore>,
    job: Option<Arc<Job>>,
    request: Request<WasiBody>,
    options: RequestOptions,
) -> Result<Response<WasiBody>, Error> {
    let patience = |wish: Option<Duration>, default| wish.unwrap_or(default).min(LONGEST_PATIENCE);
    let connect = patience(options.connect_timeout, CONNECT_PATIENCE);
    let first_byte = patience(options.first_byte_timeout, RESPONSE_PATIENCE);
    let between_bytes = patience(options.between_bytes_timeout, RESPONSE_PATIENCE);
    let permit = match tokio::time::timeout(connect, requests.acquire_owned()).await {
        Ok(Ok(permit)) => permit,
        _ => return Err(Error::ConnectionLimitReached),
    };
    let (phase, phases) = watch::channel(Phase::Sending);
    let response = WISH.scope(Wish { job, patience: connect, phase }, pool.request(request));
    let response = answered(response, phases, first_byte).await?;
    Ok(response.map(|body| ResponseBody::new(body, between_bytes, permit).boxed_unsync()))
}

/// Waits for the response to begin. While a connection is made, that has its own end.
async fn answered(
    response: impl Future<Output = Result<Response<Incoming>, hyper_util::client::legacy::Error>>,
    mut phases: watch::Receiver<Phase>,
    patience: Duration,
) -> Result<Response<Incoming>, Error> {
    let mut response = pin!(response);
    loop {
        let phase = *phases.borrow_and_update();
        let too_late = async {
            match phase {
                Phase::Sending => tokio::time::sleep(patience).await,
                Phase::Connecting => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            answer = &mut response => return answer.map_err(|error| failure::of_request(&error)),
            Ok(()) = phases.changed() => {}
            () = too_late => return Err(Error::ConnectionReadTimeout),
        }
    }
}
