//! How the commands talk to people: headings, what was typed, what was answered.

use std::io::IsTerminal;
use std::time::Instant;

/// The teller of a story; it knows what time it is in it.
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

    /// Says something.
    #[allow(clippy::unused_self, reason = "who tells is the story")]
    pub(crate) fn tell(&self, text: &str) {
        for line in text.trim_end().lines() {
            println!("   {line}");
        }
    }

    /// Shows a command as it would be typed.
    pub(crate) fn command(&self, line: &str) {
        println!("   {}", self.emphasized(&format!("$ {line}")));
    }

    /// Says something with the seconds since `since` before it.
    #[allow(clippy::unused_self, reason = "who tells is the story")]
    pub(crate) fn event(&self, since: Instant, text: &str) {
        println!("   {:>5.1} s  {text}", since.elapsed().as_secs_f64());
    }

    /// How long the story took so far, in seconds.
    pub(crate) fn seconds(&self) -> u64 {
        self.began.elapsed().as_secs()
    }

    fn emphasized(&self, text: &str) -> String {
        if self.bold { format!("\x1b[1m{text}\x1b[0m") } else { text.to_owned() }
    }
}
