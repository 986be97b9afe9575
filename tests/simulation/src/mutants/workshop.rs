//! Builds planted bugs: a copy of the sources in the target folder, which has its own output folder.
//!
//! The copy shares the compiled dependencies with the repository, so that the AWS SDK is not compiled again. It must
//! share nothing else: cargo identifies a crate independently of the location of its workspace, and could use a crate
//! with a planted bug in the operator. Therefore the crates of the copy have another version.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::Read,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};

use super::{Catcher, Mutant, TestProgram, arguments, diff::Change, switch};
use crate::promises::ALL;

/// The maximum time for a search. The searches of mutants end within seconds, but the machine may be busy.
const PATIENCE: Duration = Duration::from_mins(10);

/// The copy of the sources in which bugs are planted.
#[derive(Debug)]
pub struct Workshop {
    /// The root of the repository.
    root: PathBuf,
    /// Cargo's target folder, which contains the compiled dependencies.
    target: PathBuf,
    /// The files of the copy that contain a bug.
    mutated: BTreeSet<PathBuf>,
}

/// A compiled search that contains planted bugs, with the compiled tests if any bug needs them.
#[derive(Debug)]
pub struct Built {
    program: PathBuf,
    tests: BTreeMap<TestProgram, PathBuf>,
    /// The time of the compilation.
    pub took: Duration,
}

/// The result of a search.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// A promise was broken.
    Broken(String),
    /// The test failed.
    Failure,
    /// Every promise held, or the test passed.
    Nothing,
    /// The search or the test failed for another reason: the first lines of its errors.
    Failed(String),
}

impl Workshop {
    /// Updates the copy of the sources.
    ///
    /// # Errors
    /// If a file cannot be read or written.
    pub fn open(root: &Path, target: &Path) -> Result<Self> {
        let workshop =
            Self { root: root.to_owned(), target: std::path::absolute(target)?, mutated: BTreeSet::default() };
        fs::create_dir_all(workshop.copy())?;
        let wanted = sources(root)?;
        for file in &wanted {
            workshop.restore(file)?;
        }
        for file in sources(&workshop.copy())?.difference(&wanted) {
            fs::remove_file(workshop.copy().join(file))?;
        }
        Ok(workshop)
    }

    fn copy(&self) -> PathBuf {
        self.target.join("mutants/src")
    }

    /// Restores a file of the copy to its content in the repository. Does not write equal content, because cargo
    /// compares times.
    fn restore(&self, file: &Path) -> Result<()> {
        let Ok(mut content) = fs::read(self.root.join(file)) else {
            // The file belongs to a planted bug.
            return Ok(fs::remove_file(self.copy().join(file))?);
        };
        if file == Path::new("Cargo.toml") {
            content = renamed(&String::from_utf8(content)?)?.into_bytes();
        } else if file == Path::new("Cargo.lock") && self.copy().join(file).exists() {
            // Cargo has changed the version in it.
            return Ok(());
        }
        write(&self.copy().join(file), &content)
    }

    /// Replaces the planted bugs with one bug, or none, and compiles the search.
    ///
    /// # Errors
    /// If the patch does not apply, or the result does not compile.
    pub fn build(&mut self, mutant: Option<&Mutant>) -> Result<Built> {
        let mut texts = BTreeMap::new();
        for change in mutant.iter().flat_map(|mutant| &mutant.changes) {
            texts.insert(change.file.clone(), change.apply(&self.original(&change.file)?)?);
        }
        let programs = match mutant {
            Some(mutant) => mutant.catcher.test_program().into_iter().collect(),
            None => BTreeSet::from([TestProgram::Behavior, TestProgram::Unit]),
        };
        self.compiled(mutant.map_or("none", |mutant| &mutant.name), texts, &programs)
    }

    /// Plants all bugs behind switches. The number of a bug is its position in the list, counted from 1.
    ///
    /// # Errors
    /// If a patch does not apply, or the result does not compile.
    pub fn build_all(&mut self, mutants: &[Mutant]) -> Result<Built> {
        let mut changed: BTreeMap<PathBuf, Vec<(usize, String)>> = BTreeMap::new();
        for (number, mutant) in (1..).zip(mutants) {
            for change in &mutant.changes {
                let text = change.apply(&self.original(&change.file)?).with_context(|| mutant.name.clone())?;
                changed.entry(change.file.clone()).or_default().push((number, text));
            }
        }
        let mut texts = BTreeMap::new();
        for (file, mutated) in changed {
            let text = switch::merged(&self.original(&file)?, &mutated)?;
            texts.insert(file, text);
        }
        let lib = PathBuf::from("src/lib.rs");
        texts.insert(lib.clone(), format!("{}\nmod planted;\n", self.original(&lib)?));
        texts.insert("src/planted.rs".into(), switch::MODULE.to_owned());
        let programs = mutants.iter().filter_map(|mutant| mutant.catcher.test_program()).collect();
        self.compiled("all", texts, &programs)
    }

    /// Whether the bug changes only bodies of functions, so that a switch can select it.
    pub fn can_be_switched(&self, mutant: &Mutant) -> bool {
        let switches = |change: &Change| {
            let original = self.original(&change.file)?;
            switch::merged(&original, &[(1, change.apply(&original)?)])
        };
        mutant.changes.iter().all(|change| switches(change).is_ok())
    }

    fn original(&self, file: &Path) -> Result<String> {
        fs::read_to_string(self.root.join(file)).with_context(|| file.display().to_string())
    }

    fn compiled(
        &mut self,
        name: &str,
        changed: BTreeMap<PathBuf, String>,
        programs: &BTreeSet<TestProgram>,
    ) -> Result<Built> {
        let begun = Instant::now();
        for file in std::mem::take(&mut self.mutated) {
            if !changed.contains_key(&file) {
                self.restore(&file)?;
            }
        }
        for (file, text) in changed {
            write(&self.copy().join(&file), text.as_bytes())?;
            self.mutated.insert(file);
        }
        self.compile(&["build", "--bin", "simulation"])?;
        let mut compiled = BTreeMap::new();
        for program in programs {
            compiled.insert(*program, self.test_program(*program)?);
        }
        // Copied, because the programs may still run while the next ones are compiled.
        let folder = self.target.join("mutants/built");
        fs::create_dir_all(&folder)?;
        let put = |from: &Path, name: String| -> Result<PathBuf> {
            let program = folder.join(name);
            fs::copy(from, &program)?;
            Ok(program)
        };
        let program = put(&self.target.join("mutants/out/debug/simulation"), name.to_owned())?;
        let mut tests = BTreeMap::new();
        for (number, (kind, path)) in compiled.into_iter().enumerate() {
            tests.insert(kind, put(&path, format!("{name}-tests-{number}"))?);
        }
        Ok(Built { program, tests, took: begun.elapsed() })
    }

    /// Compiles tests, and returns their program.
    fn test_program(&self, program: TestProgram) -> Result<PathBuf> {
        let (selection, name): (&[&str], _) = match program {
            TestProgram::Behavior => (&["--test", "behavior"], "behavior"),
            TestProgram::Unit => (&["--lib"], "mgnet"),
        };
        let said =
            self.compile(&[&["test", "--no-run", "--message-format", "json-render-diagnostics"], selection].concat())?;
        let messages = said.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
        let mut tests =
            messages.filter(|message| message["target"]["name"] == name && message["profile"]["test"] == true);
        let program = tests.find_map(|message| message["executable"].as_str().map(PathBuf::from));
        program.with_context(|| format!("cargo names no program of the tests of {name}"))
    }

    /// Runs cargo in the copy, and returns its messages.
    fn compile(&self, arguments: &[&str]) -> Result<String> {
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        // The whole workspace, so that the dependencies have the same features, and are not compiled again.
        cargo.args(arguments).args(["--quiet", "--offline", "--workspace", "--target-dir"]);
        cargo.arg(self.target.join("mutants/out")).env("CARGO_BUILD_BUILD_DIR", &self.target);
        // These variables, which cargo sets for the test that runs this, describe another package.
        for (key, _) in std::env::vars_os() {
            if key.to_str().is_some_and(|key| key.starts_with("CARGO_PKG_") || key.starts_with("CARGO_MANIFEST_")) {
                cargo.env_remove(key);
            }
        }
        let compiled = cargo.current_dir(self.copy()).output().context("cannot run cargo")?;
        ensure!(compiled.status.success(), "the copy does not compile: {}", String::from_utf8_lossy(&compiled.stderr));
        Ok(String::from_utf8_lossy(&compiled.stdout).into_owned())
    }
}

impl Built {
    /// Runs the search or the test that must catch the bug with this number; 0 for no bug. Returns the result and the time.
    ///
    /// # Errors
    /// If the program cannot be started.
    pub fn run(&self, catcher: &Catcher, number: usize) -> Result<(Found, Duration)> {
        match catcher {
            Catcher::Search { search, .. } => self.search(&arguments(search), number),
            Catcher::Test { program, test } => self.test(*program, test, number),
        }
    }

    fn test(&self, program: TestProgram, test: &str, number: usize) -> Result<(Found, Duration)> {
        let begun = Instant::now();
        let program = self.tests.get(&program).context("the tests are not compiled")?;
        let mut command = Command::new(program);
        command.args(["--exact", test]).env(switch::VARIABLE, number.to_string()).env("INSTA_UPDATE", "no");
        command.env("RUST_BACKTRACE", "0").env("RUST_MIN_STACK", (64 << 20).to_string());
        let ended = command.output().context("cannot start the test")?;
        let said = String::from_utf8_lossy(&ended.stdout);
        let found = if said.contains("test result: ok. 1 passed") {
            Found::Nothing
        } else if said.contains("0 passed; 1 failed") {
            Found::Failure
        } else {
            Found::Failed(format!("{said}\n{}", String::from_utf8_lossy(&ended.stderr)))
        };
        Ok((found, begun.elapsed()))
    }

    /// Runs the search with these arguments and the bug with this number. Returns the result and the time.
    ///
    /// # Errors
    /// If the search cannot be started.
    fn search(&self, arguments: &[String], number: usize) -> Result<(Found, Duration)> {
        let begun = Instant::now();
        let mut command = Command::new(&self.program);
        // One thread, because other threads would continue after one has found a violation.
        command.args(["--threads", "1"]).args(arguments).env(switch::VARIABLE, number.to_string());
        // Without optimization, futures that contain the bodies of many functions are large.
        command.env("RUST_BACKTRACE", "0").env("RUST_MIN_STACK", (64 << 20).to_string());
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        let mut search = command.spawn().context("cannot start the search")?;
        let mut stderr = search.stderr.take().context("the search has no standard error")?;
        let reader = thread::spawn(move || {
            let mut text = String::new();
            stderr.read_to_string(&mut text).map(|_| text)
        });
        let Some(success) = ended(&mut search, begun + PATIENCE)? else {
            search.kill()?;
            search.wait()?;
            let why = format!("the search did not end within {} s", PATIENCE.as_secs());
            return Ok((Found::Failed(why), begun.elapsed()));
        };
        let Ok(said) = reader.join() else { bail!("cannot read the errors of the search") };
        let said = said?;
        let broken = ALL.iter().find(|(promise, _)| said.contains(&format!("'{promise}' does not hold in '")));
        let found = match (success, broken) {
            (true, _) => Found::Nothing,
            (false, Some((promise, _))) => Found::Broken((*promise).to_owned()),
            (false, None) => Found::Failed(said.lines().take(20).collect::<Vec<_>>().join("\n")),
        };
        Ok((found, begun.elapsed()))
    }

    /// Removes the programs.
    ///
    /// # Errors
    /// If they cannot be removed.
    pub fn discard(&self) -> Result<()> {
        for tests in self.tests.values() {
            fs::remove_file(tests)?;
        }
        Ok(fs::remove_file(&self.program)?)
    }
}

/// Waits for the end of the search. Returns whether it succeeded, or none at the deadline.
fn ended(search: &mut Child, deadline: Instant) -> Result<Option<bool>> {
    while Instant::now() < deadline {
        if let Some(status) = search.try_wait()? {
            return Ok(Some(status.success()));
        }
        thread::sleep(Duration::from_millis(20));
    }
    Ok(None)
}

/// Returns the files that cargo and the tests need, relative to the root of the repository.
fn sources(root: &Path) -> Result<BTreeSet<PathBuf>> {
    let mut found = BTreeSet::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        let is_top = folder.as_os_str().is_empty();
        for entry in fs::read_dir(root.join(&folder))? {
            let entry = entry?;
            let name = entry.file_name();
            let path = folder.join(&name);
            let needed = ["Cargo.toml", "Cargo.lock", "README.md", "crds", "deploy", "docs", "src", "tests"];
            let is_needed = !is_top || needed.into_iter().any(|one| name == one);
            if !is_needed {
                continue;
            }
            if entry.file_type()?.is_dir() {
                folders.push(path);
            } else {
                found.insert(path);
            }
        }
    }
    Ok(found)
}

fn write(path: &Path, content: &[u8]) -> Result<()> {
    if fs::read(path).is_ok_and(|present| present == content) {
        return Ok(());
    }
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, content).with_context(|| path.display().to_string())
}

/// Returns the manifest of the workspace with another version for its crates.
fn renamed(manifest: &str) -> Result<String> {
    let key = "[workspace.package]\nversion = \"";
    let (before, after) = manifest.split_once(key).context("the manifest has no version")?;
    let (version, rest) = after.split_once('"').context("the manifest has no version")?;
    Ok(format!("{before}{key}{version}-mutant\"{rest}"))
}
