//! Watches that hear again of what there is, whatever became of them. kube-runtime's own ([`watcher()`]) go on after everything
//! but two: silence before the first answer, and a version from which the API server does not watch on.

use std::{fmt::Debug, mem, time::Duration};

use futures::{Stream, StreamExt, future, stream};
use kube::{
    Api, Resource,
    runtime::watcher::{self, Config, Error, Event, watcher},
};
use serde::de::DeserializeOwned;

/// How watches are asked for, none of which lasts longer than that: one that is silent for as long is begun anew. For the answer
/// to a list or to the beginning of a watch only the client has a deadline (`Config::read_timeout`).
pub(crate) fn lasting(time: Duration) -> Config {
    Config::default().timeout(u32::try_from(time.as_secs()).unwrap_or(u32::MAX))
}

/// As [`watcher()`], and lists anew when the API server refuses to begin a watch with 410 (Gone). kube-runtime does that for
/// a watch that is told so once it has begun, as API servers mostly do; else it asks for the same version for ever.
pub(crate) fn watch_on<K>(api: Api<K>, config: Config) -> impl Stream<Item = watcher::Result<Event<K>>> + Send
where
    K: Resource + Clone + DeserializeOwned + Debug + Send + 'static,
{
    stream::unfold(None, move |events| {
        let mut events = events.unwrap_or_else(|| watcher(api.clone(), config.clone()).boxed());
        async move {
            let event = events.next().await?;
            let goes_on = !is_too_old(&event);
            Some((event, goes_on.then_some(events)))
        }
    })
}

fn is_too_old<T>(event: &watcher::Result<T>) -> bool {
    matches!(event, Err(Error::WatchStartFailed(kube::Error::Api(status))) if status.code == 410)
}

/// The objects that are new or were changed, each when the cache before it has it: of a list, when it has come to its end.
///
/// kube-runtime's `applied_objects` tells of them page by page. What is new in the first page of a list is looked for in a cache
/// that does not have it yet, not found, and then, as it does not change, never told of again.
pub(crate) fn applied<K: Send>(
    events: impl Stream<Item = watcher::Result<Event<K>>> + Send,
) -> impl Stream<Item = watcher::Result<K>> + Send {
    let told = events.scan(Vec::new(), |listed, event| {
        let told = match event {
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
        future::ready(Some(told))
    });
    told.flat_map(stream::iter)
}

/// What a watch tells, without its interruptions, which are logged. A controller that hears of one waits, and ever longer, until
/// it listens to any of its watches again.
pub(crate) fn uninterrupted<K: Send>(
    told: impl Stream<Item = watcher::Result<K>> + Send,
) -> impl Stream<Item = watcher::Result<K>> + Send {
    told.filter_map(|told| {
        let told = told.inspect_err(|error| tracing::warn!(%error, "a watch was interrupted and starts again"));
        future::ready(told.ok().map(Ok))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn of_a_list_that_does_not_come_to_its_end_nothing_is_told() {
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
        // What was told when each event had come.
        let mut told = Vec::new();
        for count in 0..=events.len() {
            let so_far = stream::iter(events[..count].iter().cloned().map(Ok));
            told.push(applied(so_far).filter_map(|told| future::ready(told.ok())).count().await);
        }
        assert_eq!(told, [0, 0, 0, 0, 0, 0, 2, 3, 3]);
    }
}
