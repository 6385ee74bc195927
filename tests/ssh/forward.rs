//! Forwarding of every kind is refused: the server is no way into the network behind it.

use std::io::Read;
use std::net::{TcpListener, TcpStream};

use flotilla_tests::{DEADLINE, Server, Ssh, wait};

/// `-W`: a connection from the server to somewhere.
#[test]
fn nobody_is_connected_through() {
    let server = Server::start_ssh();
    let target = server.health();
    let ssh = Ssh::new(&server);
    let said = ssh.ssh_with(&["-W", &target.to_string()]).stdin("GET / HTTP/1.0\r\n\r\n").run();
    assert!(said.code != Some(0) && said.stdout.is_empty(), "{said}");
    assert!(said.stderr.contains("forwarding failed"), "{said}");
}

/// `-L` and `-D` open a port at the client that leads nowhere.
#[test]
fn local_ports_lead_nowhere() {
    let server = Server::start_ssh();
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let ssh = Ssh::new(&server);
    let forward = format!("{free}:{}", server.health());
    let log = ssh.join("ssh.log");
    let mut child = ssh.ssh_with(&["-N", "-L", &forward]).start(&log).unwrap();
    let mut tcp = wait::until("the client's port", || TcpStream::connect(free).ok());
    tcp.set_read_timeout(Some(DEADLINE)).unwrap();
    let mut said = Vec::new();
    let _ = tcp.read_to_end(&mut said);
    assert!(said.is_empty(), "{}", said.escape_ascii());
    child.kill().unwrap();
    child.wait().unwrap();
}

/// `-R`: a port at the server.
#[test]
fn the_server_opens_no_port() {
    let server = Server::start_ssh();
    let ssh = Ssh::new(&server).set("ExitOnForwardFailure", "yes");
    let said = ssh.ssh_with(&["-N", "-R", "0:127.0.0.1:9"]).run();
    assert!(said.code == Some(255) && said.stderr.contains("forwarding"), "{said}");
    let said = ssh.ssh_with(&["-N", "-R", "/tmp/no:127.0.0.1:9"]).run();
    assert!(said.code == Some(255) && said.stderr.contains("forwarding"), "{said}");
}

/// Agent, X11, terminals and tunnels are refused, and what is allowed goes on beside them.
#[test]
fn agent_display_and_tunnel_are_refused() {
    let server = Server::builder().ssh().file("a", "content").start();
    let ssh = Ssh::new(&server).set("ForwardAgent", "yes").set("ForwardX11", "yes");
    ssh.ssh_with(&["-A", "-X"]).env("DISPLAY", ":9").arg("md5sum a").succeed();
    let said = ssh.ssh_with(&["-N", "-w", "any:any", "-o", "ExitOnForwardFailure=yes"]).run();
    assert!(said.code != Some(0), "{said}");
}
