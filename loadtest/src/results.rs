//! What a comparison measured, and its table.

use std::collections::BTreeMap;
use std::fs;

use serde::Serialize;

use crate::peer::Peer;
use crate::report::{Summary, median, ratio};
use crate::row::{Row, cell};

/// One measurement.
#[derive(Debug, Serialize)]
pub(crate) struct Sample {
    pub(crate) row: &'static str,
    pub(crate) server: Peer,
    pub(crate) round: usize,
    pub(crate) summary: Summary,
}

/// All that was measured.
#[derive(Debug, Serialize)]
pub(crate) struct Results {
    pub(crate) machine: String,
    pub(crate) rounds: usize,
    pub(crate) samples: Vec<Sample>,
    /// By row, each round's figures.
    pub(crate) limits: BTreeMap<&'static str, Vec<Vec<Option<f64>>>>,
}

/// The figures of a server in a row: of each the median over the rounds.
fn medians(rounds: &[Vec<Option<f64>>]) -> Vec<Option<f64>> {
    let width = rounds.iter().map(Vec::len).max().unwrap_or(0);
    let column = |index: usize| {
        let mut values: Vec<f64> =
            rounds.iter().filter_map(|round| round.get(index).copied().flatten()).collect();
        median(&mut values)
    };
    (0..width).map(column).collect()
}

impl Results {
    /// The table in Markdown: a row per row, a column per server.
    pub(crate) fn table(&self, rows: &[Row], peers: &[Peer]) -> String {
        let names: Vec<_> = peers.iter().map(|peer| peer.name()).collect();
        let mut lines = format!(
            "{}; medians of {} interleaved rounds\n\n| row | {} | limit | best peer / flotilla |\n\
         |{}\n",
            self.machine,
            self.rounds,
            names.join(" | "),
            " --- |".repeat(peers.len() + 3),
        );
        for row in rows {
            let of = |peer: Peer| {
                let samples = self.samples.iter().filter(|s| s.row == row.key && s.server == peer);
                medians(&samples.map(|sample| row.values(&sample.summary)).collect::<Vec<_>>())
            };
            let figures: Vec<_> = peers.iter().map(|peer| (*peer, of(*peer))).collect();
            let cells: Vec<_> = figures.iter().map(|(_, values)| cell(values)).collect();
            let limit = self.limits.get(row.key).map(|limit| cell(&medians(limit)));
            let limit = limit.unwrap_or_else(|| "-".to_owned());
            let ahead = advantage(&figures).map_or_else(|| "-".to_owned(), |a| format!("{a:.2}"));
            lines +=
                &format!("| {} | {} | {limit} | {ahead} |\n", row.heading(), cells.join(" | "));
        }
        lines
    }
}

/// The best peer's first figure by Flotilla's: above 1 Flotilla is ahead.
fn advantage(figures: &[(Peer, Vec<Option<f64>>)]) -> Option<f64> {
    let first = |own: bool| {
        let of = figures.iter().filter(move |(peer, _)| (*peer == Peer::Flotilla) == own);
        of.filter_map(|(_, values)| values.first().copied().flatten()).reduce(f64::min)
    };
    ratio(first(false)?, first(true)?)
}

/// The machine in a few words.
pub(crate) fn machine() -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let info = read("/proc/cpuinfo");
    let model = info.lines().find(|line| line.starts_with("model name"));
    let model = model.and_then(|line| line.split_once(':')).map_or("", |(_, name)| name.trim());
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    format!("{cores} processors, {model}, Linux {}", read("/proc/sys/kernel/osrelease").trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_are_taken_by_figure() {
        let rounds =
            [vec![Some(1.0), None], vec![Some(3.0), Some(5.0)], vec![Some(2.0), Some(7.0)]];
        assert_eq!(medians(&rounds), [Some(2.0), Some(6.0)]);
        assert!(medians(&[]).is_empty());
    }

    #[test]
    fn the_advantage_is_over_the_best_peer() {
        let figures = |own| {
            vec![
                (Peer::Flotilla, vec![own, Some(9.0)]),
                (Peer::Vsftpd, vec![Some(4.0)]),
                (Peer::Proftpd, vec![Some(3.0)]),
                (Peer::Pyftpdlib, vec![None]),
            ]
        };
        assert_eq!(advantage(&figures(Some(2.0))), Some(1.5));
        assert_eq!(advantage(&figures(None)), None);
    }
}
