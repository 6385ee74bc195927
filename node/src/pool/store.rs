//! From `pool.store` to the store.

use std::fs;
use std::rc::Rc;
use std::time::{SystemTime, UNIX_EPOCH};

use flotilla_cluster::store::redis::{Options, Password};
use flotilla_cluster::store::{Embedded, Redis, Store};

use crate::config::{self, Pool};
use crate::error::ServeError;
use crate::secret::{self, STORE_PASSWORD};

/// Opens the store; does not wait for it.
///
/// # Errors
/// A file that it needs can not be read.
pub(crate) fn open(pool: &Pool) -> Result<Rc<dyn Store>, ServeError> {
    let address = match &pool.store {
        config::Store::Embedded => return Ok(Rc::new(Embedded::new(now_us))),
        config::Store::Redis(address) => address.clone(),
    };
    let mut options = Options::new(address, &pool.name);
    if let Some(path) = &pool.store_password_file {
        let password = secret::load("pool.store_password_file", path, &STORE_PASSWORD)?;
        options.password =
            Some(Password::new(String::from_utf8_lossy(password.expose()).into_owned()));
    }
    if let Some(path) = &pool.store_ca {
        let ca = fs::read(path)
            .map_err(|error| format!("pool.store_ca: {}: {error}", path.display()))
            .map_err(ServeError::Pool)?;
        options.ca = Some(ca);
    }
    Ok(Rc::new(Redis::open(options)))
}

/// Microseconds since 1970.
fn now_us() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}
