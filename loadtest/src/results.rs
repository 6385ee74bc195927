//! What a comparison measured, and its tables.

use std::collections::BTreeMap;
use std::fs;

use serde::Serialize;

use crate::limits::machine::Table;
use crate::peer::Peer;
use crate::report::{Summary, figure, median, ratio};
use crate::row::Row;

/// One measurement.
#[derive(Debug, Serialize)]
pub(crate) struct Sample {
    pub(crate) row: &'static str,
    pub(crate) server: Peer,
    pub(crate) round: usize,
    pub(crate) summary: Summary,
}

/// A server that could not be measured in a row.
#[derive(Debug, Serialize)]
pub(crate) struct Fault {
    pub(crate) row: &'static str,
    pub(crate) server: Peer,
    pub(crate) what: String,
}

/// All that was measured.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Results {
    pub(crate) machine: String,
    pub(crate) rounds: usize,
    pub(crate) samples: Vec<Sample>,
    /// By row, each round's figures.
    pub(crate) limits: BTreeMap<&'static str, Vec<Vec<Option<f64>>>>,
    /// What the machine can do, measured between the rows.
    pub(crate) capacity: Table,
    pub(crate) faults: Vec<Fault>,
}

/// One row of the table.
#[derive(Debug, Serialize)]
pub(crate) struct Line {
    row: &'static str,
    heading: String,
    /// In the order of the columns.
    servers: Vec<(Peer, Vec<Option<Spread>>)>,
    limit: Vec<Option<Spread>>,
    /// The best peer's first figure by Flotilla's: above 1 Flotilla is ahead.
    ahead: Option<f64>,
    /// Flotilla's first figure by that of the limit.
    by_limit: Option<f64>,
}

/// A figure over the rounds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) least: f64,
    pub(crate) most: f64,
}

impl Spread {
    /// `None` without values.
    pub(crate) fn of(mut values: Vec<f64>) -> Option<Self> {
        let middle = median(&mut values)?;
        Some(Self { median: middle, least: *values.first()?, most: *values.last()? })
    }

    /// With the least and the most in parentheses where they differ.
    fn whole(self) -> String {
        if self.least < self.most {
            let (least, most) = (figure(self.least), figure(self.most));
            return format!("{} ({least}-{most})", figure(self.median));
        }
        figure(self.median)
    }
}

/// Of each figure the spread over the rounds.
fn spreads(rounds: &[Vec<Option<f64>>]) -> Vec<Option<Spread>> {
    let width = rounds.iter().map(Vec::len).max().unwrap_or(0);
    let column = |index: usize| {
        Spread::of(rounds.iter().filter_map(|round| round.get(index).copied().flatten()).collect())
    };
    (0..width).map(column).collect()
}

/// A table cell: the first figure, which decides, with its spread.
fn cell(figures: &[Option<Spread>]) -> String {
    if figures.iter().all(Option::is_none) {
        return "-".to_owned();
    }
    let shown = figures.iter().enumerate().map(|(index, spread)| match (index, spread) {
        (_, None) => "-".to_owned(),
        (0, Some(spread)) => spread.whole(),
        (_, Some(spread)) => figure(spread.median),
    });
    shown.collect::<Vec<_>>().join("; ")
}

impl Results {
    /// The rows of the table.
    pub(crate) fn lines(&self, rows: &[Row], peers: &[Peer]) -> Vec<Line> {
        let line = |row: &Row| {
            let of = |peer: Peer| {
                let samples = self.samples.iter().filter(|s| s.row == row.key && s.server == peer);
                spreads(&samples.map(|sample| row.values(&sample.summary)).collect::<Vec<_>>())
            };
            let servers: Vec<_> = peers.iter().map(|peer| (*peer, of(*peer))).collect();
            let limit = self.limits.get(row.key).map(|limit| spreads(limit)).unwrap_or_default();
            let floor = limit.first().copied().flatten().map(|spread| spread.median);
            let ahead = ratio_of(best(&servers, false), best(&servers, true));
            let by_limit = ratio_of(best(&servers, true), floor);
            Line { row: row.key, heading: row.heading(), servers, limit, ahead, by_limit }
        };
        let measured = |line: &Line| line.servers.iter().any(|(_, figures)| !figures.is_empty());
        rows.iter().map(line).filter(measured).collect()
    }

    /// The tables in Markdown: a row per row and a column per server, then the machine, then faults.
    pub(crate) fn table(&self, rows: &[Row], peers: &[Peer]) -> String {
        let names: Vec<_> = peers.iter().map(|peer| peer.name()).collect();
        let mut text = format!(
            "{}; medians of {} interleaved rounds, least to most of the first figure\n\n\
             | row | {} | limit | best peer / flotilla | flotilla / limit |\n|{}\n",
            self.machine,
            self.rounds,
            names.join(" | "),
            " --- |".repeat(peers.len() + 4),
        );
        for line in self.lines(rows, peers) {
            let cells: Vec<_> = line.servers.iter().map(|(_, figures)| cell(figures)).collect();
            let shown = |ratio: Option<f64>| ratio.map_or("-".to_owned(), |r| format!("{r:.2}"));
            text += &format!(
                "| {} | {} | {} | {} | {} |\n",
                line.heading,
                cells.join(" | "),
                cell(&line.limit),
                shown(line.ahead),
                shown(line.by_limit),
            );
        }
        text + &self.capacity() + &self.errors()
    }

    fn capacity(&self) -> String {
        let mut text = String::new();
        for (what, measured) in &self.capacity {
            let [spent, rate] = [0, 1]
                .map(|index| measured.iter().filter_map(move |pair| pair.get(index).copied()));
            let (spent, rate) = (Spread::of(spent.collect()), Spread::of(rate.collect()));
            if let (Some(spent), Some(rate)) = (spent, rate) {
                text += &format!("| {what} | {}; {} |\n", spent.whole(), rate.whole());
            }
        }
        if text.is_empty() {
            return text;
        }
        format!("\n| the machine itself, between the rows | figures |\n| --- | --- |\n{text}")
    }

    fn errors(&self) -> String {
        let mut kinds: BTreeMap<(&str, &str, &str), u64> = BTreeMap::new();
        for sample in &self.samples {
            for (kind, count) in &sample.summary.errors {
                *kinds.entry((sample.row, sample.server.name(), kind)).or_default() += count;
            }
        }
        let mut text = String::new();
        for ((row, server, kind), count) in kinds {
            text += &format!("\n{row}, {server}: {count} errors: {kind}\n");
        }
        for Fault { row, server, what } in &self.faults {
            text += &format!("\n{row}, {}: {what}\n", server.name());
        }
        text
    }
}

/// The least first figure of Flotilla, or of the others.
fn best(servers: &[(Peer, Vec<Option<Spread>>)], own: bool) -> Option<f64> {
    let of = servers.iter().filter(|(peer, _)| (*peer == Peer::Flotilla) == own);
    let firsts = of.filter_map(|(_, figures)| figures.first().copied().flatten());
    firsts.map(|spread| spread.median).reduce(f64::min)
}

fn ratio_of(numerator: Option<f64>, denominator: Option<f64>) -> Option<f64> {
    ratio(numerator?, denominator?)
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
    use crate::row::select;

    fn spread(median: f64, least: f64, most: f64) -> Option<Spread> {
        Some(Spread { median, least, most })
    }

    #[test]
    fn spreads_are_taken_by_figure() {
        let rounds =
            [vec![Some(1.0), None], vec![Some(3.0), Some(5.0)], vec![Some(2.0), Some(7.0)]];
        assert_eq!(spreads(&rounds), [spread(2.0, 1.0, 3.0), spread(6.0, 5.0, 7.0)]);
        assert!(spreads(&[]).is_empty());
    }

    #[test]
    fn a_cell_shows_what_there_is() {
        assert_eq!(cell(&[spread(1.0, 1.0, 1.0), None]), "1.00; -");
        let wide = spread(2.0, 1.0, 3.0);
        assert_eq!(cell(&[wide, wide]), "2.00 (1.00-3.00); 2.00");
        assert_eq!(cell(&[None, None]), "-");
    }

    #[test]
    fn the_advantage_is_over_the_best_peer() {
        let servers = |own| {
            vec![
                (Peer::Flotilla, vec![own, spread(9.0, 9.0, 9.0)]),
                (Peer::Vsftpd, vec![spread(4.0, 1.0, 5.0)]),
                (Peer::Proftpd, vec![spread(3.0, 3.0, 3.0)]),
                (Peer::Pyftpdlib, vec![None]),
            ]
        };
        let ahead = |own| ratio_of(best(&servers(own), false), best(&servers(own), true));
        assert_eq!(ahead(spread(2.0, 1.0, 3.0)), Some(1.5));
        assert_eq!(ahead(None), None);
    }

    #[test]
    fn the_machine_and_faults_stand_below_the_rows() {
        let mut results = Results { rounds: 2, ..Results::default() };
        results.capacity.insert("sendfile", vec![[0.25, 4000.0], [0.75, 2000.0]]);
        let fault = Fault { row: "login", server: Peer::Unftp, what: "does not start".to_owned() };
        results.faults.push(fault);
        let table = results.table(&select(&["login".to_owned()]).unwrap(), &[Peer::Unftp]);
        assert!(table.contains("| sendfile | 0.500 (0.250-0.750); 3000 (2000-4000) |"));
        assert!(table.contains("\nlogin, unftp: does not start\n"));
        assert!(!table.contains("| FTP login"), "a row without a measurement is left out");
    }
}
