//! Compares the emulator with moto, an independent model of AWS: both get the same calls, and each difference of their
//! answers is listed with moto's answer. A difference that is not listed fails, and so does a listed difference that no
//! longer exists. So the list is exactly right for the pinned version.
//!
//! Where they differ, the emulator follows AWS (its own tests name the sources). A difference therefore means that moto
//! cannot judge the operator in this case, and never that the operator is wrong.

mod backend;
mod cases;
mod deviations;
mod endpoints;
mod groups;
mod landing;
mod names;
mod operator;
mod report;
mod resolver;
mod running;

use self::{backend::Backend, report::Report};

/// Runs all scenarios in the order in which a user would make the calls. Later scenarios use the resources of
/// earlier ones.
async fn scenarios(backend: &Backend) -> Report {
    let mut report = Report::default();
    let landing = landing::create(backend, &mut report).await;
    let group = groups::scenario(backend, &landing, &mut report).await;
    let gateway = endpoints::create_gateway(backend, &landing, &mut report).await;
    let mgn = endpoints::create_interface(backend, &landing, &group, &mut report).await;
    endpoints::describe(backend, &landing, &mgn, &mut report).await;
    endpoints::modify(backend, &landing, &mgn, &mut report).await;
    let resolver = resolver::scenario(backend, &landing, &group, &mut report).await;
    names::scenario(backend, &landing, &mut report).await;
    endpoints::delete(backend, &landing, &group, &[&mgn, &gateway], &mut report).await;
    resolver::delete(backend, &resolver, &mut report).await;
    report
}

#[tokio::test]
async fn moto_answers_like_the_emulator_except_for_listed_deviations() {
    let (moto, emulator) = (Backend::moto().await, Backend::emulator().await);
    let (theirs, ours) = (Box::pin(scenarios(&moto)).await, Box::pin(scenarios(&emulator)).await);
    report::compare(&ours, &theirs, deviations::IN_CALLS);
}

#[tokio::test]
async fn the_aws_layer_works_with_moto_except_for_listed_deviations() {
    let (moto, emulator) = (Backend::moto().await, Backend::emulator().await);
    let (theirs, ours) = (Box::pin(operator::scenario(&moto)).await, Box::pin(operator::scenario(&emulator)).await);
    report::compare(&ours, &theirs, deviations::IN_THE_AWS_LAYER);
}
