//! By which methods an SSH client proves who it is: single ones, and chains of them
//! (`ssh.authentication`, and a user's own `authentication`).

use std::fmt;

/// A method of RFC 4252 or RFC 4256.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Method {
    /// A key, or an OpenSSH certificate.
    PublicKey,
    /// A password.
    Password,
    /// One prompt, which is answered with the password.
    KeyboardInteractive,
}

/// Chains of methods, each of which lets in when all of its steps were taken in their order. No
/// chain is empty; without any chain nobody gets in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Methods(Vec<Vec<Method>>);

impl Method {
    /// All of them, in the order in which they are offered.
    pub const ALL: [Self; 3] = [Self::PublicKey, Self::Password, Self::KeyboardInteractive];

    /// The name on the wire and in the configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::PublicKey => "publickey",
            Self::Password => "password",
            Self::KeyboardInteractive => "keyboard-interactive",
        }
    }

    /// The method of this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.name() == name)
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Default for Methods {
    /// Each method alone suffices.
    fn default() -> Self {
        Self(Method::ALL.map(|method| vec![method]).into())
    }
}

impl Methods {
    /// Reads chains such as `publickey` and `publickey+password`.
    ///
    /// # Errors
    /// What is wrong, to stand behind the name of the key.
    pub fn parse<'a>(chains: impl IntoIterator<Item = &'a str>) -> Result<Self, String> {
        let chains = chains.into_iter().map(parse_chain).collect::<Result<Vec<_>, _>>()?;
        match chains.is_empty() {
            true => Err("must name a method: nobody could log in".to_owned()),
            false => Ok(Self(chains)),
        }
    }

    /// Those chains alone that ask for a key.
    #[must_use]
    pub fn with_key(&self) -> Self {
        let keyed = self.0.iter().filter(|chain| chain.contains(&Method::PublicKey));
        Self(keyed.cloned().collect())
    }

    /// What may follow these steps; each method once, in the order of [`Method::ALL`].
    pub fn next(&self, taken: &[Method]) -> Vec<Method> {
        let follows = |method: &Method| {
            let mut rests = self.0.iter().filter_map(|chain| chain.strip_prefix(taken));
            rests.any(|rest| rest.first() == Some(method))
        };
        Method::ALL.into_iter().filter(follows).collect()
    }

    /// Whether these steps are a whole chain.
    pub fn complete(&self, taken: &[Method]) -> bool {
        self.0.iter().any(|chain| chain == taken)
    }

    /// The chains as they are written.
    pub fn names(&self) -> impl Iterator<Item = String> {
        self.0.iter().map(|chain| {
            let names: Vec<_> = chain.iter().map(|method| method.name()).collect();
            names.join("+")
        })
    }
}

fn parse_chain(text: &str) -> Result<Vec<Method>, String> {
    let mut chain = Vec::new();
    for name in text.split('+').map(str::trim) {
        let method = Method::parse(name).ok_or_else(|| {
            let known = Method::ALL.map(Method::name).join(", ");
            format!("\"{name}\" in \"{text}\" is none of {known}, joined by \"+\" to a chain")
        })?;
        if chain.contains(&method) {
            return Err(format!("\"{text}\" asks for {name} twice"));
        }
        chain.push(method);
    }
    let passwords = [Method::Password, Method::KeyboardInteractive];
    if passwords.iter().all(|method| chain.contains(method)) {
        return Err(format!("\"{text}\" asks for the same password twice"));
    }
    Ok(chain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use Method::{KeyboardInteractive, Password, PublicKey};

    #[test]
    fn chains_are_taken_in_order() {
        let methods = Methods::parse(["publickey+password", "keyboard-interactive"]).unwrap();
        assert_eq!(methods.next(&[]), [PublicKey, KeyboardInteractive]);
        assert_eq!(methods.next(&[PublicKey]), [Password]);
        assert_eq!(methods.next(&[Password]), []);
        assert_eq!(methods.next(&[PublicKey, Password]), []);
        assert!(!methods.complete(&[]) && !methods.complete(&[PublicKey]));
        assert!(!methods.complete(&[Password, PublicKey]));
        assert!(methods.complete(&[PublicKey, Password]));
        assert!(methods.complete(&[KeyboardInteractive]));
        assert_eq!(
            methods.names().collect::<Vec<_>>(),
            ["publickey+password", "keyboard-interactive"]
        );
    }

    #[test]
    fn chains_with_a_key_are_found() {
        let methods = Methods::parse(["password", "password+publickey", "publickey"]).unwrap();
        let keyed: Vec<_> = methods.with_key().names().collect();
        assert_eq!(keyed, ["password+publickey", "publickey"]);
        let none = Methods::parse(["password"]).unwrap().with_key();
        assert!(none.next(&[]).is_empty() && !none.complete(&[]));
    }

    /// Whoever takes offered steps only comes to the end of a chain and never beyond.
    #[test]
    fn what_is_offered_leads_in() {
        let sets = [
            &["publickey+password", "publickey+keyboard-interactive"][..],
            &["publickey", "publickey+password"],
            &["password+publickey", "keyboard-interactive", "publickey"],
        ];
        for chains in sets {
            let methods = Methods::parse(chains.iter().copied()).unwrap();
            let mut open = vec![Vec::new()];
            while let Some(taken) = open.pop() {
                let next = methods.next(&taken);
                assert!(!next.is_empty() || methods.complete(&taken), "{chains:?} {taken:?}");
                open.extend(next.into_iter().map(|step| [&taken[..], &[step]].concat()));
            }
        }
    }

    #[test]
    fn by_default_each_method_suffices() {
        let methods = Methods::default();
        assert_eq!(methods.next(&[]), Method::ALL);
        assert!(Method::ALL.iter().all(|&method| methods.complete(&[method])));
        assert_eq!(Methods::parse(Method::ALL.map(Method::name)), Ok(methods));
    }

    #[test]
    fn slips_are_refused() {
        for (chains, why) in [
            (&[][..], "must name a method"),
            (&["pubkey"], "\"pubkey\" in \"pubkey\" is none of publickey, password"),
            (&["publickey+"], "\"\" in \"publickey+\" is none of"),
            (&["password+password"], "asks for password twice"),
            (&["password", "password+keyboard-interactive"], "the same password twice"),
        ] {
            let error = Methods::parse(chains.iter().copied()).unwrap_err();
            assert!(error.contains(why), "{error}");
        }
    }
}
