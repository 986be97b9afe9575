//! The command line of the simulator: runs long searches, and replays single schedules.

#![allow(clippy::large_futures, reason = "each thread runs one")]

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::Parser;
use simulation::{
    scenario::{self, Scenario},
    search::{self, Outcome, Tally, faults, late, leaders, random, reach, watches},
    universe::Universe,
};

/// Searches for violations of the operator's promises, and prints what it has tried.
#[derive(Debug, Parser)]
#[allow(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
struct SearchArguments {
    /// Play only scenarios whose name contains this text
    #[arg(long, default_value = "")]
    scenario: String,
    /// Play only this many acts of each scenario, from its start
    #[arg(long, default_value_t = usize::MAX)]
    acts: usize,
    /// Seconds by which lists in AWS lag behind; overrides the value of the scenario
    #[arg(long)]
    lag: Option<u64>,
    /// Maximum number of entries on a page of a list in AWS
    #[arg(long)]
    page: Option<u32>,
    /// Play each scenario once without faults
    #[arg(long)]
    once: bool,
    /// Number of consecutive crashes to try at every point; 0 for none
    #[arg(long, default_value_t = 0)]
    crashes: usize,
    /// Number of calls of each name at which to try every kind of fault
    #[arg(long, default_value_t = 0)]
    faults: usize,
    /// Try only faults whose name contains this text
    #[arg(long, default_value = "")]
    kind: String,
    /// Number of calls or points to skip before the first one at which a fault, a late request or a crash is tried
    #[arg(long, default_value_t = 0)]
    skip: usize,
    /// Try crashes, faults, pauses and late requests only at calls whose name contains this text
    #[arg(long, default_value = "")]
    at: String,
    /// Try requests that arrive after the end of the process that sent them
    #[arg(long)]
    late: bool,
    /// Try two leaders that pause at every pair of calls
    #[arg(long)]
    leaders: bool,
    /// Try watches that report changes late, twice or not at all
    #[arg(long)]
    watches: bool,
    /// Number of random schedules to play
    #[arg(long, default_value_t = 0)]
    schedules: u64,
    /// Seed of the first random schedule; the others use the following numbers
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Number of threads
    #[arg(long, default_value_t = 2)]
    threads: usize,
}

/// The number of random schedules between two reports of the progress.
const PROGRESS_EVERY: u64 = 10_000;

/// One piece of work for a thread.
enum Work {
    Scenario(Scenario),
    Seeds(std::ops::Range<u64>),
}

fn main() -> Result<()> {
    let options = SearchArguments::parse();
    simulation::silence_planted_panics();
    let begun = Instant::now();
    let all = scenario::all();
    let chosen = all.iter().filter(|one| one.name.contains(&options.scenario)).cloned();
    let chosen = chosen.map(|one| Scenario { acts: one.acts.into_iter().take(options.acts).collect(), ..one });
    let seeds = (0..options.schedules).step_by(100);
    let seeds =
        seeds.map(|from| options.seed + from..options.seed + options.schedules.min(from + 100)).map(Work::Seeds);
    let work: Vec<Work> = chosen.map(Work::Scenario).chain(seeds).collect();
    let next = std::sync::atomic::AtomicUsize::new(0);
    let tally = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..options.threads)
            .map(|_| {
                scope.spawn(|| {
                    let runtime = runtime()?;
                    runtime.block_on(async {
                        let landing = scenario::landing(Duration::ZERO).await?;
                        let mut tally = Tally::default();
                        while let Some(work) = work.get(next.fetch_add(1, std::sync::atomic::Ordering::Relaxed)) {
                            tally += go(&landing, work, &options).await?;
                        }
                        Ok::<_, anyhow::Error>(tally)
                    })
                })
            })
            .collect();
        let mut all = Tally::default();
        for thread in threads {
            all += thread.join().ok().context("a thread of the search panicked")??;
        }
        Ok::<_, anyhow::Error>(all)
    })?;
    println!("{tally}; 0 broken promises; {:.0} s", begun.elapsed().as_secs_f64());
    Ok(())
}

fn stops_at(name: &str) -> impl leaders::Of {
    let name = name.to_owned();
    move |_, point| point.call.contains(&name)
}

fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build()
}

async fn go(landing: &Universe, work: &Work, options: &SearchArguments) -> Outcome<Tally> {
    let mut tally = Tally::default();
    match work {
        Work::Seeds(seeds) => {
            let all = scenario::all();
            if (seeds.start - options.seed).is_multiple_of(PROGRESS_EVERY) {
                eprintln!("playing schedules from seed {}", seeds.start);
            }
            for seed in seeds.clone() {
                tally += random::schedule(landing, &all, seed).await?;
            }
        }
        Work::Scenario(scenario) => {
            let mut landing = landing.branch();
            // Fixes the jitter of the operator's delays, so that a search can be repeated.
            fastrand::seed(options.seed);
            landing.lag(options.lag.map_or(scenario.lag, Duration::from_secs));
            if let Some(most) = options.page {
                landing.page(most);
            }
            let begun = Instant::now();
            if options.once {
                tally += search::once(&landing, scenario).await?;
            }
            if options.crashes > 0 {
                tally += reach::reach(&landing, scenario, options.crashes, &options.at, options.skip as u64).await?;
            }
            if options.faults > 0 {
                tally +=
                    faults::faults(&landing, scenario, options.skip + 1..=options.faults, &options.at, &options.kind)
                        .await?;
            }
            if options.late {
                tally += late::late(&landing, scenario, options.skip as u64 + 1, 1, &options.at).await?;
            }
            if options.leaders {
                tally += leaders::leaders(&landing, scenario, stops_at(&options.at)).await?;
            }
            if options.watches {
                tally += watches::watches(&landing, scenario).await?;
            }
            if tally != Tally::default() {
                println!("{}: {tally}; {:.0} s", scenario.name, begun.elapsed().as_secs_f64());
            }
        }
    }
    Ok(tally)
}
