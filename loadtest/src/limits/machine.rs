//! What the machine can do, apart from any row: measured again and again between the rows, so that its
//! scatter says how quiet the machine was.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Result;

use super::{ACCEPTS, accepting, cipher, download, splice, upload};

/// By what was measured, each time's processor time and rate.
pub(crate) type Table = BTreeMap<&'static str, Vec<[f64; 2]>>;

/// Measures all once more.
pub(crate) fn measure(files: &Path, large: &Path, table: &mut Table) -> Result<()> {
    let mut add = |what, figures| table.entry(what).or_default().push(figures);
    let accepted = accepting(32, ACCEPTS, |_| Ok(()))?;
    let each = accepted.cpu.as_secs_f64() * 1e6 / accepted.units;
    add(ACCEPT, [each, accepted.units / accepted.seconds()]);
    for (what, limit) in [
        ("sendfile of tmpfs to a socket: CPU s/GiB; MiB/s", download(1, large)?),
        ("recv of 1 MiB and write into tmpfs: CPU s/GiB; MiB/s", upload(1, files)?),
    ] {
        let (spent, rate) = limit.gibibyte();
        add(what, [spent, rate]);
    }
    let (spent, rate) = splice::measure(large)?;
    add("splice between two sockets: CPU s/GiB; MiB/s", [spent, rate]);
    for (name, algorithm) in cipher::ALL {
        let (spent, rate) = cipher::alone(algorithm)?;
        add(name, [spent, rate]);
    }
    Ok(())
}

const ACCEPT: &str = "accept and close: CPU us; /s";
