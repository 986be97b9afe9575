//! The pages that exist in two languages: `NAME.md` in English, and `NAME.ja.md` in Japanese. A change of one
//! requires the same change of the other: sections, commands, tables, fields, formats and links are the same in both.

use std::collections::BTreeMap;

use crate::{
    code,
    links::{documents, read, split},
};

/// A part of a page, from one heading to the next.
#[derive(Debug, Default, PartialEq, Eq)]
struct Section {
    /// The marks of the heading, such as `##`.
    heading: String,
    /// The lines of fenced blocks.
    commands: Vec<String>,
    /// The code spans in the first two cells of each row, which are names. The other cells are sentences.
    rows: Vec<Vec<String>>,
    /// How often each code span occurs. A sentence in Japanese has its words in another order.
    spans: BTreeMap<String, usize>,
    /// How often each link occurs, except that from one language to the other.
    links: BTreeMap<String, usize>,
}

/// Returns the texts of the sections, each with its heading.
fn texts(page: &str) -> Vec<String> {
    let (mut found, mut fenced) = (vec![String::new()], false);
    for line in page.lines() {
        fenced ^= line.starts_with("```");
        if line.starts_with('#') && !fenced {
            found.push(String::new());
        }
        if let Some(text) = found.last_mut() {
            text.push_str(line);
            text.push('\n');
        }
    }
    found
}

fn counted(all: impl IntoIterator<Item = String>) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for one in all {
        *counts.entry(one).or_default() += 1;
    }
    counts
}

fn section(text: &str) -> Section {
    let prose: String = text.split("```").step_by(2).collect();
    let rows = prose.lines().filter(|line| line.starts_with('|'));
    let names = |row: &str| row.split('|').skip(1).take(2).flat_map(code).collect();
    let links = split(text).0;
    let links = links.split("](").skip(1).filter_map(|rest| Some(rest.split_once(')')?.0.to_owned()));
    Section {
        heading: text.chars().take_while(|c| *c == '#').collect(),
        commands: text.split("```").skip(1).step_by(2).map(str::to_owned).collect(),
        rows: rows.map(names).collect(),
        spans: counted(code(&prose)),
        links: counted(links.filter(|link| !link.starts_with("on-premises."))),
    }
}

#[test]
fn both_languages_of_a_page_have_the_same_sections_commands_and_names() {
    let translations: Vec<String> =
        documents().into_iter().map(|page| page.path).filter(|path| path.ends_with(".ja.md")).collect();
    assert_eq!(translations, ["docs/on-premises.ja.md"]);
    for translation in translations {
        let original = translation.replace(".ja.md", ".md");
        let (english, japanese) = (texts(&read(&original)), texts(&read(&translation)));
        assert_eq!(english.len(), japanese.len(), "{original} and {translation} have the same number of headings");
        for (one, other) in english.iter().zip(&japanese) {
            assert_eq!(section(one), section(other), "{translation} differs from {original}:\n{one}\n{other}");
        }
    }
}

#[test]
fn each_language_of_a_page_links_to_the_other() {
    for (page, other) in [("on-premises.md", "on-premises.ja.md"), ("on-premises.ja.md", "on-premises.md")] {
        assert!(read(format!("docs/{page}")).contains(&format!("]({other})")), "docs/{page} has no link to {other}");
    }
}

#[test]
fn a_difference_is_found() {
    let page = "# Title\n\nThe field `a` of [b](b.md).\n\n| c | d |\n|---|---|\n| `e` | `f` |\n\n```\nmgnet\n```\n";
    for (from, to) in
        [("`a`", "`x`"), ("(b.md)", "(x.md)"), ("| `e` | `f` |\n", ""), ("mgnet", "kubectl"), ("# T", "## T")]
    {
        let all = |text: &str| texts(text).iter().map(|text| section(text)).collect::<Vec<_>>();
        assert_ne!(all(page), all(&page.replace(from, to)), "{from}");
    }
}
