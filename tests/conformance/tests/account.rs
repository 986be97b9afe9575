//! The path of an AWS account, with the emulator in its place: the SDK finds it by `AWS_ENDPOINT_URL`.

use std::time::Duration;

use conformance::config_of_stand_in;
use emulator::{
    Clock, Server, ServerOptions,
    http::{Fault, FaultKind},
    world::options::Delays,
};

use crate::{
    emulator::{ACCOUNT, REGION},
    foreign,
    program::{Program, until},
};

/// An account in which others have resources.
struct Account {
    server: Server,
    before: String,
}

impl Account {
    async fn start() -> Self {
        let mut options = ServerOptions { clock: Clock::Wall { speed: 1.0 }, ..ServerOptions::default() };
        options.world.throttling = false;
        options.world.delays = Delays::none();
        let server = Server::start(options).await.expect("a free port");
        foreign::create(&config_of_stand_in(server.url(), ACCOUNT, REGION).await, REGION).await;
        tokio::time::sleep(Duration::from_millis(10)).await;
        let before = state(&server);
        Self { server, before }
    }

    fn run(&self, test: &str, arguments: &[&str]) -> Program {
        Program::run(self.server.url(), test, arguments)
    }

    /// Returns the number of calls with this name.
    fn calls(&self, action: &str) -> usize {
        self.server.calls(None, 0).iter().filter(|call| call.action == action).count()
    }

    fn is_as_before(&self) -> bool {
        state(&self.server) == self.before
    }
}

fn state(server: &Server) -> String {
    server.with_world(|world| format!("{:#?}", world.state(ACCOUNT, REGION)))
}

#[tokio::test]
async fn a_run_reports_the_answers_without_the_account_and_leaves_nothing() {
    let account = Account::start().await;
    let cases = ["gateway_endpoints", "a_second_endpoint_of_a_service", "a_fifth_endpoint"];
    let cases = cases.iter().flat_map(|case| ["--cases", case]);
    let arguments: Vec<&str> = ["--yes-i-pay-up-to", "0.10"].into_iter().chain(cases).collect();
    let ended = account.run("good", &arguments).end().await;
    assert_eq!(ended.code, Some(0), "{}{}", ended.output, ended.errors);
    assert!(ended.output.contains("estimated cost: 0.05 USD: 3 zone hours"), "{}", ended.output);
    assert!(ended.report.contains("4 passed, 0 failed, 1 skipped, 0 not run"), "{}", ended.report);
    assert!(ended.report.contains("clean-up: nothing is left"), "{}", ended.report);
    assert!(ended.report.contains("| CreateVpcEndpoint | 400 | RouteAlreadyExists |"), "{}", ended.report);
    assert!(ended.report.contains(aws_sdk_ec2::meta::PKG_VERSION) && ended.report.contains(REGION), "{}", ended.report);
    assert!(!ended.report.contains(ACCOUNT), "{}", ended.report);
    assert!(account.is_as_before());
}

#[tokio::test]
async fn credentials_of_another_account_are_refused_before_any_other_call() {
    let account = Account::start().await;
    let number = account.server.calls(None, 0).last().map_or(0, |call| call.number);
    let mut program = account.run("other", &["--yes-i-pay-up-to", "9"]);
    program.key = "210987654321".to_owned();
    let ended = program.end().await;
    assert_eq!(ended.code, Some(2));
    assert!(ended.errors.contains("belong to account '210987654321', not to account"), "{}", ended.errors);
    let calls = account.server.calls(None, number);
    assert_eq!(calls.iter().map(|call| call.action.as_str()).collect::<Vec<_>>(), ["GetCallerIdentity"]);
}

#[tokio::test]
async fn an_estimate_that_is_not_accepted_is_refused_before_any_call() {
    let account = Account::start().await;
    let number = account.server.calls(None, 0).len();
    for (arguments, text) in [
        (&["--cases", "resolver::"][..], "accept the estimate with `--yes-i-pay-up-to USD`"),
        (&["--cases", "resolver::", "--yes-i-pay-up-to", "0.50"], "the estimate exceeds `--yes-i-pay-up-to`"),
        (&["--cases", "cheap", "--yes-i-pay-up-to", "much"], "is not an amount in US dollars"),
        (&["--cases", "no such case", "--yes-i-pay-up-to", "1"], "no case has such a name"),
    ] {
        let ended = account.run("cap", arguments).end().await;
        assert_eq!(ended.code, Some(2), "{arguments:?}");
        assert!(ended.errors.contains(text), "{arguments:?}: {}", ended.errors);
    }
    assert_eq!(account.server.calls(None, 0).len(), number);
}

#[tokio::test]
async fn a_failed_case_is_cleaned_up_and_reported_with_the_answer_of_aws() {
    let account = Account::start().await;
    let code = Some("SubnetLimitExceeded".to_owned());
    let message = Some(format!("User: arn:aws:iam::{ACCOUNT}:user/jane has too many | subnets"));
    account.server.order(Fault { nth: 2, code, message, ..Fault::next(FaultKind::Error, "CreateSubnet") });
    let arguments = ["--yes-i-pay-up-to", "0", "--cases", "routes_follow", "--cases", "a_table_has_one"];
    let ended = account.run("failed", &arguments).end().await;
    assert_eq!(ended.code, Some(1), "{}{}", ended.output, ended.errors);
    assert!(ended.report.contains("1 passed, 1 failed"), "{}", ended.report);
    let row = "| CreateSubnet | 400 | SubnetLimitExceeded | User: IDENTITY has too many \\| subnets |";
    let row = ended.report.lines().find(|line| line.starts_with(row)).expect("the answer");
    assert!(row.len() > 110, "the ID of the request is there: {row}");
    assert!(account.is_as_before());
}

/// Starts a run that waits for an answer when it has created a network.
async fn hanging(account: &Account, test: &str) -> (tokio::process::Child, String) {
    account.server.order(Fault::next(FaultKind::Hold, "CreateRouteTable"));
    let program = account.run(test, &["--yes-i-pay-up-to", "0", "--cases", "gateway_endpoints"]);
    let (child, run) = program.start().await;
    until("the call that gets no answer", || account.calls("CreateRouteTable") > 1).await;
    assert!(!account.is_as_before());
    (child, run)
}

#[tokio::test]
async fn what_a_killed_run_left_is_found_by_its_tag_and_deleted() {
    let account = Account::start().await;
    let (mut child, run) = hanging(&account, "killed").await;
    child.kill().await.expect("killed");
    account.server.release();
    let other = Program::clean_up(account.server.url(), "20200101T000000Z-none").end().await;
    assert_eq!(other.code, Some(0), "{}", other.errors);
    assert!(!account.is_as_before(), "the resources belong to another run");
    let ended = Program::clean_up(account.server.url(), &run).end().await;
    assert_eq!(ended.code, Some(0), "{}", ended.errors);
    assert!(ended.output.contains(&format!("nothing is left of the run {run}")), "{}", ended.output);
    assert!(account.is_as_before());
}

#[tokio::test]
async fn an_interrupted_run_cleans_up_before_it_ends() {
    for signal in ["INT", "TERM"] {
        let account = Account::start().await;
        let (mut child, _) = hanging(&account, "interrupted").await;
        let id = child.id().expect("it runs").to_string();
        let sent = tokio::process::Command::new("kill").args(["-s", signal, &id]).status().await.expect("sent");
        assert!(sent.success());
        let status = child.wait().await.expect("it ends");
        assert_eq!(status.code(), Some(1), "{signal}");
        assert!(account.is_as_before(), "{signal}");
    }
}

#[tokio::test]
async fn what_cannot_be_deleted_is_named_and_fails_the_run() {
    let account = Account::start().await;
    let code = Some("UnauthorizedOperation".to_owned());
    let message = Some("not allowed".to_owned());
    account.server.order(Fault { times: u64::MAX, code, message, ..Fault::next(FaultKind::Error, "DeleteVpc") });
    let mut program = account.run("left", &["--yes-i-pay-up-to", "0", "--cases", "a_second_block"]);
    program.patience = "0.2";
    let ended = program.end().await;
    assert_eq!(ended.code, Some(1), "{}", ended.output);
    assert!(ended.errors.contains("AWS may charge for it: Vpc vpc-"), "{}", ended.errors);
    assert!(ended.report.contains("UnauthorizedOperation: not allowed"), "{}", ended.report);
}
