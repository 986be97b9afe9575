//! Tests that links and anchors in the documents resolve (`links.rs`), and that names and lists in them equal those in the code.

#![allow(clippy::expect_used, reason = "a test fails by panicking")]

mod links;
mod requirements;
mod translation;

use std::{collections::BTreeSet, path::Path};

use clap::{CommandFactory, Parser, error::ErrorKind};
use mgnet::{api::ConditionType, cli::Cli, model::preflight::checks::Check};

use crate::links::{Document, ROOT, documents, files, read, split};

fn code(text: &str) -> Vec<String> {
    split(text).1
}

#[test]
fn the_table_of_contents_lists_every_page() {
    let contents = read("docs/SUMMARY.md");
    let listed: BTreeSet<String> = contents
        .split("](")
        .skip(1)
        .filter_map(|rest| Some(rest.split_once(')')?.0.to_owned()))
        .map(|link| link.strip_prefix("../").map_or_else(|| format!("docs/{link}"), str::to_owned))
        .collect();
    let for_readers = |path: &String| path.starts_with("docs/") || !path.contains('/');
    let pages: BTreeSet<String> = documents().into_iter().map(|document| document.path).filter(for_readers).collect();
    let missing: Vec<_> = pages.difference(&listed).filter(|path| *path != "docs/SUMMARY.md").collect();
    assert!(missing.is_empty(), "docs/SUMMARY.md lists no {missing:?}");
}

/// Returns the code spans in the first column of the table with this header.
fn first_cells(text: &str, head: &str) -> Vec<String> {
    let rows = text.lines().skip_while(|line| *line != head).skip(2).take_while(|line| line.starts_with('|'));
    rows.flat_map(|row| code(row.split('|').nth(1).unwrap_or_default())).collect()
}

#[test]
fn the_readme_lists_the_conditions() {
    let listed = first_cells(&read("README.md"), "| condition | true when |");
    assert_eq!(listed, ConditionType::ALL.map(ConditionType::as_str));
}

/// Returns the names in the simulator's list of promises. They are read from the source, because this crate does not
/// depend on the simulator.
fn promises() -> Vec<String> {
    const LIST: &str = "pub const ALL: [(&str, Promise);";
    let mut sources = files(&Path::new(ROOT).join("tests"), "rs").into_iter().map(read);
    let source = sources.find(|text| text.contains(&format!("\n{LIST}"))).expect("the simulator's promises");
    let list = source.split(LIST).nth(1).and_then(|rest| rest.split("];").next()).expect("a list");
    list.split('"').skip(1).step_by(2).map(str::to_owned).collect()
}

#[test]
fn the_page_about_promises_states_each_promise_of_the_simulator() {
    let page = read("docs/promises.md");
    let stated = page.lines().filter_map(|line| {
        let (number, rest) = line.split_once(". **")?;
        number.parse::<usize>().ok()?;
        Some(rest.split_once("**")?.0.to_owned())
    });
    assert_eq!(stated.collect::<Vec<_>>(), promises());
}

#[test]
fn the_page_about_promises_names_tests_that_exist() {
    let sources: String =
        ["src", "tests"].iter().flat_map(|top| files(&Path::new(ROOT).join(top), "rs")).map(read).collect();
    for span in code(&read("docs/promises.md")) {
        let name = span.trim_end_matches('…');
        let is_test = name.matches('_').count() > 2 && name.chars().all(|c| c == '_' || c.is_ascii_lowercase());
        assert!(
            !is_test || sources.contains(&format!("fn {name}")),
            "docs/promises.md names a test that does not exist: {span}"
        );
    }
}

#[test]
fn every_check_code_in_the_documents_exists() {
    let known: BTreeSet<&str> = Check::ALL.iter().map(|check| check.code()).collect();
    for Document { path, text } in documents() {
        for (at, _) in text.match_indices("MGN1") {
            let code = text.get(at..at + 6).unwrap_or_default();
            assert!(known.contains(code), "{path}: there is no check {code}");
        }
    }
}

#[test]
fn every_command_in_the_documents_can_be_parsed() {
    for Document { path, text } in documents() {
        for line in code(&text) {
            let line = line.as_str();
            let command = if line.starts_with("mgnet ") { line } else { line.rsplit("-- ").next().unwrap_or(line) };
            if command.starts_with("mgnet ") {
                let parsed = Cli::try_parse_from(command.split_whitespace());
                let is_valid = parsed.as_ref().map_or_else(
                    |error| matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion),
                    |_| true,
                );
                assert!(is_valid, "{path}: `{command}` cannot be parsed");
            }
        }
    }
}

#[test]
fn every_flag_in_the_documents_for_users_exists_with_its_default() {
    let command = Cli::command();
    let arguments = || command.get_subcommands().flat_map(clap::Command::get_arguments);
    let flags: BTreeSet<String> =
        arguments().filter_map(|argument| Some(format!("--{}", argument.get_long()?))).collect();
    let of_users =
        ["README", "SECURITY", "docs/checks", "docs/connections", "docs/glossary", "docs/orphans", "docs/decisions"];
    for Document { path, text } in documents() {
        if of_users.iter().any(|name| path.starts_with(name)) {
            for flag in code(&text).iter().filter(|span| span.starts_with("--")) {
                let name = flag.split('=').next().unwrap_or_default();
                assert!(flags.contains(name), "{path}: there is no flag {flag}");
            }
        }
    }
    let election = read("docs/decisions/0002-leader-election.md");
    for row in election.lines().filter(|line| line.starts_with("| `--")) {
        let cells: Vec<&str> = row.split('|').map(|cell| cell.trim().trim_matches('`')).collect();
        let default = arguments()
            .find(|argument| {
                argument.get_long().is_some_and(|long| cells.get(1) == Some(&format!("--{long}").as_str()))
            })
            .and_then(|argument| argument.get_default_values().first()?.to_str());
        assert_eq!(cells.get(2).map(|cell| cell.trim_end_matches(" s")), default, "{row}");
    }
}

#[test]
fn the_documents_name_metrics_that_exist() {
    // A unit test of the operator holds this table against the code.
    let page = read("docs/metrics.md");
    let known: BTreeSet<&str> = page.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
    let is_name = |c: char| c == '_' || c.is_ascii_lowercase();
    let spans = documents().into_iter().flat_map(|document| code(&document.text)).collect::<Vec<_>>().join("\n");
    let named: BTreeSet<&str> =
        spans.split(|c: char| !is_name(c)).filter(|word| word.starts_with("mgnet_") && *word != "mgnet_").collect();
    let unknown: Vec<_> = named.difference(&known).collect();
    assert!(unknown.is_empty(), "there is no metric {unknown:?}");
}

#[test]
fn every_make_target_in_the_documents_exists() {
    let makefile = read("Makefile");
    let targets: BTreeSet<&str> = makefile.lines().filter_map(|line| line.strip_prefix(".PHONY: ")).collect();
    for Document { path, text } in documents() {
        for target in code(&text).iter().filter_map(|span| span.strip_prefix("make ")?.split_whitespace().next()) {
            assert!(targets.contains(target), "{path}: there is no `make {target}`");
        }
    }
}

#[test]
fn every_path_in_the_documents_exists() {
    for Document { path, text } in documents() {
        for span in code(&text) {
            let is_path = ["src/", "deploy/", "crds/"].iter().any(|top| span.starts_with(top));
            let is_plain = span.chars().all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c));
            let named = Path::new(ROOT).join(&span);
            // A module is a file or a folder, and a document may use either name.
            let exists = named.exists() || named.with_extension("").is_dir();
            assert!(!(is_path && is_plain) || exists, "{path}: there is no {span}");
        }
    }
}

#[test]
fn every_test_filter_of_the_makefile_matches_a_test() {
    let makefile = read("Makefile").replace("\\\n", " ");
    let folders = ["tests", "src"].into_iter().flat_map(|folder| files(&Path::new(ROOT).join(folder), "rs"));
    let tests: String = folders.map(read).collect();
    let variables = makefile.lines().filter(|line| line.starts_with("ON") || line.starts_with("BESIDE"));
    let commands = makefile.lines().flat_map(|line| line.split("cargo test").skip(1));
    let filters = variables
        .filter_map(|line| line.split_once(":="))
        .chain(commands.filter_map(|command| command.split_once(" -- ")))
        .map(|(_, filters)| filters.split(['|', '>']).next().unwrap_or_default());
    let words: Vec<&str> =
        filters.flat_map(str::split_whitespace).filter(|word| !word.starts_with(['-', '$'])).collect();
    assert!(words.len() > 10, "{words:?}");
    for word in words {
        let exists = if let Some(module) = word.strip_suffix("::") {
            tests.contains(&format!("mod {module};")) || tests.contains(&format!("mod {module} {{"))
        } else {
            let name = word.rsplit("::").next().unwrap_or_default();
            tests.lines().any(|line| line.trim_start().contains("fn ") && line.contains(name))
        };
        assert!(exists, "the Makefile filters tests by '{word}', which matches none");
    }
}
