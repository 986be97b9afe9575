//! An HTTP server that returns the answers of a test.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
};

/// The request ID in each answer.
pub(crate) const REQUEST_ID: &str = "0b1c2d3e-0000-4000-8000-000000000001";

/// A received request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) action: String,
    /// The parameters of a form, or the fields of a JSON body.
    pub(crate) parameters: BTreeMap<String, String>,
}

/// The answer to a request.
pub(crate) enum Answer {
    Is(u16, String),
    /// The server closes the connection without an answer.
    Lost,
}

#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) endpoint: String,
    received: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    /// Starts a server that answers every request with the function. The function need not handle
    /// `sts:GetCallerIdentity`.
    pub(crate) async fn start(answer: impl Fn(&Request) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let endpoint = format!("http://{}", listener.local_addr().expect("bound"));
        let server = Self { endpoint, received: Arc::default() };
        let (received, answer) = (Arc::clone(&server.received), Arc::new(answer));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (received, answer) = (Arc::clone(&received), Arc::clone(&answer));
                tokio::spawn(async move {
                    let mut stream = BufReader::new(stream);
                    let Some(request) = read(&mut stream).await else { return };
                    received.lock().expect("no panic").push(request.clone());
                    let answer = match request.action.as_str() {
                        "GetCallerIdentity" => match answer(&request) {
                            Answer::Is(404, _) => caller_identity(crate::aws::tests::ACCOUNT),
                            answer => answer,
                        },
                        _ => answer(&request),
                    };
                    write(stream.into_inner(), answer).await;
                });
            }
        });
        server
    }

    /// Returns the received requests for an action.
    pub(crate) fn received(&self, action: &str) -> Vec<Request> {
        self.received.lock().expect("no panic").iter().filter(|request| request.action == action).cloned().collect()
    }
}

pub(crate) fn caller_identity(account: &str) -> Answer {
    Answer::Is(
        200,
        format!(
            "<GetCallerIdentityResponse><GetCallerIdentityResult><Account>{account}</Account>\
             </GetCallerIdentityResult></GetCallerIdentityResponse>"
        ),
    )
}

pub(crate) fn ec2_error(status: u16, code: &str, message: &str) -> Answer {
    let body =
        format!("<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors></Response>");
    Answer::Is(status, body)
}

pub(crate) fn resolver_error(status: u16, code: &str, message: &str) -> Answer {
    Answer::Is(status, format!(r#"{{"__type":"{code}","Message":"{message}"}}"#))
}

async fn read(stream: &mut BufReader<TcpStream>) -> Option<Request> {
    let (mut length, mut target) = (0, None);
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await.ok().filter(|read| *read > 0)?;
        let line = line.trim();
        if line.is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(": ") {
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = value.parse().ok()?,
                "x-amz-target" => target = value.split('.').next_back().map(str::to_owned),
                _ => {}
            }
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    if let Some(action) = target {
        let body: BTreeMap<String, serde_json::Value> = serde_json::from_slice(&body).ok()?;
        let parameters = body.into_iter().map(|(name, value)| (name, value.to_string())).collect();
        return Some(Request { action, parameters });
    }
    let body = String::from_utf8(body).ok()?;
    let pairs = body.split('&').filter_map(|pair| pair.split_once('='));
    let mut parameters: BTreeMap<String, String> =
        pairs.map(|(name, value)| (name.to_owned(), unescape(value))).collect();
    parameters.remove("Version");
    Some(Request { action: parameters.remove("Action")?, parameters })
}

fn unescape(value: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = value.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digits: String = rest.by_ref().take(2).map(char::from).collect();
            bytes.push(u8::from_str_radix(&digits, 16).expect("two hexadecimal digits"));
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).expect("UTF-8")
}

async fn write(mut stream: TcpStream, answer: Answer) {
    match answer {
        Answer::Is(status, body) => {
            let head = format!(
                "HTTP/1.1 {status} .\r\nx-amzn-requestid: {REQUEST_ID}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                body.len()
            );
            // A closed connection is not an error here.
            let _ = stream.write_all((head + &body).as_bytes()).await;
        }
        Answer::Lost => {}
    }
}
