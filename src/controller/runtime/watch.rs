//! Watches that recover from every interruption. The watches of kube-runtime ([`watcher()`]) do not recover from two
//! of them: a request without any response, and a `resourceVersion` from which the API server refuses to start a
//! watch.

use std::{fmt::Debug, mem, time::Duration};

use futures::{Stream, StreamExt, future, stream};
use kube::{
    Api, Resource,
    runtime::watcher::{self, Config, Error, Event, watcher},
};
use serde::de::DeserializeOwned;

use crate::controller::store::PAGE;

/// The configuration of watches that last at most `time`, so that a silent watch is restarted after that time. The
/// response to a list, or to the start of a watch, is limited only by the deadline of the client
/// (`Config::read_timeout`).
pub(crate) fn lasting(time: Duration) -> Config {
    Config::default().timeout(u32::try_from(time.as_secs()).unwrap_or(u32::MAX)).page_size(PAGE)
}

/// Watches like [`watcher()`], but lists again when the API server refuses the start of a watch with 410 (Gone).
/// kube-runtime handles only a 410 within a running watch, which is the usual case; in the other case it requests the
/// same version forever.
pub(crate) fn watch_on<K>(api: Api<K>, config: Config) -> impl Stream<Item = watcher::Result<Event<K>>> + Send
where
    K: Resource + Clone + DeserializeOwned + Debug + Send + 'static,
{
    stream::unfold(None, move |events| {
        let mut events = events.unwrap_or_else(|| watcher(api.clone(), config.clone()).boxed());
        async move {
            let event = events.next().await?;
            let continues = !is_too_old(&event);
            Some((event, continues.then_some(events)))
        }
    })
}

fn is_too_old<T>(event: &watcher::Result<T>) -> bool {
    matches!(event, Err(Error::WatchStartFailed(kube::Error::Api(status))) if status.code == 410)
}

/// The objects that are new or have changed, each after the cache contains it. The objects of a list are passed on
/// when the list is complete.
///
/// kube-runtime's `applied_objects` passes them on page by page. The reconcile of a new object from the first page
/// would not find it in the cache, which is filled only at the end of the list. An unchanged object would not be
/// passed on again.
pub(crate) fn applied<K: Send>(
    events: impl Stream<Item = watcher::Result<Event<K>>> + Send,
) -> impl Stream<Item = watcher::Result<K>> + Send {
    let objects = events.scan(Vec::new(), |listed, event| {
        let ready = match event {
            Ok(Event::Init) => {
                listed.clear();
                Vec::new()
            }
            Ok(Event::InitApply(object)) => {
                listed.push(object);
                Vec::new()
            }
            Ok(Event::InitDone) => mem::take(listed).into_iter().map(Ok).collect(),
            Ok(Event::Apply(object)) => vec![Ok(object)],
            Ok(Event::Delete(_)) => Vec::new(),
            Err(error) => vec![Err(error)],
        };
        future::ready(Some(ready))
    });
    objects.flat_map(stream::iter)
}

/// The objects of a watch without its errors, which are logged. A controller that receives an error pauses all of its
/// watches, each time for longer.
pub(crate) fn uninterrupted<K: Send>(
    objects: impl Stream<Item = watcher::Result<K>> + Send,
) -> impl Stream<Item = watcher::Result<K>> + Send {
    objects.filter_map(|object| {
        let object = object.inspect_err(|error| tracing::warn!(%error, "watch interrupted; restarting it"));
        future::ready(object.ok().map(Ok))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_objects_of_an_incomplete_list_are_not_passed_on() {
        let events = [
            Event::Init,
            Event::InitApply("first page"),
            // The token for the second has expired.
            Event::Init,
            Event::InitApply("first page"),
            Event::InitApply("second page"),
            Event::InitDone,
            Event::Apply("later"),
            Event::Delete("later"),
        ];
        // The number of objects that were passed on after each event.
        let mut counts = Vec::new();
        for count in 0..=events.len() {
            let so_far = stream::iter(events[..count].iter().cloned().map(Ok));
            counts.push(applied(so_far).filter_map(|object| future::ready(object.ok())).count().await);
        }
        assert_eq!(counts, [0, 0, 0, 0, 0, 0, 2, 3, 3]);
    }
}
