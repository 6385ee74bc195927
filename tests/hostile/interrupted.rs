//! Clients that die in mid-transfer (design, section 8): what was uploaded is kept for its owner,
//! who resumes it; nobody else sees it.

use std::net::Shutdown;

use flotilla_tests::content::{Content, assert_same};
use flotilla_tests::{Server, User, Wire, wait};

/// Sends the first part of an upload and dies; returns when the upload is over. What is kept of it is
/// settled by then.
fn die_in_mid_upload(server: &Server, path: &str, part: &[u8]) -> u64 {
    let mut wire = server.login();
    let mut data = wire.begin(format!("STOR {path}"));
    data.write(part).unwrap();
    data.reset();
    wire.reset();
    // Its owner sees an upload while it is under way, too: the size is final when the transfer is
    // over.
    wait::until("the end of the transfer", || {
        let log = server.log();
        log.lines()
            .any(|line| line.contains("transfer ended") && line.contains("upload"))
            .then_some(())
    });
    server.login().size(path)
}

/// The owner sees the true size and goes on from there with REST and STOR.
#[test]
fn the_owner_resumes() {
    let bytes = Content::new(6).bytes(2_000_000);
    let server = Server::start();
    let size = die_in_mid_upload(&server, "big", &bytes[..1_200_000]);
    assert!(size <= 1_200_000);
    let mut wire = server.login();
    assert!(wire.ask("MLST big", 250).text().contains(&format!("size={size};")));
    wire.ask("MDTM big", 213);
    wire.ask(format!("REST {size}"), 350);
    wire.store("big", &bytes[size as usize..]);
    assert_same("resumed", &wire.fetch("big"), &bytes);
    assert_same("on disk", &std::fs::read(server.file("big")).unwrap(), &bytes);
    assert_eq!(std::fs::read_dir(server.file("")).unwrap().count(), 1, "a partial file is left");
}

/// Or with APPE.
#[test]
fn the_owner_appends() {
    let bytes = Content::new(7).bytes(1_000_000);
    let server = Server::start();
    let size = die_in_mid_upload(&server, "d with space", &bytes[..700_000]);
    let mut wire = server.login();
    wire.transmit("APPE d with space", &bytes[size as usize..]);
    assert_same("appended", &wire.fetch("d with space"), &bytes);
}

/// Under TLS every byte that was sent before the end is kept: the end without an alert is no end.
#[test]
fn every_byte_is_kept_under_tls() {
    let bytes = Content::new(8).bytes(500_000);
    let server = Server::start();
    let mut wire = server.login_tls(&server.tls());
    let mut data = wire.begin("STOR big");
    data.write(&bytes).unwrap();
    data.stream().tcp().shutdown(Shutdown::Write).unwrap();
    wire.expect_any(&[426, 451]);
    assert_eq!(wire.size("big"), 500_000);
    assert!(!server.file("big").exists());
}

/// ABOR keeps what came as well.
#[test]
fn an_aborted_upload_is_kept() {
    let server = Server::start();
    let mut wire = server.login();
    let mut data = wire.begin("STOR big");
    data.write(&[1; 300_000]).unwrap();
    wire.send("ABOR");
    wire.expect(426);
    wire.expect_any(&[225, 226]);
    assert!(wire.size("big") <= 300_000);
    assert!(!server.file("big").exists());
}

/// With the final reply the upload is over: what is kept of it can be deleted, and is gone then.
#[test]
fn an_upload_ends_with_its_final_reply() {
    let server = Server::start();
    let mut wire = server.login();
    for round in 0..30 {
        let mut data = wire.begin("STOR big");
        data.write(&[1; 100_000]).unwrap();
        if round % 2 == 0 {
            data.reset();
            wire.expect_any(&[426, 451]);
            wire.ask("DELE big", 250);
        } else {
            wire.send("ABOR");
            wire.expect(426);
            wire.expect_any(&[225, 226]);
            // 550: it ended before its first byte was written.
            wire.ask_any("DELE big", &[250, 550]);
        }
        wire.ask("SIZE big", 550);
        assert_eq!(std::fs::read_dir(server.file("")).unwrap().count(), 0);
    }
}

/// Nobody else sees it: not under its name, not in a listing, not by its temporary name.
#[test]
fn nobody_else_sees_it() {
    let server = Server::builder().user(User::new("bob")).start();
    die_in_mid_upload(&server, "big", &[1; 100_000]);
    let mut bob = server.login_as("bob");
    bob.ask("SIZE big", 550);
    bob.ask("MLST big", 550);
    for command in ["LIST -a", "NLST -a", "MLSD", "LIST"] {
        let lines = bob.list(command);
        let strange: Vec<_> = lines
            .iter()
            .filter(|line| {
                !line.contains("type=cdir")
                    && !line.contains("type=pdir")
                    && !line.ends_with(" .")
                    && !line.ends_with(" ..")
                    && *line != "."
                    && *line != ".."
            })
            .collect();
        assert!(strange.is_empty(), "{command}: {strange:?}");
    }
    let data = bob.open();
    bob.ask("RETR big", 550);
    drop(data);
    // Whatever it is called on the disk, bob can not name it.
    for entry in std::fs::read_dir(server.file("")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        bob.ask_any(format!("SIZE {name}"), &[550, 553]);
        bob.ask_any(format!("DELE {name}"), &[550, 553]);
    }
    // And bob's own file of that name is not mixed up with alice's bytes.
    bob.store("big", b"bob's");
    assert_eq!(server.login().fetch("big"), b"bob's");
}

/// A published file hides the partial one; STOR from the start gives the partial one up.
#[test]
fn a_new_upload_starts_over() {
    let server = Server::start();
    die_in_mid_upload(&server, "big", &[1; 100_000]);
    let mut wire = server.login();
    wire.store("big", b"anew");
    assert_eq!(wire.fetch("big"), b"anew");
    wire.ask("DELE big", 250);
    wire.ask("SIZE big", 550);
}

/// The owner may delete it.
#[test]
fn the_owner_deletes_it() {
    let server = Server::start();
    die_in_mid_upload(&server, "big", &[1; 100_000]);
    let mut wire = server.login();
    wire.ask("DELE big", 250);
    assert_eq!(std::fs::read_dir(server.file("")).unwrap().count(), 0);
    wire.ask("SIZE big", 550);
}

/// `storage.on_abort`: "delete" keeps nothing, "publish" shows what came under its name.
#[test]
fn what_becomes_of_it_is_configured() {
    let server = Server::builder().set("storage.on_abort", "publish").start();
    let size = die_in_mid_upload(&server, "big", &[1; 100_000]);
    assert_eq!(std::fs::metadata(server.file("big")).unwrap().len(), size);

    let server = Server::builder().set("storage.on_abort", "delete").start();
    let mut wire: Wire = server.login();
    let mut data = wire.begin("STOR big");
    data.write(&[1; 100_000]).unwrap();
    data.reset();
    wire.expect_any(&[426, 451]);
    wire.ask("SIZE big", 550);
    assert_eq!(std::fs::read_dir(server.file("")).unwrap().count(), 0);
}

/// The server itself is killed in mid-upload: after its return the owner resumes.
#[test]
fn a_killed_server_keeps_it_too() {
    let bytes = Content::new(9).bytes(1_000_000);
    let mut server = Server::start();
    let mut wire = server.login_tls(&server.tls());
    let mut data = wire.begin("STOR big");
    data.write(&bytes[..600_000]).unwrap();
    // STAT is answered when the transfer is under way; what was written by then is somewhere.
    wire.ask_any("STAT", &[211, 213]);
    server.signal(rustix::process::Signal::KILL);
    server.wait(flotilla_tests::DEADLINE);
    server.start_again();
    assert!(!server.file("big").exists(), "half a file was published");
    let mut wire = server.login();
    wire.send("SIZE big");
    let reply = wire.expect_any(&[213, 550]);
    let size: u64 = if reply.code == 213 { reply.rest().trim().parse().unwrap() } else { 0 };
    wire.ask(format!("REST {size}"), 350);
    wire.store("big", &bytes[size as usize..]);
    assert_same("resumed", &wire.fetch("big"), &bytes);
}
