//! Text as it may stand in an attribute.

/// At most [`TEXT_BYTES`] bytes, cut between characters, and control characters replaced: what clients send must
/// neither fill a queue nor move a cursor.
pub(crate) fn clean(text: &str) -> String {
    let mut end = text.len().min(TEXT_BYTES);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let part = text.get(..end).unwrap_or_default();
    part.chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

/// A path of 255 bytes and four such folders around it.
const TEXT_BYTES: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_and_length_are_bounded() {
        assert_eq!(clean("a\r\n\u{1b}[2Jb\u{85}"), "a\u{fffd}\u{fffd}\u{fffd}[2Jb\u{fffd}");
        let long = "ä".repeat(TEXT_BYTES);
        assert_eq!(clean(&long), "ä".repeat(TEXT_BYTES / 2));
        assert_eq!(clean(&format!("x{long}")).len(), TEXT_BYTES - 1);
        assert_eq!(clean("/srv/ä"), "/srv/ä");
    }
}
