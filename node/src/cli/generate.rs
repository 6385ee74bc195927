//! `flotilla gen`: the manual page, shell completions, the systemd unit, rules of a firewall, what watches a fleet
//! and the reference of keys, each from the same source as the program itself.

use std::fmt::Write as _;

use clap::{CommandFactory, Subcommand};
use clap_complete::Shell;
use clap_mangen::Man;

use super::nftables::NftablesArgs;
#[cfg(feature = "aws")]
use super::template::{self, TemplateArgs};
use super::{Cli, ConfigArgs, iam, nftables, print, unit, watch};
use crate::config::{self, MAIN_FILE, Origin};
use crate::error::ServeError;
use crate::metrics;

/// `flotilla gen`.
#[derive(Debug, Subcommand)]
pub enum GenerateVerb {
    /// The manual page, for man(1).
    Man,
    /// Completions of a shell.
    Completion {
        /// Which shell.
        shell: Shell,
    },
    /// A hardened systemd unit for the given configuration.
    Unit(ConfigArgs),
    /// Rules for nft(8): the ports of the given configuration, and who may reach them.
    Nftables(NftablesArgs),
    /// The least policy (IAM) of the nodes' role in AWS for the given configuration.
    Iam(ConfigArgs),
    /// A template of CloudFormation for a fleet of nodes with the given configuration, and all that it needs.
    #[cfg(feature = "aws")]
    Cloudformation(TemplateArgs),
    /// A dashboard for Grafana.
    Grafana,
    /// Rules for Prometheus, which tell somebody when it is time; how long a drain may take is of the given
    /// configuration.
    Alerts(ConfigArgs),
    /// The reference of configuration keys, in Markdown.
    Reference,
    /// The table of all metrics, in Markdown.
    Metrics,
}

/// Writes the file asked for to standard output.
///
/// # Errors
/// A configuration that can not be loaded, or an output that can not be written.
pub fn run(verb: GenerateVerb) -> Result<(), ServeError> {
    match verb {
        GenerateVerb::Man => print(&man()?),
        GenerateVerb::Completion { shell } => {
            let mut text = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "flotilla", &mut text);
            print(&String::from_utf8_lossy(&text))
        }
        GenerateVerb::Unit(mut args) => {
            let (mut config, origins) = args.load()?;
            if *origins.of("node.data_dir") == Origin::Default {
                args.data_dir = Some(STATE_FOLDER.to_owned());
                (config, _) = args.load()?;
            }
            let program = std::env::current_exe().map_err(|error| {
                ServeError::Runtime(format!("can not tell where I am: {error}"))
            })?;
            print(&unit::unit(&program, &args, &config))
        }
        GenerateVerb::Nftables(args) => print(&nftables::text(args)?),
        GenerateVerb::Iam(args) => print(&format!("{:#}\n", iam::policy(&args.load()?.0))),
        #[cfg(feature = "aws")]
        GenerateVerb::Cloudformation(args) => template::run(args),
        GenerateVerb::Grafana => print(&format!("{:#}\n", watch::dashboard())),
        GenerateVerb::Alerts(args) => print(&watch::alerts(&args.load()?.0)),
        GenerateVerb::Reference => print(&reference()),
        GenerateVerb::Metrics => print(&metrics::reference()),
    }
}

/// The manual page: one for all verbs, with the reference of keys.
pub(super) fn man() -> Result<String, ServeError> {
    let mut page = Vec::new();
    let mut command = Cli::command();
    command.build();
    render(&command, &mut page)
        .map_err(|error| ServeError::Runtime(format!("can not write the manual: {error}")))?;
    let mut page = String::from_utf8_lossy(&page).into_owned();
    page.push_str(".SH CONFIGURATION\n");
    let _ = writeln!(
        page,
        "Values come from the defaults, {MAIN_FILE} (or \\-\\-config), conf.d/*.toml beside it, \
         variables FLOTILLA_SECTION__KEY, and flags; the later wins."
    );
    for key in config::keys() {
        let _ = writeln!(page, ".TP\n\\fB{}\\fR = {}", roff(key.name), roff(key.default));
        let _ = writeln!(page, "{}", roff(key.doc));
        let _ = writeln!(page, ".br\nExample: {}", roff(key.example));
    }
    page.push_str(".SH USERS\n");
    page.push_str(&plain(include_str!("../manual/users.md")));
    page.push_str(".SH POOL\n");
    page.push_str(&plain(include_str!("../manual/pool.md")));
    page.push_str(".SH INGRESS\n");
    page.push_str(&plain(include_str!("../manual/ingress.md")));
    page.push_str(".SH AWS\n");
    page.push_str(&plain(include_str!("../manual/aws.md")));
    page.push_str(".SH ADMIN API\n");
    page.push_str(&plain(include_str!("../manual/admin.md")));
    page.push_str(SIGNALS);
    page.push_str(FILES);
    page.push_str(EXIT_CODES);
    Ok(page)
}

/// Markdown of the manual as roff: heads, paragraphs, lists, tables and blocks of code, no more.
fn plain(markdown: &str) -> String {
    let mut text = String::new();
    let mut code = false;
    let mut table = false;
    for line in markdown.lines() {
        if line.starts_with('|') != table && !code {
            table = !table;
            text.push_str(if table { ".nf\n" } else { ".fi\n" });
        }
        if table && line.starts_with("| ---") {
            continue;
        }
        if line.starts_with("```") {
            code = !code;
            text.push_str(if code { ".nf\n" } else { ".fi\n" });
        } else if line.is_empty() {
            text.push_str(".PP\n");
        } else if let Some(head) = line.strip_prefix("## ").filter(|_| !code) {
            let _ = writeln!(text, ".SS {}", roff(head));
        } else if let Some(item) = line.strip_prefix("- ").filter(|_| !code) {
            let _ = writeln!(text, ".IP \\(bu 2\n{}", roff(item));
        } else {
            let _ = writeln!(text, "{}", roff(line));
        }
    }
    text
}

fn render(command: &clap::Command, page: &mut Vec<u8>) -> std::io::Result<()> {
    let man = Man::new(command.clone()).manual("Flotilla");
    man.render_title(page)?;
    man.render_name_section(page)?;
    man.render_synopsis_section(page)?;
    man.render_description_section(page)?;
    page.extend_from_slice(b".SH COMMANDS\n");
    verbs(command, "flotilla", page);
    Ok(())
}

/// One paragraph per verb that does something, with its flags.
fn verbs(command: &clap::Command, path: &str, page: &mut Vec<u8>) {
    for verb in command.get_subcommands().filter(|verb| verb.get_name() != "help") {
        let path = format!("{path} {}", verb.get_name());
        if verb.has_subcommands() {
            verbs(verb, &path, page);
            continue;
        }
        let about = verb.get_about().map(ToString::to_string).unwrap_or_default();
        let mut text = format!(".SS {}\n{}\n", roff(&path), roff(&about));
        for argument in verb.get_arguments().filter(|argument| argument.get_id() != "help") {
            let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
            let _ = writeln!(text, ".TP\n\\fB{}\\fR\n{}", roff(&argument.to_string()), roff(&help));
        }
        page.extend_from_slice(text.as_bytes());
    }
}

/// The reference of keys in Markdown; the manual includes it and a test compares.
pub(super) fn reference() -> String {
    let mut text = String::new();
    let mut section = "";
    for key in config::keys() {
        if key.section() != section {
            section = key.section();
            let gap = if text.is_empty() { "" } else { "\n" };
            let head = if section == "host" { "[[host]]" } else { &format!("[{section}]") };
            let _ = writeln!(text, "{gap}## `{head}`\n");
        }
        let _ = writeln!(
            text,
            "- `{}` (default `{}`): {} Example: `{}`.",
            key.field(),
            key.default,
            key.doc,
            key.example
        );
    }
    text
}

/// Text that roff takes literally.
fn roff(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-").replace('`', "");
    if text.starts_with(['.', '\'']) { format!("\\&{text}") } else { text }
}

/// The data folder of a service that was given none: the working directory means nothing there.
const STATE_FOLDER: &str = "/var/lib/flotilla";
const SIGNALS: &str = ".SH SIGNALS
.TP
TERM
Drains: readiness falls; timeouts.drain_notice later there are no new connections, idle sessions are
told to go, transfers are completed for up to timeouts.drain; then the exit status is 0. A second TERM ends at once.
.TP
INT
As TERM.
.TP
HUP
Reads the configuration again, certificates included, and opens the transfer log again. The new
configuration is validated first: after an error the old one stays in force, and the error is
logged.
";
const FILES: &str = ".SH FILES
.TP
/etc/flotilla/flotilla.toml
The configuration, where \\-\\-config names no other file.
.TP
/etc/flotilla/conf.d/*.toml
More of it, in the order of their names; conf.d lies beside the main file.
.PP
In the data folder (node.data_dir):
.TP
users.toml
The users (users.file).
.TP
files/
What is served (storage.root).
.TP
tls\\-self\\-signed.pem
Certificate and key, made at the first start where none is configured.
.TP
node\\-id
The name of the node, made at the first start where node.id is \\(dqauto\\(dq.
.TP
generation
Which life of the node this is; rises with every start.
.TP
pool/
The host keys of the pool.
.TP
run/addresses.json
Where the node listens, for scripts.
.TP
run/admin.token, run/admin\\-read.token
Tokens for the admin API, made at every start where none are configured.
";
const EXIT_CODES: &str = ".SH EXIT STATUS
.TP
0
Fine.
.TP
1
It failed while it ran.
.TP
2
Wrong usage or configuration.
.TP
3
An address can not be listened on.
.TP
4
The pool or its store refuses this node: another secret, a wrong password, a name that is in use.
";

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn the_manual_becomes_roff() {
        assert_eq!(
            plain(
                "## Head\n\nText `a-b`.\n- item\n\n| a | b |\n| --- | --- |\n| 1 | 2 |\n\n```sh\n| c\n```\n"
            ),
            ".SS Head\n.PP\nText a\\-b.\n.IP \\(bu 2\nitem\n.PP\n.nf\n| a | b |\n| 1 | 2 |\n.fi\n.PP\n.nf\n| c\n.fi\n"
        );
    }
}
