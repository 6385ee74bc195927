//! Names of records.

use crate::problem::Problem;

/// In small letters, with the final dot, and the star as Route 53 stores it.
///
/// # Errors
/// It is no name.
pub(super) fn normal(given: &str) -> Result<String, Problem> {
    let name = given.trim_end_matches('.').to_ascii_lowercase().replace('*', "\\052");
    let refuse = |code: &str| {
        let message = format!("[FATAL problem: {code} encountered with '{given}']");
        Err(Problem::new("InvalidChangeBatch", message))
    };
    if name.is_empty() || name.len() > 254 {
        return refuse("DomainNameLengthInvalid (Domain name length is invalid)");
    }
    for (index, label) in name.split('.').enumerate() {
        if label.is_empty() {
            return refuse("DomainLabelEmpty (Domain label is empty)");
        }
        if label.len() > 63 {
            return refuse("DomainLabelTooLong (Domain label is too long)");
        }
        let star = index == 0 && label == "\\052";
        let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_".contains(letter);
        if !star && !label.chars().all(plain) {
            return refuse("UnsupportedCharacter (Value contains unsupported characters)");
        }
    }
    Ok(format!("{name}."))
}

/// The labels from the top down: the order in which records are listed.
pub(super) fn order(name: &str) -> Vec<String> {
    name.trim_end_matches('.').split('.').rev().map(str::to_owned).collect()
}

/// Whether a name lies in a zone or is its own name.
pub(super) fn lies_in(name: &str, zone: &str) -> bool {
    name.strip_suffix(zone).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_one_form() {
        assert_eq!(normal("FTP.Example.com").unwrap(), "ftp.example.com.");
        assert_eq!(normal("*.example.com.").unwrap(), "\\052.example.com.");
        for bad in ["", "a..b", "a b.c", "a.*.b", &format!("{}.com", "a".repeat(64))] {
            assert_eq!(normal(bad).unwrap_err().code, "InvalidChangeBatch", "{bad}");
        }
    }

    #[test]
    fn a_name_lies_in_its_zone() {
        assert!(lies_in("a.example.com.", "example.com."));
        assert!(lies_in("example.com.", "example.com."));
        assert!(!lies_in("badexample.com.", "example.com."));
    }
}
