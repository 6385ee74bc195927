//! Bytes as lower-case hexadecimal digits.

/// Two ASCII digits for each byte.
pub(crate) fn digits(bytes: &[u8]) -> impl Iterator<Item = u8> + '_ {
    let digit = |half: u8| if half < 10 { b'0' + half } else { b'a' + half - 10 };
    bytes.iter().flat_map(move |byte| [digit(byte >> 4), digit(byte & 15)])
}

/// The same as text.
pub(crate) fn text(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    text.extend(digits(bytes).map(char::from));
    text
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_byte_has_two_digits() {
        assert_eq!(super::text(&[0, 9, 0x0a, 0xf0, 0xff]), "00090af0ff");
        assert_eq!(super::text(&[]), "");
    }
}
