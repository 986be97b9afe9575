//! Tests of the program: its start, its output and its end.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

struct Emulator {
    child: Child,
    address: String,
}

fn start(arguments: &[&str]) -> Emulator {
    let mut command = Command::new(env!("CARGO_BIN_EXE_aws-emulator"));
    command.args(arguments).arg("--until-stdin-closes").stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let address = line.trim().strip_prefix("listening on http://").expect("the announcement").to_owned();
    Emulator { child, address }
}

impl Emulator {
    fn get(&self, path: &str) -> serde_json::Value {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        write!(stream, "GET /_world/{path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
    }

    fn end(mut self) {
        drop(self.child.stdin.take());
        let begin = Instant::now();
        while self.child.try_wait().unwrap().is_none() {
            assert!(begin.elapsed() < Duration::from_secs(10), "it must stop when standard input is closed");
            thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        // The process has already ended if the test passed.
        drop(self.child.kill());
    }
}

#[test]
fn it_prints_its_address_and_its_clock_runs_at_the_given_speed() {
    let emulator = start(&["--speed", "1000"]);
    assert!(emulator.address.starts_with("127.0.0.1:"));
    thread::sleep(Duration::from_millis(50));
    assert!(emulator.get("time")["seconds"].as_f64().unwrap() >= 50.0);
    emulator.end();
}

#[test]
fn it_can_run_without_delays_and_throttling_and_with_a_manual_clock() {
    let emulator = start(&["--clock", "manual", "--delays", "none", "--throttle", "off", "--max-page", "3"]);
    thread::sleep(Duration::from_millis(20));
    assert_eq!(emulator.get("time")["seconds"], 0.0);
    let options = emulator.get("options");
    assert_eq!(options["throttling"], false);
    assert_eq!(options["max_page"], 3);
    assert_eq!(options["delays"]["endpoint_creating"], 0.0);
    emulator.end();
}
