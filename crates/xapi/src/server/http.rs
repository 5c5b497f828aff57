//! From HTTP to calls and back.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::header::{ALLOW, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};

use super::answers::Notation;
use super::api::Api;
use super::body::{AnswerBody, Deadline};
use super::caller::Caller;
use super::options::Limits;
use super::value::Piece;
use super::{jsonrpc, xmlrpc};

/// Answers a request. What is wrong with a call is told in the call's own notation; what is wrong with a request, by the
/// status.
pub(super) async fn respond(
    api: Arc<Api>,
    limits: Limits,
    deadline: Deadline,
    caller: Caller,
    request: Request<Incoming>,
) -> Result<Response<Answer>, Infallible> {
    let answer = caller.calls(answer(api, limits, &caller, request)).await;
    let answer = answer.unwrap_or_else(|refusal| refusal.response());
    Ok(answer.map(|body| Answer { body: body.within(deadline, limits.answer_rate, limits.stall_time), caller }))
}

/// The body of an answer. When all of it is taken, or nobody takes it any more, the connection is not busy any more.
pub(super) struct Answer {
    body: AnswerBody,
    caller: Caller,
}

impl Drop for Answer {
    fn drop(&mut self) {
        self.caller.is_answered();
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Which notation is spoken at a path.
enum Path {
    Xml,
    Json,
}

struct Refusal {
    status: StatusCode,
    why: String,
}

impl Refusal {
    fn new(status: StatusCode, why: impl Into<String>) -> Self {
        Self { status, why: why.into() }
    }

    fn response(self) -> Response<AnswerBody> {
        let mut response = Response::new(AnswerBody::text(format!("{}\n", self.why)));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        // The rest of the request may still be under way.
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
        if self.status == StatusCode::METHOD_NOT_ALLOWED {
            headers.insert(ALLOW, HeaderValue::from_static("POST"));
        }
        response
    }
}

async fn answer(
    api: Arc<Api>,
    limits: Limits,
    caller: &Caller,
    request: Request<Incoming>,
) -> Result<Response<AnswerBody>, Refusal> {
    let path = match request.uri().path() {
        "/" | "/RPC2" => Path::Xml,
        "/jsonrpc" => Path::Json,
        _ => return Err(Refusal::new(StatusCode::NOT_FOUND, "calls go to /RPC2 or /jsonrpc")),
    };
    if request.method() != Method::POST {
        return Err(Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "calls are POST requests"));
    }
    let body = read(request, limits, caller).await?;
    let malformed = |error: super::call::Malformed| Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, error.0);
    let (call, notation, content_type) = match path {
        Path::Xml => {
            let call = api.answers.read(body, xmlrpc::parse).await.map_err(malformed)?;
            let bare = call.method == "system.listMethods";
            (call, if bare { Notation::Bare } else { Notation::Xml }, "text/xml")
        }
        Path::Json => {
            let (call, envelope) = api.answers.read(body, jsonrpc::parse).await.map_err(malformed)?;
            (call, Notation::Json(Arc::new(envelope)), "application/json")
        }
    };
    Ok(response(content_type, api.answer(call, &notation, caller).await))
}

fn response(content_type: &'static str, pieces: Vec<Piece>) -> Response<AnswerBody> {
    let mut response = Response::new(AnswerBody::new(pieces));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// The body of a request, which has to be announced, short, and quick.
async fn read(request: Request<Incoming>, limits: Limits, caller: &Caller) -> Result<Bytes, Refusal> {
    let Some(length) = request.headers().get(CONTENT_LENGTH) else {
        return Err(Refusal::new(StatusCode::LENGTH_REQUIRED, "Content-Length is required"));
    };
    let too_long = || {
        let why = format!("requests have at most {} bytes", limits.request_bytes);
        Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, why)
    };
    let length: Option<usize> = length.to_str().ok().and_then(|length| length.parse().ok());
    let Some(length) = length.filter(|length| *length <= limits.request_bytes) else { return Err(too_long()) };
    caller.sends(length);
    let body = Limited::new(request.into_body(), limits.request_bytes).collect();
    match tokio::time::timeout(limits.request_time, body).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) => Err(Refusal::new(StatusCode::BAD_REQUEST, error.to_string())),
        Err(_) => Err(Refusal::new(StatusCode::REQUEST_TIMEOUT, within(limits.request_time))),
    }
}

fn within(time: Duration) -> String {
    format!("a request has to be there within {} s", time.as_secs())
}
