//! Plants the bugs of `tests/simulation/mutants` in a copy of the operator, and says which promise catches each.

use std::{
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
    self, Mutant,
    workshop::{Built, Found, Workshop},
};

/// Plants bugs in a copy of the operator, and fails if a search does not find one, or finds another one.
///
/// All are compiled at once, each behind a switch, but for those that a switch does not hold.
#[derive(Debug, Parser)]
struct Options {
    /// Only mutants whose name has one of these in it
    names: Vec<String>,
    /// Compiles each mutant by itself, as its patch reads
    #[arg(long)]
    alone: bool,
    /// Also runs each search without a bug: it must find nothing
    #[arg(long)]
    unharmed: bool,
    /// Searches at a time
    #[arg(long, default_value_t = 2)]
    threads: usize,
    /// Prints the table for the documentation, and does nothing else
    #[arg(long)]
    table: bool,
}

/// What was done.
#[derive(Default)]
struct Report {
    wrong: Vec<String>,
    compiling: Duration,
    compilations: usize,
}

fn main() -> Result<()> {
    let options = Options::parse();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).context("no repository")?;
    let mut mutants = mutants::all(&root.join("tests/simulation/mutants"))?;
    if options.table {
        print!("{}", mutants::table(&mutants));
        return Ok(());
    }
    mutants.retain(|mutant| options.names.is_empty() || options.names.iter().any(|name| mutant.name.contains(name)));
    // This program lies in the target folder itself.
    let this = std::env::current_exe()?;
    let target = this.ancestors().nth(2).context("no target folder")?;
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
        "{} mutants, {} not caught by their promise; {compilations} compilations in {:.0} s, {:.0} s in all",
        mutants.len(),
        wrong.len(),
        compiling.as_secs_f64(),
        begun.elapsed().as_secs_f64()
    );
    if wrong.is_empty() { Ok(()) } else { bail!("not as it should be:\n{}", wrong.join("\n")) }
}

/// Plants bugs, all in one compilation. Where that fails, half of them at a time, until it is known whose fault it is.
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

/// Runs the search of each mutant that is in a compilation, several at a time.
fn search(built: &Built, mutants: &[Mutant], threads: usize, report: &mut Report) -> Result<()> {
    report.compilations += 1;
    report.compiling += built.took;
    let (next, wrong) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    in_parallel(threads, || {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some(mutant) = mutants.get(number) else { return Ok(()) };
            let (found, took) = built.search(&mutant.arguments(), number + 1)?;
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

/// Runs each search in the operator as it is; one that finds something all the same would catch anything.
fn unharmed(workshop: &mut Workshop, mutants: &[Mutant], threads: usize, report: &mut Report) -> Result<()> {
    let built = workshop.build(None)?;
    report.compilations += 1;
    report.compiling += built.took;
    let mut searches: Vec<Vec<String>> = mutants.iter().map(Mutant::arguments).collect();
    searches.sort();
    searches.dedup();
    let (next, wrong) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    in_parallel(threads, || {
        loop {
            let Some(search) = searches.get(next.fetch_add(1, Ordering::Relaxed)) else { return Ok(()) };
            let (found, took) = built.search(search, 0)?;
            println!("without a bug, {}: {found:?} in {:.1} s", search.join(" "), took.as_secs_f64());
            if found != Found::Nothing {
                let said = format!("without a bug, {}: {found:?}", search.join(" "));
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
        threads.into_iter().try_for_each(|thread| thread.join().ok().context("a thread panicked")?)
    })
}

fn verdict(mutant: &Mutant, found: &Found) -> Result<String, String> {
    let Mutant { name, promise, search, .. } = mutant;
    match found {
        Found::Broken(broken) if broken == promise => Ok(format!("{name}: caught by '{promise}'")),
        Found::Broken(broken) => Err(format!("{name}: caught by '{broken}', and '{promise}' should have")),
        Found::Nothing => Err(format!("{name}: survived {search}")),
        Found::Failed(why) => Err(format!("{name}: {why}")),
    }
}
