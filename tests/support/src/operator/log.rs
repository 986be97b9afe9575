//! The log of an operator that runs as a task: the thread of its test writes it.

use std::cell::RefCell;
use std::io;
use std::sync::Once;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

thread_local! {
    static LINES: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// The log of this thread.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ThreadLog;

impl ThreadLog {
    /// Begins the log of this thread.
    pub(crate) fn begin(filter: &str) {
        static SUBSCRIBED: Once = Once::new();
        SUBSCRIBED.call_once(|| {
            let subscriber = tracing_subscriber::fmt().with_ansi(false).with_env_filter(EnvFilter::new(filter));
            // If the process already has another subscriber, that one stays, and this log remains empty.
            let _ = subscriber.with_writer(Self).try_init();
        });
        LINES.with_borrow_mut(Vec::clear);
    }

    /// Returns the log of this thread.
    pub(crate) fn text() -> String {
        LINES.with_borrow(|lines| String::from_utf8_lossy(lines).into_owned())
    }
}

impl io::Write for ThreadLog {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        LINES.with_borrow_mut(|lines| lines.extend_from_slice(text));
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for ThreadLog {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        *self
    }
}
