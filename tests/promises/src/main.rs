//! The long searches, and the replay of one schedule.

use std::time::Instant;

use anyhow::Result;
use promises::{
    closure::closure,
    scenario,
    stage::{Decision, When},
    universe::Universe,
};
use std::sync::{Arc, Mutex};

fn main() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build()?;
    runtime.block_on(async {
        let begun = Instant::now();
        let universe = scenario::landing(std::time::Duration::ZERO).await?;
        println!("landing {:?}", begun.elapsed());
        for one in scenario::all() {
            let seen: Arc<Mutex<Vec<(String, Universe)>>> = Arc::default();
            let begun = Instant::now();
            let log = Arc::clone(&seen);
            let (stage, _) = scenario::play(
                &universe,
                &one.acts,
                Box::new(move |point, universe| {
                    if point.when == When::Before || point.is_write {
                        log.lock().expect("no panic").push((point.to_string(), universe.clone()));
                    }
                    Decision::Go
                }),
            )
            .await;
            println!(
                "{}: {} calls {:?}; breach {:?}",
                one.name,
                stage.calls(),
                begun.elapsed(),
                stage.with(|u| u.breach.clone())
            );
            let seen = std::mem::take(&mut *seen.lock().expect("no panic"));
            stage.with(|u| {
                for m in &u.history.moments {
                    println!("{m}")
                }
            });
            let begun = Instant::now();
            for (at, universe) in seen.iter() {
                if let Err(broken) = closure(universe).await {
                    println!("{at}: {:?}", broken.0);
                    for m in &broken.1.history.moments {
                        println!("{m}")
                    }
                    break;
                }
            }
            println!("{} closures {:?}", seen.len(), begun.elapsed());
        }
        Ok(())
    })
}
