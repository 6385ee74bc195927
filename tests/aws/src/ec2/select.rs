//! What descriptions have in common: ids, filters, pages.

use super::Tags;
use crate::api::Call;
use crate::parameters::Parameters;
use crate::problem::Problem;

/// Something that can be described.
pub(super) trait Shown {
    /// Name of the parameter that holds its ids, and the code for an id that is not there.
    const ID: (&'static str, &'static str);

    fn id(&self) -> &str;

    fn tags(&self) -> &Tags;

    /// The values that a filter of that name looks at; nothing where there is no such filter.
    fn field(&self, name: &str) -> Option<Vec<String>>;
}

/// Those of a page, and the token of the next one. `limits` are those of `MaxResults`.
pub(super) fn select<T: Shown>(
    call: &Call,
    all: impl IntoIterator<Item = T>,
    limits: (usize, usize),
) -> Result<(Vec<T>, Option<String>), Problem> {
    let given = &call.parameters;
    let ids = given.list(T::ID.0);
    let mut items: Vec<_> = all.into_iter().collect();
    for id in &ids {
        if !items.iter().any(|item| item.id() == id) {
            let message = format!("The ID '{id}' does not exist");
            return Err(Problem::new(T::ID.1, message));
        }
    }
    if !ids.is_empty() {
        items.retain(|item| ids.iter().any(|id| item.id() == id));
    }
    for filter in given.structures("Filter") {
        items = filtered(items, &filter)?;
    }
    let most = given.value::<usize>("MaxResults")?;
    if most.is_some() && !ids.is_empty() {
        let message = format!("The parameter {} can not be used with MaxResults", T::ID.0);
        return Err(Problem::new("InvalidParameterCombination", message));
    }
    if let Some(most) = most.filter(|most| !(limits.0..=limits.1).contains(most)) {
        let message = format!(
            "Value ( {most} ) for parameter maxResults is invalid. Expecting a value between {} and {}.",
            limits.0, limits.1
        );
        return Err(Problem::new("InvalidParameterValue", message));
    }
    let start = match given.text("NextToken") {
        None => 0,
        Some(token) => {
            token.strip_prefix(TOKEN).and_then(|at| at.parse().ok()).ok_or_else(|| {
                Problem::new(
                    "InvalidParameterValue",
                    format_args!("Unable to parse pagination token {token}"),
                )
            })?
        }
    };
    let end = start + most.unwrap_or(limits.1);
    let next = (items.len() > end).then(|| format!("{TOKEN}{end}"));
    Ok((items.into_iter().skip(start).take(end - start).collect(), next))
}

/// Nobody should read the rest.
const TOKEN: &str = "eyJ2IjoiMiIsImMi";

fn filtered<T: Shown>(items: Vec<T>, filter: &Parameters) -> Result<Vec<T>, Problem> {
    let (name, values) = (filter.need("Name")?, filter.list("Value"));
    if values.is_empty() {
        return Err(Problem::missing(crate::api::Service::Ec2, "Filter.Value"));
    }
    let mut kept = Vec::new();
    for item in items {
        let found = if let Some(key) = name.strip_prefix("tag:") {
            item.tags().get(key).into_iter().cloned().collect()
        } else if name == "tag-key" {
            item.tags().keys().cloned().collect()
        } else {
            item.field(name).ok_or_else(|| {
                let message = format!("The filter '{name}' is invalid");
                Problem::new("InvalidParameterValue", message)
            })?
        };
        let fits = |text: &String| values.iter().any(|pattern| matches(pattern, text));
        if found.iter().any(fits) {
            kept.push(item);
        }
    }
    Ok(kept)
}

/// With `*` for any text and `?` for any letter.
fn matches(pattern: &str, text: &str) -> bool {
    let mut rest = pattern.chars();
    match rest.next() {
        None => text.is_empty(),
        Some('*') => {
            let starts = text.char_indices().map(|(at, _)| at).chain([text.len()]);
            let rest = rest.as_str();
            starts.into_iter().any(|at| matches(rest, text.get(at..).unwrap_or_default()))
        }
        Some(letter) => {
            let mut letters = text.chars();
            let same = letters.next().is_some_and(|it| letter == '?' || letter == it);
            same && matches(rest.as_str(), letters.as_str())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_stand_for_texts() {
        for (pattern, text) in
            [("a*c", "abbc"), ("*", ""), ("a?c", "abc"), ("abc", "abc"), ("*b*", "abc")]
        {
            assert!(matches(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [("a*c", "abcd"), ("a?c", "ac"), ("abc", "abcd"), ("", "a")] {
            assert!(!matches(pattern, text), "{pattern} {text}");
        }
    }
}
