//! RFC 2428: EPSV and EPRT, for IPv6 and for address translators.

use std::net::{SocketAddr, TcpListener};

use flotilla_tests::{Data, Server, Wire, wire};

/// 3: EPSV answers 229 with a port alone, in the form `(|||port|)`.
#[test]
fn extended_passive_tells_a_port() {
    let server = Server::builder().file("a", "content").start();
    let mut wire = server.login();
    for command in ["EPSV", "EPSV 1"] {
        let reply = wire.ask(command, 229);
        let port = wire::parse_229(&reply.text()).expect("(|||port|)");
        let data = Data::connect((server.address(), port).into()).unwrap();
        wire.send("RETR a");
        wire.expect(150);
        assert_eq!(data.read_all().unwrap(), b"content");
        wire.expect(226);
    }
}

/// 3: a family that this connection has not is 522, with those that it has.
#[test]
fn another_family_is_refused() {
    let server = Server::start();
    let mut wire = server.login();
    assert!(wire.ask("EPSV 2", 522).text().contains("(1)"));
    wire.ask("EPSV 3", 522);
    wire.ask("EPSV x", 501);
}

/// 4: after EPSV ALL only EPSV is taken.
#[test]
fn epsv_all_excludes_the_others() {
    let server = Server::builder().file("a", "x").start();
    let mut wire = server.login();
    wire.ask("EPSV ALL", 200);
    for command in ["PASV", "PORT 127,0,0,1,200,200", "EPRT |1|127.0.0.1|51400|"] {
        let reply = {
            wire.send(command);
            wire.reply()
        };
        assert!((500..600).contains(&reply.code), "{command}: {reply:?}");
    }
    assert_eq!(wire.fetch("a"), b"x");
}

/// 2: EPRT is 200, then the server comes.
#[test]
fn extended_port_is_connected_to() {
    let server = Server::builder().file("a", "content").start();
    let mut wire = server.login();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    for delimiter in ['|', '!'] {
        let d = delimiter;
        wire.ask(format!("EPRT {d}1{d}127.0.0.1{d}{port}{d}"), 200);
        wire.send("RETR a");
        wire.expect(150);
        assert_eq!(Data::accept(&listener).read_all().unwrap(), b"content");
        wire.expect(226);
    }
}

/// 2: an unknown family is 522 with the known ones, a wrong form 501.
#[test]
fn extended_port_is_checked() {
    let server = Server::start();
    let mut wire = server.login();
    assert!(wire.ask("EPRT |3|127.0.0.1|40000|", 522).text().contains('('));
    for command in [
        "EPRT",
        "EPRT 127.0.0.1",
        "EPRT |1|127.0.0.1|40000",
        "EPRT |1|127.0.0.1|70000|",
        "EPRT |1|::1|40000|",
        "EPRT |1|localhost|40000|",
    ] {
        wire.ask_any(command, &[501, 522]);
    }
}

/// The same over IPv6, where PASV can not answer.
#[test]
fn ipv6_is_served() {
    if TcpListener::bind("[::1]:0").is_err() {
        eprintln!("this machine has no IPv6: nothing to test");
        return;
    }
    let server = Server::builder().set("ftp.listen", ["[::1]:0"]).file("a", "content").start();
    let mut wire = server.login();
    assert!(server.ftp().is_ipv6());
    assert_eq!(wire.fetch("a"), b"content");
    assert!(wire.ask("EPSV 1", 522).text().contains("(2)"));
    let reply = {
        wire.send("PASV");
        wire.reply()
    };
    assert!((400..600).contains(&reply.code), "{reply:?}");
    active(&mut wire, "[::1]:0".parse().unwrap());
}

fn active(wire: &mut Wire, local: SocketAddr) {
    let listener = TcpListener::bind(local).unwrap();
    let port = listener.local_addr().unwrap().port();
    wire.ask(format!("EPRT |2|::1|{port}|"), 200);
    wire.send("RETR a");
    wire.expect(150);
    assert_eq!(Data::accept(&listener).read_all().unwrap(), b"content");
    wire.expect(226);
}
