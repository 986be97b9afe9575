//! The output of the demo: headings, commands and results.

use std::io::IsTerminal;
use std::time::Instant;

/// The output of the demo, with its chapters and its start time.
pub(crate) struct Story {
    began: Instant,
    bold: bool,
    chapter: u32,
}

impl Story {
    pub(crate) fn new(title: &str) -> Self {
        let story = Self { began: Instant::now(), bold: std::io::stdout().is_terminal(), chapter: 0 };
        println!("{}", story.emphasized(title));
        story
    }

    /// Begins a chapter.
    pub(crate) fn chapter(&mut self, title: &str) {
        self.chapter += 1;
        println!("\n{}", self.emphasized(&format!("{}. {title}", self.chapter)));
    }

    /// Prints lines of text.
    #[allow(clippy::unused_self, reason = "all output goes through this type")]
    pub(crate) fn print(&self, text: &str) {
        for line in text.trim_end().lines() {
            println!("   {line}");
        }
    }

    /// Prints a command as a user types it.
    pub(crate) fn command(&self, line: &str) {
        println!("   {}", self.emphasized(&format!("$ {line}")));
    }

    /// Prints a text with the seconds since `since` before it.
    #[allow(clippy::unused_self, reason = "all output goes through this type")]
    pub(crate) fn event(&self, since: Instant, text: &str) {
        println!("   {:>5.1} s  {text}", since.elapsed().as_secs_f64());
    }

    /// Returns the seconds since the start.
    pub(crate) fn seconds(&self) -> u64 {
        self.began.elapsed().as_secs()
    }

    fn emphasized(&self, text: &str) -> String {
        if self.bold { format!("\x1b[1m{text}\x1b[0m") } else { text.to_owned() }
    }
}
