//! The text of a kubeconfig.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Returns a kubeconfig for the user `name` with a bearer `token`. It contains the CA, and refers to no files.
pub(crate) fn with_token(server: &str, ca_pem: &[u8], name: &str, token: &str) -> String {
    let ca = STANDARD.encode(ca_pem);
    format!(
        r#"apiVersion: v1
kind: Config
clusters:
- name: control-plane
  cluster:
    server: "{server}"
    certificate-authority-data: {ca}
users:
- name: "{name}"
  user:
    token: "{token}"
contexts:
- name: "{name}"
  context:
    cluster: control-plane
    user: "{name}"
current-context: "{name}"
"#
    )
}
