//! `mgnet graph` as users run it, and its pictures in the programs that show them.

mod browser;
mod documents;
mod in_browser;
mod objects;
