//! moto, a model of AWS that others wrote, as a second opinion: the same calls are made to it and to the emulator, and all that
//! they answer differently is listed, with moto's answer. A difference that is not listed fails, and so does a listed one that
//! is gone: the list is true of the pinned version, and nothing else is.
//!
//! Where they differ the emulator follows AWS (its own tests name the sources), so a difference says where moto cannot be used
//! to judge the operator, and never that the operator should do otherwise.

mod deviations;
mod endpoints;
mod groups;
mod landing;
mod names;
mod operator;
mod place;
mod report;
mod resolver;
mod running;

use self::{place::Place, report::Report};

/// All scenarios, in the order in which a person would do things; later ones use what earlier ones made.
async fn scenarios(place: &Place) -> Report {
    let mut report = Report::default();
    let landing = landing::built(place, &mut report).await;
    let group = groups::scenario(place, &landing, &mut report).await;
    let gateway = endpoints::gateway(place, &landing, &mut report).await;
    let mgn = endpoints::interface(place, &landing, &group, &mut report).await;
    endpoints::described(place, &landing, &mgn, &mut report).await;
    endpoints::modified(place, &landing, &mgn, &mut report).await;
    let resolver = resolver::scenario(place, &landing, &group, &mut report).await;
    names::scenario(place, &landing, &mut report).await;
    endpoints::deleted(place, &landing, &group, &[&mgn, &gateway], &mut report).await;
    resolver::deleted(place, &resolver, &mut report).await;
    report
}

#[tokio::test]
async fn moto_answers_as_the_emulator_but_for_what_is_listed() {
    let (moto, emulator) = (Place::moto().await, Place::emulator().await);
    let (theirs, ours) = (Box::pin(scenarios(&moto)).await, Box::pin(scenarios(&emulator)).await);
    report::compare(&ours, &theirs, deviations::OF_THE_API);
}

#[tokio::test]
async fn the_operators_own_aws_layer_works_against_moto_but_for_what_is_listed() {
    let (moto, emulator) = (Place::moto().await, Place::emulator().await);
    let (theirs, ours) = (Box::pin(operator::scenario(&moto)).await, Box::pin(operator::scenario(&emulator)).await);
    report::compare(&ours, &theirs, deviations::OF_THE_OPERATOR);
}
