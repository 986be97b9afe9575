//! The long searches, and the replay of one schedule.

#![allow(clippy::large_futures, reason = "each thread runs one")]

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::Parser;
use simulation::{
    scenario::{self, Scenario},
    search::{self, Outcome, Tally, faults, late, leaders, random, reach, watches},
    universe::Universe,
};

/// Searches for a world in which a promise does not hold, and prints what was tried out.
#[derive(Debug, Parser)]
#[allow(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
struct Options {
    /// Only scenarios whose name has this in it
    #[arg(long, default_value = "")]
    scenario: String,
    /// Only so many of the things that people do in a scenario
    #[arg(long, default_value_t = usize::MAX)]
    acts: usize,
    /// How many seconds AWS's lists lag behind, whatever the scenario says
    #[arg(long)]
    lag: Option<u64>,
    /// The most that AWS lists at a time
    #[arg(long)]
    page: Option<u32>,
    /// Whether each scenario is played once without any trouble
    #[arg(long)]
    once: bool,
    /// Crashes in a row, at every point; 0 for none
    #[arg(long, default_value_t = 0)]
    crashes: usize,
    /// Calls of each name at which every kind of fault is tried out
    #[arg(long, default_value_t = 0)]
    faults: usize,
    /// Only faults whose name has this in it
    #[arg(long, default_value = "")]
    kind: String,
    /// Calls of each name at which no fault is tried out, of a successor at which no request arrives, or points at which
    /// there is no crash, before the others
    #[arg(long, default_value_t = 0)]
    skip: usize,
    /// Only crashes, faults and stops at, and late requests of, calls whose name has this in it
    #[arg(long, default_value = "")]
    at: String,
    /// Whether requests arrive late
    #[arg(long)]
    late: bool,
    /// Whether two leaders are stopped at all pairs of calls
    #[arg(long)]
    leaders: bool,
    /// Whether watches tell of changes late, twice or not at all
    #[arg(long)]
    watches: bool,
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

/// After how many random schedules it is told how far it is.
const TOLD_EVERY: u64 = 10_000;

/// One piece of work; they are shared out among the threads.
enum Work {
    Scenario(Scenario),
    Seeds(std::ops::Range<u64>),
}

fn main() -> Result<()> {
    let options = Options::parse();
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
            all += thread.join().ok().context("a thread panicked")??;
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

async fn go(landing: &Universe, work: &Work, options: &Options) -> Outcome<Tally> {
    let mut tally = Tally::default();
    match work {
        Work::Seeds(seeds) => {
            let all = scenario::all();
            if (seeds.start - options.seed).is_multiple_of(TOLD_EVERY) {
                eprintln!("from seed {}", seeds.start);
            }
            for seed in seeds.clone() {
                tally += random::schedule(landing, &all, seed).await?;
            }
        }
        Work::Scenario(scenario) => {
            let mut landing = landing.branch();
            // The jitter of the operator's delays: the same search is the same again.
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
