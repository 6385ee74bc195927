//! Tables for a terminal, and text from elsewhere made safe for one.

use std::fmt::Write as _;

use serde_json::Value;

/// Cells below each other under a head.
#[derive(Debug)]
pub(crate) struct Table<const N: usize> {
    columns: [(&'static str, Side); N],
    rows: Vec<[String; N]>,
}

/// Where the cells of a column stand in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// Words.
    Left,
    /// Figures.
    Right,
}

impl<const N: usize> Table<N> {
    /// One without rows.
    pub(crate) fn new(columns: [(&'static str, Side); N]) -> Self {
        Self { columns, rows: Vec::new() }
    }

    /// Adds a row. What a terminal would act on is escaped.
    pub(crate) fn row(&mut self, cells: [String; N]) {
        self.rows.push(cells.map(|cell| clean(&cell)));
    }

    /// The table, each line with its end.
    pub(crate) fn text(&self) -> String {
        let mut widths = self.columns.map(|(name, _)| name.len());
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = cell.chars().count().max(*width);
            }
        }
        let head = self.columns.map(|(name, _)| name.to_owned());
        let mut text = String::new();
        for row in std::iter::once(&head).chain(&self.rows) {
            let mut line = String::new();
            for ((cell, width), (_, side)) in row.iter().zip(widths).zip(self.columns) {
                let gap = if line.is_empty() { "" } else { "  " };
                let _ = match side {
                    Side::Left => write!(line, "{gap}{cell:<width$}"),
                    Side::Right => write!(line, "{gap}{cell:>width$}"),
                };
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }
}

/// Text in which what a terminal would act on is escaped, as `\u{1b}`: control characters, and those that
/// turn the direction of writing or hide.
pub(crate) fn clean(text: &str) -> String {
    let mut cleaned = String::with_capacity(text.len());
    for c in text.chars() {
        match acts(c) {
            true => cleaned.extend(c.escape_unicode()),
            false => cleaned.push(c),
        }
    }
    cleaned
}

/// JSON over several lines, in which no character is left that a terminal would act on.
pub(crate) fn json(value: &Value) -> String {
    let written = format!("{value:#}\n");
    let mut text = String::with_capacity(written.len());
    for c in written.chars() {
        match c != '\n' && acts(c) {
            true => {
                let _ = write!(text, "\\u{:04x}", u32::from(c));
            }
            false => text.push(c),
        }
    }
    text
}

fn acts(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn cells_stand_below_each_other() {
        let mut table =
            Table::new([("NAME", Side::Left), ("BYTES", Side::Right), ("PATH", Side::Left)]);
        assert_eq!(table.text(), "NAME  BYTES  PATH\n");
        table.row(["ann".to_owned(), "7".to_owned(), String::new()]);
        table.row(["bärbel".to_owned(), "1234567".to_owned(), "/a b".to_owned()]);
        table.row([String::new(), String::new(), "x".to_owned()]);
        assert_eq!(
            table.text(),
            [
                "NAME      BYTES  PATH\n",
                "ann           7\n",
                "bärbel  1234567  /a b\n",
                "                 x\n",
            ]
            .concat()
        );
    }

    #[test]
    fn nothing_reaches_a_terminal_that_it_would_act_on() {
        let nasty = "a\x1b[2J\r\n\u{9b}31m\u{202e}b\u{7f}ä";
        let cleaned = "a\\u{1b}[2J\\u{d}\\u{a}\\u{9b}31m\\u{202e}b\\u{7f}ä";
        assert_eq!(clean(nasty), cleaned);
        let mut table = Table::new([("A", Side::Left)]);
        table.row([nasty.to_owned()]);
        assert_eq!(table.text(), format!("A\n{cleaned}\n"));
        let value = json!({ "path": nasty });
        let text = super::json(&value);
        assert!(!text.contains(|c| c != '\n' && acts(c)), "{text:?}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), value);
    }
}
