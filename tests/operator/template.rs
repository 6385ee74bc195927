//! `flotilla gen cloudformation`: AWS's own rules for templates are kept (cfn-lint), and what an instance does when it
//! starts makes a node of it.

use std::path::Path;

use flotilla_tests::{Folder, Program};
use serde_json::Value;

/// Fleets of each kind.
const FLEETS: &[&[&str]] = &[
    &["--front", "dns"],
    &["--front", "dns", "--zones", "6", "--set", "aws.security_groups=false"],
    &["--front", "nlb", "--set", "ftp.listen=0.0.0.0:21", "--set", "ssh.listen=0.0.0.0:22"],
    &["--front", "nlb", "--set", "aws.security_groups=false", "--zones", "3"],
    &["--set", "ingress.mode=balanced"],
    &[
        "--set",
        "tls.certificate=chain.pem",
        "--set",
        "tls.key=key.pem",
        "--set",
        "ssh.host_keys=a,b",
    ],
];

fn generated(flags: &[&str]) -> String {
    Program::flotilla().args(["gen", "cloudformation"]).args(flags).succeed().stdout
}

fn lint() -> Program {
    let main = "import sys; from cfnlint.runner import main; sys.exit(main())";
    Program::python().args(["-c", main])
}

#[test]
fn templates_are_valid() {
    let folder = Folder::new();
    let files: Vec<_> = FLEETS
        .iter()
        .enumerate()
        .map(|(number, flags)| folder.write(format!("{number}.json"), generated(flags)))
        .collect();
    let said = lint().args(["--regions", "eu-central-1", "us-east-1", "--"]).args(&files).run();
    assert!(said.code == Some(0) && said.stdout.is_empty(), "{said}");
    // It finds what is wrong.
    let wrong = generated(FLEETS[0]).replace("\"MaxSize\": {", "\"MostSize\": {");
    let wrong = folder.write("wrong.json", wrong);
    let said = lint().arg("--").arg(wrong).run();
    assert!(said.code != Some(0) && said.stdout.contains("MaxSize"), "{said}");
}

/// The script of an instance, with what CloudFormation puts into it.
fn script(flags: &[&str], folder: &Folder, sha256: &str) -> String {
    let template: Value = serde_json::from_str(&generated(flags)).unwrap();
    let machine = &template["Resources"]["Machine"]["Properties"]["LaunchTemplateData"];
    let mut script = machine["UserData"]["Fn::Base64"]["Fn::Sub"].as_str().unwrap().to_owned();
    for (name, value) in [
        ("AWS::Region", "eu-central-1"),
        ("AWS::StackName", "fleet"),
        ("Program", "s3://bucket/flotilla"),
        ("ProgramSha256", sha256),
        ("PoolSecret", "arn:aws:secretsmanager:eu-central-1:123456789012:secret:pool"),
        ("StorePassword", "arn:aws:secretsmanager:eu-central-1:123456789012:secret:store"),
        ("Store.PrimaryEndPoint.Address", "store.example.org"),
        ("Files", "fs-0123"),
        ("Address1", "192.0.2.1"),
        ("Address2", "192.0.2.2"),
    ] {
        script = script.replace(&format!("${{{name}}}"), value);
    }
    let left = script.replace("${!", "");
    assert!(!left.contains("${"), "{left}");
    // All of it happens in a folder, and by whoever runs the tests.
    for place in ["/etc/", "/srv/", "/var/", "/usr/local/", "/opt/"] {
        script = script.replace(place, &format!("@ROOT@{place}"));
    }
    let script = script.replace("@ROOT@", &folder.path().display().to_string());
    script.replace("${!", "${").replace("-o flotilla -g flotilla ", "")
}

/// What an instance has: each tells what it was asked for, and does what the script needs.
fn tools(folder: &Folder) -> std::path::PathBuf {
    let log = folder.join("log");
    let tools = folder.join("tools");
    for place in ["tools", "etc/sysctl.d", "etc/systemd/system", "usr/local/bin", "opt/aws/bin"] {
        std::fs::create_dir_all(folder.join(place)).unwrap();
    }
    let tell = format!("#!/bin/sh\necho \"${{0##*/}} $*\" >>'{}'\n", log.display());
    for name in ["groupadd", "useradd", "sysctl", "dnf", "mount", "systemctl", "sleep"] {
        executable(&tools.join(name), &tell);
    }
    executable(&folder.join("opt/aws/bin/cfn-signal"), &tell);
    let program = PROGRAM.replace("{log}", &log.display().to_string());
    let aws = format!(
        "{tell}case \"$1\" in\ns3) cat >\"$5\" <<'END'\n{program}END\n;;\n\
         secretsmanager) echo 0123456789abcdef0123456789abcdef0123456789 ;;\nesac\n"
    );
    executable(&tools.join("aws"), &aws);
    tools
}

fn executable(path: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

/// Runs the start of an instance, and returns what its tools were asked for.
fn start(flags: &[&str], folder: &Folder, sha256: Option<&str>) -> (Option<i32>, Vec<String>) {
    let tools = tools(folder);
    let program = PROGRAM.replace("{log}", &folder.join("log").display().to_string());
    let own = Program::new("sha256sum").stdin(program).succeed().stdout;
    let own = own.split_whitespace().next().unwrap();
    let script = script(flags, folder, sha256.unwrap_or(own));
    Program::new("sh").arg("-n").stdin(script.clone()).succeed();
    let path = format!("{}:{}", tools.display(), std::env::var("PATH").unwrap());
    let said = Program::new("sh").env("PATH", path).arg(folder.write("start", script)).run();
    let log = std::fs::read_to_string(folder.join("log")).unwrap();
    (said.code, log.lines().map(ToOwned::to_owned).collect())
}

/// The node's configuration is one that the program takes, with secrets that only it can read.
#[test]
fn an_instance_becomes_a_node() {
    for flags in FLEETS.iter().filter(|flags| !flags.contains(&"tls.key=key.pem")) {
        if flags.contains(&"--zones") {
            continue;
        }
        let folder = Folder::new();
        let (code, log) = start(flags, &folder, None);
        assert_eq!(code, Some(0), "{log:#?}");
        let last = "cfn-signal --exit-code 0 --stack fleet --resource Fleet --region eu-central-1";
        assert_eq!(log.last().map(String::as_str), Some(last), "{log:#?}");
        for line in ["systemctl enable --now flotilla.service", "flotilla ping"] {
            assert!(log.iter().any(|of| of == line), "{line}: {log:#?}");
        }
        let moves = log.iter().any(|of| of == "systemctl disable --now sshd.service");
        assert_eq!(moves, flags.contains(&"ssh.listen=0.0.0.0:22"), "{log:#?}");
        let file = folder.join("etc/flotilla/flotilla.toml");
        Program::flotilla().arg("check").arg("--config").arg(&file).succeed();
        let fstab = std::fs::read_to_string(folder.join("etc/fstab")).unwrap();
        assert!(fstab.starts_with("fs-0123:/ "), "{fstab}");
        let unit = folder.join("etc/systemd/system/flotilla.service");
        let unit = std::fs::read_to_string(unit).unwrap();
        assert!(unit.contains("ExecReload=/bin/kill -HUP $MAINPID"), "{unit}");
    }
}

/// A program that is not the one that was meant is not run, and the stack hears of it.
#[test]
fn another_program_is_not_taken() {
    let folder = Folder::new();
    let (code, log) = start(FLEETS[0], &folder, Some(&"0".repeat(64)));
    assert_ne!(code, Some(0), "{log:#?}");
    let last = log.last().unwrap();
    assert!(last.starts_with("cfn-signal --exit-code 1 "), "{log:#?}");
    assert!(!log.iter().any(|line| line.starts_with("flotilla")), "{log:#?}");
}

/// In place of the server: what is checked is that it is fetched, and asked whether it serves.
const PROGRAM: &str = "#!/bin/sh\necho \"flotilla $*\" >>'{log}'\n";
