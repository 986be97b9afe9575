//! Exports of the hand-off: files that contain anything, and the programs that load what is exported.

mod command;
mod dns_servers;
mod hostile;
mod networks;
