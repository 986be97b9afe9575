//! Exports of the hand-off: the command line, a cluster and files from which it reads, and the programs that load the result.

mod cluster;
mod command;
mod consumers;
mod dns_servers;
mod hostile;
mod markdown;
mod networks;
