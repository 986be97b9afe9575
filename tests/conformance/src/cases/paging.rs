//! Pages.

use crate::{
    answers::code,
    case::{Basis::Source, Case, InAccount::Cheap, case},
    network::filter,
    target::Target,
};

pub(super) const CASES: &[Case] = &[
    case!(lists_are_read_page_by_page, Source("EC2 API Reference, \"Pagination\""), "a VPC, 11 route tables", Cheap),
    case!(resolver_lists_have_pages_too, Source("Route 53 API Reference, ListResolverEndpoints"), "nothing", Cheap),
];

async fn lists_are_read_page_by_page(aws: &Target) {
    let vpc = aws.vpc("10.20.0.0/16").await;
    for _ in 0..11 {
        aws.route_table(&vpc).await;
    }
    let list = || aws.ec2.describe_route_tables().filters(filter("vpc-id", &vpc));
    let read = async || {
        let (mut sizes, mut pages) = (Vec::new(), list().into_paginator().page_size(5).send());
        while let Some(page) = pages.next().await {
            sizes.push(page.unwrap().route_tables().len());
        }
        sizes
    };
    aws.reaches("the sizes of the pages, with the main table", vec![5, 5, 2], read).await;
    assert_eq!(code(list().max_results(4).send().await), "InvalidParameterValue");
    assert_eq!(code(list().next_token("bogus").send().await), "InvalidNextToken");
    let token = list().max_results(5).send().await.unwrap().next_token.unwrap();
    let of_others = aws.ec2.describe_subnets().filters(filter("vpc-id", &vpc)).next_token(token);
    assert_eq!(code(of_others.send().await), "InvalidNextToken");
}

async fn resolver_lists_have_pages_too(aws: &Target) {
    let list = || aws.resolver.list_resolver_endpoints();
    assert_eq!(code(list().max_results(101).send().await), "InvalidParameterException");
    assert_eq!(code(list().next_token("bogus").send().await), "InvalidNextTokenException");
}
