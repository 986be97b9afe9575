//! Tests of the search for orphans, with in-memory fakes: the order of lists, the reports, and the deletion of orphans.

use std::{collections::BTreeMap, time::Duration};

use crate::{
    controller::{
        Metrics,
        orphans::{self, AccountRegion, Memory, RemovalError, Round, Survey},
        tests::fakes::{Fake, GRACE, Mood},
    },
    model::{
        failure::FailureClass,
        orphans::{Kind, Refusal},
        testing::{Lab, identity},
    },
};

/// Creates a world with the resources of a network that no longer exists.
fn orphaned() -> Fake {
    let fake = Fake::tokyo();
    fake.world().aws = Lab::built();
    fake.world().networks.clear();
    fake
}

fn account_region() -> AccountRegion {
    AccountRegion { account: "111122223333".to_owned(), region: "ap-northeast-1".to_owned() }
}

async fn take_survey(fake: &Fake) -> Survey {
    let patience = Duration::from_millis(200);
    orphans::survey(fake, fake, &identity().cluster, patience).await.expect("the networks are listed")
}

/// The number of orphaned resources that a search found, or the code of its failure.
fn found(survey: &Survey) -> Result<usize, String> {
    match &survey.account_regions[&account_region()].seen {
        Ok(seen) => Ok(seen.leftovers.orphans.len()),
        Err(failure) => Err(failure.code.clone()),
    }
}

fn told(fake: &Fake) -> Vec<(String, String)> {
    let announced = std::mem::take(&mut fake.world().announced);
    announced.into_iter().map(|(class, told)| (class, format!("{}: {}", told.reason, told.note))).collect()
}

fn counted(metrics: &Metrics, name: &str) -> Option<usize> {
    let text = metrics.text();
    let mut lines = text.lines().filter(|line| line.starts_with(name)).peekable();
    lines.peek()?;
    Some(lines.filter_map(|line| line.rsplit_once(' ')?.1.parse::<usize>().ok()).sum())
}

#[tokio::test]
async fn a_network_created_between_the_two_lists_has_no_orphans() {
    let fake = Fake::tokyo();
    let network = fake.network();
    fake.world().aws = Lab::built();
    fake.world().networks.clear();
    fake.world().created_during_list = Some(network);
    assert_eq!(found(&take_survey(&fake).await), Ok(0));
    fake.world().networks.clear();
    assert_eq!(found(&take_survey(&fake).await), Ok(10), "without the network, its resources are orphans");
}

#[tokio::test]
async fn nothing_is_reported_if_networks_cannot_be_listed() {
    let (fake, mut memory) = (orphaned(), Memory::default());
    fake.world().is_kindless = true;
    let context = fake.context();
    for _ in 0..2 {
        assert!(memory.round(&context).await.is_err());
        tokio::time::sleep(GRACE).await;
    }
    assert_eq!((told(&fake), counted(&context.metrics, "mgnet_orphaned_resources")), (vec![], None));
}

#[tokio::test]
async fn an_orphan_is_reported_once_after_the_grace_and_nothing_is_written() {
    let (fake, mut memory) = (orphaned(), Memory::default());
    let context = fake.context();
    assert_eq!(memory.round(&context).await.expect("the search succeeds"), Round::Unconfirmed);
    assert_eq!((told(&fake), counted(&context.metrics, "mgnet_orphaned_resources")), (vec![], Some(0)));
    tokio::time::sleep(GRACE).await;
    assert_eq!(memory.round(&context).await.expect("the search succeeds"), Round::Settled);
    assert_eq!(counted(&context.metrics, "mgnet_orphaned_resources"), Some(10));
    let events = told(&fake);
    let [(class, note)] = events.as_slice() else { panic!("expected one event: {events:?}") };
    assert_eq!(class, "tokyo");
    for word in
        ["OrphansFound", "'team-billing/tokyo'", &identity().uid, "account 111122223333 in ap-northeast-1", "vpce-"]
    {
        assert!(note.contains(word), "{word} is not in {note}");
    }
    memory.round(&context).await.expect("the search succeeds");
    assert_eq!(told(&fake), [], "the orphans are already reported");
    assert_eq!(fake.world().log, Vec::<String>::new());

    fake.add("tokyo", &identity().uid);
    memory.round(&context).await.expect("the search succeeds");
    assert_eq!((told(&fake), counted(&context.metrics, "mgnet_orphaned_resources")), (vec![], Some(0)));
}

#[tokio::test]
async fn a_missing_permission_is_reported_once_and_the_counts_stay() {
    let (fake, mut memory) = (orphaned(), Memory::default());
    let context = fake.context();
    memory.round(&context).await.expect("the search succeeds");
    tokio::time::sleep(GRACE).await;
    memory.round(&context).await.expect("the search succeeds");
    told(&fake);
    fake.world().mood = Mood::Refuses(FailureClass::Unauthorized);
    for expected in [1, 0] {
        memory.round(&context).await.expect("the search succeeds");
        let events = told(&fake);
        assert_eq!(events.len(), expected, "{events:?}");
        assert!(events.iter().all(|(_, note)| note.starts_with("OrphansUnknown") && note.contains("statement 'Read'")));
        assert_eq!(counted(&context.metrics, "mgnet_orphans_look_failed"), Some(1));
        assert_eq!(counted(&context.metrics, "mgnet_orphaned_resources"), Some(10));
    }
    fake.world().mood = Mood::Well;
    memory.round(&context).await.expect("the search succeeds");
    assert_eq!((told(&fake), counted(&context.metrics, "mgnet_orphans_look_failed")), (vec![], Some(0)));
}

#[tokio::test]
async fn an_account_that_does_not_answer_times_out() {
    let fake = orphaned();
    fake.world().mood = Mood::Hangs;
    assert_eq!(found(&take_survey(&fake).await), Err("Timeout".to_owned()));
}

#[tokio::test]
async fn classes_with_the_same_account_and_region_share_a_search() {
    let fake = orphaned();
    let mut second = fake.world().classes["tokyo"].clone();
    second.metadata.name = Some("another".to_owned());
    second.spec.account.role_arn = Some("arn:aws:iam::111122223333:role/another".to_owned());
    fake.world().classes.insert("another".to_owned(), second);
    assert_eq!(found(&take_survey(&fake).await), Ok(10));
    assert_eq!(fake.world().connected.len(), 1);
    // If the first role lacks the permission, the second one is used.
    fake.world().mood = Mood::Refuses(FailureClass::Unauthorized);
    assert_eq!(found(&take_survey(&fake).await), Err("Unauthorized".to_owned()));
    assert_eq!(fake.world().connected.len(), 3);
}

#[tokio::test]
async fn an_orphan_is_deleted_only_after_its_owner_was_checked_again() {
    let fake = orphaned();
    let cluster = identity().cluster;
    let survey = take_survey(&fake).await;
    let seen = survey.account_regions[&account_region()].seen.as_ref().expect("seen");
    let of_kind = |kind| seen.leftovers.orphans.iter().find(|made| made.kind == kind).expect("one of each").id.clone();
    let ids: BTreeMap<Kind, String> = Kind::ALL.into_iter().map(|kind| (kind, of_kind(kind))).collect();
    for (kind, id) in &ids {
        let account = survey.account_of(&cluster, id).expect("an orphan").clone();
        // The network appears after the search.
        fake.add("tokyo", &identity().uid);
        let refused = orphans::remove(&fake, &fake, &cluster, &account, id).await.expect_err("refused");
        assert!(matches!(refused, RemovalError::Refused(Refusal::OwnerExists { .. })), "{kind}: {refused}");
        assert_eq!(fake.world().log, Vec::<String>::new());
        fake.world().networks.clear();

        orphans::remove(&fake, &fake, &cluster, &account, id).await.expect("removed");
        let log = std::mem::take(&mut fake.world().log);
        assert!(log.len() == 1 && log[0].starts_with(&format!("delete {id}")), "{log:?}");
        let again = orphans::remove(&fake, &fake, &cluster, &account, id).await.expect_err("gone");
        assert!(matches!(again, RemovalError::Refused(Refusal::NotOurs)), "{kind}: {again}");
    }
    assert_eq!(found(&take_survey(&fake).await), Ok(7));
    assert_eq!(survey.account_of(&cluster, "sg-elsewhere"), Err(Refusal::NotOurs));
}
