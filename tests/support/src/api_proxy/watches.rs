//! The forwarding of watches, event by event, with or without faults.

use std::io;
use std::time::Duration;

use futures::channel::mpsc::UnboundedSender;
use http_body_util::BodyExt;
use hyper::body::{Bytes, Frame};
use kube::client::Body;
use tokio::sync::watch;

/// The treatment of the events of watches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conduct {
    /// Events are forwarded.
    Flow,
    /// Events are held back, and forwarded when events flow again. Meanwhile a watch that has ended appears to be open.
    Hold,
    /// Events are lost silently. Bookmarks are forwarded, so that the watch continues after the lost events.
    Drop,
    /// Each event is forwarded after a random delay below this one, so the order may change.
    Scramble(Duration),
}

type Lines = UnboundedSender<Result<Frame<Bytes>, io::Error>>;

/// Forwards a watch until it ends, its client disconnects, or it is reset.
pub(super) async fn forward(
    mut events: Body,
    client: Lines,
    mut conduct: watch::Receiver<Conduct>,
    mut resets: watch::Receiver<u64>,
) {
    let mut forwarding = Forwarding { client, held: Vec::new(), partial_line: Vec::new() };
    resets.mark_unchanged();
    let mut open = true;
    while !forwarding.client.is_closed() && (open || !forwarding.held.is_empty()) {
        tokio::select! {
            _ = resets.changed() => {
                forwarding.reset();
                return;
            }
            changed = conduct.changed() => {
                if changed.is_err() {
                    return;
                }
                if *conduct.borrow_and_update() != Conduct::Hold {
                    forwarding.release();
                }
            }
            frame = events.frame(), if open => match frame {
                Some(Ok(frame)) => {
                    let now = *conduct.borrow();
                    forwarding.receive(&frame.into_data().unwrap_or_default(), now);
                }
                Some(Err(_)) => {
                    forwarding.reset();
                    return;
                }
                None => open = false,
            },
        }
    }
}

/// The forwarding of one watch from the API server to a client.
struct Forwarding {
    client: Lines,
    held: Vec<Bytes>,
    /// The beginning of a line whose end has not arrived yet.
    partial_line: Vec<u8>,
}

impl Forwarding {
    fn receive(&mut self, data: &[u8], conduct: Conduct) {
        self.partial_line.extend_from_slice(data);
        while let Some(end) = self.partial_line.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.partial_line.drain(..=end).collect();
            self.deliver(line.into(), conduct);
        }
    }

    fn deliver(&mut self, line: Bytes, conduct: Conduct) {
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

    fn reset(&self) {
        // An error means that the client has already disconnected.
        let _ = self.client.unbounded_send(Err(io::ErrorKind::ConnectionReset.into()));
    }
}

fn send(client: &Lines, line: Bytes) {
    // A client that has disconnected will list again.
    let _ = client.unbounded_send(Ok(Frame::data(line)));
}
