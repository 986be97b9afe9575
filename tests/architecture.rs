//! Who may know whom: the rules of the house, held against the source text.

#![allow(clippy::expect_used, reason = "without the source text there is nothing to hold the rules against")]

use std::{fs, path::Path};

/// Every Rust file under a folder, with its text.
fn sources(folder: &str) -> Vec<(String, String)> {
    let mut files = Vec::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("the folder is part of the repository").flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push((path.display().to_string(), fs::read_to_string(&path).expect("it can be read")));
            }
        }
    }
    assert!(!files.is_empty(), "{folder} has no source");
    files
}

/// The lines of code under a folder that hold one of the words; comments do not count.
fn offenders(folder: &str, words: &[&str]) -> Vec<String> {
    sources(folder)
        .iter()
        .flat_map(|(file, text)| {
            text.lines()
                .filter(|line| !line.trim_start().starts_with("//"))
                .filter(|line| words.iter().any(|word| line.contains(word)))
                .map(move |line| format!("{file}: {}", line.trim()))
        })
        .collect()
}

#[test]
fn the_model_has_no_client_no_sdk_no_runtime_and_no_clock() {
    let words = [
        "kube::",
        "aws_sdk",
        "aws_config",
        "aws_smithy",
        "tokio",
        "async ",
        "std::time",
        "Timestamp::now",
        "Instant",
        "SystemTime",
        "Zoned::now",
        "std::env",
        "std::fs",
        // `std::net` has addresses, too, which are plain data.
        "TcpStream",
        "TcpListener",
        "UdpSocket",
        "ToSocketAddrs",
        "rand",
        "crate::aws",
        "crate::controller",
        "crate::cli",
    ];
    assert_eq!(offenders("src/model", &words), Vec::<String>::new());
}

#[test]
fn only_the_aws_layer_sees_the_sdk() {
    for folder in ["src/api", "src/model", "src/controller", "src/cli"] {
        assert_eq!(offenders(folder, &["aws_sdk", "aws_config", "aws_smithy"]), Vec::<String>::new());
    }
}

#[test]
fn the_aws_layer_knows_the_model_and_no_kubernetes() {
    let words = ["kube::", "k8s_openapi", "crate::controller", "crate::cli", "crate::api"];
    assert_eq!(offenders("src/aws", &words), Vec::<String>::new());
}

#[test]
fn the_api_decides_nothing() {
    assert_eq!(
        offenders("src/api", &["crate::model", "crate::aws", "crate::controller", "crate::cli"]),
        Vec::<String>::new()
    );
}

#[test]
fn a_planted_breach_is_found() {
    let found = offenders("src/controller", &["kube::"]);
    assert!(!found.is_empty(), "the search must be able to find what it looks for");
}
