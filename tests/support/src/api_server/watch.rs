//! Watches: the changes since a resource version, and then each further change.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;

use futures::{Stream, stream};
use http_body::Frame;
use hyper::body::Bytes;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::ApiServer;
use super::kinds::Kind;
use super::objects::Change;

/// The parameters of a watch.
pub(super) struct Watched {
    pub(super) kind: &'static Kind,
    pub(super) namespace: Option<String>,
    /// The resource version after which changes are delivered.
    pub(super) after: u64,
    pub(super) lasts: Duration,
    /// Whether only metadata is delivered.
    pub(super) is_partial: bool,
}

/// Returns the stream of a watch, one line for each change.
pub(super) fn stream(
    server: &ApiServer,
    watched: Watched,
) -> impl Stream<Item = Result<Frame<Bytes>, Infallible>> + use<> {
    let ends = Instant::now() + watched.lasts;
    let (server, revisions) = (server.clone(), server.revisions.subscribe());
    let state = (server, revisions, watched, VecDeque::new());
    stream::unfold(state, move |(server, mut revisions, mut watched, mut lines)| async move {
        loop {
            if let Some(line) = lines.pop_front() {
                return Some((Ok(Frame::data(line)), (server, revisions, watched, lines)));
            }
            revisions.borrow_and_update();
            lines.extend(new_lines(&server, &mut watched));
            if lines.is_empty() && !matches!(tokio::time::timeout_at(ends, revisions.changed()).await, Ok(Ok(()))) {
                return None;
            }
        }
    })
}

fn new_lines(server: &ApiServer, watched: &mut Watched) -> Vec<Bytes> {
    let objects = server.objects();
    let Watched { kind, namespace, is_partial, .. } = watched;
    let is_watched = |change: &&Change| {
        change.key.plural == kind.plural
            && namespace.as_ref().is_none_or(|namespace| *namespace == change.key.namespace)
    };
    let lines =
        objects.changes_after(watched.after).iter().filter(is_watched).map(|Change { type_, object, .. }| {
            let object = if *is_partial { partial(object) } else { Value::clone(object) };
            Bytes::from(format!("{}\n", json!({ "type": type_, "object": object })))
        });
    let lines = lines.collect();
    watched.after = objects.revision();
    lines
}

/// Returns the metadata of an object.
pub(super) fn partial(object: &Value) -> Value {
    json!({ "apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata", "metadata": object["metadata"] })
}
