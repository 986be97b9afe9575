//! The long searches, and the replay of one schedule.

#![allow(clippy::large_futures, reason = "each thread runs one")]

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::Parser;
use promises::{
    scenario::{self, Scenario},
    search::{Outcome, Tally, faults, late, leaders, random, reach},
    universe::Universe,
};

/// Searches for a world in which a promise does not hold, and prints what was tried out.
#[derive(Debug, Parser)]
struct Options {
    /// Only scenarios whose name has this in it
    #[arg(long, default_value = "")]
    scenario: String,
    /// Crashes in a row, at every point; 0 for none
    #[arg(long, default_value_t = 0)]
    crashes: usize,
    /// Calls of each name at which every kind of fault is tried out
    #[arg(long, default_value_t = 0)]
    faults: usize,
    /// Whether requests arrive late
    #[arg(long)]
    late: bool,
    /// Whether two leaders are stopped at all pairs of calls
    #[arg(long)]
    leaders: bool,
    /// Random schedules
    #[arg(long, default_value_t = 0)]
    schedules: u64,
    /// The seed of the first of them; the others follow
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Threads
    #[arg(long, default_value_t = 2)]
    threads: usize,
}

/// One piece of work; they are shared out among the threads.
enum Work {
    Scenario(Scenario),
    Seeds(std::ops::Range<u64>),
}

fn main() -> Result<()> {
    let options = Options::parse();
    promises::silence_planted_panics();
    let begun = Instant::now();
    let all = scenario::all();
    let chosen = all.iter().filter(|one| one.name.contains(&options.scenario)).cloned();
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
                            tally += search(&landing, work, &options).await?;
                        }
                        Ok::<_, anyhow::Error>(tally)
                    })
                })
            })
            .collect();
        let mut all = Tally::default();
        for thread in threads {
            all += thread.join().ok().context("a thread panicked")??;
        }
        Ok::<_, anyhow::Error>(all)
    })?;
    println!("{tally}; 0 broken promises; {:.0} s", begun.elapsed().as_secs_f64());
    Ok(())
}

fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build()
}

async fn search(landing: &Universe, work: &Work, options: &Options) -> Outcome<Tally> {
    let mut tally = Tally::default();
    match work {
        Work::Seeds(seeds) => {
            let all = scenario::all();
            for seed in seeds.clone() {
                tally += random::schedule(landing, &all, seed).await?;
            }
        }
        Work::Scenario(scenario) => {
            let mut landing = landing.branch();
            landing.lag(scenario.lag);
            let begun = Instant::now();
            if options.crashes > 0 {
                tally += reach::reach(&landing, scenario, options.crashes).await?;
            }
            if options.faults > 0 {
                tally += faults::faults(&landing, scenario, options.faults).await?;
            }
            if options.late {
                tally += late::late(&landing, scenario, 1).await?;
            }
            if options.leaders {
                tally += leaders::leaders(&landing, scenario, |_, _| true).await?;
            }
            if tally != Tally::default() {
                println!("{}: {tally}; {:.0} s", scenario.name, begun.elapsed().as_secs_f64());
            }
        }
    }
    Ok(tally)
}
