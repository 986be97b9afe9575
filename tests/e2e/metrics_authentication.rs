//! The metrics with TLS and authentication: real tokens of ServiceAccounts, which the real API server reviews, and the rights of
//! `deploy/overlays/metrics-authentication`.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use support::waiting::until;
use support::{Lab, LabOptions, Operator, OperatorOptions, ServerCertificate, get_by_tls, repository};

/// A lab without a running operator, and the files of its certificate.
struct Scene {
    lab: Lab,
    certificate: PathBuf,
    key: PathBuf,
    authority: String,
}

impl Scene {
    async fn new() -> Result<Self> {
        let operator = OperatorOptions { start: false, ..OperatorOptions::default() };
        let lab = Lab::start(LabOptions { controllers: false, operator, ..LabOptions::default() }).await?;
        let [certificate, key] = ["tls.crt", "tls.key"].map(|name| lab.folder().join(name));
        let mut scene = Self { lab, certificate, key, authority: String::new() };
        scene.renew()?;
        Ok(scene)
    }

    /// Writes a certificate of a new authority.
    fn renew(&mut self) -> Result<()> {
        let ServerCertificate { authority, certificate, key } = ServerCertificate::for_localhost()?;
        fs::write(&self.certificate, certificate)?;
        fs::write(&self.key, key)?;
        self.authority = authority;
        Ok(())
    }

    /// Describes an operator with the flags of the overlay.
    fn operator(&self) -> Operator {
        self.with_arguments(&[
            &format!("--metrics-certificate-file={}", self.certificate.display()),
            &format!("--metrics-key-file={}", self.key.display()),
            "--metrics-authentication=true",
        ])
    }

    fn with_arguments(&self, arguments: &[&str]) -> Operator {
        let arguments = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        self.lab.operator().another(OperatorOptions { arguments, ..self.lab.operator().options().clone() })
    }

    /// Installs the roles of the overlay. The operator is a process here, so its Deployment is left out.
    async fn install_roles(&self) -> Result<()> {
        let folder = repository().join("deploy/overlays/metrics-authentication").display().to_string();
        let all = self.lab.kubectl_output(["kustomize", &folder]).await?;
        let roles: Vec<&str> = all.split("\n---\n").filter(|object| object.contains("kind: ClusterRole")).collect();
        let file = self.lab.folder().join("roles.yaml");
        fs::write(&file, roles.join("\n---\n"))?;
        self.lab.kubectl_output(["apply", "--server-side", "--filename", &file.display().to_string()]).await?;
        Ok(())
    }

    /// Creates a ServiceAccount and returns a token of it.
    async fn service_account(&self, name: &str) -> Result<String> {
        self.lab.kubectl_output(["create", "serviceaccount", name, "--namespace=default"]).await?;
        let token = self.lab.kubectl_output(["create", "token", name, "--namespace=default"]).await?;
        Ok(token.trim().to_owned())
    }

    async fn get(&self, operator: &Operator, token: Option<&str>) -> Result<(u16, String)> {
        get_by_tls(&operator.metrics_address()?, &self.authority, "/metrics", token).await
    }
}

#[tokio::test]
async fn only_authorized_tokens_read_the_metrics() -> Result<()> {
    let scene = Scene::new().await?;
    scene.install_roles().await?;
    let (prometheus, other) = (scene.service_account("prometheus").await?, scene.service_account("other").await?);
    let binding = ["create", "clusterrolebinding", "prometheus-reads-mgnet", "--clusterrole=mgnet-metrics-reader"];
    let subject = "--serviceaccount=default:prometheus";
    scene.lab.kubectl_output(binding.into_iter().chain([subject])).await?;
    let operator = scene.operator();
    operator.start().await?;

    assert_eq!(scene.get(&operator, None).await?.0, 401);
    assert_eq!(scene.get(&operator, Some("made.up.token")).await?.0, 401);
    let (status, words) = scene.get(&operator, Some(&other)).await?;
    assert_eq!(status, 403, "{words}");
    ensure!(words.contains("system:serviceaccount:default:other"), "{words}");
    let (status, metrics) = scene.get(&operator, Some(&prometheus)).await?;
    assert_eq!(status, 200, "{metrics}");
    ensure!(metrics.contains("mgnet_build_info"), "{metrics}");
    ensure!(operator.probe("/metrics").await.is_err(), "the metrics are also served in clear text");

    // A decision is remembered for seconds only: the new right of the other ServiceAccount takes effect.
    let binding = ["create", "clusterrolebinding", "other-reads-mgnet", "--clusterrole=mgnet-metrics-reader"];
    scene.lab.kubectl_output(binding.into_iter().chain(["--serviceaccount=default:other"])).await?;
    until("the other ServiceAccount reads", async || {
        let (status, _) = scene.get(&operator, Some(&other)).await?;
        Ok(if status == 200 { Ok(()) } else { Err(status.to_string()) })
    })
    .await?;
    operator.kill().await
}

#[tokio::test]
async fn a_renewed_certificate_is_used_without_a_restart() -> Result<()> {
    let mut scene = Scene::new().await?;
    let arguments = [
        format!("--metrics-certificate-file={}", scene.certificate.display()),
        format!("--metrics-key-file={}", scene.key.display()),
    ];
    let operator = scene.with_arguments(&arguments.each_ref().map(String::as_str));
    operator.start().await?;
    // Without authentication, everyone may read by TLS.
    assert_eq!(scene.get(&operator, None).await?.0, 200);

    scene.renew()?;

    ensure!(scene.get(&operator, None).await.is_err(), "the new authority is trusted before the renewal");
    until("the renewed certificate is used", async || Ok(scene.get(&operator, None).await.map_err(|e| e.to_string())))
        .await?;
    operator.kill().await
}

#[tokio::test]
async fn without_the_rights_to_review_nobody_reads() -> Result<()> {
    let scene = Scene::new().await?;
    let token = scene.service_account("prometheus").await?;
    let operator = scene.operator();
    operator.start().await?;

    let (status, words) = scene.get(&operator, Some(&token)).await?;

    assert_eq!(status, 503, "{words}");
    ensure!(operator.log()?.contains("check the operator's roles"), "{}", operator.log_tail(20));
    operator.kill().await
}

#[tokio::test]
async fn tokens_are_never_accepted_in_clear_text() -> Result<()> {
    let scene = Scene::new().await?;
    let operator = scene.with_arguments(&["--metrics-authentication=true"]);

    let refusal = operator.start().await.err().context("it started")?;

    ensure!(format!("{refusal:#}").contains("requires '--metrics-certificate-file'"), "{refusal:#}");
    Ok(())
}
