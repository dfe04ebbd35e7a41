//! Errors on the wire.

use std::time::Duration;

use axum::body::Body;
use cjm_host::{Clock, Error, JobState, NewJob, ResourceKind, Trap, TrapKind, Ungranted, Value, Violation};
use http::{Request, StatusCode};
use http_body_util::BodyExt;
use tower::ServiceExt;

use super::{World, job};
use crate::Server;

/// One of each category.
fn all() -> Vec<Error> {
    let (what, plugin) = ("action `a` of `p`".to_owned(), "p".to_owned());
    let violations = vec![Violation { pointer: "/a".into(), message: "is no number".into() }];
    let second = Duration::from_secs(1);
    let trap = Trap { what: what.clone(), kind: TrapKind::Exit(3), message: "m".into(), backtrace: vec![] };
    let ungranted = Ungranted {
        what: what.clone(),
        missing: vec!["m".into()],
        grants: vec!["gpu".into()],
        toml: "t".into(),
        command: "c".into(),
    };
    vec![
        Error::violated("no", violations),
        Error::Transient { message: "later".into(), retry_after: Some(second) },
        Error::exhausted(ResourceKind::Other("tokens".into()), "spent", Some(2), Some(1)),
        Error::TimedOut { what: what.clone(), clock: Clock::Cpu, limit: second },
        Error::Cancelled { what, forced: true },
        Error::Disabled { plugin: plugin.clone() },
        Error::NotLoaded { plugin, reason: "gone".into() },
        Error::NotGranted(Box::new(ungranted)),
        Error::Trapped(Box::new(trap)),
        Error::fatal("broken"),
    ]
}

#[tokio::test]
async fn each_error_is_the_same_on_the_other_side() {
    World::each(async |World { client, .. }| {
        for error in all() {
            let id = client.submit(NewJob::new("i", "fail", Value::json(&error).unwrap())).await.unwrap();
            let job = client.wait(id, None).await.unwrap();
            let cancelled = matches!(error, Error::Cancelled { .. });
            assert_eq!(job.state, if cancelled { JobState::Cancelled } else { JobState::Failed });
            assert_eq!(job.error.unwrap().error, error);
            assert_eq!(client.result(id).await.unwrap_err(), error);
        }
    })
    .await;
}

async fn asked(request: Request<Body>) -> (StatusCode, Error, http::HeaderMap) {
    let World { queue, dir: _dir, .. } = World::within().await;
    let response = Server::new(queue).router().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    (parts.status, serde_json::from_slice(&body).unwrap(), parts.headers)
}

#[tokio::test]
async fn whatever_is_asked_wrongly_is_answered_with_a_status_and_why() {
    let id = "00000000-0000-7000-8000-000000000000";
    for (method, path, body, status, says) in [
        ("GET", "/v1/nothing".to_owned(), "", 404, "there is no `/v1/nothing`"),
        ("PATCH", "/v1/jobs".to_owned(), "", 405, "cannot be asked with PATCH"),
        ("GET", "/v1/jobs/1".to_owned(), "", 400, "`1` is no id of a job"),
        ("GET", "/v1/jobs/%FF".to_owned(), "", 400, "the path cannot be read"),
        ("GET", format!("/v1/jobs/{id}"), "", 400, "there is no job"),
        ("GET", format!("/v1/jobs/{id}/result"), "", 400, "there is no job"),
        ("GET", format!("/v1/jobs/{id}/wait?timeout-ms=soon"), "", 400, "a number of milliseconds"),
        ("POST", format!("/v1/jobs/{id}/cancel?when=now"), "", 400, "there is no parameter `when`"),
        ("GET", "/v1/jobs?stat=failed".to_owned(), "", 400, "there is no parameter `stat`"),
        ("GET", "/v1/events?from=x".to_owned(), "", 400, "the number of an event"),
        ("POST", "/v1/jobs".to_owned(), "{", 400, "the body of the request cannot be used: EOF"),
        (
            "POST",
            "/v1/jobs".to_owned(),
            r#"{"instance":"i","action":"a","prio":1}"#,
            400,
            "unknown field `prio`",
        ),
        ("POST", "/v1/jobs".to_owned(), r#"{"instance":"","action":"a"}"#, 400, "must not be empty"),
        ("PUT", format!("/v1/jobs/{id}/priority"), r#"{"priority":"high"}"#, 400, "expected i32"),
    ] {
        let request = Request::builder().method(method).uri(&path).body(Body::from(body)).unwrap();
        let (answered, error, _) = asked(request).await;
        assert_eq!(answered.as_u16(), status, "{method} {path}: {error}");
        assert!(error.to_string().contains(says), "{method} {path}: {error}");
    }
}

#[tokio::test]
async fn when_to_come_back_is_in_a_header_too() {
    let World { queue, client, dir: _dir, .. } = World::within().await;
    let busy = Error::Transient { message: "busy".into(), retry_after: Some(Duration::from_millis(1_200)) };
    let id = client.submit(NewJob::new("i", "fail", Value::json(&busy).unwrap())).await.unwrap();
    client.wait(id, None).await.unwrap();
    let request = Request::get(format!("/v1/jobs/{id}/result")).body(Body::empty()).unwrap();
    let response = Server::new(queue).router().oneshot(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(response.headers()["retry-after"], "2");
}

#[tokio::test]
async fn what_was_accepted_is_told_with_where_it_is() {
    let World { queue, dir: _dir, .. } = World::within().await;
    let body = Body::from(serde_json::to_vec(&job("echo")).unwrap());
    let request = Request::post("/v1/jobs").body(body).unwrap();
    let response = Server::new(queue).router().oneshot(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::CREATED);
    let place = response.headers()["location"].to_str().unwrap().to_owned();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    let id = serde_json::from_slice::<serde_json::Value>(&body).unwrap()["id"].as_str().unwrap().to_owned();
    assert_eq!(place, format!("/v1/jobs/{id}"));
}
