//! `/metrics`: what a session does is counted, and nobody who connects can add a series.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use flotilla_tests::{PASSWORD, Server, Wire, wait};

/// Every series of the page, without its value.
fn series(server: &Server) -> BTreeSet<String> {
    let (status, text) = server.get("/metrics");
    assert_eq!(status, 200);
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| Some(line.rsplit_once(' ')?.0.to_owned())).collect()
}

/// Waits for a metric to reach a value.
fn reaches(server: &Server, name: &str, label: &str, value: u64) {
    wait::until(&format!("{name}{{{label}}} to be {value}"), || {
        (server.metric_where(name, label) == value).then_some(())
    });
}

#[test]
fn what_a_session_does_is_counted() {
    let server = Server::builder().file("a", "content").start();
    let mut wire = server.login();
    assert_eq!(wire.fetch("a"), b"content");
    wire.store("b", b"four");
    wire.ask("FROB", 500);
    wire.ask("SIZE nothing", 550);
    let is = |name: &str, label: &str, value: u64| reaches(&server, name, label, value);
    is("flotilla_sessions", "protocol=\"ftp\"", 1);
    is("flotilla_logins_total", "protocol=\"ftp\",method=\"password\",result=\"ok\"", 1);
    is("flotilla_ftp_commands_total", "verb=\"RETR\",class=\"2xx\"", 1);
    is("flotilla_ftp_commands_total", "verb=\"other\",class=\"5xx\"", 1);
    is("flotilla_ftp_commands_total", "verb=\"SIZE\",class=\"5xx\"", 1);
    is("flotilla_transfer_bytes_total", "direction=\"download\"", 7);
    is("flotilla_transfer_bytes_total", "direction=\"upload\"", 4);
    is("flotilla_transfers_total", "direction=\"upload\",result=\"ok\"", 1);
    is("flotilla_transfer_seconds_count", "direction=\"upload\"", 1);
    is("flotilla_admissions_total", "result=\"ok\"", 1);
    is("flotilla_storage_ops_total", "op=\"open\",result=\"ok\"", 1);
    wire.ask("QUIT", 221);
    is("flotilla_sessions", "", 0);
    is("flotilla_ftp_commands_total", "verb=\"QUIT\",class=\"2xx\"", 1);
    let mut wrong = server.connect();
    wrong.ask("USER alice", 331);
    wrong.ask("PASS no", 530);
    is("flotilla_logins_total", "method=\"password\",result=\"refused\"", 1);
    // Somebody who looks whether the port is open.
    drop(TcpStream::connect(server.ftp()).unwrap());
    is("flotilla_probe_connections_total", "kind=\"silent\"", 1);
    // A session under TLS is one of FTPS, however it began.
    let mut secured = server.connect();
    secured.auth_tls(&server.tls());
    is("flotilla_sessions", "protocol=\"ftps\"", 1);
    is("flotilla_session_starts_total", "protocol=\"ftps\"", 0);
}

#[test]
fn who_says_nothing_under_implicit_tls_is_a_probe_and_no_failure() {
    let server = Server::start();
    let is = |name: &str, label: &str, value: u64| reaches(&server, name, label, value);
    drop(TcpStream::connect(server.ftps()).unwrap());
    is("flotilla_probe_connections_total", "kind=\"silent\"", 1);
    let mut garbage = TcpStream::connect(server.ftps()).unwrap();
    garbage.write_all(b"USER alice\r\n").unwrap();
    is("flotilla_tls_failed_total", "reason=\"tls\"", 1);
    is("flotilla_tls_failed_total", "", 1);
    is("flotilla_probe_connections_total", "", 1);
}

/// Once, whatever the protocol; and what a scanner says on the port of SSH is not nothing.
#[test]
fn a_probe_is_counted_once() {
    let server = Server::builder()
        .ssh()
        .set("ingress.mode", "balanced")
        .set("ingress.proxy_protocol", "any")
        .set("ingress.balancers", ["127.0.0.0/8"])
        .start();
    let is = |name: &str, label: &str, value: u64| reaches(&server, name, label, value);
    for address in [server.ftp(), server.ftps(), server.ssh()] {
        let mut probe = TcpStream::connect(address).unwrap();
        probe.write_all(b"PROXY UNKNOWN\r\n").unwrap();
    }
    is("flotilla_probe_connections_total", "kind=\"local\"", 3);
    is("flotilla_session_starts_total", "", 3);
    is("flotilla_sessions", "", 0);
    assert_eq!(server.metric_where("flotilla_probe_connections_total", "kind=\"silent\""), 0);
    let mut scanner = TcpStream::connect(server.ssh()).unwrap();
    scanner.write_all(b"PROXY TCP4 127.0.0.9 127.0.0.1 4000 22\r\n\x03\0\0").unwrap();
    is("flotilla_session_starts_total", "protocol=\"ssh\"", 2);
    drop(scanner);
    is("flotilla_sessions", "", 0);
    assert_eq!(server.metric_where("flotilla_probe_connections_total", "kind=\"silent\""), 0);
    let mut silent = TcpStream::connect(server.ssh()).unwrap();
    silent.write_all(b"PROXY TCP4 127.0.0.9 127.0.0.1 4000 22\r\n").unwrap();
    drop(silent);
    is("flotilla_probe_connections_total", "kind=\"silent\"", 1);
}

#[test]
fn names_and_paths_of_clients_make_no_series() {
    const COUNT: usize = 10_000;
    let server = Server::builder().set("limits.ban_after", 0).start();
    let mut inside = server.login();
    let before = series(&server);
    let ask_all = |wire: &mut Wire, line: &dyn Fn(usize) -> String| {
        for batch in (0..COUNT).collect::<Vec<_>>().chunks(100) {
            let lines: String = batch.iter().map(|number| line(*number) + "\r\n").collect();
            wire.send_raw(lines);
            batch.iter().for_each(|_| drop(wire.reply()));
        }
    };
    ask_all(&mut inside, &|number| format!("SIZE folder{number}/file{number}"));
    ask_all(&mut inside, &|number| format!("X{number}"));
    let mut outside = server.connect();
    ask_all(&mut outside, &|number| format!("USER user{number}"));
    for number in 0..3 {
        let mut wire = server.connect();
        wire.ask(format!("USER stranger{number}"), 331);
        wire.ask(format!("PASS {PASSWORD}"), 530);
    }
    reaches(&server, "flotilla_ftp_commands_total", "verb=\"SIZE\",class=\"5xx\"", COUNT as u64);
    reaches(&server, "flotilla_ftp_commands_total", "verb=\"other\"", COUNT as u64);
    assert_eq!(series(&server), before);
}

#[test]
fn the_form_is_the_one_that_was_asked_for() {
    let server = Server::start();
    let page = |accept: &str| {
        let mut tcp = TcpStream::connect(server.health()).unwrap();
        tcp.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        write!(tcp, "GET /metrics HTTP/1.1\r\nHost: a\r\n{accept}Connection: close\r\n\r\n")
            .unwrap();
        let mut text = String::new();
        tcp.read_to_string(&mut text).unwrap();
        text
    };
    let open = page("Accept: application/openmetrics-text;version=1.0.0,text/plain;q=0.5\r\n");
    assert!(open.contains("content-type: application/openmetrics-text; version=1.0.0"), "{open}");
    assert!(open.ends_with("# EOF\n"));
    assert!(open.contains("# TYPE flotilla_transfers counter\n"));
    let plain = page("");
    assert!(plain.contains("content-type: text/plain; version=0.0.4"), "{plain}");
    assert!(plain.contains("# TYPE flotilla_transfers_total counter\n"));
    assert!(!plain.contains("# EOF") && !plain.contains("# UNIT"));
}

#[test]
fn the_users_who_move_the_most_are_shown_if_asked_for() {
    let server = Server::builder().set("telemetry.top_users", 1).file("a", "content").start();
    let mut wire = server.login();
    wire.fetch("a");
    wire.store("b", b"four");
    let of = |direction: &str| format!("user=\"alice\",direction=\"{direction}\"");
    reaches(&server, "flotilla_user_transfer_bytes", &of("download"), 7);
    reaches(&server, "flotilla_user_transfer_bytes", &of("upload"), 4);
}
