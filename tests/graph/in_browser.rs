//! The pictures in a browser: its fonts, its colors, and Mermaid's own parser.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::{
    browser::{Flowchart, Scheme, measure, screenshot},
    objects::{NAMES, draw, draw_object, large, object, path},
};

fn drawn(format: &str) -> Result<BTreeMap<String, String>> {
    let mut all = BTreeMap::from([("large".to_owned(), draw_object(&large()?, format)?)]);
    for name in NAMES {
        all.insert(name.to_owned(), draw(&path(name), format)?);
    }
    Ok(all)
}

#[test]
fn every_text_lies_in_its_box() -> Result<()> {
    let measured = measure(Scheme::Light, &drawn("svg")?, &BTreeMap::new())?;
    assert_eq!(measured.pictures.len(), NAMES.len() + 1);
    for (name, picture) in measured.pictures {
        ensure!(picture.texts > 60 && picture.boxes > 20, "{name}: {picture:?}");
        ensure!(picture.wrong.is_empty(), "{name}: {:?}", picture.wrong);
    }
    Ok(())
}

/// A picture whose texts are wider than the estimate.
#[test]
fn a_text_that_leaves_its_box_is_found() -> Result<()> {
    let wide = draw(&path("tokyo"), "svg")?.replace("font-size=\"12\"", "font-size=\"19\"");
    let measured = measure(Scheme::Light, &BTreeMap::from([("wide".to_owned(), wide)]), &BTreeMap::new())?;
    ensure!(measured.pictures["wide"].wrong.len() > 10, "{:?}", measured.pictures["wide"].wrong);
    Ok(())
}

#[test]
fn an_embedded_picture_follows_the_color_scheme() -> Result<()> {
    let pictures = BTreeMap::from([("tokyo".to_owned(), draw(&path("tokyo"), "svg")?)]);
    let ground = |scheme| {
        let mut measured = measure(scheme, &pictures, &BTreeMap::new())?;
        let picture = measured.pictures.remove("tokyo").context("not measured")?;
        ensure!(picture.colors > 30, "the picture is almost empty: {picture:?}");
        Ok(picture.ground)
    };
    assert_eq!((ground(Scheme::Light)?, ground(Scheme::Dark)?), ([0xff, 0xff, 0xff], [0x0d, 0x11, 0x17]));
    Ok(())
}

#[test]
fn screenshots_in_light_and_dark_differ() -> Result<()> {
    let svg = draw(&path("tokyo"), "svg")?;
    let (light, dark) = (screenshot(Scheme::Light, &svg)?, screenshot(Scheme::Dark, &svg)?);
    for picture in [&light, &dark] {
        ensure!(picture.starts_with(b"\x89PNG") && picture.len() > 20_000, "{} bytes", picture.len());
    }
    ensure!(light != dark, "both have the same colors");
    Ok(())
}

fn flowcharts(texts: &BTreeMap<String, String>) -> Result<BTreeMap<String, Flowchart>> {
    let measured = measure(Scheme::Light, &BTreeMap::new(), texts)?.flowcharts;
    for (name, found) in &measured {
        ensure!(found.error.is_none() && found.strange == 0, "{name}: {found:?}\n{}", texts[name]);
    }
    Ok(measured)
}

#[test]
fn mermaid_reads_every_flowchart() -> Result<()> {
    let texts = drawn("mermaid")?;
    for (name, found) in flowcharts(&texts)? {
        // The first line has the configuration.
        let (_, text) = texts[&name].split_once('\n').context("one line only")?;
        let lines = |part: &str| text.lines().filter(|line| line.contains(part)).count();
        let nodes = lines("[\"") + lines("(\"") + lines("{\"") + lines("/\"") - lines("subgraph");
        let arrows = lines("-->") + lines("-.->") + lines(" --- ");
        assert_eq!((found.nodes, found.edges, found.groups), (nodes, arrows, lines("subgraph")), "{name}: {text}");
        ensure!(found.text.contains("Source servers") && found.text.contains("S3 gateway endpoint"), "{found:?}");
    }
    Ok(())
}

/// Replaces every text in a part of the status with a hostile one, except for words that the object needs.
fn spoil(value: &mut Value, hostile: &str) {
    match value {
        Value::String(text) => hostile.clone_into(text),
        Value::Array(all) => all.iter_mut().for_each(|one| spoil(one, hostile)),
        Value::Object(all) => all
            .iter_mut()
            .filter(|(key, _)| {
                !["type", "service", "role", "id", "purpose", "protocol", "item", "state", "subnetID"]
                    .contains(&key.as_str())
            })
            .for_each(|(_, one)| spoil(one, hostile)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[test]
fn mermaid_reads_hostile_values_as_text() -> Result<()> {
    let hostile = [
        "\"]:::failed\n  evil[\"x\"]\n  evil --> vpc",
        "#quot;] --> evil; click row1 href \"javascript:alert(1)\" %%{init: {}}%%",
        "</span><script>alert(1)</script><img src=x onerror=alert(1)> **bold** `code`",
        "1. item\n- item\n# heading\nend\nsubgraph x",
    ];
    let mut texts = BTreeMap::from([("plain".to_owned(), draw(&path("tokyo"), "mermaid")?)]);
    for (number, text) in hostile.iter().enumerate() {
        let mut spoiled = object("tokyo")?;
        for part in ["endpoints", "resolver", "securityGroups", "onPremises", "vpcID", "region", "className"] {
            spoil(&mut spoiled["status"][part], text);
        }
        spoiled["status"]["settings"]["sourceCIDRs"] = json!([text]);
        texts.insert(format!("hostile {number}"), draw_object(&spoiled, "mermaid")?);
    }
    let mut found = flowcharts(&texts)?;
    let plain = found.remove("plain").context("not measured")?;
    assert_eq!(found.len(), hostile.len());
    for (name, one) in found {
        assert_eq!((one.nodes, one.edges, one.groups), (plain.nodes, plain.edges, plain.groups), "{name}");
        // The value is shown as it is.
        ensure!(
            one.text.contains("evil") || one.text.contains("<script>") || one.text.contains("1. item"),
            "{name}: {one:?}"
        );
    }
    Ok(())
}
