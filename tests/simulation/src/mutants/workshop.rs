//! Where bugs are planted: a copy of the sources under the target folder, built into a folder of its own.
//!
//! The copy shares the compiled dependencies with the repository, or the AWS SDK would be compiled again. It must share nothing
//! else: cargo takes a crate for the same wherever its workspace lies, and would sooner or later put a planted bug into the
//! operator. So the crates of the copy have another version.

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

use super::{Mutant, diff::Change, switch};
use crate::promises::ALL;

/// How long a search may take. Those of mutants are to end within seconds, but the machine may be a busy one.
const PATIENCE: Duration = Duration::from_mins(10);

/// See the module.
#[derive(Debug)]
pub struct Workshop {
    /// The repository.
    root: PathBuf,
    /// Cargo's target folder, in which the dependencies are compiled.
    target: PathBuf,
    /// Files of the copy that have a bug in them.
    mutated: BTreeSet<PathBuf>,
}

/// A search with a bug in it, ready to run.
#[derive(Debug)]
pub struct Built {
    program: PathBuf,
    /// How long it took to compile.
    pub took: Duration,
}

/// What a search came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// The promise that was broken.
    Broken(String),
    /// Every promise held.
    Nothing,
    /// Neither: what it said last.
    Failed(String),
}

impl Workshop {
    /// Copies the sources, as far as the copy is not up to date.
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

    /// Brings a file of the copy to what it is in the repository. What is the same is not touched, as cargo goes by times.
    fn restore(&self, file: &Path) -> Result<()> {
        let Ok(mut content) = fs::read(self.root.join(file)) else {
            // It is of a planted bug.
            return Ok(fs::remove_file(self.copy().join(file))?);
        };
        if file == Path::new("Cargo.toml") {
            content = renamed(&String::from_utf8(content)?)?.into_bytes();
        } else if file == Path::new("Cargo.lock") && self.copy().join(file).exists() {
            // Cargo has put the other version into it.
            return Ok(());
        }
        write(&self.copy().join(file), &content)
    }

    /// Plants one bug as its patch has it, or none, in place of what was planted before, and compiles the search.
    ///
    /// # Errors
    /// If the patch does not apply, or what comes of it does not compile.
    pub fn build(&mut self, mutant: Option<&Mutant>) -> Result<Built> {
        let mut texts = BTreeMap::new();
        for change in mutant.iter().flat_map(|mutant| &mutant.changes) {
            texts.insert(change.file.clone(), change.apply(&self.original(&change.file)?)?);
        }
        self.compiled(mutant.map_or("none", |mutant| &mutant.name), texts)
    }

    /// Plants bugs so that each can be turned on by its place in the list, counted from 1.
    ///
    /// # Errors
    /// If a patch does not apply, or what comes of it does not compile.
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
        self.compiled("all", texts)
    }

    /// Whether the bug can be turned on and off, as it is in bodies of functions alone.
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

    fn compiled(&mut self, name: &str, texts: BTreeMap<PathBuf, String>) -> Result<Built> {
        let begun = Instant::now();
        for file in std::mem::take(&mut self.mutated) {
            if !texts.contains_key(&file) {
                self.restore(&file)?;
            }
        }
        for (file, text) in texts {
            write(&self.copy().join(&file), text.as_bytes())?;
            self.mutated.insert(file);
        }
        self.compile()?;
        // Searches run while the next one is compiled.
        let (compiled, folder) = (self.target.join("mutants/out/debug/simulation"), self.target.join("mutants/built"));
        fs::create_dir_all(&folder)?;
        let program = folder.join(name);
        fs::copy(compiled, &program)?;
        Ok(Built { program, took: begun.elapsed() })
    }

    fn compile(&self) -> Result<()> {
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        // The whole workspace, or the dependencies would have other features; nothing that is not compiled already.
        cargo.args(["build", "--quiet", "--offline", "--workspace", "--bin", "simulation", "--target-dir"]);
        cargo.arg(self.target.join("mutants/out")).env("CARGO_BUILD_BUILD_DIR", &self.target);
        // What cargo told the test that runs this is of another package.
        for (key, _) in std::env::vars_os() {
            if key.to_str().is_some_and(|key| key.starts_with("CARGO_PKG_") || key.starts_with("CARGO_MANIFEST_")) {
                cargo.env_remove(key);
            }
        }
        let compiled = cargo.current_dir(self.copy()).output().context("cargo does not run")?;
        ensure!(compiled.status.success(), "it does not compile: {}", String::from_utf8_lossy(&compiled.stderr));
        Ok(())
    }
}

impl Built {
    /// Runs the search with these arguments, the bug of that number being there, and says how long it took.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn search(&self, arguments: &[String], number: usize) -> Result<(Found, Duration)> {
        let begun = Instant::now();
        let mut command = Command::new(&self.program);
        // One thread: where one has found something, the others would go on.
        command.args(["--threads", "1"]).args(arguments).env(switch::VARIABLE, number.to_string());
        // Futures with the bodies of many functions in them are large, without optimisation.
        command.env("RUST_BACKTRACE", "0").env("RUST_MIN_STACK", (64 << 20).to_string());
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        let mut search = command.spawn().context("the search does not start")?;
        let mut stderr = search.stderr.take().context("it has no stderr")?;
        let reader = thread::spawn(move || {
            let mut text = String::new();
            stderr.read_to_string(&mut text).map(|_| text)
        });
        let Some(success) = ended(&mut search, begun + PATIENCE)? else {
            search.kill()?;
            search.wait()?;
            let why = format!("the search does not end within {} s", PATIENCE.as_secs());
            return Ok((Found::Failed(why), begun.elapsed()));
        };
        let Ok(said) = reader.join() else { bail!("what the search says cannot be read") };
        let said = said?;
        let broken = ALL.iter().find(|(promise, _)| said.contains(&format!("'{promise}' does not hold in '")));
        let found = match (success, broken) {
            (true, _) => Found::Nothing,
            (false, Some((promise, _))) => Found::Broken((*promise).to_owned()),
            (false, None) => Found::Failed(said.lines().take(20).collect::<Vec<_>>().join("\n")),
        };
        Ok((found, begun.elapsed()))
    }

    /// Removes the program.
    ///
    /// # Errors
    /// If it cannot be removed.
    pub fn discard(&self) -> Result<()> {
        Ok(fs::remove_file(&self.program)?)
    }
}

/// Whether it ended well; none if it has not by then.
fn ended(search: &mut Child, deadline: Instant) -> Result<Option<bool>> {
    while Instant::now() < deadline {
        if let Some(status) = search.try_wait()? {
            return Ok(Some(status.success()));
        }
        thread::sleep(Duration::from_millis(20));
    }
    Ok(None)
}

/// What cargo needs of the repository, from its root.
fn sources(root: &Path) -> Result<BTreeSet<PathBuf>> {
    let mut found = BTreeSet::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        let is_top = folder.as_os_str().is_empty();
        for entry in fs::read_dir(root.join(&folder))? {
            let entry = entry?;
            let name = entry.file_name();
            let path = folder.join(&name);
            let is_needed = !is_top || ["Cargo.toml", "Cargo.lock", "src", "tests"].into_iter().any(|one| name == one);
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

/// The manifest of the workspace, its crates being of another version.
fn renamed(manifest: &str) -> Result<String> {
    let (before, after) = manifest.split_once("[workspace.package]\nversion = \"").context("no version to change")?;
    let (version, rest) = after.split_once('"').context("no version to change")?;
    Ok(format!("{before}[workspace.package]\nversion = \"{version}-mutant\"{rest}"))
}
