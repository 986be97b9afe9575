//! Tests which modules may import which others. The rules apply to everything that the source imports: every `use` tree
//! and every path, resolved to the module that it names.

#![allow(clippy::expect_used, reason = "the rules cannot be checked without the source text")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use syn::{
    ImplItemFn, ItemFn, ItemMod, ItemUse, UseTree,
    visit::{self, Visit},
};

/// A path from the root of a crate: `["crate", "model", "slot"]`, `["tokio", "time"]`.
type Absolute = Vec<String>;

/// One source file, and the paths in it.
struct Source {
    module: Absolute,
    paths: BTreeSet<Absolute>,
    has_async: bool,
}

/// Collects the paths in a file. `module` is the module that is being visited, which may be an inline module.
struct Visitor {
    module: Absolute,
    paths: BTreeSet<Absolute>,
    has_async: bool,
}

impl Visitor {
    fn add(&mut self, path: &[String]) {
        let (first, rest) = path.split_first().expect("a path has a first segment");
        let absolute = match first.as_str() {
            "self" => [&self.module, rest].concat(),
            "super" => {
                let up = path.iter().take_while(|segment| *segment == "super").count();
                let base = self.module.len().saturating_sub(up);
                [&self.module[..base], &path[up..]].concat()
            }
            // `crate`, a child module, a local name, or another crate, which the rules identify by its name.
            _ => path.to_vec(),
        };
        self.paths.insert(absolute);
    }

    fn add_tree(&mut self, tree: &UseTree, prefix: &[String]) {
        let with = |name: String| [prefix, &[name]].concat();
        match tree {
            UseTree::Path(path) => self.add_tree(&path.tree, &with(path.ident.to_string())),
            UseTree::Name(name) if name.ident == "self" => self.add(prefix),
            UseTree::Name(name) => self.add(&with(name.ident.to_string())),
            UseTree::Rename(rename) => self.add(&with(rename.ident.to_string())),
            UseTree::Glob(_) => self.add(prefix),
            UseTree::Group(group) => group.items.iter().for_each(|tree| self.add_tree(tree, prefix)),
        }
    }
}

/// Whether an item is compiled only for tests. The rules do not apply to such items.
fn is_test(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute.parse_args::<syn::Path>().is_ok_and(|condition| condition.is_ident("test"))
    })
}

impl<'ast> Visit<'ast> for Visitor {
    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        if !is_test(&item.attrs) {
            self.add_tree(&item.tree, &[]);
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let segments: Vec<String> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        if segments.len() > 1 {
            self.add(&segments);
        }
        visit::visit_path(self, path);
    }

    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        if !is_test(&item.attrs) && item.content.is_some() {
            self.module.push(item.ident.to_string());
            visit::visit_item_mod(self, item);
            self.module.pop();
        }
    }

    fn visit_item_fn(&mut self, item: &'ast ItemFn) {
        self.has_async |= item.sig.asyncness.is_some();
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast ImplItemFn) {
        self.has_async |= item.sig.asyncness.is_some();
        visit::visit_impl_item_fn(self, item);
    }
}

fn read(text: &str, module: Absolute) -> Source {
    let file = syn::parse_file(text).expect("the source is valid Rust");
    let mut found = Visitor { module: module.clone(), paths: BTreeSet::new(), has_async: false };
    found.visit_file(&file);
    Source { module, paths: found.paths, has_async: found.has_async }
}

/// Returns every source file of the operator except its tests.
fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let (mut found, mut folders) = (Vec::new(), vec![root.clone()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("the folder is part of the repository").flatten() {
            let path = entry.path();
            let name = path.file_stem().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
            if path.is_dir() {
                if name != "tests" {
                    folders.push(path);
                }
            } else if path.extension().is_some_and(|extension| extension == "rs")
                && !["testing", "main"].contains(&name.as_str())
            {
                let relative = path.strip_prefix(&root).expect("the file is below the root").with_extension("");
                let mut module = vec!["crate".to_owned()];
                module.extend(relative.iter().map(|part| part.to_string_lossy().into_owned()));
                if ["mod", "lib"].contains(&name.as_str()) {
                    module.pop();
                }
                found.push(read(&fs::read_to_string(&path).expect("the file can be read"), module));
            }
        }
    }
    found
}

fn has_prefix(path: &[String], prefix: &str) -> bool {
    let prefix: Vec<&str> = prefix.split("::").collect();
    path.len() >= prefix.len() && prefix.iter().zip(path).all(|(wanted, segment)| wanted == segment)
}

/// Returns the paths with one of the prefixes in the files of a module.
fn violations(sources: &[Source], module: &str, prefixes: &[&str]) -> Vec<String> {
    let under = sources.iter().filter(|source| has_prefix(&source.module, module));
    let found = under.flat_map(|source| {
        let bad = source.paths.iter().filter(|path| prefixes.iter().any(|prefix| has_prefix(path, prefix)));
        bad.map(|path| format!("{}: {}", source.module.join("::"), path.join("::")))
    });
    found.collect()
}

const NONE: Vec<String> = Vec::new();

#[test]
fn the_model_imports_no_client_sdk_runtime_or_clock() {
    let sources = sources();
    let clients =
        ["kube", "aws_sdk_ec2", "aws_config", "tokio", "tokio_util", "futures", "axum", "fastrand", "tracing"];
    let clocks = ["std::time", "std::env", "std::fs", "std::process", "std::thread", "jiff::Zoned"];
    // Only these, because `std::net` also contains addresses, which are plain data.
    let sockets = ["std::net::TcpStream", "std::net::TcpListener", "std::net::UdpSocket", "std::net::ToSocketAddrs"];
    let layers = ["crate::aws", "crate::controller", "crate::cli", "crate::hand_off", "crate::graph", "Timestamp::now"];
    let banned = [&clients[..], &clocks, &sockets, &layers].concat();
    assert_eq!(violations(&sources, "crate::model", &banned), NONE);
    let model = sources.iter().filter(|source| has_prefix(&source.module, "crate::model"));
    assert_eq!(
        model.filter(|source| source.has_async).map(|source| source.module.join("::")).collect::<Vec<_>>(),
        NONE
    );
}

#[test]
fn only_the_aws_layer_imports_the_sdk() {
    let sources = sources();
    for source in &sources {
        let sdk = source.paths.iter().find(|path| path[0].starts_with("aws_"));
        assert!(sdk.is_none() || has_prefix(&source.module, "crate::aws"), "{}: {sdk:?}", source.module.join("::"));
    }
}

#[test]
fn the_aws_layer_imports_the_model_but_no_kubernetes() {
    let banned =
        ["kube", "k8s_openapi", "crate::api", "crate::controller", "crate::hand_off", "crate::graph", "crate::cli"];
    assert_eq!(violations(&sources(), "crate::aws", &banned), NONE);
}

#[test]
fn the_api_imports_no_other_layer() {
    let banned = ["crate::model", "crate::aws", "crate::controller", "crate::hand_off", "crate::graph", "crate::cli"];
    assert_eq!(violations(&sources(), "crate::api", &banned), NONE);
}

#[test]
fn the_hand_off_renders_without_io() {
    let layers = ["crate::aws", "crate::controller", "crate::cli", "tokio", "std::fs", "std::env", "std::io"];
    let clients = ["kube::Api", "kube::Client", "kube::api", "kube::runtime"];
    assert_eq!(violations(&sources(), "crate::hand_off", &[&layers[..], &clients].concat()), NONE);
}

#[test]
fn the_controller_renders_the_hand_off_only_for_its_config_map() {
    let sources = sources();
    let others = violations(&sources, "crate::controller", &["crate::hand_off"]);
    let of_config_map = violations(&sources, "crate::controller::network::config_map", &["crate::hand_off"]);
    assert_eq!(others, of_config_map);
    assert!(!others.is_empty(), "the rule has no subject");
}

#[test]
fn pictures_are_drawn_without_io() {
    let layers =
        ["crate::aws", "crate::controller", "crate::cli", "crate::hand_off", "tokio", "std::fs", "std::env", "std::io"];
    assert_eq!(violations(&sources(), "crate::graph", &layers), NONE);
}

#[test]
fn the_kubernetes_store_imports_no_feature() {
    let features = ["network", "class", "orphans", "run", "dispatch", "leader_election", "runtime"];
    let banned: Vec<String> = features.iter().map(|feature| format!("crate::controller::{feature}")).collect();
    let banned: Vec<&str> = banned.iter().map(String::as_str).collect();
    assert_eq!(violations(&sources(), "crate::controller::store", &banned), NONE);
}

/// Returns the module whose file contains the item that the path names.
fn file_of<'p>(modules: &BTreeSet<&Absolute>, path: &'p Absolute) -> Option<&'p [String]> {
    (1..=path.len()).rev().map(|end| &path[..end]).find(|path| modules.iter().any(|module| module.as_slice() == *path))
}

/// Returns the files that import each other, directly or through other files. A module and the children that it
/// declares count as one, so their imports of each other are left out.
fn cycles(sources: &[Source]) -> Vec<String> {
    let modules: BTreeSet<&Absolute> = sources.iter().map(|source| &source.module).collect();
    let mut reached: BTreeMap<&[String], BTreeSet<&[String]>> = BTreeMap::new();
    for source in sources {
        let module = source.module.as_slice();
        let imported = source.paths.iter().filter(|path| path[0] == "crate").filter_map(|path| file_of(&modules, path));
        reached
            .insert(module, imported.filter(|file| !file.starts_with(module) && !module.starts_with(file)).collect());
    }
    // Each round also follows the imports of the files that were reached before.
    loop {
        let mut grown = reached.clone();
        for files in grown.values_mut() {
            let further: Vec<_> = files.iter().filter_map(|file| reached.get(file)).flatten().copied().collect();
            files.extend(further);
        }
        if grown == reached {
            break;
        }
        reached = grown;
    }
    reached.iter().filter(|(file, files)| files.contains(*file)).map(|(file, _)| file.join("::")).collect()
}

#[test]
fn no_files_import_each_other() {
    assert_eq!(cycles(&sources()), NONE);
}

#[test]
fn a_planted_cycle_is_found() {
    let file = |name: &str, text: &str| read(text, vec!["crate".to_owned(), name.to_owned()]);
    let planted = [file("a", "use crate::b::B;"), file("b", "use super::c;"), file("c", "fn f() { crate::a::g() }")];
    assert_eq!(cycles(&planted), ["crate::a", "crate::b", "crate::c"]);
    assert_eq!(cycles(&planted[..2]), NONE);
}

#[test]
fn a_planted_violation_is_found() {
    let planted =
        "use super::super::{aws::{self, Cloud}, model::ids}; mod inner { fn f() { tokio::spawn(g()); super::h() } }";
    let source = read(planted, ["crate", "model", "plan"].map(str::to_owned).into());
    assert_eq!(
        violations(&[source], "crate::model", &["crate::aws", "tokio"]),
        ["crate::model::plan: crate::aws", "crate::model::plan: crate::aws::Cloud", "crate::model::plan: tokio::spawn"]
    );
}
