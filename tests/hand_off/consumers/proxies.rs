//! Python and curl, with the exceptions of an export in their environment, reach all names without the proxy. With the exceptions
//! that do not work, they use it.

use std::{collections::BTreeSet, process::Command};

use anyhow::{Context as _, Result};
use mgnet::hand_off::{Action, Format};

use super::{at_site, here, names, rendered, run};

/// Opens all names with both programs, after the commands in `settings`.
fn ways(settings: &str) -> Result<BTreeSet<String>> {
    let names = names()?.join(" ");
    let bypass = here().join("consumers/bypass.py");
    let script = format!(
        r#"cat hosts >>/etc/hosts
export https_proxy=http://127.0.0.1:8888/
unset no_proxy NO_PROXY
{settings}
python3 {bypass} {names} | cut -d ' ' -f 2 | sed 's/^/python /'
for name in {names}; do
  codes="$(curl --silent --max-time 10 --cacert "$SSL_CERT_FILE" --output /dev/null --write-out '%{{http_connect}}/%{{http_code}}' "https://$name/")"
  case "$codes" in
    200/404) echo 'curl proxy' ;;
    000/404) echo 'curl direct' ;;
    *) echo "curl $codes" ;;
  esac
done"#,
        bypass = bypass.display(),
    );
    let lines = at_site(&script, &[("hosts", rendered(Format::Hosts, Action::Add)?)])?;
    assert_eq!(lines.lines().count(), 2 * 7, "{lines}");
    Ok(lines.lines().map(str::to_owned).collect())
}

/// Returns the line of an export for shells.
fn line(action: Action) -> Result<String> {
    let text = rendered(Format::NoProxy, action)?;
    let line = text.lines().find(|line| line.starts_with("no_proxy=")).context("the export has no line for shells")?;
    Ok(line.to_owned())
}

fn both(way: &str) -> BTreeSet<String> {
    ["curl", "python"].map(|program| format!("{program} {way}")).into()
}

#[test]
fn the_exported_exceptions_lead_past_the_proxy() -> Result<()> {
    assert_eq!(ways("")?, both("proxy"), "without exceptions");
    assert_eq!(ways(&line(Action::Add)?)?, both("direct"));
    Ok(())
}

#[test]
fn wildcards_and_ranges_do_not_work_as_the_export_says() -> Result<()> {
    assert_eq!(ways("export no_proxy='*.amazonaws.com' NO_PROXY='*.amazonaws.com'")?, both("proxy"));
    assert_eq!(ways("export no_proxy=10.20.0.0/16")?, both("proxy"), "the names are not addresses");
    assert_eq!(ways("export no_proxy=.amazonaws.com")?, both("direct"));
    Ok(())
}

#[test]
fn other_entries_stay_when_the_exceptions_are_added_and_removed() -> Result<()> {
    let script = format!(
        "no_proxy=.corp.example,intra; {}; echo \"$no_proxy $NO_PROXY\"; {}; echo \"$no_proxy $NO_PROXY\"; unset no_proxy NO_PROXY; \
         {}; echo \"<$no_proxy>\"",
        line(Action::Add)?,
        line(Action::Remove)?,
        line(Action::Remove)?
    );
    let list = ".corp.example,intra,mgn.ap-northeast-1.amazonaws.com,s3.ap-northeast-1.amazonaws.com";
    let expected = format!("{list} {list}\n.corp.example,intra .corp.example,intra\n<>\n");
    for shell in ["bash", "sh"] {
        assert_eq!(run(Command::new(shell).args(["-uc", &script]), "")?, expected, "{shell}");
    }
    Ok(())
}
