//! How the load rises and falls: a share of the full load at each time, and when the n-th arrival is.
//! Pure arithmetic, no clock.

use std::time::Duration;

/// The share of the full load over time, made of straight pieces. What the last piece ends with
/// stays; without pieces the load is full from the start.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Ramp {
    pieces: Vec<Piece>,
}

/// One piece: from one share to another in a time. Times and shares are finite and not negative.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Piece {
    seconds: f64,
    from: f64,
    to: f64,
}

/// How a stage gets to its share.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Shape {
    /// In a straight line from the share before; from 0 at the start.
    #[default]
    Linear,
    /// At once.
    Step,
}

impl Ramp {
    /// Adds a stage.
    pub(super) fn push(&mut self, time: Duration, to: f64, shape: Shape) {
        let before = self.pieces.last().map_or(0.0, |piece| piece.to);
        let from = match shape {
            Shape::Linear => before,
            Shape::Step => to,
        };
        self.pieces.push(Piece { seconds: time.as_secs_f64(), from, to });
    }

    /// What stays after the last stage.
    fn last(&self) -> f64 {
        self.pieces.last().map_or(1.0, |piece| piece.to)
    }

    /// The share at a time.
    #[cfg(test)]
    fn share(&self, at: Duration) -> f64 {
        let mut left = at.as_secs_f64();
        for piece in &self.pieces {
            if left < piece.seconds {
                return piece.from + piece.slope() * left;
            }
            left -= piece.seconds;
        }
        self.last()
    }

    /// From when on, not before `after`, the share is at least `share`; `after` itself if it is so then.
    pub(super) fn reaches(&self, share: f64, after: Duration) -> Option<Duration> {
        let mut begin = 0.0;
        for piece in &self.pieces {
            let first = (after.as_secs_f64() - begin).max(0.0);
            if first < piece.seconds {
                let at_first = piece.from + piece.slope() * first;
                if at_first >= share {
                    return Some(after.max(seconds(begin)));
                }
                if piece.to > share && piece.slope() > 0.0 {
                    return Some(seconds(begin + (share - piece.from) / piece.slope()));
                }
            }
            begin += piece.seconds;
        }
        (self.last() >= share).then(|| after.max(seconds(begin)))
    }

    /// When so many seconds of full load have passed: the inverse of the area under the shares.
    /// `None` if that never happens, as the load stays at nothing.
    ///
    /// The n-th arrival of a rate is where the area is n by the rate.
    pub(super) fn passes(&self, area: f64) -> Option<Duration> {
        let mut left = area;
        let mut begin = 0.0;
        for piece in &self.pieces {
            if left < piece.area() {
                return Some(seconds(begin + piece.passes(left)));
            }
            left -= piece.area();
            begin += piece.seconds;
        }
        (self.last() > 0.0).then(|| seconds(begin + left / self.last()))
    }
}

impl Piece {
    fn slope(self) -> f64 {
        if self.seconds > 0.0 { (self.to - self.from) / self.seconds } else { 0.0 }
    }

    fn area(self) -> f64 {
        f64::midpoint(self.from, self.to) * self.seconds
    }

    /// The root of `from x + slope x^2 / 2 = area`, in the form that loses no digits where the slope
    /// is small.
    fn passes(self, area: f64) -> f64 {
        if area <= 0.0 {
            return 0.0;
        }
        let root = (self.from * self.from + 2.0 * self.slope() * area).max(0.0).sqrt();
        (2.0 * area / (self.from + root)).min(self.seconds)
    }
}

/// A time that is too long for a duration is later than anything.
fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(seconds: f64) -> Duration {
        Duration::from_secs_f64(seconds)
    }

    fn near(found: Option<Duration>, expected: f64) -> bool {
        found.is_some_and(|found| (found.as_secs_f64() - expected).abs() < 1e-6)
    }

    /// Up in 10 s, half of it for 10 s, down in 10 s.
    fn hill() -> Ramp {
        let mut ramp = Ramp::default();
        ramp.push(time(10.0), 1.0, Shape::Linear);
        ramp.push(time(10.0), 0.5, Shape::Step);
        ramp.push(time(10.0), 0.0, Shape::Linear);
        ramp
    }

    #[test]
    fn without_stages_the_load_is_full_from_the_start() {
        let flat = Ramp::default();
        assert_eq!(flat.share(time(0.0)), 1.0);
        assert!(near(flat.passes(3.0), 3.0));
        assert!(near(flat.reaches(1.0, time(4.0)), 4.0));
    }

    #[test]
    fn shares_follow_the_stages() {
        let hill = hill();
        let shares = [0.0, 5.0, 10.0, 19.9, 25.0, 30.0, 99.0].map(|at| hill.share(time(at)));
        for (found, expected) in shares.iter().zip([0.0, 0.5, 0.5, 0.5, 0.25, 0.0, 0.0]) {
            assert!((found - expected).abs() < 1e-9, "{shares:?}");
        }
    }

    #[test]
    fn a_share_is_reached_on_the_way_up_and_again_never() {
        let hill = hill();
        assert!(near(hill.reaches(0.25, time(0.0)), 2.5));
        assert!(near(hill.reaches(0.25, time(3.0)), 3.0));
        assert!(near(hill.reaches(0.75, time(0.0)), 7.5));
        assert_eq!(hill.reaches(0.75, time(10.0)), None);
        assert!(near(hill.reaches(0.4, time(21.0)), 21.0));
        assert_eq!(hill.reaches(0.4, time(23.0)), None);
    }

    #[test]
    fn arrivals_are_where_the_area_says() {
        let hill = hill();
        // Half of t^2 / 10: an area of 1.25 after 5 s, of 5 after 10 s.
        assert!(near(hill.passes(0.0), 0.0));
        assert!(near(hill.passes(1.25), 5.0));
        assert!(near(hill.passes(5.0), 10.0));
        assert!(near(hill.passes(7.5), 15.0));
        // 10 s at a half, then falling: 2.5 in all.
        assert!(near(hill.passes(10.0), 20.0));
        assert_eq!(hill.passes(12.6), None);
        // As many arrivals per second as the share says: between 4 s and 5 s 0.45 of the rate.
        let count = |from: f64, to: f64| {
            let times = (0..1250).filter_map(|n| hill.passes((f64::from(n) + 0.5) / 100.0));
            times.filter(|at| (from..to).contains(&at.as_secs_f64())).count()
        };
        assert_eq!(count(4.0, 5.0), 45);
        assert_eq!(count(12.0, 13.0), 50);
    }
}
