//! Millrace's own controls, as a tester uses them with curl; three lines of HTTP want no library.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

pub async fn control(path: &str, body: &str) {
    let endpoint = std::env::var("AWS_ENDPOINT_URL").unwrap();
    post(&endpoint, &format!("_millrace/{path}"), body).await;
}

/// Has the server that is there for it killed, and answers when it is back.
pub async fn crash_server() {
    let url = std::env::var("COMPAT_CRASH_URL").unwrap();
    post(url.trim_end_matches('/'), "", "").await;
}

async fn post(endpoint: &str, path: &str, body: &str) {
    let authority = endpoint.strip_prefix("http://").unwrap();
    let mut socket = TcpStream::connect(authority).await.unwrap();
    let request = format!(
        "POST /{path} HTTP/1.1\r\nHost: {authority}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 2"), "{path}: {answer}");
}
