//! Exports of the hand-off, loaded by the programs that read them.

mod dns_servers;
