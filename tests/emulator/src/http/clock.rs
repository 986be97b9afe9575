//! The source of world time.

use std::{str::FromStr, time::Duration};

use tokio::time::Instant;

/// The source of world time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Clock {
    /// World time passes only through [`Server::advance`](super::Server::advance) and `POST /_world/advance`.
    Manual,
    /// World time follows the runtime's clock, at so many seconds of world time per second, and can be advanced in
    /// addition. The runtime's clock is the wall clock unless it is paused.
    Wall {
        /// The seconds of world time per second of the runtime's clock.
        speed: f64,
    },
}

/// A running clock.
#[derive(Debug)]
pub(super) struct Running {
    clock: Clock,
    started: Instant,
    advanced: Duration,
}

impl Running {
    pub(super) fn new(clock: Clock) -> Self {
        Self { clock, started: Instant::now(), advanced: Duration::ZERO }
    }

    pub(super) fn advance(&mut self, by: Duration) {
        self.advanced = self.advanced.saturating_add(by);
    }

    /// Returns the world time that should be reached now.
    pub(super) fn now(&self) -> Duration {
        let by_itself = match self.clock {
            Clock::Manual => Duration::ZERO,
            Clock::Wall { speed } => {
                Duration::try_from_secs_f64(self.started.elapsed().as_secs_f64() * speed).unwrap_or(Duration::MAX)
            }
        };
        self.advanced.saturating_add(by_itself)
    }
}

impl FromStr for Clock {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "manual" => Ok(Self::Manual),
            "wall" => Ok(Self::Wall { speed: 1.0 }),
            other => Err(format!("`{other}` must be manual or wall")),
        }
    }
}
