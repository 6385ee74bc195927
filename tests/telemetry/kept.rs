//! What is sent although nothing is sampled.

use flotilla_tests::{DEADLINE, Server, skipped};
use rustix::process::Signal;

use crate::receiver::Receiver;

/// A transfer that the storage fails arrives, with the root of its session; those that succeed do not.
#[test]
fn a_transfer_that_fails_is_kept() {
    let receiver = Receiver::start();
    let builder = Server::builder()
        .set("telemetry.otlp_endpoint", format!("http://{}", receiver.grpc()))
        .set("telemetry.otlp_protocol", "grpc")
        .set("telemetry.sample", 0)
        .set("storage.reserve", "0");
    let Some(mut server) = builder.start_on_small_disk() else {
        return skipped("full disks: this user may make no mount namespace");
    };
    let works = |name: &str| {
        let mut wire = server.login();
        wire.store(name, b"content");
        wire.fetch(name);
        wire.ask("QUIT", 221);
    };
    (0..10).for_each(|number| works(&format!("before-{number}")));
    let mut wire = server.login();
    wire.store("fits", b"content");
    let data = wire.begin("STOR large");
    let _ = data.finish(&vec![1; 32 << 20]);
    wire.expect_any(&[452, 552]);
    // What was kept of it may fill the disk.
    wire.ask_any("DELE large", &[250, 550]);
    wire.ask("QUIT", 221);
    (0..10).for_each(|number| works(&format!("after-{number}")));
    // All that waits is sent at the end.
    server.signal(Signal::TERM);
    assert_eq!(server.wait(DEADLINE), Some(0));
    let spans = receiver.spans();
    let failed = |name: &str| {
        spans.iter().find(|span| {
            let path = span.attributes.get("file.path").and_then(|path| path.as_str());
            span.failed && path.is_some_and(|path| path.ends_with(name))
        })
    };
    let Some(transfer) = failed("/large") else { panic!("no failed transfer in {spans:#?}") };
    assert_eq!(transfer.attributes["error.type"], "no_space");
    let root = spans.iter().find(|span| span.id == transfer.parent);
    let root = root.unwrap_or_else(|| panic!("no root in {spans:#?}"));
    assert_eq!((root.name.as_str(), root.parent.as_str()), ("ftp session", ""));
    assert_eq!(root.attributes["user.name"], "alice");
    for span in &spans {
        assert_eq!(span.trace, root.trace, "only that session is kept: {span:#?}");
        // The parts of what failed are, too.
        let is_kept = span.id == root.id || span.failed || span.parent == transfer.id;
        assert!(is_kept, "only what failed is kept: {span:#?}");
    }
}
