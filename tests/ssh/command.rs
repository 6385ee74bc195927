//! What a channel may run besides SFTP and SCP: digests. And what it may not.

use flotilla_tests::content::Content;
use flotilla_tests::{Program, Server, Ssh};

/// `md5sum` and its kin, as those who check uploads run them.
#[test]
fn digests_are_those_of_the_real_programs() {
    let bytes = Content::new(1).bytes(3_000_000);
    let server = Server::builder()
        .ssh()
        .file("big", &bytes)
        .file("sub/two words", "x")
        .file("e", "")
        .start();
    let ssh = Ssh::new(&server);
    for program in ["md5sum", "sha1sum", "sha256sum", "sha512sum"] {
        let ours = ssh.ssh().args([&format!("{program} big 'sub/two words' e")]).succeed();
        let theirs = Program::new(program)
            .args(["big", "sub/two words", "e"])
            .within(&server.file(""))
            .succeed();
        assert_eq!(ours.stdout, theirs.stdout);
        // Patterns, and the channel's own input.
        let ours = ssh.ssh().arg(format!("{program} b* s*/*")).succeed();
        assert_eq!(ours.stdout.lines().count(), 2, "{ours}");
        let ours = ssh.ssh().arg(program).stdin("some text").succeed();
        let theirs = Program::new(program).stdin("some text").succeed();
        assert_eq!(ours.stdout, theirs.stdout);
    }
    let said = ssh.ssh().arg("md5sum big missing").exit(1);
    assert_eq!(said.stdout.lines().count(), 1, "{said}");
    assert!(said.stderr.contains("missing"), "{said}");
    for outside in ["/etc/passwd", "../../../etc/passwd", "/proc/self/environ"] {
        let said = ssh.ssh().arg(format!("md5sum {outside}")).exit(1);
        assert_eq!(said.stdout, "", "{said}");
    }
}

/// Everything else is refused in words.
#[test]
fn no_other_command_runs() {
    let server = Server::builder().ssh().file("a", "content").start();
    let ssh = Ssh::new(&server);
    for command in ["id", "ls", "/bin/sh", "cat a", "sh -c id", "rsync --server", "internal-sftp"] {
        let said = ssh.ssh().arg(command).exit(127);
        assert_eq!(said.stdout, "", "{said}");
        assert!(said.stderr.contains("only scp and hash commands"), "{said}");
    }
    for command in ["md5sum a; id", "md5sum a | sh", "md5sum $(id)", "md5sum `id`", "md5sum a > b"]
    {
        let said = ssh.ssh().arg(command).run();
        assert!(said.code != Some(0) && said.stdout.is_empty(), "{said}");
        assert!(said.stderr.contains("no shell") || said.stderr.contains("only scp"), "{said}");
    }
    assert!(!server.file("b").exists());
    let said = ssh.ssh().run();
    assert!(said.code != Some(0) && said.stdout.is_empty(), "{said}");
    assert!(said.stderr.contains("no shell"), "{said}");
    let said = ssh.ssh_with(&["-tt"]).run();
    assert!(said.code != Some(0), "{said}");
    assert!(said.stderr.contains("PTY allocation request failed"), "{said}");
    let said = ssh.ssh_with(&["-s"]).arg("netconf").run();
    assert!(said.code != Some(0) && said.stderr.contains("subsystem request failed"), "{said}");
}

/// The environment of a client is not taken.
#[test]
fn the_environment_is_nothing() {
    let server = Server::builder().ssh().file("a", "content").start();
    let ssh = Ssh::new(&server).set("SetEnv", "LD_PRELOAD=/x PATH=/y").set("SendEnv", "LANG");
    ssh.ssh().arg("md5sum a").succeed();
}
