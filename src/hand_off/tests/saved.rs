//! Objects as kubectl prints them.

use super::*;
use crate::hand_off::saved::networks;

fn yaml(network: &MigrationNetwork) -> String {
    serde_saphyr::to_string(network).expect("YAML")
}

fn names(text: &str) -> Vec<String> {
    let networks = networks(text).expect("networks");
    networks.into_iter().map(|network| network.metadata.name.unwrap_or_default()).collect()
}

fn refusal(text: &str) -> String {
    format!("{:#}", networks(text).expect_err("it is invalid"))
}

#[test]
fn one_object_a_stream_and_lists_are_read() {
    let (tokyo, frankfurt) = (network(), frankfurt());
    assert_eq!(names(&yaml(&tokyo)), ["tokyo"]);
    assert_eq!(names(&format!("---\n{}---\n{}---\n", yaml(&tokyo), yaml(&frankfurt))), ["tokyo", "frankfurt"]);
    for kind in ["List", "MigrationNetworkList"] {
        let list = json!({
            "apiVersion": "v1", "kind": kind, "items": [&tokyo, &frankfurt], "metadata": {"resourceVersion": ""},
        });
        assert_eq!(names(&list.to_string()), ["tokyo", "frankfurt"]);
        let as_yaml = serde_saphyr::to_string(&list).expect("YAML");
        assert_eq!(names(&format!("{as_yaml}---\n{}", yaml(&tokyo))), ["tokyo", "frankfurt", "tokyo"]);
    }
    assert_eq!(names(""), Vec::<String>::new());
    assert_eq!(names("apiVersion: v1\nitems: []\nkind: List\n"), Vec::<String>::new());
}

#[test]
fn the_objects_of_a_list_are_those_that_were_saved() {
    let list = json!({"apiVersion": "v1", "kind": "List", "items": [network(), frankfurt()]}).to_string();
    let read: Vec<HandOff> = networks(&list).expect("networks").iter().map(hand_off).collect();
    assert_eq!(read, [hand_off(&network()), hand_off(&frankfurt())]);
}

#[test]
fn other_kinds_are_refused_by_name() {
    let pod = "apiVersion: v1\nkind: Pod\nspec: {containers: []}\n";
    assert!(refusal(pod).contains("\"Pod\""), "{}", refusal(pod));
    let list =
        json!({"apiVersion": "v1", "kind": "List", "items": [network(), {"kind": "Secret", "data": {"a": "Yg=="}}]});
    assert!(refusal(&list.to_string()).contains("\"Secret\""));
    let list = json!({"apiVersion": "v1", "kind": "List", "items": [{"kind": "List", "items": [network()]}]});
    assert!(refusal(&list.to_string()).contains("\"List\""));
    assert!(refusal("kind: [").contains("kubectl get mgnet"));
    assert!(refusal("- a\n").contains("kubectl get mgnet"));
}

/// kubectl prints a revision such as `1234e56789` without quotes, because it is no float for Go: its exponent is too large.
#[test]
fn a_revision_that_looks_like_a_number_is_a_text() {
    for revision in ["1234e56789", "1234567890", "0012345678", "12e3456789"] {
        let mut network = network();
        let hand_off = network.status.as_mut().and_then(|status| status.on_premises.as_mut()).expect("a hand-off");
        hand_off.checklist[0].revision = revision.to_owned();
        hand_off.revision = revision.to_owned();
        let text =
            yaml(&network).replace(&format!("'{revision}'"), revision).replace(&format!("\"{revision}\""), revision);
        assert!(text.contains(&format!(" {revision}\n")), "{text}");
        let read = networks(&text).expect("networks");
        let read = read[0].status.as_ref().and_then(|status| status.on_premises.as_ref()).expect("a hand-off");
        assert_eq!((read.revision.as_str(), read.firewall_rules.len()), (revision, 5));
    }
}

/// The parser's own limits are for small files: a list of a large cluster has more than 250,000 nodes.
#[test]
fn a_list_of_three_thousand_networks_is_read() {
    let items: Vec<MigrationNetwork> = (0..3_000)
        .map(|number| {
            let mut network = network();
            network.metadata.name = Some(format!("network-{number}"));
            network
        })
        .collect();
    let list = json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string();
    assert_eq!(networks(&list).expect("networks").len(), 3_000);
}
