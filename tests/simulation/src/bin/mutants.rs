//! The command line of `make mutants`: plants the bugs of `tests/simulation/mutants` in a copy of the operator, and
//! reports the promise that catches each of them.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use clap::Parser;
use simulation::mutants::{
    self, Catcher, Mutant,
    workshop::{Built, Found, Workshop},
};

/// Plants bugs in a copy of the operator, and fails if a search finds no broken promise, or another one than
/// expected.
///
/// All bugs are compiled at once behind switches, except for those that change more than bodies of functions.
#[derive(Debug, Parser)]
struct MutantsArguments {
    /// Plant only mutants whose name contains one of these texts
    names: Vec<String>,
    /// Compile each mutant separately, exactly as in its patch
    #[arg(long)]
    alone: bool,
    /// Also run each search without a bug; it must find nothing
    #[arg(long)]
    unharmed: bool,
    /// Number of concurrent searches
    #[arg(long, default_value_t = 2)]
    threads: usize,
    /// Print the table for docs/promises.md and exit
    #[arg(long)]
    table: bool,
}

/// The results of all searches.
#[derive(Default)]
struct Report {
    wrong: Vec<String>,
    compiling: Duration,
    compilations: usize,
}

fn main() -> Result<()> {
    let options = MutantsArguments::parse();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).context("this crate is not in a repository")?;
    let mut mutants = mutants::all(&root.join("tests/simulation/mutants"))?;
    if options.table {
        print!("{}", mutants::table(&mutants));
        return Ok(());
    }
    mutants.retain(|mutant| options.names.is_empty() || options.names.iter().any(|name| mutant.name.contains(name)));
    // This program is in the target folder.
    let this = std::env::current_exe()?;
    let target = this.ancestors().nth(2).context("this program is not in a target folder")?;
    let mut workshop = Workshop::open(root, target)?;
    let (begun, mut report) = (Instant::now(), Report::default());
    if options.unharmed {
        unharmed(&mut workshop, &mutants, options.threads, &mut report)?;
    }
    let switched = |mutant: &Mutant| !options.alone && workshop.can_be_switched(mutant);
    let (together, singles): (Vec<Mutant>, Vec<Mutant>) = mutants.iter().cloned().partition(switched);
    plant(&mut workshop, &together, options.threads, &mut report)?;
    for mutant in &singles {
        match workshop.build(Some(mutant)) {
            Ok(built) => search(&built, std::slice::from_ref(mutant), 1, &mut report)?,
            Err(error) => report.wrong.push(format!("{}: {error:#}", mutant.name)),
        }
    }
    let Report { wrong, compiling, compilations } = report;
    println!(
        "{} mutants, {} not caught by their promise; {compilations} compilations in {:.0} s, {:.0} s in total",
        mutants.len(),
        wrong.len(),
        compiling.as_secs_f64(),
        begun.elapsed().as_secs_f64()
    );
    if wrong.is_empty() {
        Ok(())
    } else {
        bail!("unexpected results; correct the patch, or extend the promises or scenarios:\n{}", wrong.join("\n"))
    }
}

/// Plants bugs in one compilation. If that fails, plants each half separately, until the bug that does not compile is
/// found.
fn plant(workshop: &mut Workshop, mutants: &[Mutant], threads: usize, report: &mut Report) -> Result<()> {
    if mutants.is_empty() {
        return Ok(());
    }
    match (workshop.build_all(mutants), mutants) {
        (Ok(built), _) => search(&built, mutants, threads, report),
        (Err(error), [only]) => {
            report.wrong.push(format!("{}: {error:#}", only.name));
            Ok(())
        }
        (Err(_), several) => {
            let (some, others) = several.split_at(several.len() / 2);
            plant(workshop, some, threads, report)?;
            plant(workshop, others, threads, report)
        }
    }
}

/// Runs the searches of all mutants in a compilation concurrently.
fn search(built: &Built, mutants: &[Mutant], threads: usize, report: &mut Report) -> Result<()> {
    report.compilations += 1;
    report.compiling += built.took;
    let (next, wrong) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    in_parallel(threads, || {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some(mutant) = mutants.get(number) else { return Ok(()) };
            let (found, took) = built.run(&mutant.catcher, number + 1)?;
            match verdict(mutant, &found) {
                Ok(said) => println!("{said} in {:.1} s", took.as_secs_f64()),
                Err(said) => {
                    println!("{said}; after {:.1} s", took.as_secs_f64());
                    wrong.lock().unwrap_or_else(PoisonError::into_inner).push(said);
                }
            }
        }
    })?;
    report.wrong.extend(wrong.into_inner().unwrap_or_else(PoisonError::into_inner));
    built.discard()
}

/// The arguments of the search, or the path of the test.
fn named(catcher: &Catcher) -> &str {
    match catcher {
        Catcher::Search { search, .. } => search,
        Catcher::Test { test, .. } => test,
    }
}

/// Runs each search and test in the operator without bugs. One that fails there would fail for every bug.
fn unharmed(workshop: &mut Workshop, mutants: &[Mutant], threads: usize, report: &mut Report) -> Result<()> {
    let built = workshop.build(None)?;
    report.compilations += 1;
    report.compiling += built.took;
    let catchers: BTreeMap<&str, &Catcher> =
        mutants.iter().map(|mutant| (named(&mutant.catcher), &mutant.catcher)).collect();
    let catchers: Vec<(&str, &Catcher)> = catchers.into_iter().collect();
    let (next, wrong) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    in_parallel(threads, || {
        loop {
            let Some((name, catcher)) = catchers.get(next.fetch_add(1, Ordering::Relaxed)) else { return Ok(()) };
            let (found, took) = built.run(catcher, 0)?;
            println!("without a bug, {name}: {found:?} in {:.1} s", took.as_secs_f64());
            if found != Found::Nothing {
                let said = format!("without a bug, {name}: {found:?}");
                wrong.lock().unwrap_or_else(PoisonError::into_inner).push(said);
            }
        }
    })?;
    report.wrong.extend(wrong.into_inner().unwrap_or_else(PoisonError::into_inner));
    built.discard()
}

fn in_parallel(threads: usize, work: impl Fn() -> Result<()> + Sync) -> Result<()> {
    thread::scope(|scope| {
        let threads: Vec<_> = (0..threads.max(1)).map(|_| scope.spawn(&work)).collect();
        threads.into_iter().try_for_each(|thread| thread.join().ok().context("a thread of the search panicked")?)
    })
}

fn verdict(mutant: &Mutant, found: &Found) -> Result<String, String> {
    let Mutant { name, catcher, .. } = mutant;
    match (found, catcher) {
        (Found::Broken(broken), Catcher::Search { promise, .. }) if broken == promise => {
            Ok(format!("{name}: caught by '{promise}'"))
        }
        (Found::Failure, Catcher::Test { test, .. }) => Ok(format!("{name}: caught by {test}")),
        (Found::Broken(broken), _) => Err(format!("{name}: caught by '{broken}', which was not expected")),
        (Found::Nothing, _) => Err(format!("{name}: survived {}", named(catcher))),
        (Found::Failed(why), _) => Err(format!("{name}: {why}")),
        (Found::Failure, Catcher::Search { .. }) => Err(format!("{name}: a test failed instead of a search")),
    }
}
