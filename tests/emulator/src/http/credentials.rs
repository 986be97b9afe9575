//! The signer, Region and service of a request. Signatures themselves are not verified.

use axum::http::{HeaderMap, header::AUTHORIZATION};

use crate::world::error::AwsError;

/// The credential scope of a signature.
///
/// Source: AWS Signature Version 4, "Credential scope": `KEY/DATE/REGION/SERVICE/aws4_request`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Scope {
    pub(super) access_key: String,
    pub(super) region: String,
    pub(super) service: String,
}

/// Parses the `Authorization` header.
///
/// Source of the codes: "Common errors" of the EC2 and STS API References.
pub(super) fn scope(headers: &HeaderMap) -> Result<Scope, AwsError> {
    let Some(header) = headers.get(AUTHORIZATION) else {
        return Err(AwsError::new("MissingAuthenticationToken", "Request is missing Authentication Token"));
    };
    let incomplete =
        || AwsError::new("IncompleteSignature", "The request signature does not conform to AWS standards.");
    let text = header.to_str().ok().and_then(|text| text.strip_prefix("AWS4-HMAC-SHA256 ")).ok_or_else(incomplete)?;
    let credential = text.split(',').find_map(|part| part.trim().strip_prefix("Credential=")).ok_or_else(incomplete)?;
    match credential.split('/').collect::<Vec<_>>()[..] {
        [access_key, _date, region, service, "aws4_request"] if !access_key.is_empty() && !region.is_empty() => {
            Ok(Scope { access_key: access_key.to_owned(), region: region.to_owned(), service: service.to_owned() })
        }
        _ => Err(incomplete()),
    }
}

#[cfg(test)]
#[allow(clippy::expect_used, reason = "a test fails by panicking")]
mod tests {
    use axum::http::{HeaderMap, HeaderValue, header::AUTHORIZATION};

    use super::scope;

    #[test]
    fn the_scope_of_a_signature_names_key_region_and_service() {
        let header = "AWS4-HMAC-SHA256 Credential=111111111111/20260101/eu-west-1/ec2/aws4_request, SignedHeaders=host, \
                      Signature=00";
        let headers = HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_static(header))]);
        let scope = scope(&headers).expect("a scope");
        assert_eq!((scope.access_key.as_str(), scope.region.as_str()), ("111111111111", "eu-west-1"));
        assert_eq!(scope.service, "ec2");
    }
}
