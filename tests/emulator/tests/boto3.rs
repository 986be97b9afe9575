//! The same emulator, driven by boto3: a client that shares no code with the Rust SDK.
//!
//! boto3 is installed once, outside the checkout: into `$MGNET_CACHE`, or `mgnet` in the user's cache folder.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    env,
    ffi::OsStr,
    fs, io,
    path::{Path, PathBuf},
    process::{self, Command},
};

use emulator::{Server, ServerOptions};
use serde_json::Value;

const FOLDER: &str = env!("CARGO_MANIFEST_DIR");
const ACCOUNT: &str = "111111111111";
const TOKYO: &str = "ap-northeast-1";

fn cache() -> PathBuf {
    let user_cache = || {
        let by_variable = env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
        let by_home = || env::home_dir().expect("a home folder").join(".cache");
        by_variable.unwrap_or_else(by_home).join("mgnet")
    };
    env::var_os("MGNET_CACHE").map_or_else(user_cache, PathBuf::from)
}

/// The version that `requirements.txt` pins.
fn version() -> String {
    let requirements = fs::read_to_string(Path::new(FOLDER).join("requirements.txt")).unwrap();
    let pinned = requirements.lines().find_map(|line| line.strip_prefix("boto3=="));
    pinned.expect("a pinned version").trim().to_owned()
}

fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{command:?}:\n{}{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}

/// A Python that has boto3. Installing goes into a folder of its own, which becomes visible when it is complete.
fn python() -> PathBuf {
    let folder = cache().join(format!("boto3-{}", version()));
    let python = folder.join("bin").join("python");
    if python.exists() {
        return python;
    }
    eprintln!("installing boto3 {} into {}, once", version(), folder.display());
    fs::create_dir_all(cache()).unwrap();
    let partial = folder.with_extension(format!("partial-{}", process::id()));
    run(Command::new("python3").args([OsStr::new("-m"), OsStr::new("venv"), partial.as_os_str()]));
    let requirements = Path::new(FOLDER).join("requirements.txt");
    let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"];
    run(Command::new(partial.join("bin").join("python")).args(pip).arg(requirements));
    match fs::rename(&partial, &folder) {
        Ok(()) => {}
        // Another test was faster.
        Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => fs::remove_dir_all(&partial).unwrap(),
        Err(error) => panic!("{}: {error}", folder.display()),
    }
    python
}

fn demo_vpc(url: &str) -> Value {
    // Nothing of the machine's environment reaches the client: proxies and CA bundles are not for the loopback interface.
    let printed = run(Command::new(python())
        .arg(Path::new(FOLDER).join("demo_vpc.py"))
        .env_clear()
        .env("AWS_ENDPOINT_URL", url)
        .env("AWS_ACCESS_KEY_ID", ACCOUNT)
        .env("AWS_SECRET_ACCESS_KEY", "secret")
        .env("AWS_EC2_METADATA_DISABLED", "true"));
    serde_json::from_str(&printed).expect("JSON")
}

/// Source: botocore's model of EC2, which is AWS's own.
#[tokio::test]
async fn boto3_sets_up_the_vpc_of_the_demonstration() {
    let server = Server::start(ServerOptions::default()).await.unwrap();
    let url = server.url().to_owned();
    let made = tokio::task::spawn_blocking(move || demo_vpc(&url)).await.unwrap();
    let state = server.with_world(|world| world.state(ACCOUNT, TOKYO));

    let vpc = &state.vpcs[0];
    assert_eq!(made["vpc"], vpc.id.to_string());
    assert_eq!(vpc.cidrs, ["10.20.0.0/16"]);
    assert!(vpc.dns_support && vpc.dns_hostnames);
    assert_eq!(vpc.tags["Name"], "migration-landing");

    let mut uses: Vec<(&str, &str)> =
        state.subnets.iter().map(|subnet| (subnet.tags["mgnet-role"].as_str(), subnet.zone_id.as_str())).collect();
    uses.sort_unstable();
    let expected =
        [("endpoints", "apne1-az1"), ("endpoints", "apne1-az4"), ("launch", "apne1-az4"), ("staging", "apne1-az4")];
    assert_eq!(uses, expected);
    let associated = state.route_tables.iter().filter(|table| !table.main && table.subnets.len() == 1).count();
    assert_eq!(associated, 2);
    let refused = server.calls(None, 0).into_iter().filter(|call| call.outcome != "ok").count();
    assert_eq!(refused, 0);
}
