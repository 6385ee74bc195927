//! Plots as SVG, drawn here: a page needs no script to show them.

use super::markup::escape;
use super::scale::Scale;
use crate::load::text;
use crate::report::figure;

/// One plot.
#[derive(Clone, Debug)]
pub(super) struct Chart {
    /// What it shows.
    pub(super) title: String,
    /// What is to be known about it; may be empty.
    pub(super) note: String,
    /// Along the bottom.
    pub(super) x: Axis,
    /// Along the side.
    pub(super) y: Axis,
    /// Not empty, or there is no plot.
    pub(super) series: Vec<Series>,
}

/// One side of a plot.
#[derive(Clone, Copy, Debug)]
pub(super) struct Axis {
    /// Places and lines.
    pub(super) scale: Scale,
    /// What its numbers are.
    pub(super) unit: Unit,
}

/// What numbers are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    /// As they are.
    Number,
    /// MiB.
    Mebibyte,
    /// Seconds since the beginning.
    Second,
    /// Microseconds.
    Microsecond,
    /// Nines of a share: 0 for none, 1 for 90 %, 2 for 99 %.
    Nine,
}

/// One line of a plot, or one kind of bars.
#[derive(Clone, Debug)]
pub(super) struct Series {
    pub(super) name: String,
    /// A variable of the style sheet.
    pub(super) color: &'static str,
    pub(super) look: Look,
    /// In the order of x. What is missing makes a gap.
    pub(super) points: Vec<(f64, Option<f64>)>,
}

/// How a series is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    Line,
    Dashed,
    /// A line whose area is tinted.
    Area,
    Bars,
}

impl Chart {
    /// The plot with its title and legend.
    pub(super) fn figure(&self) -> String {
        let note =
            if self.note.is_empty() { String::new() } else { format!("<p>{}</p>", self.note) };
        format!(
            "<figure class=\"card\"><h3>{}</h3>{note}{}{}</figure>\n",
            escape(&self.title),
            self.legend(),
            self.plot(),
        )
    }

    fn legend(&self) -> String {
        if self.series.len() < 2 {
            return String::new();
        }
        let entry = |series: &Series| {
            let dashed = if series.look == Look::Dashed { " dashed" } else { "" };
            format!(
                "<li><svg viewBox=\"0 0 18 8\" aria-hidden=\"true\" style=\"--s:var({})\">\
                 <path class=\"curve{dashed}\" d=\"M1 4H17\"/></svg>{}</li>",
                series.color,
                escape(&series.name),
            )
        };
        let entries: String = self.series.iter().map(entry).collect();
        format!("<ul class=\"legend\">{entries}</ul>")
    }

    fn plot(&self) -> String {
        let mut svg = format!(
            "<svg class=\"plot\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" \
             aria-label=\"{}\">\n",
            escape(&self.title),
        );
        for tick in self.y.scale.ticks() {
            let (y, label) = (self.y(tick), self.y.unit.show(tick));
            svg += &format!(
                "<path class=\"grid\" d=\"M{LEFT} {y:.1}H{RIGHT}\"/>\
                 <text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{label}</text>\n",
                LEFT - 8.0,
                y + 4.0,
            );
        }
        for tick in self.x.ticks() {
            let (x, label) = (self.x(tick), self.x.unit.show(tick));
            svg += &format!(
                "<path class=\"axis\" d=\"M{x:.1} {BOTTOM}v4\"/>\
                 <text x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\">{label}</text>\n",
                BOTTOM + 18.0,
            );
        }
        svg += &format!("<path class=\"axis\" d=\"M{LEFT} {BOTTOM}H{RIGHT}\"/>\n");
        for (place, series) in self.series.iter().enumerate() {
            svg += &format!("<g style=\"--s:var({})\">", series.color);
            svg += &match series.look {
                Look::Bars => self.bars(place, series),
                _ => self.lines(series),
            };
            svg += "</g>\n";
        }
        svg + &self.hits() + "</svg>"
    }

    fn lines(&self, series: &Series) -> String {
        let mut path = String::new();
        let mut areas = String::new();
        let parts = series.points.split(|(_, value)| value.is_none());
        for part in parts.filter(|part| !part.is_empty()) {
            let places = part.iter().filter_map(|(x, y)| Some((self.x(*x), self.y((*y)?))));
            let places: Vec<_> = places.collect();
            let (Some((first, _)), Some((last, _))) = (places.first(), places.last()) else {
                continue;
            };
            let line: Vec<_> = places.iter().map(|(x, y)| format!("{x:.1} {y:.1}")).collect();
            // A point alone is a line of no length, whose round ends make it a dot.
            path += &format!("M{}{}", line.join("L"), if line.len() == 1 { "h0" } else { "" });
            areas += &format!("M{first:.1} {BOTTOM}L{}L{last:.1} {BOTTOM}Z", line.join("L"));
        }
        let class = if series.look == Look::Dashed { "curve dashed" } else { "curve" };
        let area = match series.look {
            Look::Area => format!("<path class=\"area\" d=\"{areas}\"/>"),
            _ => String::new(),
        };
        format!("{area}<path class=\"{class}\" d=\"{path}\"/>")
    }

    /// Bars stand on those of the series before.
    fn bars(&self, place: usize, series: &Series) -> String {
        let width = self.step() * 0.8;
        let below = |index: usize| -> f64 {
            let before = self.series.iter().take(place);
            before.filter_map(|other| other.points.get(index)?.1).sum()
        };
        let mut bars = String::new();
        for (index, (x, value)) in series.points.iter().enumerate() {
            let Some(value) = value.filter(|value| *value > 0.0) else { continue };
            let base = below(index);
            let (top, bottom) = (self.y(base + value), self.y(base));
            bars += &format!(
                "<rect class=\"bar\" x=\"{:.1}\" y=\"{top:.1}\" width=\"{width:.1}\" \
                 height=\"{:.1}\"/>",
                self.x(*x) - width / 2.0,
                (bottom - top).max(1.0),
            );
        }
        bars
    }

    /// Invisible columns that say what the values under the pointer are.
    fn hits(&self) -> String {
        let width = self.step();
        let Some(longest) = self.series.iter().max_by_key(|series| series.points.len()) else {
            return String::new();
        };
        let mut hits = String::new();
        for (x, _) in &longest.points {
            let value = |series: &Series| {
                let found = series.points.iter().find(|(other, _)| (other - x).abs() < 1e-9);
                let value = found.and_then(|(_, value)| *value)?;
                Some(format!("\n{}: {}", escape(&series.name), self.y.unit.show_exactly(value)))
            };
            let values: String = self.series.iter().filter_map(value).collect();
            hits += &format!(
                "<rect class=\"hit\" x=\"{:.1}\" y=\"{TOP}\" width=\"{width:.1}\" height=\"{}\">\
                 <title>{}{values}</title></rect>\n",
                self.x(*x) - width / 2.0,
                BOTTOM - TOP,
                self.x.unit.show_exactly(*x),
            );
        }
        hits
    }

    /// The distance of two points.
    fn step(&self) -> f64 {
        let longest = self.series.iter().map(|series| series.points.len()).max().unwrap_or(1);
        (RIGHT - LEFT) / longest.max(1) as f64
    }

    fn x(&self, value: f64) -> f64 {
        LEFT + self.x.scale.place(value) * (RIGHT - LEFT)
    }

    fn y(&self, value: f64) -> f64 {
        BOTTOM - self.y.scale.place(value) * (BOTTOM - TOP)
    }
}

impl Axis {
    fn ticks(self) -> Vec<f64> {
        match (self.unit, self.scale) {
            // 0 %, 50 %, and a line for each nine.
            (Unit::Nine, Scale::Linear(most)) => {
                let nines = (1..=9).map(f64::from).filter(|nines| *nines <= most + 1e-9);
                [0.0, 2_f64.log10()].into_iter().chain(nines).collect()
            }
            (Unit::Second, Scale::Linear(most)) => {
                let steps = SECONDS.iter().copied();
                let step = steps.filter(|step| most / step <= 7.0).min_by(f64::total_cmp);
                let step = step.unwrap_or(most);
                let count = (most / step + 1e-9).floor() as u32;
                (0..=count).map(|number| f64::from(number) * step).collect()
            }
            (_, scale) => scale.ticks(),
        }
    }
}

impl Unit {
    /// A number beside a line.
    fn show(self, value: f64) -> String {
        match self {
            Self::Number => short(value),
            Self::Mebibyte => format!("{} MiB", short(value)),
            Self::Second => clock(value),
            Self::Microsecond => {
                let (value, unit) = match value {
                    us if us >= 1e6 => (us / 1e6, "s"),
                    us if us >= 1e3 => (us / 1e3, "ms"),
                    us => (us, "us"),
                };
                format!("{} {unit}", short(value))
            }
            Self::Nine => percent(value),
        }
    }

    /// A number under the pointer.
    fn show_exactly(self, value: f64) -> String {
        match self {
            Self::Number => figure(value),
            Self::Mebibyte => format!("{} MiB", figure(value)),
            Self::Second => format!("{value:.1} s"),
            Self::Microsecond => text::time(value),
            Self::Nine => percent(value),
        }
    }
}

/// A round number without zeros behind it, thousands as k.
fn short(value: f64) -> String {
    match value {
        value if value >= 1e6 => format!("{}M", round(value / 1e6)),
        value if value >= 1e4 => format!("{}k", round(value / 1e3)),
        value => round(value),
    }
}

fn round(value: f64) -> String {
    format!("{:.3}", value).trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Seconds, minutes and hours as a stop watch has them.
fn clock(seconds: f64) -> String {
    let whole = seconds.round() as u64;
    match whole {
        _ if seconds < 60.0 => format!("{} s", round(seconds)),
        whole if whole < 3600 => format!("{}:{:02}", whole / 60, whole % 60),
        whole => format!("{}:{:02} h", whole / 3600, whole / 60 % 60),
    }
}

fn percent(nines: f64) -> String {
    let share = 100.0 * (1.0 - 10_f64.powf(-nines));
    format!("{} %", round(share))
}

/// Steps along a time that people read: seconds, minutes, hours, a day.
const SECONDS: [f64; 18] = [
    0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0,
    7200.0, 21_600.0, 86_400.0,
];

const WIDTH: f64 = 560.0;
const HEIGHT: f64 = 250.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 544.0;
const TOP: f64 = 10.0;
const BOTTOM: f64 = 216.0;

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(look: Look, points: Vec<(f64, Option<f64>)>) -> Chart {
        let series = Series { name: "<one>".to_owned(), color: "--c1", look, points };
        let axis = |unit| Axis { scale: Scale::Linear(10.0), unit };
        Chart {
            title: "a & b".to_owned(),
            note: String::new(),
            x: axis(Unit::Second),
            y: axis(Unit::Number),
            series: vec![series.clone(), series],
        }
    }

    #[test]
    fn lines_have_gaps_where_nothing_was_measured() {
        let points = vec![(0.0, Some(0.0)), (5.0, Some(10.0)), (6.0, None), (10.0, Some(5.0))];
        let svg = chart(Look::Line, points).figure();
        assert!(svg.contains("d=\"M64.0 216.0L304.0 10.0M544.0 113.0h0\""), "{svg}");
        assert!(svg.contains("a &amp; b") && !svg.contains("<one>"), "{svg}");
        assert!(svg.contains("<title>5.0 s\n&lt;one&gt;: 10.0\n"), "{svg}");
    }

    #[test]
    fn bars_stand_on_each_other() {
        let svg = chart(Look::Bars, vec![(5.0, Some(5.0))]).figure();
        let tops: Vec<_> =
            svg.matches("y=\"113.0\" width").chain(svg.matches("y=\"10.0\" w")).collect();
        assert_eq!(tops.len(), 2, "{svg}");
    }

    #[test]
    fn numbers_are_short_beside_a_line() {
        assert_eq!([0.5, 500.0, 20_000.0, 2e6].map(short), ["0.5", "500", "20k", "2M"]);
        assert_eq!([2.5, 59.0, 90.0, 5400.0].map(clock), ["2.5 s", "59 s", "1:30", "1:30 h"]);
        assert_eq!([0.0, 2_f64.log10(), 1.0, 3.0].map(percent), ["0 %", "50 %", "90 %", "99.9 %"]);
        let axis = Axis { scale: Scale::Linear(2.5), unit: Unit::Nine };
        assert_eq!(axis.ticks().len(), 4);
    }
}
