//! A node that listens on the whole passive range from its start.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::pool::{PORTS, host, plan};
use crate::figures::Figures;
use crate::ground::Ground;
use crate::node::{Node, Plan};

/// Starts nodes one after the other: one that binds ports when it needs them, and two that bind all.
pub(super) fn measure(ground: &Ground, figures: &mut Figures) -> Result<()> {
    for (name, mode, ports) in [
        ("1,000 ports, direct", "direct", PORTS),
        ("1,000 ports, shared", "shared", PORTS),
        ("5,000 ports, shared", "shared", WIDE),
    ] {
        let group = Group::make()?;
        let memory = group.as_ref().map(|group| group.0.as_path());
        let plan = Plan { ports, memory, ..plan("alone", host(4), mode)? };
        let begun = Instant::now();
        let node = Node::start(ground, plan)?;
        node.wait()?;
        let started = begun.elapsed();
        std::thread::sleep(SETTLE);
        let resident = node.probe().memory()? as f64 / 1024.0;
        figures.add(&format!("{name}: start to ready"), "ms", None, started.as_secs_f64() * 1e3);
        figures.add(&format!("{name}: memory (PSS)"), "KiB", None, resident);
        if let Some(group) = &group {
            let kernel = group.kernel_bytes()? as f64 / 1024.0;
            figures.add(&format!("{name}: kernel memory"), "KiB", None, kernel);
        }
    }
    Ok(())
}

/// A control group that counts the kernel's memory (version 1, which counts it apart).
#[derive(Debug)]
struct Group(PathBuf);

impl Group {
    /// `None` where there is no such controller.
    fn make() -> Result<Option<Self>> {
        let root = Path::new(ROOT);
        if !root.join(KERNEL).exists() {
            return Ok(None);
        }
        let path = root.join(format!("flotilla-loadtest-{}", std::process::id()));
        fs::create_dir(&path).with_context(|| path.display().to_string())?;
        Ok(Some(Self(path)))
    }

    /// Slabs, stacks and tables that are charged to it.
    fn kernel_bytes(&self) -> Result<u64> {
        Ok(fs::read_to_string(self.0.join(KERNEL))?.trim().parse()?)
    }
}

impl Drop for Group {
    /// Its node has ended by then.
    fn drop(&mut self) {
        let end = Instant::now() + END;
        while fs::remove_dir(&self.0).is_err() && Instant::now() < end {
            std::thread::sleep(LOOK);
        }
    }
}

const ROOT: &str = "/sys/fs/cgroup/memory";
const KERNEL: &str = "memory.kmem.usage_in_bytes";

/// Five thousand ports.
const WIDE: (u16, u16) = (24_000, 28_999);

/// Until what was begun at the start has been done.
const SETTLE: Duration = Duration::from_secs(1);

/// How long the kernel may take to end a process.
const END: Duration = Duration::from_secs(5);
const LOOK: Duration = Duration::from_millis(10);
