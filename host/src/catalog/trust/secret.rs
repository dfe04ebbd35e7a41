//! Secret keys: what signatures are made with.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use ring::digest::{SHA512, digest};
use ring::rand::{SecureRandom, SystemRandom};
use ring::signature::{Ed25519KeyPair, KeyPair};
use zeroize::Zeroizing;

use super::armor;
use super::public::{KeyNumber, PublicKey};
use super::signature::Signature;
use crate::catalog::name;
use crate::error::{Error, Result};
use crate::file;

/// Names how the key is protected by a passphrase. With no rounds, it is not.
const PROTECTION: &[u8; 2] = b"BK";
const SALT_BYTES: usize = 16;
const CHECKSUM_BYTES: usize = 8;
const SEED_BYTES: usize = 32;
const SECRET_BYTES: usize = SEED_BYTES + PublicKey::KEY_BYTES;

/// An Ed25519 key that signs, as in a signify `.sec` file without a passphrase.
///
/// The key's bytes are wiped from memory when it is dropped, and are printed nowhere.
pub struct SecretKey {
    name: String,
    number: KeyNumber,
    /// The seed, then the public key.
    secret: Zeroizing<[u8; SECRET_BYTES]>,
    pair: Ed25519KeyPair,
}

impl SecretKey {
    /// Makes a new key. Its name is that of its files, without `.sec` and `.pub`; signatures name it in their comment.
    pub fn generate(name: &str) -> Result<Self> {
        name::check_name("a key", name)?;
        let random = SystemRandom::new();
        let mut number = [0; KeyNumber::BYTES];
        let mut seed = Zeroizing::new([0; SEED_BYTES]);
        random
            .fill(&mut number)
            .and_then(|()| random.fill(seed.as_mut_slice()))
            .map_err(|_| Error::fatal("the system gives no random numbers; no key was made"))?;
        let pair = Ed25519KeyPair::from_seed_unchecked(seed.as_slice())
            .map_err(|_| Error::fatal("no key could be made of random numbers"))?;
        let mut secret = Zeroizing::new([0; SECRET_BYTES]);
        for (to, from) in secret.iter_mut().zip(seed.iter().chain(pair.public_key().as_ref())) {
            *to = *from;
        }
        Ok(Self { name: name.to_owned(), number: KeyNumber(number), secret, pair })
    }

    /// Reads a key from its file. A file that others can read is refused, and so is a key under a passphrase.
    pub fn read(path: &Path) -> Result<Self> {
        let what = format!("the secret key {}", path.display());
        let failed = |error: io::Error| Error::io("read the secret key", path, &error);
        let file = File::open(path).map_err(failed)?;
        check_private(&what, path, &file)?;
        let mut text = Zeroizing::new(Vec::with_capacity(armor::MAX_FILE as usize));
        file.take(armor::MAX_FILE).read_to_end(&mut text).map_err(failed)?;
        Self::parse(&what, &text, armor::stem(path, ".sec"))
    }

    fn parse(what: &str, text: &[u8], name: String) -> Result<Self> {
        let armor::Armored { payload, .. } = armor::parse(what, text)?;
        let refused = |why: &str| Error::invalid(format!("{what} cannot be used: {why}"));
        let length = || {
            let wanted = 2 + 2 + 4 + SALT_BYTES + CHECKSUM_BYTES + KeyNumber::BYTES + SECRET_BYTES;
            armor::wrong_length(what, payload.len(), wanted)
        };
        let mut fields = Fields(payload.get(2..).unwrap_or_default());
        let protection = fields.next::<2>().ok_or_else(length)?;
        let rounds = u32::from_be_bytes(*fields.next().ok_or_else(length)?);
        fields.next::<SALT_BYTES>().ok_or_else(length)?;
        let checksum = fields.next::<CHECKSUM_BYTES>().ok_or_else(length)?;
        let number = KeyNumber(*fields.next().ok_or_else(length)?);
        let secret = Zeroizing::new(*fields.next::<SECRET_BYTES>().ok_or_else(length)?);
        if !fields.0.is_empty() {
            return Err(length());
        }
        if protection != PROTECTION || rounds != 0 {
            return Err(refused(
                "it is under a passphrase; sign with `signify -S` itself, whose signatures are the same, or make a \
                 key without one",
            ));
        }
        if !self::checksum(secret.as_slice()).eq(checksum) {
            return Err(refused("it is damaged: its checksum does not fit"));
        }
        let (seed, public) = secret.split_at(SEED_BYTES);
        let pair = Ed25519KeyPair::from_seed_and_public_key(seed, public)
            .map_err(|_| refused("it is damaged: its two halves do not belong together"))?;
        Ok(Self { name, number, secret, pair })
    }

    /// Writes the key to a file that its owner alone can read. One that is there is never overwritten.
    pub fn write(&self, path: &Path) -> Result<()> {
        file::write_new(path, self.to_text()?.as_bytes(), file::Access::Private)
            .map_err(|error| Error::io("write the secret key", path, &error))
    }

    fn to_text(&self) -> Result<Zeroizing<String>> {
        let mut salt = [0; SALT_BYTES];
        SystemRandom::new()
            .fill(&mut salt)
            .map_err(|_| Error::fatal("the system gives no random numbers; no key was written"))?;
        let checksum = checksum(self.secret.as_slice());
        let no_rounds = 0_u32.to_be_bytes();
        let payload = Zeroizing::new(
            [
                armor::ALGORITHM.as_slice(),
                PROTECTION,
                &no_rounds,
                &salt,
                &checksum,
                &self.number.0,
                self.secret.as_slice(),
            ]
            .concat(),
        );
        Ok(armor::to_text(&format!("{} secret key", self.name), &payload))
    }

    /// What signatures by this key are checked with.
    pub fn public(&self) -> PublicKey {
        let mut key = [0; PublicKey::KEY_BYTES];
        for (to, from) in key.iter_mut().zip(self.pair.public_key().as_ref()) {
            *to = *from;
        }
        PublicKey::new(format!("{} public key", self.name), self.number, key)
    }

    /// Signs these bytes. The comment names the file that the public key is expected in.
    pub fn sign(&self, bytes: &[u8]) -> Signature {
        let mut signature = [0; 64];
        for (to, from) in signature.iter_mut().zip(self.pair.sign(bytes).as_ref()) {
            *to = *from;
        }
        Signature::new(format!("verify with {}.pub", self.name), self.number, signature)
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecretKey")
            .field("name", &self.name)
            .field("number", &self.number)
            .finish_non_exhaustive()
    }
}

/// What is left of a payload.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn next<const N: usize>(&mut self) -> Option<&'a [u8; N]> {
        let (field, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(field)
    }
}

/// The first bytes of the SHA-512 of a key, by which damage shows.
fn checksum(secret: &[u8]) -> [u8; CHECKSUM_BYTES] {
    digest(&SHA512, secret).as_ref().first_chunk().copied().unwrap_or_default()
}

#[cfg(unix)]
fn check_private(what: &str, path: &Path, file: &File) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let mode = file.metadata().map_err(|error| Error::io("read", path, &error))?.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(Error::invalid(format!(
            "{what} is open to others (mode {:03o}), who may have copied it: `chmod 600` it, or better make a new one",
            mode & 0o777
        )));
    }
    Ok(())
}

#[cfg(not(unix))]
fn check_private(_what: &str, _path: &Path, _file: &File) -> Result<()> {
    Ok(())
}
