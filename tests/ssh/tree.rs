//! Other people's programs over SFTP: lftp, rclone, sshfs.

use std::path::Path;

use flotilla_tests::content::Content;
use flotilla_tests::ssh::ASKPASS;
use flotilla_tests::{PASSWORD, Program, Server, Ssh, skipped};

/// A tree with names that need care.
fn fill(folder: &Path) {
    std::fs::create_dir_all(folder.join("sub/deep")).unwrap();
    for (number, name) in ["big.bin", "two words", "grüße 日本.txt", "empty"].iter().enumerate()
    {
        let length = [3 << 20, 70_000, 1234, 0][number];
        Content::new(number as u64 + 1).write(&folder.join(name), length);
        Content::new(number as u64 + 9).write(&folder.join("sub/deep").join(name), length / 3);
    }
    for number in 0..100 {
        std::fs::write(folder.join(format!("sub/{number}")), number.to_string()).unwrap();
    }
}

#[track_caller]
fn assert_equal(one: &Path, two: &Path) {
    Program::new("diff").arg("-r").arg(one).arg(two).succeed();
}

/// lftp: mirror both ways, and what it does to single files.
#[test]
fn lftp() {
    let server = Server::start_ssh();
    let ssh = Ssh::new(&server);
    fill(&ssh.join("mine"));
    let lftp = |commands: &str| {
        let connect = format!(
            "set sftp:auto-confirm yes; set cmd:fail-exit yes; set net:max-retries 1; set net:timeout 30; \
             set sftp:connect-program \"ssh -a -x -F {}\"; open -u alice,{PASSWORD} sftp://node; {commands}",
            ssh.config_file().display()
        );
        Program::new("lftp")
            .env("HOME", ssh.folder().path())
            .args(["--norc", "-c"])
            .arg(connect)
            .within(ssh.folder().path())
    };
    lftp("mirror -R --parallel=3 mine there").succeed();
    assert_equal(&ssh.join("mine"), &server.file("there"));
    lftp("mirror --parallel=3 there back").succeed();
    assert_equal(&ssh.join("mine"), &ssh.join("back"));
    let listed = lftp("cls -1 there").succeed().stdout;
    assert!(listed.lines().any(|line| line == "there/two words"), "{listed}");
    let big = std::fs::read(ssh.join("mine/big.bin")).unwrap();
    std::fs::write(ssh.join("back/big.bin"), &big[..1_000_000]).unwrap();
    std::fs::write(server.file("half"), &big[..1_500_000]).unwrap();
    lftp("get -c there/big.bin -o back/big.bin; put -c mine/big.bin -o half").succeed();
    assert!(std::fs::read(ssh.join("back/big.bin")).unwrap() == big);
    assert!(std::fs::read(server.file("half")).unwrap() == big);
    lftp("pget -n 4 there/big.bin -o pieces").succeed();
    assert!(std::fs::read(ssh.join("pieces")).unwrap() == big);
    lftp("mv half whole; mkdir m; rmdir m; chmod 600 whole; rm whole; rm -r there").succeed();
    assert_eq!(std::fs::read_dir(server.file("")).unwrap().count(), 0);
}

fn rclone(server: &Server, ssh: &Ssh, arguments: &[&str]) -> Program {
    let hidden = Program::new("rclone").args(["obscure", PASSWORD]).succeed().stdout;
    let address = server.ssh();
    Program::new("rclone")
        .env("HOME", ssh.folder().path())
        .within(ssh.folder().path())
        .args(["--config", "/dev/null", "--retries", "1", "--low-level-retries", "1"])
        .args(arguments)
        .env("RCLONE_CONFIG_THERE_TYPE", "sftp")
        .env("RCLONE_CONFIG_THERE_HOST", address.ip().to_string())
        .env("RCLONE_CONFIG_THERE_PORT", address.port().to_string())
        .env("RCLONE_CONFIG_THERE_USER", "alice")
        .env("RCLONE_CONFIG_THERE_PASS", hidden.trim())
}

/// rclone: copies, compares by the hashes of the server, arranges.
#[test]
fn rclone_copies_and_checks() {
    let server = Server::start_ssh();
    let ssh = Ssh::new(&server);
    fill(&ssh.join("mine"));
    let run = |arguments: &[&str]| rclone(&server, &ssh, arguments).succeed();
    run(&["copy", "mine", "there:put"]);
    assert_equal(&ssh.join("mine"), &server.file("put"));
    run(&["copy", "there:put", "got"]);
    assert_equal(&ssh.join("mine"), &ssh.join("got"));
    let said = run(&["check", "-v", "mine", "there:put"]);
    // By hashes, of which none was missing.
    assert!(said.stderr.contains("0 differences found"), "{said}");
    assert!(!said.stderr.contains("hashes could not be checked"), "{said}");
    for program in ["md5sum", "sha1sum"] {
        // It looks once for what the server can do; several that look at once confuse it.
        let ours = run(&["--transfers", "1", program, "there:put/sub/deep"]).stdout;
        let theirs = run(&[program, "mine/sub/deep"]).stdout;
        let sorted = |text: &str| {
            let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
            lines.sort();
            lines
        };
        assert_eq!(sorted(&ours), sorted(&theirs));
    }
    std::fs::write(server.file("put/two words"), vec![0; 70_000]).unwrap();
    let said = rclone(&server, &ssh, &["check", "mine", "there:put"]).exit(1);
    assert!(said.stderr.contains("1 differences found"), "{said}");
    run(&["sync", "--checksum", "mine", "there:put"]);
    assert_equal(&ssh.join("mine"), &server.file("put"));
    run(&["moveto", "there:put/big.bin", "there:renamed here.bin"]);
    run(&["deletefile", "there:renamed here.bin"]);
    run(&["mkdir", "there:made"]);
    run(&["rmdir", "there:made"]);
    let said = run(&["about", "there:"]);
    assert!(said.stdout.contains("Total:"), "{said}");
    run(&["purge", "there:put"]);
    assert_eq!(std::fs::read_dir(server.file("")).unwrap().count(), 0);
}

/// sshfs, where the machine lets a test mount.
#[test]
fn sshfs() {
    let server = Server::start_ssh();
    let ssh = Ssh::new(&server);
    fill(&ssh.join("mine"));
    let point = ssh.join("mounted");
    std::fs::create_dir(&point).unwrap();
    let mount = Program::new("sshfs")
        .env("HOME", ssh.folder().path())
        .env("SSH_ASKPASS", ASKPASS)
        .env("SSH_ASKPASS_REQUIRE", "force")
        .env("FLOTILLA_ANSWER", PASSWORD)
        .arg("-F")
        .arg(ssh.config_file())
        .args(["node:/", &point.display().to_string()]);
    let said = mount.run();
    if said.code != Some(0) {
        assert!(said.stderr.contains("fuse"), "{said}");
        skipped(&format!("sshfs: {}", said.stderr.trim()));
        return;
    }
    let mounted = Mounted(&point);
    Program::new("cp").args(["-r", "mine", "mounted/there"]).within(ssh.folder().path()).succeed();
    assert_equal(&ssh.join("mine"), &server.file("there"));
    assert_equal(&ssh.join("mine"), &point.join("there"));
    let file = point.join("there/two words");
    std::fs::OpenOptions::new()
        .append(true)
        .open(&file)
        .and_then(|mut file| std::io::Write::write_all(&mut file, b"more"))
        .unwrap();
    std::fs::rename(&file, point.join("moved")).unwrap();
    assert!(std::fs::read(server.file("moved")).unwrap().ends_with(b"more"));
    std::os::unix::fs::symlink("moved", point.join("link")).unwrap();
    assert!(std::fs::read(point.join("link")).unwrap().ends_with(b"more"));
    std::fs::remove_dir_all(point.join("there")).unwrap();
    assert!(!server.file("there").exists());
    drop(mounted);
}

/// Unmounted in the end, whatever happens.
struct Mounted<'a>(&'a Path);

impl Drop for Mounted<'_> {
    fn drop(&mut self) {
        let _ = Program::new("fusermount3").arg("-u").arg(self.0).run();
    }
}
