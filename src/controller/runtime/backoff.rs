//! Delays: the back-off of a failing network, and the jitter that prevents networks from synchronizing.

use std::time::Duration;

const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_mins(5);

/// The exponential back-off of one network, with jitter. It doubles from 1 s to 5 min.
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

    /// Resets the back-off to its first delay.
    pub(crate) fn reset(&mut self) {
        self.failures = 0;
    }
}

/// The delay, changed at random by up to a fifth in either direction.
pub(crate) fn jittered(delay: Duration) -> Duration {
    delay.mul_f64(0.8 + 0.4 * fastrand::f64())
}

/// The delay, shortened at random by up to a fifth.
pub(crate) fn shortened(delay: Duration) -> Duration {
    delay.mul_f64(0.8 + 0.2 * fastrand::f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_back_off_grows_to_its_limit_and_can_be_reset() {
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
    fn a_shortened_delay_is_never_longer() {
        let delays: Vec<Duration> = (0..100).map(|_| shortened(Duration::from_secs(10))).collect();
        assert!(delays.iter().all(|delay| (8.0..=10.0).contains(&delay.as_secs_f64())));
        assert!(delays.iter().any(|delay| *delay != delays[0]));
    }
}
