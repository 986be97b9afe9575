//! The picture of a network that the operator has built: it shows every resource and every address in AWS once.

use anyhow::{Result, ensure};
use mgnet::graph::{Format, draw};
use support::Lab;

use support::waiting::close;

/// Returns how often a word occurs that is not part of a longer one.
fn occurrences(text: &str, word: &str) -> usize {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && !".-".contains(c));
    words.filter(|one| *one == word).count()
}

#[tokio::test]
async fn the_picture_shows_every_resource_and_address_in_aws_once() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("drawn").await?;
    let network = site.network("tokyo").with_replication_group().proxies(["10.9.0.0/24"]).apply().await?;
    let ready = network.until_ready().await?;
    let state = site.state().await?;
    let ids: Vec<String> = state.slots().into_values().collect();
    ensure!(ids.len() == 11, "{ids:?}");
    let addresses = ids.iter().flat_map(|id| state.addresses(id)).map(|(_, ip)| ip);
    let facts: Vec<String> = ids.iter().cloned().chain(addresses).collect();
    let (svg, flowchart) = (draw(&ready, Format::Svg), draw(&ready, Format::Mermaid));
    for fact in &facts {
        // Tooltips contain addresses once more.
        ensure!(svg.matches(&format!(">{fact}</text>")).count() == 1, "the picture does not show {fact} once: {svg}");
        ensure!(occurrences(&flowchart, fact) == 1, "the flowchart does not show {fact} once: {flowchart}");
    }
    close(&site).await
}
