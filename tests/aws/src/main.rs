//! Runs a fake until it is ended: `aws-fake [SETTINGS]`, the settings in JSON. Its addresses come out as one line
//! of JSON.

use std::error::Error;
use std::io::{Write, stdout};
use std::{env, thread};

use flotilla_aws_fake::{Fake, Settings};

fn main() -> Result<(), Box<dyn Error>> {
    let settings = match env::args().nth(1) {
        Some(text) => serde_json::from_str(&text)?,
        None => Settings::default(),
    };
    let fake = Fake::start(settings)?;
    let told = serde_json::json!({ "url": fake.url(), "dns": fake.dns().to_string() });
    writeln!(stdout(), "{told}")?;
    stdout().flush()?;
    loop {
        thread::park();
    }
}
