//! The wire form of public keys (RFC 4253, 6.6; RFC 5656, 3.1; RFC 8709, 4; OpenSSH's PROTOCOL.u2f):
//! what is looked at before one is believed to be a key.

/// The kinds of keys that users can have: the name in `authorized_keys`, which is that on the wire.
pub(super) const KINDS: [&str; 7] = [
    "ssh-ed25519",
    "sk-ssh-ed25519@openssh.com",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ecdsa-sha2-nistp256@openssh.com",
    "ssh-rsa",
];

/// Whether the blob is a whole key of this kind; `Err` says why not.
pub(super) fn check(kind: &str, blob: &[u8]) -> Result<(), &'static str> {
    let mut fields = Fields(blob);
    if fields.string() != Some(kind.as_bytes()) {
        return Err("the base64 text is of another kind of key than the word before it says");
    }
    match kind {
        "ssh-ed25519" => fields.exactly(32),
        "sk-ssh-ed25519@openssh.com" => fields.exactly(32).and_then(|()| fields.some()),
        "ecdsa-sha2-nistp256" => fields.point("nistp256", 65),
        "ecdsa-sha2-nistp384" => fields.point("nistp384", 97),
        "ecdsa-sha2-nistp521" => fields.point("nistp521", 133),
        "sk-ecdsa-sha2-nistp256@openssh.com" => {
            fields.point("nistp256", 65).and_then(|()| fields.some())
        }
        "ssh-rsa" => fields.rsa()?,
        _ => None,
    }
    .ok_or(BROKEN)?;
    match fields.0.is_empty() {
        true => Ok(()),
        false => Err(BROKEN),
    }
}

/// What is left of a blob.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    /// Four bytes of length, and as many bytes.
    fn string(&mut self) -> Option<&'a [u8]> {
        let (length, rest) = self.0.split_first_chunk::<4>()?;
        let (string, rest) =
            rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
        self.0 = rest;
        Some(string)
    }

    fn exactly(&mut self, length: usize) -> Option<()> {
        (self.string()?.len() == length).then_some(())
    }

    fn some(&mut self) -> Option<()> {
        (!self.string()?.is_empty()).then_some(())
    }

    /// An uncompressed point of a curve.
    fn point(&mut self, curve: &str, length: usize) -> Option<()> {
        let named = self.string()? == curve.as_bytes();
        let point = self.string()?;
        (named && point.len() == length && point.first() == Some(&4)).then_some(())
    }

    /// Exponent and modulus.
    fn rsa(&mut self) -> Result<Option<()>, &'static str> {
        let (Some(exponent), Some(modulus)) = (self.string(), self.string()) else {
            return Ok(None);
        };
        let odd = |number: &[u8]| number.last().is_some_and(|last| last % 2 == 1);
        if !odd(exponent) || !odd(modulus) {
            return Ok(None);
        }
        match bits(modulus) {
            RSA_BITS_MIN..=RSA_BITS_MAX => Ok(Some(())),
            bits if bits < RSA_BITS_MIN => Err("an RSA key of less than 2048 bits is not safe"),
            _ => Err("RSA keys of more than 4096 bits are not taken; Ed25519 is stronger"),
        }
    }
}

/// The bits of a positive number; what is negative is none.
fn bits(number: &[u8]) -> usize {
    if number.first().is_some_and(|first| *first >= 0x80) {
        return 0;
    }
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    let number = number.get(zeros..).unwrap_or_default();
    number.first().map_or(0, |first| number.len() * 8 - first.leading_zeros() as usize)
}

const BROKEN: &str = "the key is broken";
/// NIST SP 800-57: 112 bits of strength.
const RSA_BITS_MIN: usize = 2048;
/// The most that the library verifies.
const RSA_BITS_MAX: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    fn blob(fields: &[&[u8]]) -> Vec<u8> {
        let length = |field: &[u8]| u32::try_from(field.len()).unwrap().to_be_bytes();
        fields.iter().flat_map(|field| [&length(field), *field].concat()).collect()
    }

    fn rsa(bytes: usize, first: u8) -> Vec<u8> {
        let mut modulus = vec![0xff; bytes];
        modulus[0] = first;
        blob(&[b"ssh-rsa", &[1, 0, 1], &modulus])
    }

    #[test]
    fn whole_keys_pass_and_parts_do_not() {
        let mut point = [4; 65];
        let ed25519 = blob(&[b"ssh-ed25519", &[7; 32]]);
        assert_eq!(check("ssh-ed25519", &ed25519), Ok(()));
        assert_eq!(check("ssh-ed25519", &ed25519[..50]), Err(BROKEN));
        assert_eq!(check("ssh-ed25519", &[&ed25519[..], b"x"].concat()), Err(BROKEN));
        assert_eq!(check("ssh-ed25519", &blob(&[b"ssh-ed25519", &[7; 31]])), Err(BROKEN));
        assert!(check("ssh-rsa", &ed25519).unwrap_err().contains("another kind"));
        assert!(check("ssh-ed25519", b"\xff\xff\xff\xff").is_err());
        let ecdsa = |point: &[u8]| blob(&[b"ecdsa-sha2-nistp256", b"nistp256", point]);
        assert_eq!(check("ecdsa-sha2-nistp256", &ecdsa(&point)), Ok(()));
        point[0] = 2;
        assert_eq!(check("ecdsa-sha2-nistp256", &ecdsa(&point)), Err(BROKEN));
        let sk = |application: &[u8]| blob(&[b"sk-ssh-ed25519@openssh.com", &[7; 32], application]);
        assert_eq!(check("sk-ssh-ed25519@openssh.com", &sk(b"ssh:")), Ok(()));
        assert_eq!(check("sk-ssh-ed25519@openssh.com", &sk(b"")), Err(BROKEN));
    }

    #[test]
    fn rsa_keys_have_2048_to_4096_bits() {
        assert_eq!(check("ssh-rsa", &rsa(257, 0)), Ok(()));
        assert_eq!(check("ssh-rsa", &rsa(513, 0)), Ok(()));
        assert!(check("ssh-rsa", &rsa(256, 0x7f)).unwrap_err().contains("less than 2048"));
        assert!(check("ssh-rsa", &rsa(256, 0xff)).unwrap_err().contains("less than 2048"));
        assert!(check("ssh-rsa", &rsa(514, 1)).unwrap_err().contains("more than 4096"));
        let even = blob(&[b"ssh-rsa", &[1, 0, 1], &[0x40; 300]]);
        assert_eq!(check("ssh-rsa", &even), Err(BROKEN));
    }
}
