//! What came out: a table for people, JSON for programs.

use std::fs;

use serde::Serialize;

/// A figure, measured in several rounds.
#[derive(Debug, Serialize)]
pub(crate) struct Figure {
    what: String,
    unit: &'static str,
    /// It must not be above.
    goal: Option<f64>,
    /// One value a round.
    values: Vec<f64>,
}

/// All figures of a run.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    machine: String,
    redis: String,
    nodes: u32,
    sessions: u32,
    figures: Vec<Figure>,
    /// What went wrong meanwhile, with the phase in which it did.
    faults: Vec<String>,
}

impl Report {
    pub(crate) fn new(redis: String, nodes: u32, sessions: u32) -> Self {
        let (figures, faults) = (Vec::new(), Vec::new());
        Self { machine: machine(), redis, nodes, sessions, figures, faults }
    }

    /// Adds a round's value to the figure of this name.
    pub(crate) fn add(&mut self, what: &str, unit: &'static str, goal: Option<f64>, value: f64) {
        if let Some(figure) = self.figures.iter_mut().find(|figure| figure.what == what) {
            figure.values.push(value);
        } else {
            self.figures.push(Figure { what: what.to_owned(), unit, goal, values: vec![value] });
        }
    }

    /// Adds what went wrong.
    pub(crate) fn fail(&mut self, phase: &str, faults: Vec<String>) {
        self.faults.extend(faults.into_iter().map(|fault| format!("{phase}: {fault}")));
    }

    /// Whether nothing went wrong.
    pub(crate) fn is_clean(&self) -> bool {
        self.faults.is_empty()
    }

    /// The table in Markdown.
    pub(crate) fn table(&self) -> String {
        let mut text = format!(
            "{}, Redis {}: {} nodes with {} sessions each\n\n\
             | what | median | least to most | goal |\n| --- | --- | --- | --- |\n",
            self.machine, self.redis, self.nodes, self.sessions
        );
        for Figure { what, unit, goal, values } in &self.figures {
            let mut values = values.clone();
            let middle = median(&mut values);
            let goal = match goal {
                Some(goal) if middle <= *goal => format!("{goal}"),
                Some(goal) => format!("{goal}, **missed**"),
                None => "-".to_owned(),
            };
            let range = match values.as_slice() {
                [least, .., most] => format!("{} to {}", figure(*least), figure(*most)),
                _ => "-".to_owned(),
            };
            text += &format!("| {what} | {} {unit} | {range} | {goal} |\n", figure(middle));
        }
        for fault in &self.faults {
            text += &format!("\nfault: {fault}");
        }
        text
    }
}

/// The middle of the values, which are sorted by it.
pub(crate) fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    quantile(values, 0.5)
}

/// The value below which this part of the sorted values lies.
pub(crate) fn quantile(sorted: &[f64], part: f64) -> f64 {
    let last = sorted.len().saturating_sub(1);
    // A place within the list.
    let place = (last as f64 * part).round() as usize;
    sorted.get(place).copied().unwrap_or(0.0)
}

/// Three digits that count.
fn figure(value: f64) -> String {
    let digits = match value.abs() {
        v if v >= 100.0 => 0,
        v if v >= 10.0 => 1,
        v if v >= 1.0 => 2,
        _ => 3,
    };
    format!("{value:.digits$}")
}

/// The machine in a few words.
fn machine() -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let info = read("/proc/cpuinfo");
    let model = info.lines().find(|line| line.starts_with("model name"));
    let model = model.and_then(|line| line.split_once(':')).map_or("", |(_, name)| name.trim());
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    format!("{cores} processors, {model}, Linux {}", read("/proc/sys/kernel/osrelease").trim())
}
