use std::net::TcpListener;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::*;
use crate::auth::Secret;

/// A server for one connection.
fn serve(
    script: impl FnOnce(BufReader<std::net::TcpStream>) + Send + 'static,
) -> (Door, JoinHandle<()>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let script = move || script(BufReader::new(listener.accept().unwrap().0));
    (Door::to(address, Manner::Clear), thread::spawn(script))
}

fn enter(door: &Door, patience: Duration) -> Result<Guest, Trouble> {
    let visitor = Visitor {
        user: "alice".to_owned(),
        password: Secret::new(b"secret".to_vec()),
        address: None,
    };
    Guest::enter(door, None, &visitor, Instant::now() + patience)
}

fn line(stream: &mut BufReader<std::net::TcpStream>) -> String {
    let mut line = String::new();
    stream.read_line(&mut line).unwrap();
    line
}

fn say(stream: &mut BufReader<std::net::TcpStream>, line: &str) {
    stream.get_mut().write_all(line.as_bytes()).unwrap();
}

const LONG: Duration = Duration::from_secs(20);

#[test]
fn who_needs_no_password_says_none() {
    let (door, server) = serve(|mut stream| {
        say(&mut stream, "220-Welcome\r\n220 Ready\r\n");
        assert_eq!(line(&mut stream), "USER alice\r\n");
        say(&mut stream, "230 You are in.\r\n");
        assert_eq!(line(&mut stream), "");
    });
    assert!(enter(&door, LONG).is_ok());
    server.join().unwrap();
}

#[test]
fn a_refusal_is_told_in_the_words_of_the_server() {
    let (door, server) = serve(|mut stream| {
        say(&mut stream, "220 Ready\r\n");
        line(&mut stream);
        say(&mut stream, "331 Password?\r\n");
        assert_eq!(line(&mut stream), "PASS secret\r\n");
        say(&mut stream, "530 No.\r\n");
    });
    let trouble = enter(&door, LONG).err().unwrap();
    assert_eq!(trouble.saw, "PASS is answered with 530 No.");
    server.join().unwrap();
}

/// Each byte comes in time, and the line never ends.
#[test]
fn a_server_that_drips_is_left() {
    let (door, server) = serve(|mut stream| {
        let pause = Some(Duration::from_millis(20));
        stream.get_ref().set_read_timeout(pause).unwrap();
        while stream.get_mut().write_all(b"2").is_ok() {
            // Nothing is ever said to it: this is the pause.
            let _ = stream.get_mut().read(&mut [0]);
        }
    });
    let trouble = enter(&door, Duration::from_millis(300)).err().unwrap();
    assert!(trouble.saw.contains("no greeting"), "{trouble:?}");
    server.join().unwrap();
}

#[test]
fn a_reply_without_an_end_is_left() {
    let (door, server) = serve(|mut stream| {
        let lines = b"220-more\r\n".repeat(64);
        while stream.get_mut().write_all(&lines).is_ok() {}
    });
    let trouble = enter(&door, LONG).err().unwrap();
    assert!(trouble.saw.contains("without an end"), "{trouble:?}");
    server.join().unwrap();
}
