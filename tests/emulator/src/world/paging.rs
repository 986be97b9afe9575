//! Pages of Describe and List calls.
//!
//! Source: EC2 API Reference, "Pagination". A token is opaque to the caller. Here it contains the list and the last
//! ID of the page, so that pages stay correct while resources are created and deleted.

use super::{
    error::AwsError,
    ids::{hash, mix},
};

/// The paging rules of one kind of list.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Paging {
    /// The name of the list: a token is valid only for its own list.
    pub(crate) list: &'static str,
    /// The minimum page size.
    pub(crate) least: u32,
    /// The maximum page size.
    pub(crate) most: u32,
    /// The handling of a page size above `most`.
    pub(crate) above: Above,
    /// The default page size; `None`: everything.
    pub(crate) default: Option<u32>,
    /// The error code for an invalid token.
    pub(crate) bad_token: &'static str,
    /// The error code for an invalid page size.
    pub(crate) bad_size: &'static str,
}

/// The handling of a page size above the maximum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Above {
    /// AWS rejects the call.
    Refused,
    /// AWS returns a page of the maximum size.
    Capped,
}

impl Paging {
    /// EC2 pages: 5 to 1000 items. Source: aws-sdk-ec2, `DescribeSecurityGroupsInput::max_results` and others.
    pub(crate) const fn ec2(list: &'static str) -> Self {
        Self {
            list,
            least: 5,
            most: 1_000,
            above: Above::Refused,
            default: None,
            bad_token: "InvalidNextToken",
            bad_size: "InvalidParameterValue",
        }
    }

    /// Pages of the VPC endpoint calls: no minimum size, and "if the value is greater than 1,000, we return only
    /// 1,000 items". Source: aws-sdk-ec2, `DescribeVpcEndpointsInput::max_results`.
    pub(crate) const fn endpoints(list: &'static str) -> Self {
        Self { least: 1, above: Above::Capped, ..Self::ec2(list) }
    }

    /// Resolver pages: 1 to 100 items, by default 100. Source: aws-sdk-route53resolver, `ListResolverEndpointsInput`.
    pub(crate) const fn resolver(list: &'static str) -> Self {
        Self {
            list,
            least: 1,
            most: 100,
            above: Above::Refused,
            default: Some(100),
            bad_token: "InvalidNextTokenException",
            bad_size: "InvalidParameterException",
        }
    }

    /// MGN pages: 1 to 1000 items. Source: botocore, `mgn/2020-02-26/service-2.json`, `MaxResultsType`. The code is the only
    /// one of the model for an invalid member.
    pub(crate) const fn mgn(list: &'static str) -> Self {
        Self {
            list,
            least: 1,
            most: 1_000,
            above: Above::Refused,
            default: None,
            bad_token: "ValidationException",
            bad_size: "ValidationException",
        }
    }

    /// Route 53 pages: up to 100 zones. Source: Route 53 API Reference, ListHostedZonesByVPC (the code for an invalid
    /// token) and ListHostedZones (the maximum page size).
    pub(crate) const fn route53(list: &'static str) -> Self {
        Self {
            list,
            least: 1,
            most: 100,
            above: Above::Capped,
            default: Some(100),
            bad_token: "InvalidPaginationToken",
            bad_size: "InvalidInput",
        }
    }

    /// Returns one page of a list that is sorted by ID.
    ///
    /// `largest` is the maximum page size that a test sets; `None`: the limits of AWS.
    pub(crate) fn cut<T>(
        &self,
        rows: impl IntoIterator<Item = T>,
        id: impl Fn(&T) -> &str,
        max_results: Option<i32>,
        next_token: Option<&str>,
        largest: Option<u32>,
    ) -> Result<(Vec<T>, Option<String>), AwsError> {
        let asked = max_results.map(|size| self.size(size)).transpose()?.or(self.default);
        let size = [asked, largest.map(|size| size.max(1))]
            .into_iter()
            .flatten()
            .min()
            .map_or(usize::MAX, |size| size as usize);
        let after = next_token.map(|token| self.open(token)).transpose()?;
        let mut rows = rows.into_iter().filter(|row| after.as_deref().is_none_or(|after| id(row) > after));
        let page: Vec<T> = rows.by_ref().take(size).collect();
        let token = match (page.last(), rows.next()) {
            (Some(last), Some(_)) => Some(self.seal(id(last))),
            _ => None,
        };
        Ok((page, token))
    }

    fn size(&self, size: i32) -> Result<u32, AwsError> {
        let refused = || {
            let message = format!(
                "Value ( {size} ) for parameter maxResults is invalid. Expecting a value between {} and {}.",
                self.least, self.most
            );
            AwsError::new(self.bad_size, message)
        };
        let size = u32::try_from(size).map_err(|_| refused())?;
        match (size < self.least, size > self.most, self.above) {
            (true, _, _) | (_, true, Above::Refused) => Err(refused()),
            (_, true, Above::Capped) => Ok(self.most),
            _ => Ok(size),
        }
    }

    fn seal(&self, last: &str) -> String {
        let plain = format!("{:016x}{last}", hash(&format!("{} {last}", self.list)));
        plain
            .bytes()
            .zip(key_stream())
            .fold(String::new(), |sealed, (byte, key)| sealed + &format!("{:02x}", byte ^ key))
    }

    fn open(&self, token: &str) -> Result<String, AwsError> {
        let refused = || AwsError::new(self.bad_token, format!("The token '{token}' is invalid"));
        let bytes: Option<Vec<u8>> = (0..token.len())
            .step_by(2)
            .zip(key_stream())
            .map(|(at, key)| Some(u8::from_str_radix(token.get(at..at + 2)?, 16).ok()? ^ key))
            .collect();
        let plain = bytes.and_then(|bytes| String::from_utf8(bytes).ok()).ok_or_else(refused)?;
        let (sum, last) = plain.split_at_checked(16).ok_or_else(refused)?;
        if sum == format!("{:016x}", hash(&format!("{} {last}", self.list))) {
            Ok(last.to_owned())
        } else {
            Err(refused())
        }
    }
}

/// Obfuscates a token, so that no client relies on its contents.
fn key_stream() -> impl Iterator<Item = u8> {
    (0_u64..).map(|n| mix(n).to_le_bytes()[0])
}

#[cfg(test)]
#[allow(clippy::expect_used, reason = "a test fails by panicking")]
mod tests {
    use super::Paging;

    const LIST: Paging = Paging::ec2("DescribeThings");

    #[test]
    fn all_pages_together_are_the_list() {
        let ids: Vec<String> = (0..12).map(|n| format!("id-{n:02}")).collect();
        let (mut seen, mut token) = (Vec::new(), None);
        loop {
            let (page, next) = LIST.cut(ids.clone(), |id| id, Some(5), token.as_deref(), None).expect("a page");
            seen.extend(page);
            token = next;
            if token.is_none() {
                break;
            }
        }
        assert_eq!(seen, ids);
    }

    #[test]
    fn the_token_of_another_list_is_rejected() {
        let ids: Vec<String> = (0..12).map(|n| format!("id-{n:02}")).collect();
        let (_, token) = LIST.cut(ids.clone(), |id| id, Some(5), None, None).expect("a page");
        let other = Paging::ec2("DescribeOthers").cut(ids, |id| id, Some(5), token.as_deref(), None);
        assert_eq!(other.expect_err("refused").code, "InvalidNextToken");
    }
}
