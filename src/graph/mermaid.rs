//! The picture as a flowchart of Mermaid. Nodes have generated names, and every value is a quoted label in which all characters
//! of Mermaid, Markdown and HTML are written as numbers.

use std::fmt::{self, Write as _};

use super::{
    palette::LIGHT,
    picture::{Connection, Picture, Row, SiteRole, Subnet, Target},
    state::{Health, State},
    text::plain,
};
use crate::api::Origin;

/// The largest number of subnets, route tables or ranges in one label.
const MOST_LINES: usize = 12;

/// Renders a picture.
pub(super) fn render(picture: &Picture) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = write(&mut text, picture);
    text
}

fn write(out: &mut String, picture: &Picture) -> fmt::Result {
    // Mermaid breaks lines at 200 pixels otherwise, and IDs at their hyphens.
    writeln!(out, "%%{{init: {{\"flowchart\": {{\"wrappingWidth\": 500}}}}}}%%")?;
    writeln!(out, "flowchart LR")?;
    for state in State::ALL {
        let (fill, color) = LIGHT.part();
        writeln!(
            out,
            "  classDef {} fill:{fill},color:{color},stroke:{}{}",
            state.class(),
            LIGHT.state(state),
            pattern(state)
        )?;
    }
    on_premises(out, picture)?;
    vpc(out, picture)?;
    for Connection { from, to, ports, is_planned } in &picture.connections {
        let to = match to {
            Target::Network => "vpc".to_owned(),
            Target::Row(number) => format!("row{number}"),
            Target::Staging => "place0".to_owned(),
        };
        let arrow = if *is_planned { "-.->" } else { "-->" };
        writeln!(out, "  {} {arrow}|\"{}\"| {to}", site(*from), escape(ports))?;
    }
    if picture.gateway.health.state != State::Absent {
        writeln!(out, "  place0 --- gateway\n  place1 --- gateway")?;
    }
    Ok(())
}

const fn pattern(state: State) -> &'static str {
    match state {
        State::Ready => ",stroke-width:2px",
        State::InProgress => ",stroke-width:2px,stroke-dasharray:8 3",
        State::Failed => ",stroke-width:4px",
        State::Planned => ",stroke-width:2px,stroke-dasharray:2 3",
        State::Absent => ",stroke-width:1px,stroke-dasharray:1 5",
    }
}

const fn site(role: SiteRole) -> &'static str {
    match role {
        SiteRole::DnsClients => "dns",
        SiteRole::SourceServers => "sources",
        SiteRole::Proxies => "proxies",
    }
}

fn on_premises(out: &mut String, picture: &Picture) -> fmt::Result {
    // Titles of groups are short, because Mermaid 11 draws longer ones over the nodes.
    writeln!(out, "  subgraph path[\"Direct Connect or VPN\"]")?;
    writeln!(out, "    subgraph premises[\"On premises\"]")?;
    for one in &picture.sites {
        let mut lines = vec![one.role.name().to_owned()];
        lines.extend(one.ranges.as_deref().map_or_else(|| vec!["not known yet".to_owned()], capped));
        writeln!(out, "    {}[\"{}\"]", site(one.role), label(&lines))?;
    }
    if let Some(work) = &picture.work {
        let mut lines = vec![format!("Hand-off, revision {}", work.revision)];
        let items: Vec<String> =
            work.items.iter().map(|(name, health)| format!("{name} – {}", health.detail)).collect();
        lines.extend(capped(&items));
        writeln!(out, "    work[\"{}\"]", label(&lines))?;
    }
    writeln!(out, "    end\n  end")
}

fn vpc(out: &mut String, picture: &Picture) -> fmt::Result {
    let (id, health) = &picture.vpc;
    writeln!(out, "  subgraph vpc[\"VPC\"]")?;
    let unknown = Health::new(State::Planned, "not observed yet");
    let ready = picture.conditions.first().map_or(&unknown, |(_, ready)| ready);
    let mut lines = vec![picture.name.clone()];
    lines.extend(picture.facts.iter().cloned());
    lines.push(state(ready, None));
    lines.push(format!("VPC {}", id.as_deref().unwrap_or("not selected yet")));
    if health.state != State::Ready {
        lines.push(state(health, None));
    }
    node(out, "network", &lines, ready.state)?;
    writeln!(out, "    subgraph endpoints[\"Endpoint subnets\"]")?;
    let subnets: Vec<String> = picture.columns.iter().map(subnet).collect();
    let subnets: Vec<String> = capped(&subnets).into_iter().chain(capped(&picture.ranges)).collect();
    writeln!(out, "      subnets[\"{}\"]", label(&subnets))?;
    for (number, row) in picture.rows.iter().enumerate() {
        node(out, &format!("row{number}"), &lines_of(row), row.health.state)?;
    }
    writeln!(out, "    end")?;
    for (number, place) in picture.places.iter().enumerate() {
        let mut lines = vec![place.name.to_owned(), format!("for {}", place.servers)];
        lines.push(state(&place.health, None));
        lines.extend(capped(&place.subnets.iter().map(subnet).collect::<Vec<_>>()));
        lines.extend(capped(&place.ranges));
        node(out, &format!("place{number}"), &lines, place.health.state)?;
    }
    let gateway = &picture.gateway;
    let mut lines = vec!["S3 gateway endpoint".to_owned()];
    lines.extend(gateway.id.clone());
    lines.push(state(&gateway.health, gateway.origin));
    lines.extend(capped(&gateway.route_tables));
    node(out, "gateway", &lines, gateway.health.state)?;
    if !picture.groups.is_empty() {
        let groups: Vec<String> = picture.groups.iter().map(|group| format!("{} {}", group.role, group.id)).collect();
        let lines: Vec<String> = ["Security groups".to_owned()].into_iter().chain(capped(&groups)).collect();
        writeln!(out, "    groups[\"{}\"]", label(&lines))?;
    }
    writeln!(out, "  end")
}

fn lines_of(row: &Row) -> Vec<String> {
    let mut lines = vec![row.name().to_owned()];
    lines.extend(row.id.clone());
    lines.push(state(&row.health, row.origin));
    lines.extend(row.addresses.values().flatten().filter_map(|address| {
        let word = if address.health.state == row.health.state { "" } else { address.health.state.word() };
        Some(format!("{} {word}", address.ip.as_ref()?).trim_end().to_owned())
    }));
    lines
}

/// Returns the state in words, with what is worth mentioning beside it.
fn state(health: &Health, origin: Option<Origin>) -> String {
    let remark = health.remark(origin);
    let word = health.state.word();
    if remark.is_empty() { word.to_owned() } else { format!("{word} · {remark}") }
}

fn subnet(subnet: &Subnet) -> String {
    let id = subnet.id.as_deref().unwrap_or("not known yet");
    [Some(id), subnet.range.as_deref(), subnet.zone.as_deref()].into_iter().flatten().collect::<Vec<_>>().join(" · ")
}

fn capped(lines: &[String]) -> Vec<String> {
    let more = lines.len().saturating_sub(MOST_LINES);
    let rest = (more > 0).then(|| format!("and {more} more"));
    lines.iter().take(MOST_LINES).cloned().chain(rest).collect()
}

/// Writes a node in the shape and class of its state.
fn node(out: &mut String, name: &str, lines: &[String], state: State) -> fmt::Result {
    let (open, close) = match state {
        State::Ready => ("[", "]"),
        State::InProgress => ("([", "])"),
        State::Failed => ("{{", "}}"),
        State::Planned => ("(", ")"),
        State::Absent => ("[/", "/]"),
    };
    writeln!(out, "    {name}{open}\"{}\"{close}:::{}", label(lines), state.class())
}

fn label(lines: &[String]) -> String {
    lines.iter().map(|line| escape(line)).collect::<Vec<_>>().join("<br/>")
}

/// Writes all characters that mean something to Mermaid, Markdown or HTML as numbers.
fn escape(text: &str) -> String {
    plain(text).chars().fold(String::new(), |mut escaped, c| {
        if c.is_ascii_alphanumeric() || " ./,-:".contains(c) {
            escaped.push(c);
        } else {
            // Writing to a string cannot fail.
            let _ = write!(escaped, "#{};", u32::from(c));
        }
        escaped
    })
}
