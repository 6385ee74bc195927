//! What came out: of each figure the median, and how far the rounds lie apart.

use std::process::ExitCode;

use serde::Serialize;

use crate::report::{figure, median};
use crate::results::machine;

/// A figure, measured in several rounds.
#[derive(Debug, Serialize)]
struct Figure {
    what: String,
    unit: &'static str,
    /// It must not be above.
    goal: Option<f64>,
    /// One value a round.
    values: Vec<f64>,
}

/// All figures of a run.
#[derive(Debug, Serialize)]
pub(crate) struct Figures {
    machine: String,
    rounds: usize,
    figures: Vec<Figure>,
    /// Operations that failed.
    faults: Vec<String>,
}

impl Figures {
    /// Of so many rounds.
    pub(crate) fn new(rounds: usize) -> Self {
        Self { machine: machine(), rounds, figures: Vec::new(), faults: Vec::new() }
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
    pub(crate) fn fail(&mut self, what: &str, kind: &str, count: u64) {
        self.faults.push(format!("{what}: {count} times {kind}"));
    }

    /// Success, unless something went wrong.
    pub(crate) fn exit_code(&self) -> ExitCode {
        if self.faults.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }

    /// The table in Markdown.
    pub(crate) fn table(&self) -> String {
        let mut text = format!(
            "{}; medians of {} alternating rounds\n\n\
             | what | median | least to most | goal |\n| --- | --- | --- | --- |\n",
            self.machine, self.rounds
        );
        for Figure { what, unit, goal, values } in &self.figures {
            let mut sorted = values.clone();
            let Some(middle) = median(&mut sorted) else { continue };
            let goal = match goal {
                Some(goal) if middle <= *goal => format!("{goal}"),
                Some(goal) => format!("{goal}, **missed**"),
                None => "-".to_owned(),
            };
            let range = match sorted.as_slice() {
                [least, .., most] => format!("{} to {}", figure(*least), figure(*most)),
                _ => "-".to_owned(),
            };
            text += &format!("| {what} | {} {unit} | {range} | {goal} |\n", figure(middle));
        }
        for fault in &self.faults {
            text += &format!("\nfault: {fault}\n");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_has_the_median_the_scatter_and_whether_the_goal_is_met() {
        let mut figures = Figures::new(3);
        for value in [0.5, 0.25, 0.375] {
            figures.add("relay", "s/GiB", Some(0.35), value);
            figures.add("owner", "s/GiB", Some(0.375), value);
        }
        let table = figures.table();
        assert!(table.contains("| relay | 0.375 s/GiB | 0.250 to 0.500 | 0.35, **missed** |"));
        assert!(table.contains("| owner | 0.375 s/GiB | 0.250 to 0.500 | 0.375 |"));
        assert_eq!(figures.exit_code(), ExitCode::SUCCESS);
        figures.fail("relay", "connect: timed out", 2);
        assert_eq!(figures.exit_code(), ExitCode::FAILURE);
        assert!(figures.table().contains("fault: relay: 2 times connect: timed out"));
    }
}
