//! How watches are passed on: event by event, as they come or otherwise.

use std::io;
use std::time::Duration;

use futures::channel::mpsc::UnboundedSender;
use http_body_util::BodyExt;
use hyper::body::{Bytes, Frame};
use kube::client::Body;
use tokio::sync::watch;

/// What becomes of the events of watches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conduct {
    /// They are passed on.
    Flow,
    /// They are kept back, and passed on when events flow again. Meanwhile a watch that has ended seems to go on.
    Hold,
    /// They are lost, and nothing tells of it. What tells where the watch is goes through, so that it goes on behind them.
    Drop,
    /// Each is passed on after a time of its own, shorter than this.
    Scramble(Duration),
}

type Lines = UnboundedSender<Result<Frame<Bytes>, io::Error>>;

/// Passes on a watch to its end, its client's end or its reset.
pub(super) async fn pass_on(
    mut events: Body,
    client: Lines,
    mut conduct: watch::Receiver<Conduct>,
    mut resets: watch::Receiver<u64>,
) {
    let mut passage = Passage { client, held: Vec::new(), begun: Vec::new() };
    resets.mark_unchanged();
    let mut open = true;
    while !passage.client.is_closed() && (open || !passage.held.is_empty()) {
        tokio::select! {
            _ = resets.changed() => {
                passage.end_abruptly();
                return;
            }
            changed = conduct.changed() => {
                if changed.is_err() {
                    return;
                }
                if *conduct.borrow_and_update() != Conduct::Hold {
                    passage.release();
                }
            }
            frame = events.frame(), if open => match frame {
                Some(Ok(frame)) => {
                    let now = *conduct.borrow();
                    passage.take_in(&frame.into_data().unwrap_or_default(), now);
                }
                Some(Err(_)) => {
                    passage.end_abruptly();
                    return;
                }
                None => open = false,
            },
        }
    }
}

/// On the way from the API server to a client.
struct Passage {
    client: Lines,
    held: Vec<Bytes>,
    /// A line whose end has not come yet.
    begun: Vec<u8>,
}

impl Passage {
    fn take_in(&mut self, data: &[u8], conduct: Conduct) {
        self.begun.extend_from_slice(data);
        while let Some(end) = self.begun.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.begun.drain(..=end).collect();
            self.pass(line.into(), conduct);
        }
    }

    fn pass(&mut self, line: Bytes, conduct: Conduct) {
        match conduct {
            Conduct::Flow => send(&self.client, line),
            Conduct::Hold => self.held.push(line),
            Conduct::Drop => {
                if line.starts_with(br#"{"type":"BOOKMARK""#) {
                    send(&self.client, line);
                }
            }
            Conduct::Scramble(within) => {
                let client = self.client.clone();
                tokio::spawn(async move {
                    tokio::time::sleep(within.mul_f64(fastrand::f64())).await;
                    send(&client, line);
                });
            }
        }
    }

    fn release(&mut self) {
        for line in self.held.drain(..) {
            send(&self.client, line);
        }
    }

    fn end_abruptly(&self) {
        // Nobody is there any more, or is told.
        let _ = self.client.unbounded_send(Err(io::ErrorKind::ConnectionReset.into()));
    }
}

fn send(client: &Lines, line: Bytes) {
    // Whoever is not there any more will list anew.
    let _ = client.unbounded_send(Ok(Frame::data(line)));
}
