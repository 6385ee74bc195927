//! One line of the log, as text for people or JSON for programs. Whatever a client put into a
//! field, it stays inside its line and its field.

use std::fmt::Write as _;
use std::time::SystemTime;

use serde::ser::{SerializeMap, Serializer};
use tracing::Level;

use super::field::{Fields, Value};

/// The form of lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// `time LEVEL message name=value …`
    Text {
        /// Whether names and levels are coloured.
        colour: bool,
    },
    /// One flat object.
    Json,
}

impl Form {
    /// The line of one event, with its end.
    pub(super) fn line(
        self,
        now: SystemTime,
        level: Level,
        target: &str,
        fields: &Fields,
    ) -> Vec<u8> {
        let mut line = match self {
            Self::Text { colour } => text(now, level, target, fields, colour).into_bytes(),
            Self::Json => json(now, level, target, fields),
        };
        line.push(b'\n');
        line
    }
}

fn text(now: SystemTime, level: Level, target: &str, fields: &Fields, colour: bool) -> String {
    let (paint, dim, plain) = if colour { (level_colour(level), DIM, PLAIN) } else { ("", "", "") };
    let time = humantime::format_rfc3339_millis(now);
    let mut line = String::with_capacity(LINE_BYTES_USUAL);
    let _ = write!(line, "{dim}{time}{plain} {paint}{level:<5}{plain} ");
    for character in fields.message.chars() {
        push(&mut line, character);
    }
    // People who look this close want to know where it comes from.
    if level >= Level::DEBUG {
        let _ = write!(line, " {dim}target={plain}{target}");
    }
    for (name, value) in &fields.values {
        let _ = write!(line, " {dim}{name}={plain}");
        match value {
            Value::Text(text) => push_text(&mut line, text),
            Value::Shared(text) => push_text(&mut line, text),
            Value::Word(word) => line.push_str(word),
            Value::Plain(plain) => drop(write!(line, "{plain}")),
            Value::Signed(number) => drop(write!(line, "{number}")),
            Value::Unsigned(number) => drop(write!(line, "{number}")),
            Value::Float(number) => drop(write!(line, "{number}")),
            Value::Flag(flag) => drop(write!(line, "{flag}")),
        }
    }
    line
}

/// A text, in quotes if it could be taken for something else.
fn push_text(line: &mut String, text: &str) {
    if !needs_quotes(text) {
        return line.push_str(text);
    }
    line.push('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => line.extend(['\\', character]),
            _ => push(line, character),
        }
    }
    line.push('"');
}

/// A character, escaped if a terminal or a reader of lines would act on it.
fn push(line: &mut String, character: char) {
    if unsafe_to_print(character) {
        line.extend(character.escape_default());
    } else {
        line.push(character);
    }
}

fn needs_quotes(text: &str) -> bool {
    text.is_empty()
        || text.contains(|c: char| {
            c.is_whitespace() || matches!(c, '"' | '=' | '\\') || unsafe_to_print(c)
        })
}

/// Control characters, line and paragraph separators, and what turns the direction of text.
fn unsafe_to_print(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn level_colour(level: Level) -> &'static str {
    match level {
        Level::ERROR => "\x1b[31m",
        Level::WARN => "\x1b[33m",
        Level::INFO => "\x1b[32m",
        _ => "\x1b[34m",
    }
}

fn json(now: SystemTime, level: Level, target: &str, fields: &Fields) -> Vec<u8> {
    let mut line = Vec::with_capacity(LINE_BYTES_USUAL);
    let mut serializer = serde_json::Serializer::new(&mut line);
    let written = serializer.serialize_map(None).and_then(|mut map| {
        map.serialize_entry("timestamp", &humantime::format_rfc3339_millis(now).to_string())?;
        map.serialize_entry("level", level.as_str())?;
        map.serialize_entry("target", target)?;
        map.serialize_entry("message", &fields.message)?;
        for (name, value) in &fields.values {
            if !RESERVED.contains(name) {
                map.serialize_entry(name, value)?;
            }
        }
        map.end()
    });
    // Writing to memory does not fail, and no value here has a form that JSON lacks.
    debug_assert!(written.is_ok());
    line
}

/// Names that the line itself uses; a field of such a name would stand there twice.
const RESERVED: [&str; 4] = ["timestamp", "level", "target", "message"];
/// What a line of a transfer takes, so that most need one allocation.
const LINE_BYTES_USUAL: usize = 512;
const DIM: &str = "\x1b[2m";
const PLAIN: &str = "\x1b[0m";

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    fn fields() -> Fields {
        let mut fields = Fields { message: "transfer\nended".to_owned(), ..Fields::default() };
        fields.set("session", Value::Unsigned(7));
        fields.set("user", Value::Text("a b".to_owned()));
        fields.set("path", Value::Text("/x\r\n2026 INFO \"forged\"\u{1b}[2J".to_owned()));
        fields.set("user", Value::Text("ann".to_owned()));
        fields.set("level", Value::Text("forged".to_owned()));
        fields.set("complete", Value::Flag(true));
        fields
    }

    fn now() -> SystemTime {
        UNIX_EPOCH + Duration::from_millis(1_700_000_000_123)
    }

    #[test]
    fn text_keeps_fields_in_their_place() {
        let line = Form::Text { colour: false }.line(now(), Level::INFO, "t", &fields());
        assert_eq!(
            String::from_utf8(line).unwrap(),
            "2023-11-14T22:13:20.123Z INFO  transfer\\nended session=7 user=ann \
             path=\"/x\\r\\n2026 INFO \\\"forged\\\"\\u{1b}[2J\" level=forged complete=true\n"
        );
    }

    #[test]
    fn text_of_a_debug_line_names_its_target_and_colour_is_closed() {
        let line = Form::Text { colour: true }.line(now(), Level::DEBUG, "flotilla::x", &fields());
        let line = String::from_utf8(line).unwrap();
        assert!(line.contains("target=\x1b[0mflotilla::x"), "{line}");
        assert_eq!(line.matches("\x1b[0m").count() * 2, line.matches("\x1b[").count());
    }

    #[test]
    fn json_is_flat_and_each_name_stands_once() {
        let line = Form::Json.line(now(), Level::WARN, "flotilla::x", &fields());
        let value: serde_json::Value = serde_json::from_slice(&line).unwrap();
        assert_eq!(value["timestamp"], "2023-11-14T22:13:20.123Z");
        assert_eq!(value["level"], "WARN");
        assert_eq!(value["message"], "transfer\nended");
        assert_eq!(value["session"], 7);
        assert_eq!(value["user"], "ann");
        assert_eq!(value["complete"], true);
        assert_eq!(line.iter().filter(|&&byte| byte == b'\n').count(), 1);
        let text = String::from_utf8(line).unwrap();
        assert_eq!(text.matches("\"level\"").count(), 1);
    }
}
