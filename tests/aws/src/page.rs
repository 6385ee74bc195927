//! Pages of the Query protocol.

use crate::api::Call;
use crate::problem::Problem;

/// Some of all items, and the mark of the next ones. `names` are those of the parameters for the mark and for the
/// size, `most` is the greatest size.
pub(crate) fn page<T>(
    call: &Call,
    items: Vec<T>,
    names: (&str, &str),
    most: usize,
) -> Result<(Vec<T>, Option<String>), Problem> {
    let size = call.parameters.value::<usize>(names.1)?.unwrap_or(most);
    if !(1..=most).contains(&size) {
        let message = format!("Value '{size}' at '{}' must be between 1 and {most}", names.1);
        return Err(Problem::new("ValidationError", message));
    }
    let start = match call.parameters.text(names.0) {
        None => 0,
        Some(mark) => mark.strip_prefix(MARK).and_then(|at| at.parse().ok()).ok_or_else(|| {
            Problem::new("ValidationError", format_args!("Invalid {}: {mark}", names.0))
        })?,
    };
    let next = (items.len() > start + size).then(|| format!("{MARK}{}", start + size));
    Ok((items.into_iter().skip(start).take(size).collect(), next))
}

/// Nobody should read the rest.
const MARK: &str = "AQICAHg";
