//! A server whose disk is soon full.

use super::{Builder, Server};
use crate::Program;

impl Builder {
    /// Starts it with a file system of 8 MiB of its own as the root of all files; `None` where this user may make
    /// none.
    #[track_caller]
    pub fn start_on_small_disk(self) -> Option<Server> {
        let mut flags = vec!["--mount"];
        if !rustix::process::geteuid().is_root() {
            flags.extend(["--user", "--map-root-user"]);
        }
        let made = Program::new("unshare")
            .args(&flags)
            .args(["mount", "-t", "tmpfs", "tmpfs", "/mnt"])
            .run();
        if made.code != Some(0) {
            return None;
        }
        let files = self.files().display().to_string();
        let script = "mount -t tmpfs -o size=8m tmpfs \"$0\" && exec \"$@\"";
        let unshare = [&["unshare"], flags.as_slice(), &["sh", "-c", script, &files]].concat();
        Some(self.wrap(&unshare).start())
    }
}
