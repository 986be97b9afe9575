//! Delays: the back-off of a network that fails, and the jitter that keeps networks from moving in step.

use std::time::Duration;

const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_mins(5);

/// Exponential back-off with jitter, of one network: it doubles from 1 s to 5 min.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// The delay after one more failure.
    pub(crate) fn next(&mut self) -> Duration {
        let delay = FIRST.saturating_mul(1 << self.failures.min(16)).min(LONGEST);
        self.failures = self.failures.saturating_add(1);
        jittered(delay)
    }

    /// Starts again.
    pub(crate) fn reset(&mut self) {
        self.failures = 0;
    }
}

/// The delay, more or less a fifth.
pub(crate) fn jittered(delay: Duration) -> Duration {
    delay.mul_f64(0.8 + 0.4 * fastrand::f64())
}

/// The delay, less up to a fifth.
pub(crate) fn shortened(delay: Duration) -> Duration {
    delay.mul_f64(0.8 + 0.2 * fastrand::f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grows_to_its_limit_and_starts_again() {
        let mut backoff = Backoff::default();
        let delays: Vec<Duration> = (0..40).map(|_| backoff.next()).collect();
        assert!(delays[0] <= FIRST.mul_f64(1.2), "{:?}", delays[0]);
        assert!(delays[5] >= Duration::from_secs(25), "{:?}", delays[5]);
        assert!(delays.iter().all(|delay| *delay <= LONGEST.mul_f64(1.2)));
        backoff.reset();
        assert!(backoff.next() <= FIRST.mul_f64(1.2));
    }

    #[test]
    fn jitter_varies_and_stays_within_a_fifth() {
        let delays: Vec<Duration> = (0..100).map(|_| jittered(Duration::from_secs(10))).collect();
        assert!(delays.iter().all(|delay| (8.0..=12.0).contains(&delay.as_secs_f64())));
        assert!(delays.iter().any(|delay| *delay != delays[0]));
    }

    #[test]
    fn what_is_shortened_is_never_longer() {
        let delays: Vec<Duration> = (0..100).map(|_| shortened(Duration::from_secs(10))).collect();
        assert!(delays.iter().all(|delay| (8.0..=10.0).contains(&delay.as_secs_f64())));
        assert!(delays.iter().any(|delay| *delay != delays[0]));
    }
}
