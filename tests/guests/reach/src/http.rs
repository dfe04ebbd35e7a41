//! `wasi:http` 0.2.

use wasip2::http::outgoing_handler::handle;
use wasip2::http::types::{ErrorCode, Fields, OutgoingRequest, Scheme};
use wasip2::io::streams::StreamError;

pub(crate) fn get(url: &str) -> Result<String, ErrorCode> {
    let (scheme, rest) = url.split_once("://").ok_or(ErrorCode::HttpRequestUriInvalid)?;
    let (authority, path) = rest.find('/').map_or((rest, "/"), |at| rest.split_at(at));
    let request = OutgoingRequest::new(Fields::new());
    let scheme = if scheme == "https" { Scheme::Https } else { Scheme::Http };
    let set = request
        .set_scheme(Some(&scheme))
        .and_then(|()| request.set_authority(Some(authority)))
        .and_then(|()| request.set_path_with_query(Some(path)));
    set.map_err(|()| ErrorCode::HttpRequestUriInvalid)?;
    let pending = handle(request, None)?;
    pending.subscribe().block();
    let response = pending.get().and_then(Result::ok).ok_or(ErrorCode::InternalError(None))??;
    let body = response.consume().map_err(|()| ErrorCode::InternalError(None))?;
    let stream = body.stream().map_err(|()| ErrorCode::InternalError(None))?;
    let mut text = Vec::new();
    loop {
        match stream.blocking_read(64 << 10) {
            Ok(part) => text.extend(part),
            Err(StreamError::Closed) => break,
            Err(StreamError::LastOperationFailed(error)) => {
                return Err(ErrorCode::InternalError(Some(error.to_debug_string())));
            }
        }
    }
    Ok(format!("{} {}", response.status(), String::from_utf8_lossy(&text)))
}
