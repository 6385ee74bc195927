//! The binary: what it says, and that it ends.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};

#[test]
fn it_tells_where_it_is_and_ends_when_told() {
    let mut program = Command::new(env!("CARGO_BIN_EXE_aws-fake"))
        .arg(r#"{"region":"us-west-2"}"#)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(program.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let told: serde_json::Value = serde_json::from_str(&line).unwrap();
    let address = told["url"].as_str().unwrap().strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    let body = r#"{"private":"10.0.0.5"}"#;
    let request = format!(
        "POST /fake/instances HTTP/1.1\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(
        answer.starts_with("HTTP/1.1 200") && answer.contains("\"metadata\":\"http://"),
        "{answer}"
    );
    let killed = Command::new("kill").arg(program.id().to_string()).status().unwrap();
    assert!(killed.success());
    program.wait().unwrap();
    assert!(TcpStream::connect(address).is_err());
}

#[test]
fn settings_that_are_none_are_refused() {
    let output = Command::new(env!("CARGO_BIN_EXE_aws-fake")).arg(r#"{"x":1}"#).output().unwrap();
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("unknown field"));
}
